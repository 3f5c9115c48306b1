//! Whom a message notifies: `allowed_mentions` and the mentions in its content.
//!
//! Source: Discord's page "Message Resource", section "Allowed Mentions Object".

use serde_json::Value;

use super::form_part::{FormPart, as_id};
use crate::form_errors::FormErrors;
use crate::ids::Id;

const MAX_LISTED: usize = 100;

/// Which of the mentions in the text notify.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AllowedMentions {
    pub(crate) everyone: bool,
    pub(crate) roles: MentionFilter,
    pub(crate) users: MentionFilter,
    pub(crate) replied_user: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum MentionFilter {
    All,
    Only(Vec<Id>),
}

impl MentionFilter {
    pub(crate) fn allows(&self, id: Id) -> bool {
        match self {
            Self::All => true,
            Self::Only(list) => list.contains(&id),
        }
    }
}

impl Default for AllowedMentions {
    /// Without `allowed_mentions`, every mention notifies.
    fn default() -> Self {
        Self { everyone: true, roles: MentionFilter::All, users: MentionFilter::All, replied_user: true }
    }
}

/// Reads `allowed_mentions`. A kind of mention may be in `parse` or listed, but not both.
pub(crate) fn read(value: &Value, form: &mut FormErrors) -> AllowedMentions {
    let nobody = || MentionFilter::Only(Vec::new());
    let mut allowed =
        AllowedMentions { everyone: false, roles: nobody(), users: nobody(), replied_user: false };
    let Some(part) = FormPart::of(value, "allowed_mentions", form) else {
        return allowed;
    };
    allowed.replied_user = part.flag("replied_user", form).unwrap_or(false);
    let parse = part.list("parse", form).unwrap_or_default();
    for (index, kind) in parse.iter().enumerate() {
        match kind.as_str() {
            Some("everyone") => allowed.everyone = true,
            Some("roles") => allowed.roles = MentionFilter::All,
            Some("users") => allowed.users = MentionFilter::All,
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
        form.length(&part.at(kind), list.len(), 0, MAX_LISTED);
        let ids: Vec<Id> = list.iter().filter_map(as_id).collect();
        if ids.len() < list.len() {
            form.fault(&part.at(kind), "NUMBER_TYPE_COERCE", "A value is not snowflake.");
        }
        if *which == MentionFilter::All {
            if !list.is_empty() {
                let message = format!("parse:[\"{kind}\"] and {kind}: [ids...] are mutually exclusive.");
                form.fault("allowed_mentions", "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", message);
            }
        } else {
            *which = MentionFilter::Only(ids);
        }
    }
    allowed
}

/// A mention in a message's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MentionInText {
    Everyone,
    Role(Id),
    User(Id),
}

/// The mentions in a text, in order. Code contains no mentions.
pub(crate) fn mentions_in(content: &str) -> Vec<MentionInText> {
    let mut found = Vec::new();
    for (index, span) in content.split('`').enumerate() {
        // Text after an odd number of backticks is code. Three backticks in a row give empty spans between them.
        if index % 2 == 1 {
            continue;
        }
        for (at, _) in span.match_indices('@') {
            let rest = &span[at + 1..];
            if rest.starts_with("everyone") || rest.starts_with("here") {
                found.push(MentionInText::Everyone);
            } else if span[..at].ends_with('<') {
                found.extend(bracketed(rest));
            }
        }
    }
    found
}

/// The rest of `<@123>`, `<@!123>` or `<@&123>` after the at sign.
fn bracketed(rest: &str) -> Option<MentionInText> {
    let (inside, _) = rest.split_once('>')?;
    if let Some(role) = inside.strip_prefix('&') {
        return role.parse().ok().map(MentionInText::Role);
    }
    inside.strip_prefix('!').unwrap_or(inside).parse().ok().map(MentionInText::User)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mentions_in_code_do_not_count() {
        let text = "<@1> `<@2>` <@&3> ```\n@everyone <@4>``` <@!5> @here";
        let expected = [
            MentionInText::User(Id(1)),
            MentionInText::Role(Id(3)),
            MentionInText::User(Id(5)),
            MentionInText::Everyone,
        ];
        assert_eq!(mentions_in(text), expected);
    }
}
