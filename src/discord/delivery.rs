//! Maps API errors to the workflow's delivery errors.

use super::api::ApiError;
use crate::workflow::ports::DeliveryError;

/// "Unknown Channel" and "Unknown Message" (Discord documentation, "Opcodes and Status Codes").
const UNKNOWN_CODES: [u32; 2] = [10_003, 10_008];

pub(super) fn delivery_error(error: ApiError) -> DeliveryError {
    match &error {
        ApiError::NotFound { code, .. } if UNKNOWN_CODES.contains(code) => DeliveryError::Gone,
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
