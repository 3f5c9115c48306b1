//! `[limits]`: how much may be open or be signalled.

use std::time::Duration;

use super::duration;
use super::fault::Noted;
use super::section::Section;
use super::value::Value;
use crate::domain::policy::Limits;

pub(super) fn read(section: &Section<'_>) -> Result<Limits, Noted> {
    let per_user = section.optional("open_requests_per_user", Value::count);
    let open = section.optional("open_requests", Value::count);
    let signals = section.optional("signals_per_hour", Value::count);
    let confirm = section.optional("confirm_within", |value| value.parsed(duration::parse));
    Ok(Limits {
        open_requests_per_user: per_user?.unwrap_or(5),
        open_requests: open?.unwrap_or(50),
        signals_per_hour: signals?.unwrap_or(30),
        confirm_within: confirm?.unwrap_or(Duration::from_secs(5)),
    })
}
