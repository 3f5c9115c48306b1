//! Who a message pings: `allowed_mentions` and the mentions written in the content.
//!
//! Source: Discord's page "Message Resource", section "Allowed Mentions Object".

use serde_json::Value;

use super::read::{Part, as_id};
use crate::world::ids::Id;
use crate::world::refusal::Form;

const MOST_LISTED: usize = 100;

/// Which of the written mentions ping.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Allowed {
    pub(crate) everyone: bool,
    pub(crate) roles: Which,
    pub(crate) users: Which,
    pub(crate) replied_user: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Which {
    All,
    Only(Vec<Id>),
}

impl Which {
    pub(crate) fn allows(&self, id: Id) -> bool {
        match self {
            Self::All => true,
            Self::Only(list) => list.contains(&id),
        }
    }
}

impl Default for Allowed {
    /// What holds when a message comes without `allowed_mentions`: everything pings.
    fn default() -> Self {
        Self {
            everyone: true,
            roles: Which::All,
            users: Which::All,
            replied_user: true,
        }
    }
}

/// Reads `allowed_mentions`. A kind may be in `parse` or listed, not both.
pub(crate) fn read(value: &Value, form: &mut Form) -> Allowed {
    let nobody = || Which::Only(Vec::new());
    let mut allowed = Allowed {
        everyone: false,
        roles: nobody(),
        users: nobody(),
        replied_user: false,
    };
    let Some(part) = Part::of(value, "allowed_mentions", form) else {
        return allowed;
    };
    allowed.replied_user = part.flag("replied_user", form).unwrap_or(false);
    let parse = part.list("parse", form).unwrap_or_default();
    for (index, kind) in parse.iter().enumerate() {
        match kind.as_str() {
            Some("everyone") => allowed.everyone = true,
            Some("roles") => allowed.roles = Which::All,
            Some("users") => allowed.users = Which::All,
            _ => form.fault(
                &part.at(&format!("parse.{index}")),
                "BASE_TYPE_CHOICES",
                "Value must be one of ('users', 'roles', 'everyone').",
            ),
        }
    }
    for (kind, which) in [("roles", &mut allowed.roles), ("users", &mut allowed.users)] {
        let Some(list) = part.list(kind, form) else {
            continue;
        };
        form.length(&part.at(kind), list.len(), 0, MOST_LISTED);
        let ids: Vec<Id> = list.iter().filter_map(as_id).collect();
        if ids.len() < list.len() {
            form.fault(&part.at(kind), "NUMBER_TYPE_COERCE", "A value is not snowflake.");
        }
        if *which == Which::All {
            if !list.is_empty() {
                let message = format!("parse:[\"{kind}\"] and {kind}: [ids...] are mutually exclusive.");
                form.fault(
                    "allowed_mentions",
                    "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
                    message,
                );
            }
        } else {
            *which = Which::Only(ids);
        }
    }
    allowed
}

/// A mention as written in a message's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    Everyone,
    Role(Id),
    User(Id),
}

/// The mentions in a text, in order. Those in code are none.
pub(crate) fn written(content: &str) -> Vec<Written> {
    let mut found = Vec::new();
    for (index, span) in content.split('`').enumerate() {
        // Between an odd and the next backtick there is code; three in a row leave empty spans in between.
        if index % 2 == 1 {
            continue;
        }
        for (at, _) in span.match_indices('@') {
            let rest = &span[at + 1..];
            if rest.starts_with("everyone") || rest.starts_with("here") {
                found.push(Written::Everyone);
            } else if span[..at].ends_with('<') {
                found.extend(bracketed(rest));
            }
        }
    }
    found
}

/// The rest of `<@123>`, `<@!123>` or `<@&123>` after the at sign.
fn bracketed(rest: &str) -> Option<Written> {
    let (inside, _) = rest.split_once('>')?;
    if let Some(role) = inside.strip_prefix('&') {
        return role.parse().ok().map(Written::Role);
    }
    inside
        .strip_prefix('!')
        .unwrap_or(inside)
        .parse()
        .ok()
        .map(Written::User)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mentions_are_found_outside_of_code_only() {
        let text = "<@1> `<@2>` <@&3> ```\n@everyone <@4>``` <@!5> @here";
        let expected = [
            Written::User(Id(1)),
            Written::Role(Id(3)),
            Written::User(Id(5)),
            Written::Everyone,
        ];
        assert_eq!(written(text), expected);
    }
}
