//! After a restart, or once the ledger works again: resumes every unfinished request.

use std::collections::BTreeSet;

use tracing::{Instrument, info, warn};

use super::engine::Engine;
use super::execution::describe_now;
use super::input::EngineInput;
use super::log;
use super::open_request::ChannelLook;
use super::ports::Target;
use crate::domain::event::{BackendResolution, RequestDetails, Resolution};
use crate::domain::ids::RequestId;
use crate::domain::outcome::Outcome;
use crate::domain::request::RequestState;

/// Whether an interrupted execution may have signalled.
#[derive(Clone, Copy, Debug)]
pub(super) enum InterruptedExecution {
    /// An earlier process recorded it, and may have signalled.
    MaybeSignalled,
    /// This process recorded it and was never told that the record was durable, so it has not signalled.
    NotSignalled,
}

impl Engine {
    /// Resumes every request that nothing works on: publishes open ones, resolves interrupted executions, and delivers results.
    pub(super) fn resume(&mut self, undelivered: &BTreeSet<RequestId>, interrupted: InterruptedExecution) {
        let requests: Vec<_> = self.store.all().cloned().collect();
        for request in requests {
            let id = request.id;
            let open = self.open_requests.get(&id);
            let is_published = open.is_some_and(|open| open.publisher.is_some());
            let is_executing = open.is_some_and(|open| open.is_executing);
            if is_published {
                self.publish(id);
            }
            match &request.state {
                RequestState::Open if !is_published => {
                    log::request_span(id).in_scope(|| info!("resuming an open request"));
                    let open = self.open_requests.entry(id).or_default();
                    // Who waits for them is not known until they are seen again.
                    open.sessions.clear();
                    open.channel = ChannelLook::Awaited;
                    // Its reactions are read once the publisher has found the card, and found it open.
                    self.read_reactions(id);
                    self.start_publisher(id, None);
                }
                RequestState::Executing { .. } if !is_executing => {
                    log::request_span(id).in_scope(|| {
                        warn!(?interrupted, "the execution was interrupted; it is not repeated");
                    });
                    if !is_published {
                        self.start_publisher(id, None);
                    }
                    self.resolve_interrupted(id, request.details, interrupted);
                }
                RequestState::Ended { .. } if undelivered.contains(&id) && !is_published => {
                    self.start_publisher(id, None);
                }
                _ => {}
            }
        }
        // The end of a request may have been recorded without an answer.
        self.report_unreadable();
    }

    /// Resolves a request whose execution was interrupted as unknown, with what is seen of its sessions now.
    fn resolve_interrupted(
        &mut self,
        id: RequestId,
        details: RequestDetails,
        interrupted: InterruptedExecution,
    ) {
        self.open_requests.entry(id).or_default().is_executing = true;
        let target = self.targets.by_name.get(&details.target).cloned();
        let inputs = self.inputs.clone();
        let resolving = async move {
            let target = target.as_ref().map(|target| target.target.as_ref());
            let resolution = interrupted.resolution(&details, target).await;
            // The engine is gone only when the process ends; the next one does this again.
            let _ = inputs.send(EngineInput::ExecutionFinished { request: id, resolution }).await;
        };
        self.tasks.spawn(resolving.instrument(log::request_span(id)));
    }
}

impl InterruptedExecution {
    async fn resolution(self, details: &RequestDetails, target: Option<&dyn Target>) -> Resolution {
        let (signal_sent, cause) = match self {
            Self::MaybeSignalled => (None, "the bot stopped after the signal may have been sent"),
            Self::NotSignalled => (Some(false), "it was not known in time that the approval was recorded"),
        };
        let pids: Vec<_> = details.backends.iter().map(|backend| backend.identity.pid).collect();
        let found = match target {
            Some(target) => target.find_sessions(details.server, &pids).await.into_iter().map(Some).collect(),
            None => vec![None; pids.len()],
        };
        let backends = details.backends.iter().zip(found).map(|(backend, found)| {
            let now = match found {
                Some(found) => describe_now(backend, found),
                None => format!("target {} is no longer configured", details.target),
            };
            let detail = format!("{cause}; {now}");
            BackendResolution::unanswered(backend.identity.pid, Outcome::Unknown, signal_sent, detail)
        });
        Resolution::of_execution(backends.collect(), None)
    }
}
