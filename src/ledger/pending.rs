//! Which requests must be gone on with after a start. Known without reading the whole history, because each
//! append keeps it up to date.

use crate::domain::event::RequestEvent;

/// How a request stands between two appends; one that was settled stands no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingState {
    /// It has not ended.
    Pending,
    /// It has ended, and its channel may not know yet.
    Undelivered,
}

/// How a request stands after `event`; `None` where that changes nothing.
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
