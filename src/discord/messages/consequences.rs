//! What ending a session or its query brings about, and what it cannot: one table from a condition to a sentence.
//!
//! To add a case, add a row to [`CONSEQUENCES`]. Cards of one and of several sessions show the rows in this order. The sources
//! are PostgreSQL's documentation and what the tests observe on real servers.

use super::format::{age, count, join_capped, utf16_len};
use super::lock_text::progress_text;
use super::session_facts::lock_holders;
use crate::domain::event::Action;
use crate::domain::outcome::Outcome;
use crate::domain::session::{CancelObstacle, Session, SessionState};
use crate::domain::timestamp::Timestamp;
use crate::domain::waiters::WaiterSummary;
use crate::workflow::ports::CardContent;

/// Where no waiters are known.
const NOBODY: &WaiterSummary =
    &WaiterSummary { groups: Vec::new(), longest_since: None, lock: None, alone: 0, replay_since: None };

/// What the sentences depend on.
#[derive(Clone, Copy)]
pub(super) struct Situation<'a> {
    pub(super) action: Action,
    pub(super) session: &'a Session,
    /// How many sessions wait for it, directly or through others.
    pub(super) waiters: u32,
    /// Who they are, as far as known.
    pub(super) queue: &'a WaiterSummary,
    /// When the session was seen, by the server's clock.
    pub(super) now: Timestamp,
    /// Whether it was ended, so that the sentences say what came true.
    pub(super) is_over: bool,
}

