//! What a failed call of Discord's API means for those who wanted something delivered.

use super::api::ApiError;
use crate::workflow::ports::DeliveryError;

/// "Unknown Channel" and "Unknown Message" (Discord documentation, "Opcodes and Status Codes").
const UNKNOWN: [u32; 2] = [10_003, 10_008];

pub(super) fn undelivered(error: ApiError) -> DeliveryError {
    match &error {
        ApiError::NotFound { code, .. } if UNKNOWN.contains(code) => DeliveryError::Gone,
        ApiError::Unauthorized { .. }
        | ApiError::Forbidden { .. }
        | ApiError::NotFound { .. }
        | ApiError::Rejected { .. }
        | ApiError::Setup(_) => DeliveryError::Refused(error.into()),
        ApiError::RateLimited { .. } | ApiError::Unreachable { .. } | ApiError::Unexpected { .. } => {
            DeliveryError::Unavailable(error.into())
        }
    }
}
