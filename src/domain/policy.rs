//! The rules of one target, and the limits of all targets.

use std::time::Duration;

use super::access::Access;
use super::protection::ProtectionRules;

/// Who may do what on one target, and what an approval takes there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetPolicy {
    pub access: Access,
    pub protection: ProtectionRules,
    /// How many people besides the requester must approve; at least 1.
    pub approvals: u32,
    /// After how long an open request expires.
    pub expires_after: Duration,
    /// After how long the approvers of an open request are reminded once; `None`: never.
    pub remind_after: Option<Duration>,
    /// Whether a request without a reason is refused.
    pub require_reason: bool,
}

/// How many requests may be open, and how many signals may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLimits {
    pub open_requests_per_user: u32,
    pub open_requests: u32,
    /// How many sessions one request may be about.
    pub sessions_per_request: u32,
    /// How many signals one target may get within an hour.
    pub signals_per_hour: u32,
    /// How long to watch for the end of a signalled session or query.
    pub confirm_within: Duration,
}
