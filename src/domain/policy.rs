//! The rules that hold on one target, and the limits that hold for all.

use std::time::Duration;

use super::access::Access;
use super::protection::ProtectionRules;

/// What is asked for and who decides, on one target.
#[derive(Clone, Debug)]
pub struct TargetPolicy {
    pub access: Access,
    pub protection: ProtectionRules,
    /// How many distinct people besides the requester must approve; at least 1.
    pub approvals: u32,
    /// How long a request stays open.
    pub expires_after: Duration,
    /// Whether a request without a reason is refused.
    pub require_reason: bool,
}

/// How much may be open or be signalled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLimits {
    pub open_requests_per_user: u32,
    pub open_requests: u32,
    /// Signals to one target within any hour.
    pub signals_per_hour: u32,
    /// How long to watch for the end of what was signalled.
    pub confirm_within: Duration,
}
