//! What a failed call of Discord's API means for those who wanted something delivered.

use super::api::RestError;
use crate::workflow::ports::Undelivered;

/// "Unknown Channel" and "Unknown Message" (Discord documentation, "Opcodes and Status Codes").
const UNKNOWN: [u32; 2] = [10_003, 10_008];

pub(super) fn undelivered(error: RestError) -> Undelivered {
    match &error {
        RestError::NotFound { code, .. } if UNKNOWN.contains(code) => Undelivered::Gone,
        RestError::Unauthorized { .. }
        | RestError::Forbidden { .. }
        | RestError::NotFound { .. }
        | RestError::Rejected { .. }
        | RestError::Setup(_) => Undelivered::Refused(error.into()),
        RestError::RateLimited { .. } | RestError::Unreachable { .. } | RestError::Unexpected { .. } => {
            Undelivered::Unavailable(error.into())
        }
    }
}
