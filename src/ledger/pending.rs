//! Which requests are resumed after a start. Each append keeps the list up to date, so a start does not read the whole
//! history. The list is not trusted: a start also looks in the latest part of the chain for requests that have not ended, and
//! for those that have ended and whose result is not known to be delivered. `audit verify` compares the list with the whole
//! chain.

use std::time::Duration;

use crate::domain::event::RequestEvent;
use crate::domain::timestamp::Timestamp;

/// The state of a request in the list. A request whose result was delivered is not in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingState {
    /// It has not ended.
    Pending,
    /// It has ended, and its result may not be in the channel yet.
    Undelivered,
}

impl PendingState {
    pub fn from_undelivered(is_undelivered: bool) -> Self {
        if is_undelivered { Self::Undelivered } else { Self::Pending }
    }
}

/// A start also resumes requests that expired or ended at most this long before the last record, whatever the list says. An
/// expired request is normally closed and its result posted at once. A running execution, an outage of Discord or a changed clock
/// can delay that.
const SEARCHED_PERIOD: Duration = Duration::from_hours(24);

/// A start searches the chain for requests that expire or ended later than this. `last` is the time of the last record.
pub fn searched_since(last: Timestamp) -> Timestamp {
    last.minus(SEARCHED_PERIOD)
}

/// The state of a request after `event`; `None` when the event does not change it.
pub fn state_after(event: &RequestEvent) -> Option<PendingState> {
    match event {
        RequestEvent::Requested(_) => Some(PendingState::Pending),
        RequestEvent::Finished(_) => Some(PendingState::Undelivered),
        RequestEvent::Posted { .. }
        | RequestEvent::ApprovalAdded { .. }
        | RequestEvent::ApprovalRemoved { .. }
        | RequestEvent::AttemptRefused { .. }
        | RequestEvent::Reminded { .. }
        | RequestEvent::Executing { .. } => None,
    }
}
