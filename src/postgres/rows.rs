//! Converts rows to the types of the domain.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use super::raw_text::{RawText, quote};
use super::redaction::{VisibleQuery, redact};
use super::server_info::{Encodings, ServerInfo, SignalRight};
use crate::domain::identity::{Pid, ServerIdentity};
use crate::domain::progress::Progress;
use crate::domain::session::{BackendType, Session, SessionState, Snapshot, WaitEvent};
use crate::domain::timestamp::Timestamp;

/// Returns what may be shown of a query; `None` when query text is hidden. Only what it returns leaves this module.
pub type QueryRedactor = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The names that the protection rules are about, as the server returns them.
pub(super) struct RawNames {
    pub(super) user: Option<Vec<u8>>,
    pub(super) database: Option<Vec<u8>>,
    pub(super) application: ApplicationCheck,
}

/// What the signalling statement requires of `application_name`.
pub(super) enum ApplicationCheck {
    Equals(Vec<u8>),
    /// It contains none of these.
    LacksAll(Vec<Vec<u8>>),
}

impl ApplicationCheck {
    pub(super) fn is_met_by(&self, present: &Self) -> bool {
        match (self, present) {
            (Self::Equals(checked), Self::Equals(present)) => checked == present,
            (Self::LacksAll(parts), Self::Equals(present)) => {
                parts.iter().all(|part| !contains(present, part))
            }
            (_, Self::LacksAll(_)) => false,
        }
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|window| window == part)
}

impl RawNames {
    /// The names of a session, if all of them are UTF-8 on the server.
    pub(super) fn from_session(session: &Session) -> Self {
        Self {
            user: session.user.as_deref().map(quote),
            database: session.database.as_deref().map(quote),
            application: ApplicationCheck::Equals(quote(&session.application)),
        }
    }

    /// Whether the names are those that the statement compares with `self`.
    pub(super) fn is_unchanged(&self, present: &Self) -> bool {
        self.user == present.user
            && self.database == present.database
            && self.application.is_met_by(&present.application)
    }

    /// The names of the session in a row.
    pub(super) fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            user: row.try_get("username")?,
            database: row.try_get("database")?,
            application: ApplicationCheck::Equals(row.try_get("application")?),
        })
    }
}

/// What a row says about a process.
pub(super) enum ProcessRow {
    /// There is no such process.
    None,
    /// PostgreSQL shows its pid alone: it is still starting, or the role may not see it.
    Hidden(Pid),
    Session(Box<Session>),
}

/// The number of the next snapshot ([`Snapshot::order`]). Global, because a reload replaces a target's
/// connection but keeps the requests.
static LOOKS: AtomicU64 = AtomicU64::new(1);

/// Builds a snapshot from the rows of the listing, of which there is at least one.
pub(super) struct SnapshotBuilder<'a> {
    redact: &'a QueryRedactor,
    snapshot: Snapshot,
    has_header: bool,
    sees_all_sessions: bool,
    /// The first row that could not be read. The rows after it are skipped.
    error: Option<tokio_postgres::Error>,
}

impl<'a> SnapshotBuilder<'a> {
    /// `looked_up` are the pids that the statement is about, if not all.
    pub(super) fn begin(
        system_identifier: u64,
        redact: &'a QueryRedactor,
        looked_up: Option<BTreeSet<Pid>>,
    ) -> Self {
        Self {
            redact,
            snapshot: Snapshot {
                server: ServerIdentity { system_identifier, postmaster_start: Timestamp::from_micros(0) },
                looked_up,
                order: LOOKS.fetch_add(1, Ordering::Relaxed),
                taken_at: Timestamp::from_micros(0),
                own_pid: None,
                is_standby: false,
                connection_slots: None,
                signal_obstacle: None,
                hidden_pids: Vec::new(),
                sessions: Vec::new(),
            },
            has_header: false,
            sees_all_sessions: false,
            error: None,
        }
    }

    pub(super) fn read(&mut self, row: &Row, encodings: &Encodings) {
        if self.error.is_none() {
            self.error = self.add(row, encodings).err();
        }
    }

    fn add(&mut self, row: &Row, encodings: &Encodings) -> Result<(), tokio_postgres::Error> {
        let snapshot = &mut self.snapshot;
        if !self.has_header {
            snapshot.server.postmaster_start = Timestamp::from_micros(row.try_get("postmaster_start")?);
            snapshot.taken_at = Timestamp::from_micros(row.try_get("at")?);
            snapshot.is_standby = row.try_get("is_standby")?;
            snapshot.own_pid = Pid::new(row.try_get("answered_by")?);
            self.sees_all_sessions = sees_all_sessions(row)?;
        }
        self.has_header = true;
        match process(row, encodings, &**self.redact)? {
            ProcessRow::None => {}
            ProcessRow::Hidden(pid) => snapshot.hidden_pids.push(pid),
            ProcessRow::Session(session) => snapshot.sessions.push(*session),
        }
        Ok(())
    }

    /// The snapshot; `None` if the role does not see other users' sessions.
    pub(super) fn finish(
        mut self,
        server_info: &ServerInfo,
    ) -> Result<Option<Snapshot>, tokio_postgres::Error> {
        if let Some(error) = self.error {
            return Err(error);
        }
        self.snapshot.connection_slots = server_info.connection_slots;
        let is_powerless = server_info.signal_right == SignalRight::Nothing;
        self.snapshot.signal_obstacle = is_powerless.then(|| server_info.signal_obstacle());
        Ok(self.sees_all_sessions.then_some(self.snapshot))
    }
}

