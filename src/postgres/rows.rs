//! From the rows of our statements to the domain's words.

use std::sync::Arc;

use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};

use crate::domain::identity::{Pid, Server};
use crate::domain::moment::Moment;
use crate::domain::session::{BackendKind, Session, Snapshot, State, Wait};

/// Makes query text fit to show, or `None` where none is to be shown. Raw text goes no further than this.
pub type Redact = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Text as it is in `pg_stat_activity`: in the encoding of whatever database the session is in, so that it
/// need not be UTF-8.
struct Lossy(String);

impl<'a> FromSql<'a> for Lossy {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(String::from_utf8_lossy(raw).into_owned()))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::TEXT
    }
}

/// The listing's rows, of which there is at least one.
pub(super) fn snapshot(
    rows: &[Row],
    system_identifier: u64,
    redact: &dyn Fn(&str) -> Option<String>,
) -> Result<Snapshot, tokio_postgres::Error> {
    let (mut postmaster_start, mut at) = (Moment::from_micros(0), Moment::from_micros(0));
    if let Some(row) = rows.first() {
        postmaster_start = Moment::from_micros(row.try_get("postmaster_start")?);
        at = Moment::from_micros(row.try_get("at")?);
    }
    let sessions = rows
        .iter()
        .filter_map(|row| session(row, redact).transpose())
        .collect::<Result<_, _>>()?;
    Ok(Snapshot {
        server: Server {
            system_identifier,
            postmaster_start,
        },
        at,
        sessions,
    })
}

/// The server that answered.
pub(super) fn server(row: &Row, system_identifier: u64) -> Result<Server, tokio_postgres::Error> {
    Ok(Server {
        system_identifier,
        postmaster_start: Moment::from_micros(row.try_get("postmaster_start")?),
    })
}

/// The session of a row; `None` when the row tells of none, or of a process that is only just beginning to be
/// a backend, without which nothing identifies it.
pub(super) fn session(
    row: &Row,
    redact: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Session>, tokio_postgres::Error> {
    let pid: Option<i32> = row.try_get("pid")?;
    let (Some(pid), Some(backend_start)) = (pid.and_then(Pid::new), moment(row, "backend_start")?) else {
        return Ok(None);
    };
    let leader: Option<i32> = row.try_get("leader_pid")?;
    let wait = match (text(row, "wait_event_type")?, text(row, "wait_event")?) {
        (Some(kind), Some(event)) => Some(Wait { kind, event }),
        _ => None,
    };
    let blocked_by: Option<Vec<i32>> = row.try_get("blocked_by")?;
    Ok(Some(Session {
        pid,
        backend_start,
        kind: BackendKind::named(text(row, "backend_type")?.as_deref()),
        leader: leader.and_then(Pid::new),
        user: text(row, "username")?,
        superuser: row.try_get("superuser")?,
        own: row.try_get("own")?,
        database: text(row, "database")?,
        application: text(row, "application")?.unwrap_or_default(),
        client: text(row, "client")?,
        state: State::named(text(row, "state")?.as_deref()),
        wait,
        xact_start: moment(row, "xact_start")?,
        query_start: moment(row, "query_start")?,
        state_change: moment(row, "state_change")?,
        query: text(row, "query")?
            .filter(|query| !query.is_empty())
            .and_then(|query| redact(&query)),
        blocked_by: blocked_by.unwrap_or_default(),
    }))
}

/// What the signalling statement decided: an outcome's name and a detail; `None` when it did not signal because
/// something is not as approved.
pub(super) fn verdict(row: &Row) -> Result<Option<(String, String)>, tokio_postgres::Error> {
    let verdict: Option<Vec<Option<Lossy>>> = row.try_get("verdict")?;
    Ok(verdict.map(|parts| {
        let mut parts = parts
            .into_iter()
            .map(|part| part.map_or_else(String::new, |Lossy(text)| text));
        (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
    }))
}

fn text(row: &Row, column: &str) -> Result<Option<String>, tokio_postgres::Error> {
    let found: Option<Lossy> = row.try_get(column)?;
    Ok(found.map(|Lossy(text)| text))
}

fn moment(row: &Row, column: &str) -> Result<Option<Moment>, tokio_postgres::Error> {
    let micros: Option<i64> = row.try_get(column)?;
    Ok(micros.map(Moment::from_micros))
}
