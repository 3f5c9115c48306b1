//! `[approval]`, for all targets or for one: how many approvals a signal needs, and with which reactions.

use std::time::Duration;

use super::access::Located;
use super::duration;
use super::fault::{FaultCollector, FileSpan, Reported};
use super::section::ConfigSection;
use super::value::ConfigValue;
use crate::discord::vote_emoji::{self, VoteEmoji};

/// What an emoji key allows.
pub(super) const EMOJI_ALLOWED: &str = "one emoji, such as \"✅\", or a custom one as <:name:id>";

/// The settings, each unless it has a fault.
#[derive(Clone, Debug)]
pub(super) struct ApprovalKeys {
    pub(super) approvals: Result<Located<u32>, Reported>,
    pub(super) expires_after: Result<Duration, Reported>,
    pub(super) remind_after: Result<Option<Located<Duration>>, Reported>,
    pub(super) require_reason: Result<bool, Reported>,
}

impl ApprovalKeys {
    /// The values of keys that are left out.
    pub(super) fn defaults(section: &ConfigSection<'_>) -> Self {
        Self {
            approvals: Ok(Located { span: section.span("approvals"), value: 1 }),
            expires_after: Ok(Duration::from_mins(15)),
            remind_after: Ok(None),
            require_reason: Ok(false),
        }
    }

    /// The settings of `section`, and those of `base` that `section` does not set.
    pub(super) fn read(section: &ConfigSection<'_>, base: &Self) -> Self {
        let approvals =
            |value: &ConfigValue<'_>| Ok(Located { value: value.count()?, span: value.span.clone() });
        Self {
            approvals: section.or_base("approvals", &base.approvals, approvals),
            expires_after: section
                .or_base("expires_after", &base.expires_after, |value| value.parsed(duration::parse)),
            remind_after: section.or_base("remind_after", &base.remind_after, |value| {
                let remind_after = value.parsed(duration::parse)?;
                Ok(Some(Located { value: remind_after, span: value.span.clone() }))
            }),
            require_reason: section.or_base("require_reason", &base.require_reason, ConfigValue::boolean),
        }
    }
}

impl ApprovalKeys {
    /// After how long the approvers are reminded. It must be before the request expires.
    pub(super) fn remind_after(
        &self,
        faults: &FaultCollector<'_>,
        whose: &str,
    ) -> Result<Option<Duration>, Reported> {
        let Some(remind_after) = self.remind_after.clone()? else { return Ok(None) };
        let expires_after = self.expires_after?;
        if remind_after.value >= expires_after {
            let message = format!("the request{whose} would expire before anybody is reminded");
            let allowed = format!("shorter than expires_after, {} s", expires_after.as_secs());
            return Err(faults.report(&remind_after.span, message, allowed));
        }
        Ok(Some(remind_after.value))
    }
}

/// The two reactions that people vote with, on all targets.
pub(super) fn vote_emoji(section: &ConfigSection<'_>) -> Result<VoteEmoji, Reported> {
    let approve = emoji(section, "approve", "✅");
    let deny = emoji(section, "deny", "❌");
    let (approve, deny) = (approve?, deny?);
    VoteEmoji::parse(&approve.value, &deny.value).ok_or_else(|| {
        // The fault is reported at the later of the two.
        let later = if deny.span.offset >= approve.span.offset { &deny } else { &approve };
        let message = format!("{} would both approve and deny", later.value);
        section.faults.report(&later.span, message, "two different emoji")
    })
}

/// The text of an emoji.
fn emoji(
    section: &ConfigSection<'_>,
    name: &'static str,
    default: &str,
) -> Result<Located<String>, Reported> {
    let default = Ok(Located {
        value: default.to_owned(),
        // A default has no place in the file, and counts as before every key that has one.
        span: FileSpan { offset: None, ..section.span(name) },
    });
    section.or_base(name, &default, |value| {
        let text = value.string()?;
        vote_emoji::parse(text).ok_or_else(|| value.refuse(format!("{text:?} is not an emoji")))?;
        Ok(Located { value: text.to_owned(), span: value.span.clone() })
    })
}
