//! `[limits]`: how many requests may be open, and how many signals may be sent.

use std::time::Duration;

use super::duration;
use super::fault::Reported;
use super::section::ConfigSection;
use super::value::ConfigValue;
use crate::domain::policy::RequestLimits;

/// A card has room for so many sessions, and so has a menu of Discord's.
const MAX_SESSIONS: u32 = 25;

pub(super) fn read(section: &ConfigSection<'_>) -> Result<RequestLimits, Reported> {
    let per_user = section.optional("open_requests_per_user", ConfigValue::count);
    let open = section.optional("open_requests", ConfigValue::count);
    let sessions = section.optional("sessions_per_request", |value| value.count_up_to(MAX_SESSIONS));
    let signals = section.optional("signals_per_hour", ConfigValue::count);
    let confirm = section.optional("confirm_within", |value| value.parsed(duration::parse));
    Ok(RequestLimits {
        open_requests_per_user: per_user?.unwrap_or(5),
        open_requests: open?.unwrap_or(50),
        sessions_per_request: sessions?.unwrap_or(MAX_SESSIONS),
        signals_per_hour: signals?.unwrap_or(100),
        confirm_within: confirm?.unwrap_or(Duration::from_secs(5)),
    })
}
