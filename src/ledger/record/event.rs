//! What happened: the fields that each kind of event has besides `seq`, `request` and `at`.

use std::time::Duration;

use serde_json::{Value, json};

use super::fields::{FieldError, FieldReader, digits};
use super::{JsonObject, number, session, time};
use crate::domain::event::{Action, RefusalReason, RequestDetails, RequestEvent, Resolution};
use crate::domain::identity::{BackendIdentity, Pid, ServerIdentity};
use crate::domain::ids::{ChannelId, MessageId, UserId};
use crate::domain::outcome::Outcome;

pub(super) fn encode(event: &RequestEvent) -> JsonObject {
    let fields = match event {
        RequestEvent::Requested(asked) => requested(asked),
        RequestEvent::Posted { message } => json!({ "event": "posted", "message": message.to_string() }),
        RequestEvent::Approved { actor } => json!({ "event": "approved", "actor": actor.to_string() }),
        RequestEvent::ApprovalRemoved { actor } => {
            json!({ "event": "approval_removed", "actor": actor.to_string() })
        }
        RequestEvent::AttemptRefused { actor, why } => {
            json!({ "event": "attempt_refused", "actor": actor.to_string(), "why": why.name() })
        }
        RequestEvent::Executing { approvers } => {
            let approvers: Vec<_> = approvers.iter().map(UserId::to_string).collect();
            json!({ "event": "executing", "approvers": approvers })
        }
        RequestEvent::Finished(ending) => finished(ending),
    };
    match fields {
        Value::Object(object) => object,
        _ => JsonObject::new(),
    }
}

pub(super) fn decode(fields: &mut FieldReader) -> Result<RequestEvent, FieldError> {
    let name = fields.text("event")?;
    Ok(match name.as_str() {
        "requested" => RequestEvent::Requested(Box::new(asked(fields)?)),
        "posted" => RequestEvent::Posted {
            message: MessageId(fields.digits("message")?),
        },
        "approved" => RequestEvent::Approved {
            actor: user(fields, "actor")?,
        },
        "approval_removed" => RequestEvent::ApprovalRemoved {
            actor: user(fields, "actor")?,
        },
        "attempt_refused" => RequestEvent::AttemptRefused {
            actor: user(fields, "actor")?,
            why: fields.named("why", RefusalReason::from_name)?,
        },
        "executing" => RequestEvent::Executing {
            approvers: fields.list(
                "approvers",
                |id| id.as_str().and_then(digits).map(UserId),
                "a list of user ids",
            )?,
        },
        "finished" => RequestEvent::Finished(ending(fields)?),
        _ => {
            return Err(fields.problem("event", format!("is {name:?}, which this killgate does not know")));
        }
    })
}

fn requested(asked: &RequestDetails) -> Value {
    let identity = &asked.identity;
    let mut fields = json!({
        "event": "requested",
        "action": asked.action.name(),
        "target": asked.target,
        "server": {
            "system_identifier": identity.server.system_identifier.to_string(),
            "postmaster_start": time::write(identity.server.postmaster_start),
        },
        "pid": identity.pid.number(),
        "backend_start": time::write(identity.backend_start),
        "query_start": identity.query_start.map(time::write),
        "session": session::encode(&asked.session),
        "waiters": asked.waiters,
        "worker": asked.worker.map(Pid::number),
        "actor": asked.requester.to_string(),
        "channel": asked.channel.to_string(),
        "reason": asked.reason,
        "approvals_needed": asked.approvals_needed,
        "asked_at": time::write(asked.asked_at),
        "expires_at": time::write(asked.expires_at),
    });
    // Left out where it is not known: a record keeps the form that it was written in.
    if let Some(seen_at) = asked.seen_at {
        fields["seen_at"] = time::write(seen_at).into();
    }
    fields
}

fn asked(fields: &mut FieldReader) -> Result<RequestDetails, FieldError> {
    Ok(RequestDetails {
        action: fields.named("action", Action::from_name)?,
        target: fields.text("target")?,
        identity: BackendIdentity {
            server: server(fields.object("server")?)?,
            pid: fields.pid("pid")?,
            backend_start: fields.moment("backend_start")?,
            query_start: fields.optional("query_start", FieldReader::moment)?,
        },
        session: session::decode(fields.object("session")?)?,
        waiters: fields.count("waiters")?,
        worker: fields.optional("worker", FieldReader::pid)?,
        requester: user(fields, "actor")?,
        channel: ChannelId(fields.digits("channel")?),
        reason: fields.optional("reason", FieldReader::text)?,
        approvals_needed: fields.count("approvals_needed")?,
        asked_at: fields.moment("asked_at")?,
        seen_at: fields.later("seen_at", FieldReader::moment)?,
        expires_at: fields.moment("expires_at")?,
    })
}

fn server(mut fields: FieldReader) -> Result<ServerIdentity, FieldError> {
    let server = ServerIdentity {
        system_identifier: fields.digits("system_identifier")?,
        postmaster_start: fields.moment("postmaster_start")?,
    };
    fields.finish()?;
    Ok(server)
}

fn finished(ending: &Resolution) -> Value {
    let elapsed = ending
        .elapsed
        .map(|elapsed| u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
    json!({
        "event": "finished",
        "outcome": ending.outcome.name(),
        "elapsed_ms": elapsed.map(number::write),
        "signal_sent": ending.signal_sent,
        "detail": ending.detail,
        "postgres": ending.postgres,
        "waiters_released": ending.waiters_released,
        "actor": ending.actor.map(|actor| actor.to_string()),
    })
}

fn ending(fields: &mut FieldReader) -> Result<Resolution, FieldError> {
    Ok(Resolution {
        outcome: fields.named("outcome", Outcome::from_name)?,
        elapsed: fields
            .optional("elapsed_ms", FieldReader::number)?
            .map(Duration::from_millis),
        signal_sent: fields.optional("signal_sent", FieldReader::boolean)?,
        detail: fields.text("detail")?,
        postgres: fields.optional("postgres", FieldReader::text)?,
        waiters_released: fields.optional("waiters_released", FieldReader::count)?,
        actor: fields.optional("actor", user)?,
    })
}

fn user(fields: &mut FieldReader, name: &str) -> Result<UserId, FieldError> {
    fields.digits(name).map(UserId)
}
