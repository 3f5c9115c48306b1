//! What ending a session or its query brings about, and what it cannot: one table from a condition to a sentence.
//!
//! To add a case, add a row to [`CONSEQUENCES`]. The rows are shown in this order; sources are PostgreSQL's documentation and
//! what the tests observe on real servers.

use super::format::{age, count, name};
use super::session_facts::lock_holders;
use super::waiters_text::groups_text;
use crate::domain::event::Action;
use crate::domain::session::{CancelObstacle, Session, SessionState};
use crate::domain::timestamp::Timestamp;
use crate::domain::waiters::WaiterSummary;

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
}

/// The sentence for a situation; `None` where the case does not apply.
type Consequence = fn(Situation<'_>) -> Option<String>;

const CONSEQUENCES: &[Consequence] = &[
    |it| Some(what_ends(it)),
    |it| {
        (it.session.cancel_obstacle() == Some(CancelObstacle::CopyData) && it.action == Action::Cancel).then(
            || {
                "It reads COPY data from its client and may not notice a cancel; a terminate works."
                    .to_owned()
            },
        )
    },
    |it| {
        it.has_committed().then(|| {
            "It has committed here and waits for a synchronous standby: ending it leaves the change, unreplicated so far."
                .to_owned()
        })
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
        Some(match progress.percent() {
            Some(percent) => format!("{command} is at {percent} %{phase}; that work is lost."),
            None => format!("{command} is under way{phase}; that work is lost."),
        })
    },
    |it| it.session.has_begun_backup.then(|| "The base backup that it began is ruined.".to_owned()),
    |it| {
        (it.session.state == SessionState::Disabled).then(|| {
            "PostgreSQL does not show what it runs (track_activities is off), so what is lost is not known.".to_owned()
        })
    },
    |it| {
        let since = it.queue.replay_since?;
        let held = age(it.now.duration_since(since));
        Some(format!("The standby's replay of the primary's changes waits behind it, held up for {held}."))
    },
    who_is_released,
];

/// All that applies, in the order of the table.
pub(super) fn consequences(situation: Situation<'_>) -> Vec<String> {
    CONSEQUENCES.iter().filter_map(|consequence| consequence(situation)).collect()
}

fn what_ends(it: Situation<'_>) -> String {
    match it.action {
        Action::Cancel if !it.session.state.is_running() && !it.session.state.is_hidden() => {
            "Nothing is signalled while no query runs.".to_owned()
        }
        Action::Cancel => "The query ends. The session stays connected.".to_owned(),
        Action::Terminate => "The session is disconnected.".to_owned(),
    }
}

fn what_is_rolled_back(it: Situation<'_>) -> Option<String> {
    if it.has_committed() || it.action == Action::Cancel && !it.session.state.is_running() {
        return None;
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
    if it.waiters == 0 {
        return None;
    }
    let waiters = count(it.waiters as usize, "waiter");
    if let Some(holders) = lock_holders(it.session) {
        return Some(format!(
            "It waits itself, so its end releases nobody by itself: the sessions behind it may keep waiting for {holders}."
        ));
    }
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

impl Situation<'_> {
    /// Whether it has committed and only waits until a synchronous standby confirms it.
    fn has_committed(&self) -> bool {
        self.session.wait.as_ref().is_some_and(|wait| wait.event == "SyncRep")
    }
}
