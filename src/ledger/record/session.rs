//! The session as it was shown on the card.

use serde_json::{Value, json};

use super::fields::{FieldError, FieldReader};
use super::time;
use crate::domain::identity::Pid;
use crate::domain::session::{BackendType, Session, SessionState, WaitEvent};
use crate::domain::timestamp::Timestamp;

pub(super) fn encode(session: &Session) -> Value {
    let moment = |moment: Option<Timestamp>| moment.map(time::write);
    json!({
        "pid": session.pid.number(),
        "backend_start": time::write(session.backend_start),
        "backend_type": session.backend_type.name(),
        "leader_pid": session.leader_pid.map(Pid::number),
        "user": session.user,
        "superuser": session.is_superuser,
        "own": session.is_own,
        "database": session.database,
        "application": session.application,
        "client": session.client,
        "state": session.state.name(),
        "wait": session.wait.as_ref().map(|wait| json!({ "type": wait.kind, "event": wait.event })),
        "xact_start": moment(session.xact_start),
        "query_start": moment(session.query_start),
        "state_change": moment(session.state_change),
        "query": session.query,
        "blocked_by": session.blocked_by,
    })
}

pub(super) fn decode(mut fields: FieldReader) -> Result<Session, FieldError> {
    let session = Session {
        pid: fields.pid("pid")?,
        backend_start: fields.moment("backend_start")?,
        backend_type: BackendType::from_name(Some(&fields.text("backend_type")?)),
        leader_pid: fields.optional("leader_pid", FieldReader::pid)?,
        user: fields.optional("user", FieldReader::text)?,
        is_superuser: fields.boolean("superuser")?,
        is_own: fields.boolean("own")?,
        database: fields.optional("database", FieldReader::text)?,
        application: fields.text("application")?,
        client: fields.optional("client", FieldReader::text)?,
        state: fields.named("state", state)?,
        wait: fields.optional("wait", wait)?,
        xact_start: fields.optional("xact_start", FieldReader::moment)?,
        query_start: fields.optional("query_start", FieldReader::moment)?,
        state_change: fields.optional("state_change", FieldReader::moment)?,
        query: fields.optional("query", FieldReader::text)?,
        blocked_by: fields.list("blocked_by", pid_or_zero, "a list of pids")?,
    };
    fields.finish()?;
    Ok(session)
}

fn state(name: &str) -> Option<SessionState> {
    let state = SessionState::from_name(Some(name));
    (state.name() == name).then_some(state)
}

fn wait(fields: &mut FieldReader, name: &str) -> Result<WaitEvent, FieldError> {
    let mut fields = fields.object(name)?;
    let wait = WaitEvent {
        kind: fields.text("type")?,
        event: fields.text("event")?,
    };
    fields.finish()?;
    Ok(wait)
}

fn pid_or_zero(value: &Value) -> Option<i32> {
    i32::try_from(value.as_i64()?).ok()
}
