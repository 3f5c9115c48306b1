//! What ending a session or its query brings about, and what it cannot: one table from a condition to a sentence.
//!
//! To add a case, add a row to [`CONSEQUENCES`]. The rows are shown in this order; sources are PostgreSQL's documentation and
//! what the tests observe on real servers.

use super::format::{age, count, join_capped, name};
use super::session_facts::lock_holders;
use super::waiters_text::groups_text;
use crate::domain::event::Action;
use crate::domain::outcome::Outcome;
use crate::domain::session::{CancelObstacle, Session, SessionState};
use crate::domain::timestamp::Timestamp;
use crate::domain::waiters::WaiterSummary;
use crate::workflow::ports::CardContent;

/// Of several sessions; the report of `killgate audit` has every session.
const MAX_SENTENCES: usize = 4;

/// What the sentences depend on.
#[derive(Clone, Copy)]
pub(super) struct Situation<'a> {
    pub(super) action: Action,
    pub(super) session: &'a Session,
    /// How many sessions wait for it, directly or through others.
    pub(super) waiters: u32,
    /// Who they are, as far as that is known.
    pub(super) queue: &'a WaiterSummary,
    /// When the session was seen, by the server's clock.
    pub(super) now: Timestamp,
    /// Whether it was ended, and is told of what came true.
    pub(super) is_over: bool,
}

/// The sentence for a situation; `None` where the case does not apply.
type Consequence = fn(Situation<'_>) -> Option<String>;

const CONSEQUENCES: &[Consequence] = &[
    what_ends,
    |it| {
        let reads_copy = it.session.cancel_obstacle() == Some(CancelObstacle::CopyData);
        (reads_copy && it.action == Action::Cancel && !it.is_over).then(|| {
            "It reads COPY data from its client and may not notice a cancel; a terminate works.".to_owned()
        })
    },
    |it| {
        let text = if it.is_over {
            "It had committed here and waited for a synchronous standby: its change stays, unreplicated so far."
        } else {
            "It has committed here and waits for a synchronous standby: ending it leaves the change, unreplicated so far."
        };
        it.session.has_committed().then(|| text.to_owned())
    },
    what_is_rolled_back,
    |it| {
        it.session.progress.as_ref().filter(|progress| progress.is_concurrent_index_build()).map(|_| {
            "An INVALID index may stay: `SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid` finds it, \
             `DROP INDEX CONCURRENTLY` removes it."
                .to_owned()
        })
    },
    |it| {
        let progress = it.session.progress.as_ref()?;
        let phase = progress.phase.as_deref().map_or(String::new(), |phase| format!(" ({})", name(phase)));
        let command = name(&progress.command);
        let is = if it.is_over { "was" } else { "is" };
        Some(match progress.percent() {
            Some(percent) => format!("{command} {is} at {percent} %{phase}; that work is lost."),
            None => format!("{command} {is} under way{phase}; that work is lost."),
        })
    },
    |it| it.session.has_begun_backup.then(|| "The base backup that it began is ruined.".to_owned()),
    |it| {
        (it.session.state == SessionState::Disabled).then(|| {
            "PostgreSQL does not show what it runs (track_activities is off), so what is lost is not known.".to_owned()
        })
    },
    |it| {
        let since = it.queue.replay_since.filter(|_| !it.is_over)?;
        let held = age(it.now.duration_since(since));
        Some(format!("The standby's replay of the primary's changes waits behind it, held up for {held}."))
    },
    who_is_released,
];

/// All that applies, in the order of the table.
pub(super) fn consequences(situation: Situation<'_>) -> Vec<String> {
    CONSEQUENCES.iter().filter_map(|consequence| consequence(situation)).collect()
}

/// What came true when sessions of the card were ended. Those of several with the same sentence are named together.
pub(super) fn what_came_true(card: &CardContent) -> Vec<String> {
    let details = &card.request.details;
    let ended = card.request.resolution().map(|resolution| &resolution.backends[..]).unwrap_or_default();
    let mut sentences: Vec<(String, Vec<String>)> = Vec::new();
    for (index, ended) in ended.iter().enumerate() {
        if !matches!(ended.outcome, Outcome::Cancelled | Outcome::Terminated) {
            continue;
        }
        let (session, waiters) = card.latest(index);
        let unknown = WaiterSummary::default();
        let queue = card.sessions.get(index).map_or(&unknown, |shown| &shown.queue);
        let now = card.seen_at(index);
        let situation = Situation { action: details.action, session, waiters, queue, now, is_over: true };
        for sentence in consequences(situation) {
            match sentences.iter_mut().find(|(known, _)| *known == sentence) {
                Some((_, pids)) => pids.push(ended.pid.to_string()),
                None => sentences.push((sentence, vec![ended.pid.to_string()])),
            }
        }
    }
    if details.backends.len() == 1 {
        return sentences.into_iter().map(|(sentence, _)| sentence).collect();
    }
    let lines = sentences.into_iter().take(MAX_SENTENCES);
    lines.map(|(sentence, pids)| format!("{}: {sentence}", join_capped(pids))).collect()
}

fn what_ends(it: Situation<'_>) -> Option<String> {
    if it.is_over {
        return None;
    }
    let text = match it.action {
        Action::Cancel if !it.session.state.is_running() && !it.session.state.is_hidden() => {
            "Nothing is signalled while no query runs."
        }
        Action::Cancel => "The query ends. The session stays connected.",
        Action::Terminate => "The session is disconnected.",
    };
    Some(text.to_owned())
}

fn what_is_rolled_back(it: Situation<'_>) -> Option<String> {
    if it.session.has_committed() || it.action == Action::Cancel && !it.session.state.is_running() {
        return None;
    }
    if it.is_over {
        return it.session.has_xid.then(|| "What its transaction had changed is rolled back.".to_owned());
    }
    let ran = age(it.session.transaction_age(it.now)?);
    Some(match (it.action, it.session.has_xid) {
        (_, true) => format!("What its transaction has changed in {ran} is rolled back."),
        (Action::Terminate, false) => "Its open transaction ends; it has changed no rows.".to_owned(),
        (Action::Cancel, false) => return None,
    })
}

/// A cancelled query's transaction keeps its locks until the client rolls it back.
fn who_is_released(it: Situation<'_>) -> Option<String> {
    if it.is_over {
        return None;
    }
    match (lock_holders(it.session), it.waiters) {
        (Some(holders), 0) => {
            return Some(format!("It waits itself, for {holders}: its end releases nobody by itself."));
        }
        (Some(holders), _) => {
            return Some(format!(
                "It waits itself, so its end releases nobody by itself: the sessions behind it may keep waiting for {holders}."
            ));
        }
        (None, 0) => return None,
        (None, _) => {}
    }
    let waiters = count(it.waiters as usize, "waiter");
    match it.action {
        Action::Cancel => Some(
            "The locks that its transaction holds stay until its client ends the transaction.".to_owned(),
        ),
        Action::Terminate => Some(match groups_text(it.queue) {
            groups if groups.is_empty() => format!("Releases {waiters}."),
            groups => format!("Releases {waiters}: {groups}."),
        }),
    }
}
