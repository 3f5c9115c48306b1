//! Which requests are resumed after a start. Each append keeps the list up to date, so a start does not read the whole
//! history.

use crate::domain::event::RequestEvent;

/// The state of a request in the list. A request whose result was delivered is not in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingState {
    /// It has not ended.
    Pending,
    /// It has ended, and its result may not be in the channel yet.
    Undelivered,
}

/// The state of a request after `event`; `None` when the event does not change it.
pub fn state_after(event: &RequestEvent) -> Option<PendingState> {
    match event {
        RequestEvent::Requested(_) => Some(PendingState::Pending),
        RequestEvent::Finished(_) => Some(PendingState::Undelivered),
        RequestEvent::Posted { .. }
        | RequestEvent::Approved { .. }
        | RequestEvent::ApprovalRemoved { .. }
        | RequestEvent::AttemptRefused { .. }
        | RequestEvent::Executing { .. } => None,
    }
}
