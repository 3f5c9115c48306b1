//! What the log says about requests. Every line about one carries its number: records are logged here, and tasks that
//! work on a request run within its [`request_span`].

use tracing::{Span, debug, error_span, info};

use crate::domain::event::{Recorded, RequestEvent, Resolution};
use crate::domain::ids::{RequestId, UserId};

/// The span of everything that is logged about a request. It has the highest level, so that no choice of levels removes
/// the number from a line.
pub(super) fn request_span(request: RequestId) -> Span {
    error_span!("request", request = request.0)
}

/// Logs a line for each record that the ledger has acknowledged.
pub(super) fn log_records(request: RequestId, recorded: &[Recorded]) {
    request_span(request).in_scope(|| {
        for record in recorded {
            log_event(&record.entry().event);
        }
    });
}

fn log_event(event: &RequestEvent) {
    match event {
        RequestEvent::Requested(details) => {
            let backends = details.backends.iter();
            let pids: Vec<_> = backends.map(|backend| backend.identity.pid.number()).collect();
            info!(
                action = details.action.name(),
                target = details.target,
                ?pids,
                requester = details.requester.0,
                "requested"
            );
        }
        RequestEvent::Posted { message } => debug!(card = message.0, "card posted"),
        RequestEvent::Reminded { message } => debug!(message = message.0, "approvers reminded"),
        RequestEvent::ApprovalAdded { actor } => info!(actor = actor.0, "approved"),
        RequestEvent::ApprovalRemoved { actor } => info!(actor = actor.0, "approval removed"),
        RequestEvent::AttemptRefused { actor, why } => {
            info!(actor = actor.0, why = why.name(), "attempt refused");
        }
        RequestEvent::Executing { approvers } => {
            let approvers: Vec<_> = approvers.iter().map(|UserId(id)| id).collect();
            info!(?approvers, "executing");
        }
        RequestEvent::Finished(resolution) => log_finished(resolution),
    }
}

fn log_finished(resolution: &Resolution) {
    info!(
        outcome = resolution.outcome.name(),
        signal_sent = resolution.signal_sent,
        elapsed_ms = resolution.elapsed.map(|elapsed| elapsed.as_secs_f64() * 1000.0),
        actor = resolution.actor.map(|UserId(id)| id),
        postgres = resolution.postgres,
        detail = resolution.detail,
        "finished"
    );
}
