//! The ledger is set back, and people saw what it no longer knows.

use killgate::domain::event::{Recorded, RequestEvent};
use killgate::domain::ids::RequestId;

use super::{Case, Checker};
use crate::world::World;
use crate::world::discord::Kind;

impl Checker {
    /// Goes on with a ledger that has lost its newest records, after everything had come to its end.
    pub fn go_on_after_set_back(&mut self, world: &World) {
        let kept: Vec<Recorded> = world.with(|state| state.disk().records().cloned().collect());
        self.durable = kept.len() as u64;
        self.acknowledged.retain(|seq, _| *seq <= self.durable);
        self.interrupted.clear();
        self.healed_at = None;
        let mut before = std::mem::take(&mut self.cases);
        for recorded in &kept {
            let Some(id) = recorded.entry().request else { continue };
            match &recorded.entry().event {
                RequestEvent::Requested(asked) => {
                    let known = before.remove(&id).unwrap_or_else(|| Case::begin(asked, recorded));
                    let is_set_back = known.announced > 0 || shows_end(world, id, &known);
                    self.cases
                        .insert(id, Case { executing: None, card: None, ended: None, is_set_back, ..known });
                }
                RequestEvent::Posted { message } => self.change(id, |case| case.card = Some(*message)),
                RequestEvent::Executing { .. } => {
                    self.change(id, |case| case.executing = Some((0, recorded.entry().at)));
                }
                RequestEvent::Finished(ending) => self.change(id, |case| {
                    case.ended = Some(ending.clone());
                    case.is_set_back = false;
                }),
                _ => {}
            }
        }
        self.shown.retain(|id, _| self.cases.contains_key(id));
    }

    fn change(&mut self, id: RequestId, change: impl FnOnce(&mut Case)) {
        if let Some(case) = self.cases.get_mut(&id) {
            change(case);
        }
    }
}

/// Whether a card of the request is closed in the channel, such as one that was posted after the request had ended.
fn shows_end(world: &World, id: RequestId, case: &Case) -> bool {
    let is_closed = |kind: &Kind| matches!(kind, Kind::Card { shown, .. } if shown.outcome.is_some());
    world.with(|state| {
        let mut messages = state.discord.there();
        messages.any(|(_, message)| message.bears(id, &case.mark) && is_closed(&message.kind))
    })
}
