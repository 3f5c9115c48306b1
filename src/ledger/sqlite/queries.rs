//! Finds the records of some requests through the indexes, so that no query reads the whole history.

use std::collections::BTreeSet;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::error::not_recorded;
use super::store::SqliteStore;
use crate::domain::event::Recorded;
use crate::domain::ids::RequestId;
use crate::domain::timestamp::Timestamp;
use crate::ledger::reader::StoredRecord;
use crate::ledger::record::time;
use crate::ledger::{hash_chain, pending};
use crate::workflow::ports::{LedgerError, PendingRequests, RequestSearch, SearchAnchor};

/// The requests that may be open: those that are listed, and, whatever the list says, those that expire at `?1` or later.
const MAY_BE_OPEN: &str = "SELECT request FROM pending WHERE undelivered = 0
     UNION
     SELECT request FROM record WHERE event = 'requested' AND line ->> '$.expires_at' >= ?1";

const HAS_NOT_ENDED: &str = "NOT EXISTS (SELECT 1 FROM record AS finished
     WHERE finished.event = 'finished' AND finished.request = requested.request)";

/// The requests whose result may not be in the channel: those that are listed, and, whatever the list says, those that ended
/// at `?1` or later and are not known to be delivered.
const UNDELIVERED: &str = "SELECT request FROM pending WHERE undelivered = 1
     UNION
     SELECT request FROM record WHERE event = 'finished' AND at >= ?1
       AND NOT EXISTS (SELECT 1 FROM delivered WHERE delivered.request = record.request)";

pub(super) fn load_pending(
    store: &mut SqliteStore,
    since: Timestamp,
) -> Result<PendingRequests, LedgerError> {
    // All queries see the same snapshot of the file.
    let connection = store.connection.transaction().map_err(not_recorded)?;
    let searched_since = searched_since(&connection).map_err(not_recorded)?;
    let lines = lines(
        &connection,
        &format!(
            "SELECT seq, line FROM record WHERE request IN (
                 SELECT request FROM ({MAY_BE_OPEN}) AS requested WHERE {HAS_NOT_ENDED}
                 UNION
                 {UNDELIVERED}
                 UNION
                 SELECT request FROM record WHERE event = 'executing' AND at >= ?2
             ) ORDER BY seq"
        ),
        &[searched_since.clone().into(), time::write(since).into()],
    );
    let records = hash_chain::read_all(lines.map_err(not_recorded)?)?;
    let (next_id, undelivered) = next_and_undelivered(&connection, &searched_since).map_err(not_recorded)?;
    Ok(PendingRequests { records, next_id, undelivered })
}

/// Newest request first, and each request's records oldest first.
pub(super) fn history(store: &mut SqliteStore, search: &RequestSearch) -> Result<Vec<Recorded>, LedgerError> {
    let connection = store.connection.transaction().map_err(not_recorded)?;
    let searched_since = searched_since(&connection).map_err(not_recorded)?;
    let (sql, values) = matching_requests(search, searched_since);
    let lines = lines(
        &connection,
        &format!(
            "SELECT seq, line FROM record WHERE request IN ({sql} LIMIT {})
             ORDER BY request DESC, seq",
            search.limit
        ),
        &values,
    );
    hash_chain::read_all(lines.map_err(not_recorded)?)
}

/// A query for the requests of the search, nearest to its anchor first. Each condition has an index, except the rarely
/// used one on the target, which is read from the lines that the other conditions leave.
fn matching_requests(search: &RequestSearch, searched_since: String) -> (String, Vec<Value>) {
    let mut sql = "SELECT request FROM record AS requested WHERE event = 'requested'".to_owned();
    let mut values = Vec::new();
    let mut condition = |text: &str, value: Option<Value>| {
        sql.push_str(text);
        values.extend(value);
    };
    match search.ended {
        Some(true) => condition(
            " AND EXISTS (SELECT 1 FROM record WHERE event = 'finished' AND request = requested.request)",
            None,
        ),
        Some(false) => condition(
            &format!(" AND request IN ({MAY_BE_OPEN}) AND {HAS_NOT_ENDED}"),
            Some(searched_since.into()),
        ),
        None => {}
    }
    if let Some(pid) = search.pid {
        condition(
            " AND request IN (SELECT request FROM request_pid WHERE pid = ?)",
            Some(pid.number().into()),
        );
    }
    if let Some(requester) = search.requester {
        condition(" AND actor = ?", Some(requester.to_string().into()));
    }
    if let Some(message) = search.card {
        condition(
            " AND request IN (SELECT request FROM record WHERE event = 'posted' AND message = ?)",
            Some(message.to_string().into()),
        );
    }
    if let Some(targets) = &search.targets {
        // As a JSON array they are one parameter.
        let targets: serde_json::Value = targets.iter().map(String::as_str).collect();
        condition(
            " AND line ->> '$.target' IN (SELECT value FROM json_each(?))",
            Some(targets.to_string().into()),
        );
    }
    // Request numbers start at 1.
    let number = |RequestId(request): RequestId| Some(i64::try_from(request).unwrap_or(i64::MAX).into());
    match search.anchor {
        SearchAnchor::Newest => condition(" ORDER BY request DESC", None),
        SearchAnchor::OlderThan(request) => {
            condition(" AND request < ? ORDER BY request DESC", number(request));
        }
        SearchAnchor::NewerThan(request) => condition(" AND request > ? ORDER BY request", number(request)),
    }
    (sql, values)
}

/// From when on requests are searched for in the chain, as records write it.
fn searched_since(connection: &Connection) -> rusqlite::Result<String> {
    let last: Option<String> = connection
        .query_row("SELECT at FROM record ORDER BY seq DESC LIMIT 1", [], |row| row.get(0))
        .optional()?;
    let since = last.and_then(|at| time::read(&at)).map(pending::searched_since);
    Ok(since.map(time::write).unwrap_or_default())
}

/// The number of the next request, and the requests whose result may not be in the channel.
fn next_and_undelivered(
    connection: &Connection,
    searched_since: &str,
) -> rusqlite::Result<(RequestId, BTreeSet<RequestId>)> {
    let last: Option<u64> =
        connection
            .query_row("SELECT max(request) FROM record WHERE event = 'requested'", [], |row| row.get(0))?;
    let undelivered = connection
        .prepare_cached(UNDELIVERED)?
        .query_map([searched_since], |row| row.get(0).map(RequestId))?
        .collect::<Result<_, _>>()?;
    Ok((RequestId(last.unwrap_or(0) + 1), undelivered))
}

fn lines(connection: &Connection, sql: &str, values: &[Value]) -> rusqlite::Result<Vec<StoredRecord>> {
    connection
        .prepare_cached(sql)?
        .query_map(params_from_iter(values), |row| Ok(StoredRecord { seq: row.get(0)?, line: row.get(1)? }))?
        .collect()
}
