//! Finds the records of some requests through the indexes, so that no query reads the whole history.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, GenericClient, IsolationLevel, Transaction};

use super::int8;
use crate::domain::event::Recorded;
use crate::domain::identity::Pid;
use crate::domain::ids::RequestId;
use crate::domain::timestamp::Timestamp;
use crate::ledger::hash_chain::{self, ChainTail};
use crate::ledger::pending::{self, PendingState};
use crate::ledger::reader::StoredRecord;
use crate::ledger::record::time;
use crate::postgres::connection::PostgresConnection;
use crate::workflow::ports::{LedgerError, PendingRequests, RequestSearch, SearchAnchor};

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
    let last_at: Option<String> = transaction
        .query_opt("SELECT at FROM killgate_ledger.record ORDER BY seq DESC LIMIT 1", &[])
        .await?
        .map(|row| row.try_get("at"))
        .transpose()?;
    let open_since = last_at.and_then(|at| time::read(&at)).map_or(since, pending::may_be_open_since);
    let rows = transaction
        .query(
            "SELECT seq, line FROM killgate_ledger.record WHERE request IN (
                 SELECT request FROM killgate_ledger.pending
                 UNION
                 SELECT request FROM killgate_ledger.record WHERE event = 'executing' AND at >= $1
                 UNION
                 SELECT request FROM killgate_ledger.record AS requested
                 WHERE event = 'requested' AND killgate_ledger.field(line, 'expires_at') COLLATE \"C\" >= $2
                   AND NOT EXISTS (SELECT FROM killgate_ledger.record AS finished
                                   WHERE finished.event = 'finished' AND finished.request = requested.request)
             ) ORDER BY seq",
            &[&time::write(since), &time::write(open_since)],
        )
        .await?;
    let last = transaction
        .query_one(
            "SELECT coalesce(max(request), 0) AS last FROM killgate_ledger.record WHERE event = 'requested'",
            &[],
        )
        .await?;
    let undelivered =
        transaction.query("SELECT request FROM killgate_ledger.pending WHERE undelivered", &[]).await?;
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

impl PendingRows {
    pub(super) fn parse(self) -> Result<PendingRequests, LedgerError> {
        Ok(PendingRequests {
            records: parse(self.rows)?,
            next_id: self.next_id,
            undelivered: self.undelivered,
        })
    }
}

/// Newest request first, and each request's records oldest first.
pub(super) async fn history(client: &Client, search: &RequestSearch) -> Result<Vec<StoredRecord>, Error> {
    let mut sql =
        "SELECT request FROM killgate_ledger.record AS requested WHERE event = 'requested'".to_owned();
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
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![&limit];
    match search.ended {
        Some(true) => sql.push_str(
            " AND EXISTS (SELECT FROM killgate_ledger.record WHERE event = 'finished' AND request = requested.request)",
        ),
        Some(false) => {
            sql.push_str(" AND request IN (SELECT request FROM killgate_ledger.pending WHERE NOT undelivered)");
        }
        None => {}
    }
    let mut condition = |before: &str, value, after: &str| {
        values.push(value);
        // Writing to a String cannot fail.
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
    let _ = write!(sql, " ORDER BY request {order}");
    let rows = client
        .query(
            &format!(
                "SELECT seq, line FROM killgate_ledger.record
                 WHERE request IN ({sql} LIMIT $1) ORDER BY request DESC, seq"
            ),
            &values,
        )
        .await?;
    rows.iter().map(read_row).collect()
}

/// The end of the chain, as the last append recorded it.
pub(super) async fn fetch_tail(client: &impl GenericClient) -> Result<ChainTail, Error> {
    let row = client.query_one("SELECT seq, hash FROM killgate_ledger.chain_end", &[]).await?;
    read_tail(&row)
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

fn read_tail(row: &tokio_postgres::Row) -> Result<ChainTail, Error> {
    Ok(ChainTail { seq: row.try_get::<_, i64>("seq")?.unsigned_abs(), hash: row.try_get("hash")? })
}

pub(super) fn read_row(row: &tokio_postgres::Row) -> Result<StoredRecord, Error> {
    Ok(StoredRecord { seq: row.try_get::<_, i64>("seq")?.unsigned_abs(), line: row.try_get("line")? })
}

/// Parses the rows, and fails when one of them is not as it was written.
pub(super) fn parse(rows: Vec<StoredRecord>) -> Result<Vec<Recorded>, LedgerError> {
    rows.into_iter()
        .map(|StoredRecord { seq, line }| {
            hash_chain::read(seq, &line)
                .map(|link| link.recorded)
                .map_err(|error| LedgerError::Corrupt { seq, problem: error.to_string() })
        })
        .collect()
}
