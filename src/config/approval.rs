//! `[approval]`, of all targets or of one: how much agreement a signal takes.

use std::time::Duration;

use super::access::At;
use super::duration;
use super::emoji::Emoji;
use super::fault::{Noted, Spot};
use super::section::Section;
use super::value::Value;

/// The two reactions that people vote with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Votes {
    pub approve: Emoji,
    pub deny: Emoji,
}

/// The rules, each unless it was found faulty.
#[derive(Clone, Debug)]
pub(super) struct ApprovalKeys {
    pub(super) approvals: Result<At<u32>, Noted>,
    pub(super) expires_after: Result<Duration, Noted>,
    pub(super) require_reason: Result<bool, Noted>,
}

impl ApprovalKeys {
    /// What holds when `section` says nothing.
    pub(super) fn defaults(section: &Section<'_>) -> Self {
        Self {
            approvals: Ok(At {
                spot: section.spot("approvals"),
                value: 1,
            }),
            expires_after: Ok(Duration::from_mins(15)),
            require_reason: Ok(false),
        }
    }

    /// The rules of `section`, and those of `base` that it does not give.
    pub(super) fn read(section: &Section<'_>, base: &Self) -> Self {
        let approvals = |value: &Value<'_>| {
            Ok(At {
                value: value.count()?,
                spot: value.spot.clone(),
            })
        };
        Self {
            approvals: section.over("approvals", &base.approvals, approvals),
            expires_after: section.over("expires_after", &base.expires_after, |value| {
                value.parsed(duration::parse)
            }),
            require_reason: section.over("require_reason", &base.require_reason, Value::boolean),
        }
    }
}

pub(super) fn votes(section: &Section<'_>) -> Result<Votes, Noted> {
    let approve = vote(section, "approve", "✅");
    let deny = vote(section, "deny", "❌");
    let (approve, deny) = (approve?, deny?);
    if approve.value == deny.value {
        // The later of the two is the one that repeats.
        let later = if deny.spot.offset >= approve.spot.offset {
            &deny
        } else {
            &approve
        };
        let problem = format!("{} would both approve and deny", later.value);
        return Err(section.findings.note(&later.spot, problem, "two different emoji"));
    }
    Ok(Votes {
        approve: approve.value,
        deny: deny.value,
    })
}

fn vote(section: &Section<'_>, name: &'static str, default: &str) -> Result<At<Emoji>, Noted> {
    let default = Ok(At {
        value: Emoji::Unicode(default.to_owned()),
        // It stands nowhere, and so before any that does.
        spot: Spot {
            offset: None,
            ..section.spot(name)
        },
    });
    section.over(name, &default, |value| {
        let text = value.string()?;
        let emoji = Emoji::parse(text).ok_or_else(|| value.refuse(format!("{text:?} is not an emoji")))?;
        Ok(At {
            value: emoji,
            spot: value.spot.clone(),
        })
    })
}
