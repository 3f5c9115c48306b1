//! Which requests must be gone on with after a start. Known without reading the whole history, because each
//! append keeps it up to date.

use crate::domain::event::Event;

/// How a request stands between two appends; one that was settled stands no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has not ended.
    Pending,
    /// It has ended, and its channel may not know yet.
    Owed,
}

/// How a request stands after `event`; `None` where that changes nothing.
pub fn after(event: &Event) -> Option<Standing> {
    match event {
        Event::Requested(_) => Some(Standing::Pending),
        Event::Finished(_) => Some(Standing::Owed),
        Event::Posted { .. }
        | Event::Approved { .. }
        | Event::ApprovalRemoved { .. }
        | Event::AttemptRefused { .. }
        | Event::Executing { .. } => None,
    }
}
