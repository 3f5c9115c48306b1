//! The fields of a record, in the names and types of the export.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::backend_form::{BackendForm, ResolvedBackendForm};
use super::values::{digits, exact, exact_if_any, milliseconds, named, timestamp, user};
use super::{RecordError, time};
use crate::domain::event::{Action, LedgerEntry, RefusalReason, RequestDetails, RequestEvent, Resolution};
use crate::domain::identity::ServerIdentity;
use crate::domain::ids::{ChannelId, MessageId, RequestId, UserId};
use crate::domain::outcome::Outcome;

#[derive(Serialize, Deserialize)]
pub(super) struct RecordForm {
    #[serde(serialize_with = "exact")]
    pub(super) seq: u64,
    #[serde(serialize_with = "exact_if_any")]
    request: Option<u64>,
    at: String,
    #[serde(flatten)]
    event: EventForm,
    pub(super) prev: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hash: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum EventForm {
    Requested(Box<RequestedForm>),
    Posted { message: String },
    Approved { actor: String },
    ApprovalRemoved { actor: String },
    AttemptRefused { actor: String, why: String },
    Reminded { message: String },
    Executing { approvers: Vec<String> },
    Finished(FinishedForm),
}

#[derive(Serialize, Deserialize)]
struct RequestedForm {
    action: String,
    target: String,
    server: ServerForm,
    actor: String,
    channel: String,
    reason: Option<String>,
    approvals_needed: u32,
    asked_at: String,
    expires_at: String,
    seen_at: String,
    backends: Vec<BackendForm>,
}

#[derive(Serialize, Deserialize)]
struct ServerForm {
    system_identifier: String,
    postmaster_start: String,
}

#[derive(Serialize, Deserialize)]
struct FinishedForm {
    outcome: String,
    #[serde(serialize_with = "exact_if_any")]
    elapsed_ms: Option<u64>,
    signal_sent: Option<bool>,
    detail: String,
    postgres: Option<String>,
    waiters_released: Option<u32>,
    actor: Option<String>,
    backends: Vec<ResolvedBackendForm>,
}

impl RecordForm {
    pub(super) fn new(seq: u64, entry: &LedgerEntry, prev: &str) -> Self {
        Self {
            seq,
            request: entry.request.map(|RequestId(id)| id),
            at: time::write(entry.at),
            event: EventForm::of(&entry.event),
            prev: prev.to_owned(),
            hash: None,
        }
    }

    pub(super) fn entry(&self) -> Result<LedgerEntry, RecordError> {
        Ok(LedgerEntry {
            request: self.request.map(RequestId),
            at: timestamp("at", &self.at)?,
            event: self.event.event()?,
        })
    }
}

impl EventForm {
    fn of(event: &RequestEvent) -> Self {
        match event {
            RequestEvent::Requested(details) => Self::Requested(Box::new(RequestedForm::of(details))),
            RequestEvent::Posted { message } => Self::Posted { message: message.to_string() },
            RequestEvent::ApprovalAdded { actor } => Self::Approved { actor: actor.to_string() },
            RequestEvent::ApprovalRemoved { actor } => Self::ApprovalRemoved { actor: actor.to_string() },
            RequestEvent::AttemptRefused { actor, why } => {
                Self::AttemptRefused { actor: actor.to_string(), why: why.name().to_owned() }
            }
            RequestEvent::Reminded { message } => Self::Reminded { message: message.to_string() },
            RequestEvent::Executing { approvers } => {
                Self::Executing { approvers: approvers.iter().map(UserId::to_string).collect() }
            }
            RequestEvent::Finished(resolution) => Self::Finished(FinishedForm::of(resolution)),
        }
    }

    fn event(&self) -> Result<RequestEvent, RecordError> {
        Ok(match self {
            Self::Requested(form) => RequestEvent::Requested(Box::new(form.details()?)),
            Self::Posted { message } => {
                RequestEvent::Posted { message: MessageId(digits("message", message)?) }
            }
            Self::Approved { actor } => RequestEvent::ApprovalAdded { actor: user(actor)? },
            Self::ApprovalRemoved { actor } => RequestEvent::ApprovalRemoved { actor: user(actor)? },
            Self::AttemptRefused { actor, why } => RequestEvent::AttemptRefused {
                actor: user(actor)?,
                why: named("why", why, RefusalReason::from_name)?,
            },
            Self::Reminded { message } => {
                RequestEvent::Reminded { message: MessageId(digits("message", message)?) }
            }
            Self::Executing { approvers } => RequestEvent::Executing {
                approvers: approvers.iter().map(|id| user(id)).collect::<Result<_, _>>()?,
            },
            Self::Finished(form) => RequestEvent::Finished(form.resolution()?),
        })
    }
}

impl RequestedForm {
    fn of(details: &RequestDetails) -> Self {
        Self {
            action: details.action.name().to_owned(),
            target: details.target.clone(),
            server: ServerForm {
                system_identifier: details.server.system_identifier.to_string(),
                postmaster_start: time::write(details.server.postmaster_start),
            },
            actor: details.requester.to_string(),
            channel: details.channel.to_string(),
            reason: details.reason.clone(),
            approvals_needed: details.approvals_needed,
            asked_at: time::write(details.asked_at),
            expires_at: time::write(details.expires_at),
            seen_at: time::write(details.seen_at),
            backends: details.backends.iter().map(BackendForm::of).collect(),
        }
    }

    fn details(&self) -> Result<RequestDetails, RecordError> {
        Ok(RequestDetails {
            action: named("action", &self.action, Action::from_name)?,
            target: self.target.clone(),
            server: ServerIdentity {
                system_identifier: digits("system_identifier", &self.server.system_identifier)?,
                postmaster_start: timestamp("postmaster_start", &self.server.postmaster_start)?,
            },
            requester: user(&self.actor)?,
            channel: ChannelId(digits("channel", &self.channel)?),
            reason: self.reason.clone(),
            approvals_needed: self.approvals_needed,
            asked_at: timestamp("asked_at", &self.asked_at)?,
            seen_at: timestamp("seen_at", &self.seen_at)?,
            expires_at: timestamp("expires_at", &self.expires_at)?,
            backends: self.backends.iter().map(BackendForm::backend).collect::<Result<_, _>>()?,
        })
    }
}

impl FinishedForm {
    fn of(resolution: &Resolution) -> Self {
        Self {
            outcome: resolution.outcome.name().to_owned(),
            elapsed_ms: resolution.elapsed.map(milliseconds),
            signal_sent: resolution.signal_sent,
            detail: resolution.detail.clone(),
            postgres: resolution.postgres.clone(),
            waiters_released: resolution.waiters_released,
            actor: resolution.actor.map(|actor| actor.to_string()),
            backends: resolution.backends.iter().map(ResolvedBackendForm::of).collect(),
        }
    }

    fn resolution(&self) -> Result<Resolution, RecordError> {
        Ok(Resolution {
            outcome: named("outcome", &self.outcome, Outcome::from_name)?,
            elapsed: self.elapsed_ms.map(Duration::from_millis),
            signal_sent: self.signal_sent,
            detail: self.detail.clone(),
            postgres: self.postgres.clone(),
            waiters_released: self.waiters_released,
            actor: self.actor.as_deref().map(user).transpose()?,
            backends: self.backends.iter().map(ResolvedBackendForm::resolution).collect::<Result<_, _>>()?,
        })
    }
}
