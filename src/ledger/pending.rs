//! Which requests are resumed after a start. Each append keeps the list up to date, so a start does not read the whole
//! history. The list is not trusted: a start also looks in the chain for requests that may be open, and `audit verify`
//! compares the list with the whole chain.

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

/// How much older than the last record an expiry may be, for the request to be open all the same. An open request that
/// expires is closed at once, except that an execution takes its time and that clocks are set.
const OPEN_AFTER_EXPIRY: Duration = Duration::from_hours(24);

/// Requests that expire later may be open, whatever the list says, when the last record is of the time `last`.
pub fn may_be_open_since(last: Timestamp) -> Timestamp {
    last.minus(OPEN_AFTER_EXPIRY)
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