pub(super) fn server(row: &Row, system_identifier: u64) -> Result<ServerIdentity, tokio_postgres::Error> {
    Ok(ServerIdentity {
        system_identifier,
        postmaster_start: Timestamp::from_micros(row.try_get("postmaster_start")?),
    })
}

/// Whether the role sees other users' sessions, as of the statement that returned the row.
pub(super) fn sees_all_sessions(row: &Row) -> Result<bool, tokio_postgres::Error> {
    row.try_get("sees_all")
}

/// The process of a row. Without `backend_start` nothing identifies a session.
pub(super) fn process(
    row: &Row,
    encodings: &Encodings,
    redact: &dyn Fn(&str) -> Option<String>,
) -> Result<ProcessRow, tokio_postgres::Error> {
    let mut cells = RowCells { row, next: 0 };
    // In the order of the columns, which is fastest.
    let own_encoding: &str = cells.value("server_encoding")?;
    let pid: Option<i32> = cells.value("pid")?;
    let Some(pid) = pid.and_then(Pid::new) else { return Ok(ProcessRow::None) };
    let Some(backend_start) = cells.timestamp("backend_start")? else { return Ok(ProcessRow::Hidden(pid)) };
    let kind = BackendType::from_name(cells.text("backend_type")?.as_deref());
    let leader: Option<i32> = cells.value("leader_pid")?;
    let user: Option<RawText> = cells.value("username")?;
    let superuser = cells.value("superuser")?;
    let own = cells.value("own")?;
    let database_oid: Option<u32> = cells.value("database_oid")?;
    let database: Option<RawText> = cells.value("database")?;
    let application: Option<RawText> = cells.value("application")?;
    let client = cells.text("client")?;
    let state = SessionState::of_column(cells.text("state")?.as_deref());
    let wait = match (cells.text("wait_event_type")?, cells.text("wait_event")?) {
        (Some(kind), Some(event)) => Some(WaitEvent { kind, event }),
        _ => None,
    };
    let xact_start = cells.timestamp("xact_start")?;
    let query_start = cells.timestamp("query_start")?;
    let state_change = cells.timestamp("state_change")?;
    let has_xid: Option<bool> = cells.value("has_xid")?;
    let query: Option<RawText> = cells.value("query")?;
    let blocked_by: Option<Vec<i32>> = cells.value("blocked_by")?;
    // The database that wrote a text is unknown; it is most likely the session's own, or else one like killgate's.
    let encoding = database_oid.and_then(|oid| encodings.get(&oid)).map_or(own_encoding, String::as_str);
    let decode = |text: Option<RawText>| text.map(|text| text.decode(Some(encoding)));
    let query = decode(query).filter(|query| !query.is_empty());
    Ok(ProcessRow::Session(Box::new(Session {
        pid,
        backend_start,
        backend_type: kind,
        leader_pid: leader.and_then(Pid::new),
        user: decode(user),
        is_superuser: superuser,
        is_own: own,
        database: decode(database),
        application: decode(application).unwrap_or_default(),
        client,
        state,
        wait,
        xact_start,
        query_start,
        state_change,
        has_begun_backup: query.as_deref().is_some_and(begins_backup),
        query: query.and_then(|query| redact(&query)),
        blocked_by: blocked_by.unwrap_or_default(),
        lock_wait: None,
        has_xid: has_xid.unwrap_or(false),
        progress: None,
    })))
}

/// How far the commands of these rows are, by the pid of their session.
pub(super) fn progress_by_pid(rows: &[Row]) -> Result<HashMap<Pid, Progress>, tokio_postgres::Error> {
    let mut found = HashMap::new();
    for row in rows {
        let amount = |column| {
            let amount: Option<i64> = row.try_get(column)?;
            Ok::<_, tokio_postgres::Error>(amount.and_then(|amount| u64::try_from(amount).ok()))
        };
        let progress = Progress {
            command: row.try_get("command")?,
            phase: row.try_get("phase")?,
            done: amount("done")?.unwrap_or_default(),
            total: amount("total")?,
        };
        if let Some(pid) = Pid::new(row.try_get("pid")?) {
            found.insert(pid, progress);
        }
    }
    Ok(found)
}

/// Whether a query calls the function that begins a base backup. Anybody can write its name into a comment or a literal, or use it
/// as an alias, to deter people.
fn begins_backup(query: &str) -> bool {
    let has_name = |text: &str, is_meant: fn(&str) -> bool| {
        let text = text.to_ascii_lowercase();
        ["pg_backup_start", "pg_start_backup"].iter().any(|name| text.split(name).skip(1).any(is_meant))
    };
    // Without comments. The name may be a quoted identifier.
    let is_called = |after: &str| after.trim_start_matches(['"', ' ']).starts_with('(');
    let calls_function =
        |shown: VisibleQuery| shown.as_str().ends_with('…') || has_name(shown.as_str(), is_called);
    has_name(query, |_| true) && calls_function(redact(query))
}

/// The decision of the signalling statement: the name of an outcome and a detail. `None` when it did not signal because
/// something is not as approved.
pub(super) fn verdict(row: &Row) -> Result<Option<(String, String)>, tokio_postgres::Error> {
    let verdict: Option<Vec<Option<RawText>>> = row.try_get("verdict")?;
    let encoding: &str = row.try_get("server_encoding")?;
    Ok(verdict.map(|parts| {
        let mut parts =
            parts.into_iter().map(|part| part.map_or_else(String::new, |text| text.decode(Some(encoding))));
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
        self.value(name)
    }

    fn timestamp(&mut self, name: &'static str) -> Result<Option<Timestamp>, tokio_postgres::Error> {
        let micros: Option<i64> = self.value(name)?;
        Ok(micros.map(Timestamp::from_micros))
    }
}
