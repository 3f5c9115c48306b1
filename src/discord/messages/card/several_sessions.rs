//! Several sessions on one card: what they have in common first, then one line each with what differs.

use std::collections::BTreeSet;

use crate::discord::messages::format::{TimestampStyle, age, count, timestamp, utf16_len, verbatim};
use crate::discord::messages::lock_text::locked_thing;
use crate::discord::messages::notification::is_on_standby;
use crate::discord::messages::session_facts::{is_this_machine, state_words};
use crate::discord::sanitize;
use crate::domain::event::Binding;
use crate::domain::identity::Pid;
use crate::domain::session::Session;
use crate::domain::session_diff::SessionChange;
use crate::domain::timestamp::Timestamp;
use crate::workflow::ports::{CardContent, SessionOnCard};

/// Discord allows 6,000 characters for all embeds of a message; the rest of the card takes less than half of them. If the full
/// lines do not fit, all lines show only the essential facts.
const MAX_LENGTH: usize = 3_000;
const NAME_LENGTH: usize = 40;
const REASON_LENGTH: usize = 150;
/// The rest of the plain text, with up to fifty mentions, may take the remaining 1,400 characters.
const PLAIN_TEXT_LENGTH: usize = 600;
const QUERY_LENGTH: usize = 500;
const LINE_QUERY_LENGTH: usize = 60;
/// `**4711** · 14 m 3 s`.
const SHORT_LINE: usize = 24;
/// Further changes are left out: the lines show what is the case now.
const MAX_CHANGES: usize = 8;

/// The values of a field that all sessions have.
struct SharedFacts<'a> {
    application: Option<&'a str>,
    /// User, database and client, each with its label.
    names: Vec<Option<(&'static str, &'a str)>>,
    state: Option<&'static str>,
    query: Option<&'a str>,
}

type LabeledField = fn(&Session) -> Option<&str>;

const LABELED_NAMES: [(&str, LabeledField); 3] = [
    ("user", |session| session.user.as_deref()),
    ("database", |session| session.database.as_deref()),
    ("client", |session| session.client.as_deref().filter(|client| !is_this_machine(client))),
];

