//! Finds the records of some requests through the indexes, so that no query reads the whole history.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, GenericClient, IsolationLevel, Row, Transaction};

use super::error::PostgresOpenError;
use super::int8;
use crate::domain::identity::Pid;
use crate::domain::ids::RequestId;
use crate::domain::timestamp::Timestamp;
use crate::ledger::hash_chain::{self, ChainTail};
use crate::ledger::pending::{self, PendingState};
use crate::ledger::reader::StoredRecord;
use crate::ledger::record::time;
use crate::postgres::connection::PostgresConnection;
use crate::workflow::ports::{LedgerError, PendingRequests, RequestSearch, SearchAnchor};

/// The requests that may be open: those that are listed, and, whatever the list says, those that expire at `$1` or later.
const MAY_BE_OPEN: &str = "SELECT request FROM killgate_ledger.pending WHERE NOT undelivered
     UNION
     SELECT request FROM killgate_ledger.record
     WHERE event = 'requested' AND killgate_ledger.field(line, 'expires_at') COLLATE \"C\" >= $1";

const HAS_NOT_ENDED: &str = "NOT EXISTS (SELECT FROM killgate_ledger.record AS finished
     WHERE finished.event = 'finished' AND finished.request = requested.request)";

/// The requests whose result may not be in the channel: those that are listed, and, whatever the list says, those that ended
/// at `$1` or later and are not known to be delivered.
const UNDELIVERED: &str = "SELECT request FROM killgate_ledger.pending WHERE undelivered
     UNION
     SELECT request FROM killgate_ledger.record WHERE event = 'finished' AND at >= $1
       AND NOT EXISTS (SELECT FROM killgate_ledger.delivered WHERE delivered.request = record.request)";

/// The rows that [`PendingRequests`] is read from.
pub(super) struct PendingRows {
    rows: Vec<StoredRecord>,
    next_id: RequestId,
    undelivered: BTreeSet<RequestId>,
    /// The end of the chain at that time; `None` when a known record is missing.
    pub(super) tail: Option<ChainTail>,
}

/// A transaction whose queries all see the same snapshot of the ledger.
pub(super) async fn snapshot(connection: &mut PostgresConnection) -> Result<Transaction<'_>, Error> {
    connection
        .client_mut()
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await
}

pub(super) async fn load_pending(
    connection: &mut PostgresConnection,
    since: Timestamp,
    known: &ChainTail,
) -> Result<PendingRows, Error> {
    let transaction = snapshot(connection).await?;
    let searched_since = searched_since(&transaction).await?;
    let rows = transaction
        .query(
            &format!(
                "SELECT seq, line FROM killgate_ledger.record WHERE request IN (
                     SELECT request FROM ({MAY_BE_OPEN}) AS requested WHERE {HAS_NOT_ENDED}
                     UNION
                     {UNDELIVERED}
                     UNION
                     SELECT request FROM killgate_ledger.record WHERE event = 'executing' AND at >= $2
                 ) ORDER BY seq"
            ),
            &[&searched_since, &time::write(since)],
        )
        .await?;
    let last = transaction
        .query_one(
            "SELECT coalesce(max(request), 0) AS last FROM killgate_ledger.record WHERE event = 'requested'",
            &[],
        )
        .await?;
    let undelivered = transaction.query(UNDELIVERED, &[&searched_since]).await?;
    let tail = fetch_tail_if_contains(&transaction, known).await?;
    transaction.commit().await?;
    Ok(PendingRows {
        rows: rows.iter().map(read_row).collect::<Result<_, _>>()?,
        next_id: RequestId(last.try_get::<_, i64>("last")?.unsigned_abs() + 1),
        undelivered: undelivered
            .iter()
            .map(|row| Ok(RequestId(row.try_get::<_, i64>("request")?.unsigned_abs())))
            .collect::<Result<_, Error>>()?,
        tail,
    })
}

/// From when on requests are searched for in the chain, as records write it.
async fn searched_since(client: &impl GenericClient) -> Result<String, Error> {
    let last = "SELECT at FROM killgate_ledger.record ORDER BY seq DESC LIMIT 1";
    let last: Option<String> = client.query_opt(last, &[]).await?.map(|row| row.try_get("at")).transpose()?;
    let since = last.and_then(|at| time::read(&at)).map(pending::searched_since);
    Ok(since.map(time::write).unwrap_or_default())
}

impl PendingRows {
    pub(super) fn parse(self) -> Result<PendingRequests, LedgerError> {
        Ok(PendingRequests {
            records: hash_chain::read_all(self.rows)?,
            next_id: self.next_id,
            undelivered: self.undelivered,
        })
    }
}

