//! Numbers, times and people as a tired person reads them.

use std::time::Duration;

use super::RenderConfig;
use crate::discord::sanitize;
use crate::domain::event::{Action, RequestDetails};
use crate::domain::ids::{ChannelId, MessageId, RoleId, UserId};
use crate::domain::timestamp::Timestamp;

/// More people than this in one line are counted, not named.
const NAMED: usize = 10;
/// PostgreSQL's names have at most 63 bytes; those of targets are as long as somebody made them.
const NAME: usize = 80;

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
    if small == 0 {
        format!("{large} {unit}")
    } else {
        format!("{large} {unit} {small} {subunit}")
    }
}

/// `1 session`, `7 sessions`.
pub fn count(number: usize, thing: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{s}")
}

/// How Discord shows a moment, in the reader's own time zone (Discord documentation, "Timestamp Styles").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampStyle {
    /// `3:04:05 AM`
    Clock,
    /// `in 14 minutes`, `3 days ago`, kept current by the reader's client.
    Relative,
}

/// A Discord timestamp.
pub fn timestamp(moment: Timestamp, style: TimestampStyle) -> String {
    let letter = match style {
        TimestampStyle::Clock => 'T',
        TimestampStyle::Relative => 'R',
    };
    format!("<t:{}:{letter}>", moment.as_seconds())
}

/// A person, shown by the name they have now.
pub fn mention_user(user: UserId) -> String {
    format!("<@{user}>")
}

pub fn mention_role(role: RoleId) -> String {
    format!("<@&{role}>")
}

/// `<@1>, <@2> and 3 more`.
pub fn mention_users(users: impl IntoIterator<Item = UserId>) -> String {
    join_capped(users.into_iter().map(mention_user))
}

/// The first of `things`, and how many more there are.
pub fn join_capped(things: impl IntoIterator<Item = String>) -> String {
    let mut things = things.into_iter();
    let named: Vec<_> = things.by_ref().take(NAMED).collect();
    let named = named.join(", ");
    match things.count() {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// A name of PostgreSQL's or of the configuration's, inert.
pub fn name(text: &str) -> String {
    short_name(text, NAME)
}

/// The same, of at most `limit` UTF-16 units. A name that is one plain word stands as it is, so that it can be
/// copied and searched for; any other is escaped.
pub fn short_name(text: &str, limit: usize) -> String {
    if text.len() <= limit && is_plain_word(text) {
        text.to_owned()
    } else {
        sanitize::line(text, limit).into()
    }
}

/// A name to be read and searched for letter by letter: as it is where Discord reads no markup in it, else as code.
pub fn verbatim(text: &str, limit: usize) -> String {
    let plain = sanitize::plain(text, limit);
    if !plain.as_str().is_empty() && (is_plain_word(plain.as_str()) || plain == sanitize::line(text, limit)) {
        plain.into()
    } else {
        sanitize::code(text, limit).into()
    }
}

/// Letters and digits, and single joints between them: Discord reads no markup in `order_items`.
fn is_plain_word(text: &str) -> bool {
    text.split(['_', '-', '.'])
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// A blocker by its pid; 0 stands for a transaction that no session holds any more.
pub fn blocker(pid: i32) -> String {
    if pid == 0 {
        "a prepared transaction".to_owned()
    } else {
        pid.to_string()
    }
}

/// `text` as a sentence: begun with a capital, ended with a stop.
pub fn sentence(text: &str) -> String {
    let text = text.trim();
    let mut letters = text.chars();
    let Some(first) = letters.next() else {
        return String::new();
    };
    let stop = if text.ends_with(['.', '!', '?', '…']) {
        ""
    } else {
        "."
    };
    format!("{}{}{stop}", first.to_uppercase(), letters.as_str())
}

/// What was asked for: `terminate 4711 on orders`.
pub fn action_on_session(asked: &RequestDetails) -> String {
    format!("{} {}", infinitive(asked.action), session_on_target(asked))
}

/// `4711 on orders`.
pub fn session_on_target(asked: &RequestDetails) -> String {
    let pids: Vec<_> = asked
        .backends
        .iter()
        .map(|backend| backend.identity.pid.to_string())
        .collect();
    format!("{} on {}", join_capped(pids), name(&asked.target))
}

fn infinitive(action: Action) -> &'static str {
    match action {
        Action::Cancel => "cancel the query of",
        Action::Terminate => "terminate",
    }
}

/// The length of `text` as Discord's clients count it; its servers never count more.
pub fn utf16_len(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// The address of a message for Discord's clients.
pub fn message_link(look: &RenderConfig, channel: ChannelId, message: MessageId) -> String {
    format!("https://discord.com/channels/{}/{channel}/{message}", look.guild)
}
