//! What keeps requests from being decided, for `/readyz` and the channels.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::engine::Engine;
use super::ports::{ChannelAlert, LedgerError};
use crate::domain::ids::RequestId;

/// How long `/readyz` reports another process after it was last seen.
const UNHEALTHY_FOR: Duration = Duration::from_mins(10);

/// How long the engine may take for one turn, or be behind, before `/readyz` reports it. A call to a ledger takes at most
/// 5 s, and a turn makes a few.
const STUCK_AFTER: Duration = Duration::from_secs(20);

/// What keeps requests from being decided, as far as the engine knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineHealth {
    /// When another process was last seen to act with the same token.
    pub another_process: Option<Instant>,
    /// When the engine last had its turn; `None` before the first one.
    pub last_turn: Option<Instant>,
    /// Since when the engine has been behind.
    pub behind_since: Option<Instant>,
    /// The requests on whose cards reactions cannot be read, and why.
    pub unreadable: BTreeMap<RequestId, String>,
}

impl EngineHealth {
    pub(super) fn note_turn(&mut self, now: Instant, is_behind: bool) {
        self.last_turn = Some(now);
        self.behind_since = is_behind.then(|| self.behind_since.unwrap_or(now));
    }

    pub fn problems(&self, now: Instant) -> Vec<String> {
        let stuck = self.last_turn.map(|turn| now - turn).filter(|since| *since > STUCK_AFTER);
        let stuck = stuck.map(|since| {
            format!(
                "killgate has done nothing for {} s: a call to its disk or ledger does not return, or its machine is overloaded. If this \
                 persists, restart killgate",
                since.as_secs()
            )
        });
        let behind = self.behind_since.filter(|since| now - *since > STUCK_AFTER).map(|_| {
            "killgate is behind: what people did waited in it for too long, so it executes nothing until it has caught up. Its ledger is slow, or its machine is \
             overloaded: check the ledger's disk or server, and the load"
                .to_owned()
        });
        let another_process = self.another_process.filter(|seen| now - *seen < UNHEALTHY_FOR);
        let another_process = another_process.map(|_| {
            "another process acts with the same bot token and another ledger: stop one of the two".to_owned()
        });
        stuck
            .into_iter()
            .chain(behind)
            .chain(another_process)
            .chain(self.unreadable.iter().map(|(request, why)| {
                format!("the reactions on request #{request} cannot be read, so it is not executed: {why}")
            }))
            .collect()
    }
}

impl Engine {
    /// Reads of a card have failed for so long that people are told why.
    pub(super) fn reaction_read_overdue(&mut self, id: RequestId, read: u64) {
        let request = self.store.get(id).filter(|request| request.is_open());
        let channel = request.map(|request| request.details.channel);
        let open = self.open_requests.get_mut(&id);
        let why = open.and_then(|open| open.reads.note_overdue(read));
        let (Some(channel), Some(why)) = (channel, why) else { return };
        self.report_unreadable();
        if self.unreadable_channels.insert(channel) {
            self.alert_channel(channel, ChannelAlert::ReactionsUnreadable { why });
        }
    }

    /// The card of a request could not be found, so its reactions cannot be read.
    pub(super) async fn card_search_failed(
        &mut self,
        id: RequestId,
        why: String,
        is_refused: bool,
    ) -> Result<(), LedgerError> {
        if let Some(open) = self.open_requests.get_mut(&id) {
            open.reads.note_search_failure(why);
            self.report_unreadable();
        }
        if is_refused { self.channel_looked_at(id).await } else { Ok(()) }
    }

    /// Says at `/readyz` on which requests reactions cannot be read, and why. A channel is told again only after all its cards
    /// could be read.
    pub(super) fn report_unreadable(&mut self) {
        let mut unreadable = BTreeMap::new();
        let mut channels = BTreeSet::new();
        for (id, open) in &self.open_requests {
            let request = self.store.get(*id).filter(|request| request.is_open());
            if let Some((request, why)) = request.zip(open.reads.overdue()) {
                unreadable.insert(*id, why.to_owned());
                channels.insert(request.details.channel);
            }
        }
        self.unreadable_channels.retain(|channel| channels.contains(channel));
        self.health.send_if_modified(|health| {
            let differs = health.unreadable != unreadable;
            health.unreadable = unreadable;
            differs
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_does_nothing_any_more_is_reported() {
        let turn = Instant::now();
        let health = EngineHealth { last_turn: Some(turn), ..EngineHealth::default() };
        assert!(health.problems(turn + STUCK_AFTER).is_empty());
        let problems = health.problems(turn + Duration::from_secs(21));
        assert!(problems[0].starts_with("killgate has done nothing for 21 s:"), "{problems:?}");
    }

    #[test]
    fn an_engine_that_stays_behind_is_reported_until_it_has_caught_up() {
        let began = Instant::now();
        let mut health = EngineHealth::default();
        for second in 0..=20 {
            assert!(health.problems(began + Duration::from_secs(second)).is_empty());
            health.note_turn(began + Duration::from_secs(second), true);
        }
        let now = began + Duration::from_secs(21);
        assert!(health.problems(now)[0].starts_with("killgate is behind"), "{:?}", health.problems(now));
        health.note_turn(now, false);
        assert!(health.problems(now).is_empty());
    }
}
