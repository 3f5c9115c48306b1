//! The session as it was shown on the card.

use serde_json::{Value, json};

use super::fields::{Fields, Problem};
use super::time;
use crate::domain::identity::Pid;
use crate::domain::session::{BackendKind, Session, State, Wait};
use crate::domain::timestamp::Moment;

pub(super) fn encode(session: &Session) -> Value {
    let moment = |moment: Option<Moment>| moment.map(time::write);
    json!({
        "pid": session.pid.number(),
        "backend_start": time::write(session.backend_start),
        "backend_type": session.kind.name(),
        "leader_pid": session.leader.map(Pid::number),
        "user": session.user,
        "superuser": session.superuser,
        "own": session.own,
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

pub(super) fn decode(mut fields: Fields) -> Result<Session, Problem> {
    let session = Session {
        pid: fields.pid("pid")?,
        backend_start: fields.moment("backend_start")?,
        kind: BackendKind::named(Some(&fields.text("backend_type")?)),
        leader: fields.optional("leader_pid", Fields::pid)?,
        user: fields.optional("user", Fields::text)?,
        superuser: fields.boolean("superuser")?,
        own: fields.boolean("own")?,
        database: fields.optional("database", Fields::text)?,
        application: fields.text("application")?,
        client: fields.optional("client", Fields::text)?,
        state: fields.named("state", state)?,
        wait: fields.optional("wait", wait)?,
        xact_start: fields.optional("xact_start", Fields::moment)?,
        query_start: fields.optional("query_start", Fields::moment)?,
        state_change: fields.optional("state_change", Fields::moment)?,
        query: fields.optional("query", Fields::text)?,
        blocked_by: fields.list("blocked_by", pid_or_zero, "a list of pids")?,
    };
    fields.finish()?;
    Ok(session)
}

fn state(name: &str) -> Option<State> {
    let state = State::named(Some(name));
    (state.name() == name).then_some(state)
}

fn wait(fields: &mut Fields, name: &str) -> Result<Wait, Problem> {
    let mut fields = fields.object(name)?;
    let wait = Wait {
        kind: fields.text("type")?,
        event: fields.text("event")?,
    };
    fields.finish()?;
    Ok(wait)
}

fn pid_or_zero(value: &Value) -> Option<i32> {
    i32::try_from(value.as_i64()?).ok()
}