impl<'a> SharedFacts<'a> {
    fn of(sessions: &[(&'a Session, u32)]) -> Self {
        fn shared<'a, T: PartialEq>(
            sessions: &[(&'a Session, u32)],
            field: impl Fn(&'a Session) -> Option<T>,
        ) -> Option<T> {
            let first = field(sessions.first()?.0)?;
            sessions.iter().all(|(session, _)| field(session).as_ref() == Some(&first)).then_some(first)
        }
        let named = |name: &'a str| Some(name).filter(|name| !name.is_empty());
        Self {
            application: shared(sessions, |session| named(&session.application)),
            names: LABELED_NAMES
                .iter()
                .map(|(label, field)| shared(sessions, field).map(|name| (*label, name)))
                .collect(),
            state: shared(sessions, |session| Some(state_words(session.state))),
            query: shared(sessions, |session| session.query.as_deref()),
        }
    }

    /// `25 × web-checkout · user shop · idle in transaction`.
    fn text(&self, sessions: usize) -> Vec<String> {
        let mut parts = vec![match self.application {
            Some(application) => format!("{sessions} × {}", verbatim(application, NAME_LENGTH)),
            None => count(sessions, "session"),
        }];
        let names = self.names.iter().flatten();
        parts.extend(names.map(|(label, name)| format!("{label} {}", verbatim(name, NAME_LENGTH))));
        parts.extend(self.state.map(str::to_owned));
        parts
    }

    /// The fields in which this session differs from others.
    fn differences(&self, session: &Session) -> Vec<String> {
        let mut parts = Vec::new();
        if self.application.is_none() && !session.application.is_empty() {
            parts.push(verbatim(&session.application, NAME_LENGTH));
        }
        for ((label, field), shared) in LABELED_NAMES.iter().zip(&self.names) {
            if let (Some(name), None) = (field(session), shared) {
                parts.push(format!("{label} {}", verbatim(name, NAME_LENGTH)));
            }
        }
        if let (Some(query), None) = (&session.query, self.query) {
            parts.push(sanitize::code(query, LINE_QUERY_LENGTH).into());
        }
        parts
    }
}

/// All sessions of the card.
pub(super) fn description(card: &CardContent) -> String {
    let sessions = latest_sessions(card);
    let shared = SharedFacts::of(&sessions);
    let oldest =
        card.remaining().filter_map(|index| Some(card.own_time(index, since(sessions[index].0)?))).min();
    let mut head = shared.text(sessions.len());
    head[0] = format!("**{}**", head[0]);
    head.extend(
        oldest.map(|since| format!("the oldest began {}", timestamp(since, TimestampStyle::Relative))),
    );
    head.push(blocked_text(card));
    head.extend(is_on_standby(card).then(|| "on a **standby**".to_owned()));
    let mut text = head.join(" · ");
    if let Some(query) = shared.query {
        text = format!("{text}\n{}", sanitize::block(query, QUERY_LENGTH).as_str());
    }
    let lines = |is_full| -> String {
        let lines: Vec<_> = (0..sessions.len()).map(|index| line(card, index, &shared, is_full)).collect();
        // A phone shows a dozen lines. Those that say only a pid and an age follow one another.
        let are_short = lines.iter().all(|line| utf16_len(line) <= SHORT_LINE);
        format!("\n{}", lines.join(if are_short { ", " } else { "\n" }))
    };
    let full = lines(true);
    let is_short_enough = utf16_len(&text) + utf16_len(&full) <= MAX_LENGTH;
    text.push_str(&if is_short_enough { full } else { lines(false) });
    text
}

/// `25 × web-checkout · user shop · idle in transaction · oldest 14 m · block 31 sessions. Why: the pool is stuck`, and the
/// pids.
pub(super) fn plain_text(card: &CardContent) -> String {
    let sessions = latest_sessions(card);
    let backends = card.request.details.backends.iter();
    let asked: Vec<_> = backends.map(|backend| (&backend.session, backend.waiters)).collect();
    // What was asked about keeps its name, and everything else is as it is now.
    let shared = SharedFacts { state: SharedFacts::of(&sessions).state, ..SharedFacts::of(&asked) };
    let mut parts = shared.text(sessions.len());
    let ages = card
        .remaining()
        .filter_map(|index| Some(card.seen_at(index).duration_since(since(sessions[index].0)?)));
    parts.extend(ages.max().map(|oldest| format!("oldest {}", age(oldest))));
    parts.push(blocked_text(card));
    let mut text = parts.join(" · ") + &queue_text(card);
    if let Some(reason) = &card.request.details.reason {
        text = format!("{text}. Why: {}", sanitize::line(reason, REASON_LENGTH));
    }
    let pids: Vec<_> = sessions.iter().map(|(session, _)| session.pid.to_string()).collect();
    let pids = pids.join(", ");
    // The embed has them too.
    if utf16_len(&text) + pids.len() > PLAIN_TEXT_LENGTH { text } else { format!("{text}\nPids {pids}") }
}

/// What the request is bound to.
pub(super) fn binding_text(bindings: &[Binding]) -> String {
    let bound_to = |binding| bindings.iter().filter(|bound_to| **bound_to == binding).count();
    match (bound_to(Binding::Query), bound_to(Binding::Transaction)) {
        (0, 0) => "Bound to the sessions, whatever they run by then.".to_owned(),
        (0, transactions) if transactions == bindings.len() => {
            "Bound to these transactions: a session whose transaction ends by itself is left alone."
                .to_owned()
        }
        (0, transactions) => {
            let are = if transactions == 1 { "is" } else { "are" };
            format!(
                "{transactions} of them {are} bound to the present transaction and left alone when it ends."
            )
        }
        _ => "Bound to these queries: a session whose query ends by itself is left alone.".to_owned(),
    }
}

/// What was different before the last material changes.
pub(super) fn changes_text(card: &CardContent) -> Option<String> {
    let backends = card.request.details.backends.iter().zip(&card.sessions);
    let changes = backends.flat_map(|(backend, session)| {
        session.changes.iter().map(move |change| (backend.identity.pid, change))
    });
    let lines: Vec<_> = changes
        .take(MAX_CHANGES)
        .map(|(pid, change)| match change {
            SessionChange::Query { .. } => format!("{pid} runs another query"),
            SessionChange::State { before } => format!("{pid} was {before}"),
            SessionChange::Application { before } => {
                format!("{pid} had the application {}", verbatim(before, NAME_LENGTH))
            }
            SessionChange::Waiters { before: 0 } => format!("{pid} blocked nobody"),
            SessionChange::Waiters { before } => {
                format!("{pid} blocked {}", count(*before as usize, "session"))
            }
        })
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn latest_sessions(card: &CardContent) -> Vec<(&Session, u32)> {
    (0..card.request.details.backends.len()).map(|index| card.latest(index)).collect()
}

/// What the card shows of the sessions that have not ended by themselves, with their places.
fn remaining_on_card(card: &CardContent) -> impl Iterator<Item = (usize, &SessionOnCard)> {
    card.remaining().filter_map(|index| Some((index, card.sessions.get(index)?)))
}

/// One session: what everybody needs to know of it, and how it ended; if `is_full`, also what differs from the others.
fn line(card: &CardContent, index: usize, shared: &SharedFacts<'_>, is_full: bool) -> String {
    let (session, waiters) = card.latest(index);
    let worker = card.request.details.backends[index].worker;
    let worker = worker.map_or(String::new(), |worker| format!(" (leader of worker {worker})"));
    let pid = session.pid;
    let shown = card.sessions.get(index);
    let outcome = outcome_text(card, index, is_full);
    if let Some(lapsed) = shown.and_then(|shown| shown.lapsed.as_deref()) {
        let parts = [format!("~~{pid}~~{worker}"), lapsed.to_owned()];
        return parts.into_iter().chain(outcome).collect::<Vec<_>>().join(" · ");
    }
    let is_unseen = card.request.is_open() && shown.is_some_and(|shown| shown.unseen.is_some());
    let unseen = if is_unseen { "⚠️ " } else { "" };
    let now = card.seen_at(index);
    let age = since(session).map(|since| age(now.duration_since(since)));
    let mut parts = vec![format!("{unseen}**{pid}**{worker}")];
    parts.extend(match (shared.state, age) {
        (Some(_), age) => age,
        (None, Some(age)) => Some(format!("{} {age}", state_words(session.state))),
        (None, None) => Some(state_words(session.state).to_owned()),
    });
    if waiters > 0 {
        parts.push(format!("blocks {waiters}"));
    }
    if is_full {
        parts.extend(shared.differences(session));
    }
    parts.extend(outcome);
    parts.join(" · ")
}

/// `**terminated** after 143 ms`; `None` before the outcome of the session at `index` is known.
fn outcome_text(card: &CardContent, index: usize, is_full: bool) -> Option<String> {
    let ended = card.request.resolution()?.backends.get(index)?;
    let elapsed = ended.elapsed.filter(|_| is_full && ended.signal_sent != Some(false));
    let after = elapsed.map_or(String::new(), |elapsed| format!(" after {} ms", elapsed.as_millis()));
    Some(format!("**{}**{after}", ended.outcome.headline().to_lowercase()))
}

/// Since when it has been in its transaction, or has run its query, or has been in its state.
fn since(session: &Session) -> Option<Timestamp> {
    session.xact_start.or(session.query_start.filter(|_| session.state.is_running())).or(session.state_change)
}

/// How many sessions wait for those that remain. A session that waits for two of them counts once, and they themselves do not
/// count. After a restart, until the waiters are known, the highest number that was recorded for a session is shown.
fn blocked_text(card: &CardContent) -> String {
    let own: BTreeSet<Pid> =
        card.remaining().map(|index| card.request.details.backends[index].identity.pid).collect();
    let waiting: BTreeSet<Pid> =
        remaining_on_card(card).flat_map(|(_, session)| &session.waiting_pids).copied().collect();
    let known = waiting.difference(&own).count();
    let recorded = card.remaining().map(|index| card.latest(index).1 as usize).max().unwrap_or(0);
    match if waiting.is_empty() { recorded } else { known } {
        0 => "block nobody".to_owned(),
        blocked => format!("block {}", count(blocked, "session")),
    }
}

/// `, the longest for 4 m 12 s on orders`: the one that has waited longest, and for what. Empty where nobody waits.
fn queue_text(card: &CardContent) -> String {
    let locks = remaining_on_card(card).filter_map(|(_, session)| session.queue.lock.as_ref());
    let lock = locks.min_by_key(|wait| wait.since);
    let waited = remaining_on_card(card).filter_map(|(index, session)| {
        Some(card.seen_at(index).duration_since(session.queue.longest_since?))
    });
    let longest = waited.max().map_or(String::new(), |longest| format!(", the longest for {}", age(longest)));
    lock.map_or(longest.clone(), |lock| format!("{longest} on {}", locked_thing(lock)))
}
