//! Formats numbers, times, names and mentions for messages.

use std::time::Duration;

use super::RenderConfig;
use crate::discord::sanitize;
use crate::domain::event::{Action, RequestDetails};
use crate::domain::ids::{ChannelId, MessageId, RoleId, UserId};
use crate::domain::owner::SessionOwner;
use crate::domain::session::Session;
use crate::domain::timestamp::Timestamp;

/// Further names in one line are counted.
const MAX_NAMES: usize = 10;
/// Names in PostgreSQL have at most 63 bytes. Names of targets may have any length.
const NAME_LENGTH: usize = 80;
/// A title has room for 256 characters.
pub(super) const SESSION_NAME_LENGTH: usize = 40;

/// An age in its two largest units: `4 m 12 s`, `3 d 2 h`.
pub fn age(span: Duration) -> String {
    let seconds = span.as_secs();
    let (large, unit, small, subunit) = match seconds {
        0 => return "under 1 s".to_owned(),
        1..60 => return format!("{seconds} s"),
        60..3_600 => (seconds / 60, "m", seconds % 60, "s"),
        3_600..86_400 => (seconds / 3_600, "h", seconds % 3_600 / 60, "m"),
        _ => (seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    };
    if small == 0 { format!("{large} {unit}") } else { format!("{large} {unit} {small} {subunit}") }
}

/// `1 session`, `7 sessions`.
pub fn count(number: usize, thing: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{s}")
}

/// How Discord shows a time, in the reader's time zone (Discord documentation, "Timestamp Styles").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampStyle {
    /// `3:04:05 AM`
    Clock,
    /// `in 14 minutes`, `3 days ago`. The reader's client keeps it current.
    Relative,
}

/// A Discord timestamp.
pub fn timestamp(time: Timestamp, style: TimestampStyle) -> String {
    let letter = match style {
        TimestampStyle::Clock => 'T',
        TimestampStyle::Relative => 'R',
    };
    format!("<t:{}:{letter}>", time.as_seconds())
}

pub fn mention_user(user: UserId) -> String {
    format!("<@{user}>")
}

pub fn mention_role(role: RoleId) -> String {
    format!("<@&{role}>")
}

/// Who looks after a session. A role is shown and not notified.
pub fn owner_text(owner: &SessionOwner) -> String {
    let role = owner.role.map(mention_role);
    match (owner.name.as_deref().map(name), role) {
        (Some(name), Some(role)) => format!("{name} ({role})"),
        (name, role) => name.or(role).unwrap_or_default(),
    }
}

/// `<@1>, <@2> and 3 more`.
pub fn mention_users(users: impl IntoIterator<Item = UserId>) -> String {
    join_capped(users.into_iter().map(mention_user))
}

/// The first of `names`, and how many more there are.
pub fn join_capped(names: impl IntoIterator<Item = String>) -> String {
    let mut names = names.into_iter();
    let shown: Vec<_> = names.by_ref().take(MAX_NAMES).collect();
    let shown = shown.join(", ");
    match names.count() {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// A sanitized name from PostgreSQL or from the configuration.
pub fn name(text: &str) -> String {
    short_name(text, NAME_LENGTH)
}

/// A sanitized name of at most `limit` UTF-16 units. A single plain word is not escaped, so that it can be copied and
/// searched for.
pub fn short_name(text: &str, limit: usize) -> String {
    if text.len() <= limit && is_plain_word(text) {
        text.to_owned()
    } else {
        sanitize::line(text, limit).into()
    }
}

/// A name that must be readable letter by letter: unchanged if Discord finds no markup in it, else as code.
pub fn verbatim(text: &str, limit: usize) -> String {
    let plain = sanitize::plain(text, limit);
    if !plain.as_str().is_empty() && (is_plain_word(plain.as_str()) || plain == sanitize::line(text, limit)) {
        plain.into()
    } else {
        sanitize::code(text, limit).into()
    }
}

/// Letters and digits with single separators between them. Discord finds no markup in `order_items`.
fn is_plain_word(text: &str) -> bool {
    text.split(['_', '-', '.'])
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// A blocker by its pid. PostgreSQL reports prepared transactions as 0.
pub fn blocker(pid: i32) -> String {
    if pid == 0 { "a prepared transaction".to_owned() } else { pid.to_string() }
}

/// Makes `text` begin with a capital letter, unless that is killgate's own name, and end with a full stop.
pub fn sentence(text: &str) -> String {
    let text = text.trim();
    let mut letters = text.chars();
    let Some(first) = letters.next() else { return String::new() };
    let stop = if text.ends_with(['.', '!', '?', '…']) { "" } else { "." };
    if text.starts_with("killgate") {
        return format!("{text}{stop}");
    }
    format!("{}{}{stop}", first.to_uppercase(), letters.as_str())
}

/// What is requested: `terminate psql of user app (4711) on orders`.
pub fn action_on_session(details: &RequestDetails) -> String {
    format!("{} {}", infinitive(details.action), session_on_target(details))
}

/// A session by what people call it, followed by its pid: `psql of user app (4711)`.
pub fn session_name(session: &Session) -> String {
    let pid = session.pid;
    let application = Some(session.application.as_str()).filter(|name| !name.is_empty());
    match (application, session.user.as_deref()) {
        (Some(application), Some(user)) => {
            format!("{} of user {} ({pid})", quoted_name(application), quoted_name(user))
        }
        (Some(application), None) => format!("{} ({pid})", quoted_name(application)),
        (None, Some(user)) => format!("user {} ({pid})", quoted_name(user)),
        (None, None) => format!("session {pid}"),
    }
}

/// Quotes a name that a database user chose, so that it does not read as part of the sentence. A plain word needs no quotes.
pub(in crate::discord) fn quoted_name(text: &str) -> String {
    match short_name(&text.replace(['“', '”'], "\""), SESSION_NAME_LENGTH) {
        name if is_plain_word(text) => name,
        name => format!("“{name}”"),
    }
}

/// `psql of user app (4711) on orders`, `25 sessions on orders`.
pub fn session_on_target(details: &RequestDetails) -> String {
    let sessions = match &details.backends[..] {
        [backend] => session_name(&backend.session),
        several => count(several.len(), "session"),
    };
    format!("{sessions} on {}", name(&details.target))
}

pub fn infinitive(action: Action) -> &'static str {
    match action {
        Action::Cancel => "cancel the query of",
        Action::Terminate => "terminate",
    }
}

/// The length of `text` as Discord's clients count it. Its servers never count more.
pub fn utf16_len(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// The URL of a message.
pub fn message_link(config: &RenderConfig, channel: ChannelId, message: MessageId) -> String {
    format!("https://discord.com/channels/{}/{channel}/{message}", config.guild)
}
