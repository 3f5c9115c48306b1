//! The autocomplete choices of the options `pid` and `target`.
//!
//! Discord accepts at most 25 choices, with names of at most 100 characters, and shows them without Markdown (Discord
//! documentation, "Application Command Option Choice Structure").

use serenity::all::{AutocompleteChoice, CreateAutocompleteResponse};

use super::format::age;
use crate::discord::sanitize;
use crate::discord::session_list::page::TargetAnswer;
use crate::discord::session_list::{self, SessionRow};
use crate::domain::session::Session;
use crate::domain::timestamp::Timestamp;

const MAX_CHOICES: usize = 25;
const MAX_NAME_LENGTH: usize = 100;
/// The length of each part, so that the name has room for all of them.
const PART_LENGTH: usize = 24;

/// The sessions that match what was typed as a pid: the session with exactly that pid, then the worst of each target.
pub fn pids(answers: &[TargetAnswer], typed: &str) -> CreateAutocompleteResponse {
    let typed = typed.trim().to_lowercase();
    let has_several_targets = answers.len() > 1;
    let mut matches = Vec::new();
    for answer in answers {
        let Ok(snapshot) = &answer.snapshot else { continue };
        let standby = if snapshot.is_standby { " (standby)" } else { "" };
        let target =
            (has_several_targets || snapshot.is_standby).then(|| format!("{}{standby}", answer.target));
        for (rank, row) in session_list::ranked_client_sessions(snapshot).into_iter().enumerate() {
            if let Some(quality) = match_quality(row.session, &typed) {
                let is_locked = answer.rules.protection.rule_against_request(row.session, snapshot).is_some();
                matches.push(((quality, rank), row, target.clone(), snapshot.taken_at, is_locked));
            }
        }
    }
    matches.sort_by_key(|(order, ..)| *order);
    let choices = matches
        .iter()
        .take(MAX_CHOICES)
        .map(|(_, row, target, at, is_locked)| {
            AutocompleteChoice::new(label(row, target.as_deref(), *at, *is_locked), row.session.pid.number())
        })
        .collect();
    CreateAutocompleteResponse::new().set_choices(choices)
}

/// The targets whose name contains what was typed. A name that is too long for a choice is omitted, because Discord
/// would not accept it as a value.
pub fn targets<'a>(names: impl IntoIterator<Item = &'a str>, typed: &str) -> CreateAutocompleteResponse {
    let typed = typed.trim().to_lowercase();
    let choices = names
        .into_iter()
        .filter(|name| name.to_lowercase().contains(&typed) && name.chars().count() <= MAX_NAME_LENGTH)
        .take(MAX_CHOICES)
        .map(|name| AutocompleteChoice::new(sanitize::plain(name, MAX_NAME_LENGTH), name))
        .collect();
    CreateAutocompleteResponse::new().set_choices(choices)
}

/// How well a session matches, lower is better. `None` if it does not match.
fn match_quality(session: &Session, typed: &str) -> Option<u8> {
    let pid = session.pid.to_string();
    if pid == typed {
        return Some(0);
    }
    if pid.starts_with(typed) {
        return Some(1);
    }
    // Digits are the beginning of a pid, and letters a part of a name.
    if typed.bytes().all(|letter| letter.is_ascii_digit()) {
        return None;
    }
    let contains = |text: &str| text.to_lowercase().contains(typed);
    let is_match = session.user.as_deref().is_some_and(contains)
        || session.database.as_deref().is_some_and(contains)
        || contains(&session.application)
        || session.query.as_deref().is_some_and(contains);
    is_match.then_some(1)
}

/// `4711 · app · idle in transaction 14 m 3 s · blocks 7 · psql · shop`; a lock in front says that it cannot be signalled.
pub(in crate::discord) fn label(
    row: &SessionRow<'_>,
    target: Option<&str>,
    now: Timestamp,
    is_locked: bool,
) -> String {
    let session = row.session;
    let part = |text: &str| sanitize::plain(text, PART_LENGTH).to_string();
    let since = session.query_age(now).or_else(|| session.state_age(now));
    let since = since.map_or(String::new(), |since| format!(" {}", age(since)));
    let state = if session.is_blocked() { "waits" } else { session.state.name() };
    let lock = if is_locked { "🔒 " } else { "" };
    let mut parts = vec![format!("{lock}{}", session.pid)];
    parts.extend(target.map(part));
    parts.extend(session.user.as_deref().map(part));
    parts.push(format!("{state}{since}").replace("transaction", "tx"));
    if row.waiters > 0 {
        parts.push(format!("blocks {}", row.waiters));
    }
    parts.push(part(&session.application));
    parts.extend(session.database.as_deref().map(part));
    parts.retain(|part| !part.is_empty());
    sanitize::plain(&parts.join(" · "), MAX_NAME_LENGTH).into()
}
