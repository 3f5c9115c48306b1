//! What the log says of a request. Every line about one carries its number: what was recorded is told here, and
//! whoever works for a request does so within [`about`].

use tracing::{Span, debug, error_span, info};

use crate::domain::event::{Recorded, RequestEvent, Resolution};
use crate::domain::ids::{RequestId, UserId};

/// What is logged within it is about this request. It has the highest level, so that whatever is chosen to be left
/// out, no line that is left lacks the number.
pub(super) fn about(request: RequestId) -> Span {
    error_span!("request", request = request.0)
}

/// A line for each thing that the ledger has acknowledged.
pub(super) fn recorded(request: RequestId, recorded: &[Recorded]) {
    about(request).in_scope(|| {
        for one in recorded {
            line(&one.entry.event);
        }
    });
}

fn line(event: &RequestEvent) {
    match event {
        RequestEvent::Requested(asked) => info!(
            action = asked.action.name(),
            target = asked.target,
            pid = asked.identity.pid.number(),
            requester = asked.requester.0,
            "asked for"
        ),
        RequestEvent::Posted { message } => debug!(card = message.0, "its card is posted"),
        RequestEvent::Approved { actor } => info!(actor = actor.0, "approved"),
        RequestEvent::ApprovalRemoved { actor } => info!(actor = actor.0, "an approval was taken back"),
        RequestEvent::AttemptRefused { actor, why } => {
            info!(actor = actor.0, why = why.name(), "an attempt does not count");
        }
        RequestEvent::Executing { approvers } => {
            let approvers: Vec<_> = approvers.iter().map(|UserId(id)| id).collect();
            info!(?approvers, "approved; signalling");
        }
        RequestEvent::Finished(ending) => ended(ending),
    }
}

fn ended(ending: &Resolution) {
    info!(
        outcome = ending.outcome.name(),
        signal_sent = ending.signal_sent,
        elapsed_ms = ending.elapsed.map(|elapsed| elapsed.as_secs_f64() * 1000.0),
        actor = ending.actor.map(|UserId(id)| id),
        postgres = ending.postgres,
        detail = ending.detail,
        "ended"
    );
}