/// The sentence for a situation; `None` where the case does not apply.
type Consequence = fn(Situation<'_>) -> Option<String>;

/// What is special about a session. On the card of several, each sentence is said once, with the pids that it is about.
const CONSEQUENCES: &[Consequence] = &[
    |it| {
        let text = if it.is_over {
            "It had committed here and waited for a synchronous standby: its change stays, unreplicated so far."
        } else {
            "It has committed here and waits for a synchronous standby: ending it leaves the change, unreplicated so far."
        };
        it.session.has_committed().then(|| text.to_owned())
    },
    |it| {
        it.session.progress.as_ref().filter(|progress| progress.is_concurrent_index_build()).map(|_| {
            "An INVALID index may stay: `SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid` finds it, \
             `DROP INDEX CONCURRENTLY` removes it."
                .to_owned()
        })
    },
    |it| {
        let progress = progress_text(it.session.progress.as_ref()?);
        let progress = if it.is_over { progress.replacen(" is ", " was ", 1) } else { progress };
        // What a VACUUM has cleaned stays clean.
        let is_kept = it.session.progress.as_ref().is_some_and(|progress| progress.command == "VACUUM");
        let lost = if is_kept { "the next one starts over" } else { "that work is lost" };
        Some(format!("{progress}; {lost}."))
    },
    |it| {
        it.session.has_begun_backup.then(|| {
            "Its last query names the function that begins a base backup: the base backup that it began is ruined.".to_owned()
        })
    },
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
];

/// How many of a field's 1,024 characters the special sentences about several sessions may take (Discord documentation,
/// "Embed Limits").
const MAX_LENGTH: usize = 650;
/// Of several sessions; the report of `killgate audit` has every session.
const MAX_SENTENCES: usize = 4;

/// All that applies to one session.
pub(super) fn consequences(it: Situation<'_>) -> String {
    let special = CONSEQUENCES.iter().filter_map(|consequence| consequence(it));
    let sentences = [unnoticed_cancel(it), Some(what_ends(it)), what_is_rolled_back(it)];
    sentences.into_iter().flatten().chain(special).chain(who_is_released(it)).collect::<Vec<_>>().join(" ")
}

/// All that applies to several sessions.
pub(super) fn consequences_of_several(action: Action, sessions: &[Situation<'_>]) -> String {
    let what_ends = match action {
        Action::Cancel => "The queries end. The sessions stay connected.",
        Action::Terminate => "The sessions are disconnected.",
    };
    let mut sentences = vec![what_ends.to_owned()];
    sentences.extend(what_is_rolled_back_of_several(action, sessions));
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for it in sessions {
        let special = CONSEQUENCES.iter().filter_map(|consequence| consequence(*it));
        for sentence in unnoticed_cancel(*it).into_iter().chain(special) {
            let pid = it.session.pid.to_string();
            match groups.iter_mut().find(|(known, _)| *known == sentence) {
                Some((_, pids)) => pids.push(pid),
                None => groups.push((sentence, vec![pid])),
            }
        }
    }
    let mut left = MAX_LENGTH;
    let mut omitted = 0;
    for (sentence, pids) in groups {
        let line = format!("{}: {sentence}", join_capped(pids));
        match left.checked_sub(utf16_len(&line)) {
            Some(rest) => {
                left = rest;
                sentences.push(line);
            }
            None => omitted += 1,
        }
    }
    if omitted > 0 {
        sentences.push(format!("{} left out for lack of space.", count(omitted, "remark")));
    }
    sentences.join("\n")
}

/// What came true when sessions of the card were ended. Sessions with the same sentence are named together.
pub(super) fn what_came_true(card: &CardContent) -> Vec<String> {
    let details = &card.request.details;
    let ended = card.request.resolution().map(|resolution| &resolution.backends[..]).unwrap_or_default();
    let mut sentences: Vec<(String, Vec<String>)> = Vec::new();
    for (index, ended) in ended.iter().enumerate() {
        if !matches!(ended.outcome, Outcome::Cancelled | Outcome::Terminated) {
            continue;
        }
        let situation = Situation::of(card, index, true);
        let special = CONSEQUENCES.iter().filter_map(|consequence| consequence(situation));
        for sentence in what_is_rolled_back(situation).into_iter().chain(special) {
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

fn what_is_rolled_back_of_several(action: Action, sessions: &[Situation<'_>]) -> Option<String> {
    let writing = sessions.iter().filter(|it| it.rolls_back()).count();
    let is_any_open = sessions.iter().any(|it| it.session.xact_start.is_some());
    match writing {
        0 => (action == Action::Terminate && is_any_open)
            .then(|| "Their open transactions have changed no rows.".to_owned()),
        all if all == sessions.len() => {
            Some("What their transactions have changed is rolled back.".to_owned())
        }
        some => Some(format!("What {some} of their transactions have changed is rolled back.")),
    }
}

fn unnoticed_cancel(it: Situation<'_>) -> Option<String> {
    let may_not_notice = it.action == Action::Cancel && !it.is_over;
    let what = match it.session.cancel_obstacle().filter(|_| may_not_notice)? {
        CancelObstacle::CopyData => "It reads COPY data from its client",
        CancelObstacle::ClientWrite => "It waits for its client to read",
        CancelObstacle::Idle | CancelObstacle::IdleInTransaction => return None,
    };
    Some(format!("{what} and may not notice a cancel; a terminate works."))
}

fn what_ends(it: Situation<'_>) -> String {
    match it.action {
        Action::Cancel if unnoticed_cancel(it).is_some() => {
            "If it notices, the query ends and the session stays connected.".to_owned()
        }
        Action::Cancel if !it.session.state.is_running() && !it.session.state.is_hidden() => {
            "Nothing is signalled while no query runs; a terminate ends the session.".to_owned()
        }
        Action::Cancel => "The query ends. The session stays connected.".to_owned(),
        Action::Terminate => "The session is disconnected.".to_owned(),
    }
}

fn what_is_rolled_back(it: Situation<'_>) -> Option<String> {
    if it.is_over {
        return it.rolls_back().then(|| "What its transaction had changed is rolled back.".to_owned());
    }
    if it.rolls_back() {
        let ran = age(it.session.transaction_age(it.now)?);
        return Some(format!("What its transaction has changed in {ran} is rolled back."));
    }
    // For a command that reports its progress, another sentence says what is lost.
    let is_told = it.session.has_xid || it.session.has_committed() || it.session.progress.is_some();
    let is_open = it.session.xact_start.is_some() && !is_told;
    (it.action == Action::Terminate && is_open)
        .then(|| "Its open transaction ends; it has changed no rows.".to_owned())
}

/// The error aborts the transaction, which releases its locks at once, although the client has yet to roll it back: measured on
/// PostgreSQL 15. A savepoint keeps those taken before it, and an advisory lock may belong to the session.
fn who_is_released(it: Situation<'_>) -> Option<String> {
    match (lock_holders(it.session), it.waiters) {
        (Some(holders), 0) => {
            return Some(format!("It waits for {holders} itself, so ending it alone releases nobody."));
        }
        (Some(holders), waiters) if it.queue.alone > 0 => {
            let go_on = match (it.queue.alone, waiters) {
                (_, 1) => "The session behind it waits only for it and will continue.".to_owned(),
                (1, several) => {
                    format!("1 of the {several} sessions behind it waits only for it and will continue.")
                }
                (alone, several) if alone < several as usize => {
                    format!("{alone} of the {several} sessions behind it wait only for it and will continue.")
                }
                (_, all) => format!("All {all} sessions behind it wait only for it and will continue."),
            };
            return Some(format!(
                "It waits itself: sessions that also wait for {holders} stay blocked. {go_on}"
            ));
        }
        (Some(holders), _) => {
            return Some(format!(
                "It waits itself, so ending it alone releases nobody: the sessions behind it may keep waiting for {holders}. \
                 /sessions view:blocking shows the root blocker."
            ));
        }
        (None, 0) => return None,
        (None, _) => {}
    }
    Some(match it.action {
        Action::Cancel if !it.session.state.is_running() => return None,
        Action::Cancel => {
            "Its transaction fails and releases its locks, except those before a savepoint and the session's own advisory \
             locks."
                .to_owned()
        }
        Action::Terminate => {
            "The sessions behind it continue, one after the other, unless another takes the lock first.".to_owned()
        }
    })
}

impl<'a> Situation<'a> {
    /// That of the session at `index` of the card.
    pub(super) fn of(card: &'a CardContent, index: usize, is_over: bool) -> Self {
        let (session, waiters) = card.latest(index);
        let queue = card.sessions.get(index).map_or(NOBODY, |shown| &shown.queue);
        Self {
            action: card.request.details.action,
            session,
            waiters,
            queue,
            now: card.seen_at(index),
            is_over,
        }
    }

    /// Whether its transaction has changed or locked rows, which its end undoes.
    fn rolls_back(&self) -> bool {
        let ends_its_statement = self.action == Action::Terminate || self.session.state.is_running();
        self.session.has_xid && ends_its_statement && !self.session.has_committed()
    }
}