/// Newest request first, and each request's records oldest first.
pub(super) async fn history(client: &Client, search: &RequestSearch) -> Result<Vec<StoredRecord>, Error> {
    let mut sql =
        "SELECT request FROM killgate_ledger.record AS requested WHERE event = 'requested'".to_owned();
    let searched_since = searched_since(client).await?;
    let (pid, requester, message, limit) = (
        search.pid.map(Pid::number),
        search.requester.map(|requester| requester.to_string()),
        search.card.map(|message| message.to_string()),
        i64::from(search.limit),
    );
    let targets: Option<Vec<&str>> =
        search.targets.as_ref().map(|targets| targets.iter().map(String::as_str).collect());
    let (anchor, order) = match search.anchor {
        SearchAnchor::Newest => (None, "DESC"),
        SearchAnchor::OlderThan(request) => (Some(("request <", int8(request.0))), "DESC"),
        SearchAnchor::NewerThan(request) => (Some(("request >", int8(request.0))), "ASC"),
    };
    let mut values: Vec<&(dyn ToSql + Sync)> = Vec::new();
    match search.ended {
        Some(true) => sql.push_str(
            " AND EXISTS (SELECT FROM killgate_ledger.record WHERE event = 'finished' AND request = requested.request)",
        ),
        Some(false) => {
            values.push(&searched_since);
            // Writing to a String cannot fail.
            let _ = write!(sql, " AND request IN ({MAY_BE_OPEN}) AND {HAS_NOT_ENDED}");
        }
        None => {}
    }
    let mut condition = |before: &str, value, after: &str| {
        values.push(value);
        let _ = write!(sql, " AND {before} ${}{after}", values.len());
    };
    if let Some(pid) = &pid {
        condition("pids @> ARRAY[", pid, "::integer]");
    }
    if let Some(requester) = &requester {
        condition("actor =", requester, "");
    }
    if let Some(message) = &message {
        let posted =
            "request IN (SELECT request FROM killgate_ledger.record WHERE event = 'posted' AND message =";
        condition(posted, message, ")");
    }
    if let Some(targets) = &targets {
        condition("killgate_ledger.field(line, 'target') = ANY (", targets, ")");
    }
    if let Some((comparison, request)) = &anchor {
        condition(comparison, request, "");
    }
    values.push(&limit);
    let _ = write!(sql, " ORDER BY request {order} LIMIT ${}", values.len());
    let rows = client
        .query(
            &format!(
                "SELECT seq, line FROM killgate_ledger.record
                 WHERE request IN ({sql}) ORDER BY request DESC, seq"
            ),
            &values,
        )
        .await?;
    rows.iter().map(read_row).collect()
}

/// The end of the chain, as the last append recorded it.
pub(super) async fn fetch_tail(client: &impl GenericClient) -> Result<ChainTail, PostgresOpenError> {
    Ok(read_tail(&only_row(client, "chain_end", "seq, hash").await?)?)
}

/// The row of a table that always has one.
pub(super) async fn only_row(
    client: &impl GenericClient,
    table: &'static str,
    columns: &str,
) -> Result<Row, PostgresOpenError> {
    let row = client.query_opt(&format!("SELECT {columns} FROM killgate_ledger.{table}"), &[]).await?;
    row.ok_or(PostgresOpenError::RowDeleted { table })
}

/// The end of the chain, or `None` when the record `known` is missing.
pub(super) async fn fetch_tail_if_contains(
    client: &impl GenericClient,
    known: &ChainTail,
) -> Result<Option<ChainTail>, Error> {
    let row = client
        .query_opt(
            "SELECT seq, hash FROM killgate_ledger.chain_end
             WHERE $1::int8 = 0 OR EXISTS (
                 SELECT FROM killgate_ledger.record
                 WHERE seq = $1 AND killgate_ledger.field(line, 'hash') = $2)",
            &[&int8(known.seq), &known.hash],
        )
        .await?;
    row.as_ref().map(read_tail).transpose()
}

/// The list of the requests to resume after a start.
pub(super) async fn fetch_pending(client: &Client) -> Result<BTreeMap<u64, PendingState>, Error> {
    let rows = client.query("SELECT request, undelivered FROM killgate_ledger.pending", &[]).await?;
    rows.iter()
        .map(|row| {
            let state = PendingState::from_undelivered(row.try_get("undelivered")?);
            Ok((row.try_get::<_, i64>("request")?.unsigned_abs(), state))
        })
        .collect()
}

/// See [`LedgerReader::wrongly_delivered`](crate::ledger::reader::LedgerReader::wrongly_delivered).
pub(super) async fn wrongly_delivered(client: &Client) -> Result<Option<u64>, Error> {
    let difference = "SELECT request FROM killgate_ledger.record WHERE event = 'finished'
          AND NOT EXISTS (SELECT FROM killgate_ledger.delivered WHERE delivered.request = record.request)
          AND NOT EXISTS (
              SELECT FROM killgate_ledger.pending WHERE undelivered AND pending.request = record.request)
        UNION ALL
        SELECT request FROM killgate_ledger.delivered WHERE NOT EXISTS (
            SELECT FROM killgate_ledger.record WHERE event = 'finished' AND record.request = delivered.request)
        LIMIT 1";
    let row = client.query_opt(difference, &[]).await?;
    row.map(|row| Ok(row.try_get::<_, i64>("request")?.unsigned_abs())).transpose()
}

pub(super) async fn lowest_seq(client: &impl GenericClient) -> Result<Option<i64>, Error> {
    client.query_one("SELECT min(seq) AS lowest FROM killgate_ledger.record", &[]).await?.try_get("lowest")
}

/// Up to `limit` records after `seq`, in order.
pub(super) async fn records_after(client: &Client, seq: u64, limit: i64) -> Result<Vec<StoredRecord>, Error> {
    let rows = client
        .query(
            "SELECT seq, line FROM killgate_ledger.record WHERE seq > $1 ORDER BY seq LIMIT $2",
            &[&int8(seq), &limit],
        )
        .await?;
    rows.iter().map(read_row).collect()
}

fn read_tail(row: &Row) -> Result<ChainTail, Error> {
    Ok(ChainTail { seq: row.try_get::<_, i64>("seq")?.unsigned_abs(), hash: row.try_get("hash")? })
}

pub(super) fn read_row(row: &Row) -> Result<StoredRecord, Error> {
    Ok(StoredRecord { seq: row.try_get::<_, i64>("seq")?.unsigned_abs(), line: row.try_get("line")? })
}
