//! Converts rows to the types of the domain.

use std::borrow::Cow;
use std::sync::Arc;

use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};

use crate::domain::identity::{Pid, ServerIdentity};
use crate::domain::session::{BackendType, Session, SessionState, Snapshot, WaitEvent};
use crate::domain::timestamp::Timestamp;

/// Redacts query text; `None` when query text is hidden. Raw query text never leaves this module.
pub type QueryRedactor = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Text of `pg_stat_activity`, which is in the encoding of the session's database, so it may not be valid UTF-8.
struct LossyText<'a>(Cow<'a, str>);

impl<'a> FromSql<'a> for LossyText<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(String::from_utf8_lossy(raw)))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::TEXT
    }
}

/// Builds a snapshot from the rows of the listing, of which there is at least one.
pub(super) struct SnapshotBuilder<'a> {
    redact: &'a QueryRedactor,
    snapshot: Snapshot,
    has_header: bool,
    /// The first row that could not be read. The rows after it are skipped.
    error: Option<tokio_postgres::Error>,
}

impl<'a> SnapshotBuilder<'a> {
    pub(super) fn begin(system_identifier: u64, redact: &'a QueryRedactor) -> Self {
        Self {
            redact,
            snapshot: Snapshot {
                server: ServerIdentity {
                    system_identifier,
                    postmaster_start: Timestamp::from_micros(0),
                },
                taken_at: Timestamp::from_micros(0),
                own_pid: None,
                sessions: Vec::new(),
            },
            has_header: false,
            error: None,
        }
    }

    pub(super) fn read(&mut self, row: &Row) {
        if self.error.is_none() {
            self.error = self.add(row).err();
        }
    }

    fn add(&mut self, row: &Row) -> Result<(), tokio_postgres::Error> {
        let snapshot = &mut self.snapshot;
        if !self.has_header {
            snapshot.server.postmaster_start = Timestamp::from_micros(row.try_get("postmaster_start")?);
            snapshot.taken_at = Timestamp::from_micros(row.try_get("at")?);
            snapshot.own_pid = Pid::new(row.try_get("answered_by")?);
        }
        self.has_header = true;
        snapshot.sessions.extend(session(row, &**self.redact)?);
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Snapshot, tokio_postgres::Error> {
        match self.error {
            Some(error) => Err(error),
            None => Ok(self.snapshot),
        }
    }
}

/// The identity of the server that answered.
pub(super) fn server(row: &Row, system_identifier: u64) -> Result<ServerIdentity, tokio_postgres::Error> {
    Ok(ServerIdentity {
        system_identifier,
        postmaster_start: Timestamp::from_micros(row.try_get("postmaster_start")?),
    })
}

/// The session of a row. `None` when the row has none, or has a process that is still starting: without `backend_start`
/// nothing identifies it.
pub(super) fn session(
    row: &Row,
    redact: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Session>, tokio_postgres::Error> {
    let mut cells = RowCells { row, next: 0 };
    // In the order of the columns, which is fastest.
    let pid: Option<i32> = cells.value("pid")?;
    let (Some(pid), Some(backend_start)) = (pid.and_then(Pid::new), cells.timestamp("backend_start")?) else {
        return Ok(None);
    };
    let kind = BackendType::from_name(cells.text("backend_type")?.as_deref());
    let leader: Option<i32> = cells.value("leader_pid")?;
    let user = cells.text("username")?;
    let superuser = cells.value("superuser")?;
    let own = cells.value("own")?;
    let database = cells.text("database")?;
    let application = cells.text("application")?.unwrap_or_default();
    let client = cells.text("client")?;
    let state = SessionState::from_name(cells.text("state")?.as_deref());
    let wait = match (cells.text("wait_event_type")?, cells.text("wait_event")?) {
        (Some(kind), Some(event)) => Some(WaitEvent { kind, event }),
        _ => None,
    };
    let xact_start = cells.timestamp("xact_start")?;
    let query_start = cells.timestamp("query_start")?;
    let state_change = cells.timestamp("state_change")?;
    let query: Option<LossyText> = cells.value("query")?;
    let blocked_by: Option<Vec<i32>> = cells.value("blocked_by")?;
    Ok(Some(Session {
        pid,
        backend_start,
        backend_type: kind,
        leader_pid: leader.and_then(Pid::new),
        user,
        is_superuser: superuser,
        is_own: own,
        database,
        application,
        client,
        state,
        wait,
        xact_start,
        query_start,
        state_change,
        query: query
            .filter(|LossyText(query)| !query.is_empty())
            .and_then(|LossyText(query)| redact(&query)),
        blocked_by: blocked_by.unwrap_or_default(),
    }))
}

/// The decision of the signalling statement: the name of an outcome and a detail. `None` when it did not signal because
/// something is not as approved.
pub(super) fn verdict(row: &Row) -> Result<Option<(String, String)>, tokio_postgres::Error> {
    let verdict: Option<Vec<Option<LossyText>>> = row.try_get("verdict")?;
    Ok(verdict.map(|parts| {
        let mut parts = parts
            .into_iter()
            .map(|part| part.map_or_else(String::new, |LossyText(text)| text.into_owned()));
        (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
    }))
}

/// The cells of a row, by name. The search for a column starts after the last one read, so that reading a row in its
/// order compares each name once: a listing has twenty thousand cells.
struct RowCells<'a> {
    row: &'a Row,
    next: usize,
}

impl<'a> RowCells<'a> {
    fn value<T: FromSql<'a>>(&mut self, name: &'static str) -> Result<T, tokio_postgres::Error> {
        let row = self.row;
        let mut following = row.columns().iter().enumerate().skip(self.next);
        match following.find(|(_, column)| column.name() == name) {
            Some((index, _)) => {
                self.next = index + 1;
                row.try_get(index)
            }
            None => row.try_get(name),
        }
    }

    fn text(&mut self, name: &'static str) -> Result<Option<String>, tokio_postgres::Error> {
        let found: Option<LossyText> = self.value(name)?;
        Ok(found.map(|LossyText(text)| text.into_owned()))
    }

    fn timestamp(&mut self, name: &'static str) -> Result<Option<Timestamp>, tokio_postgres::Error> {
        let micros: Option<i64> = self.value(name)?;
        Ok(micros.map(Timestamp::from_micros))
    }
}
