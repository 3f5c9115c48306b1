//! Looks up what the waiting sessions of a snapshot wait for.
//!
//! This is a statement of its own, run only while sessions wait: `pg_locks` briefly locks the whole lock manager, and the
//! name of a relation may need a catalog that somebody has locked. When it fails, the sessions are listed without it.

use std::collections::HashMap;

use tokio::time::Instant;
use tokio_postgres::{Row, Statement};

use super::connection_manager::ConnectionGuard;
use super::prepared_statements::PreparedStatements;
use super::raw_text::RawText;
use crate::domain::identity::Pid;
use crate::domain::lock_wait::{LockWait, LockedRelation, PreparedTransaction};
use crate::domain::session::{Session, Snapshot};
use crate::domain::timestamp::Timestamp;

/// How many waiting sessions are looked up. A longer queue is described by what its first members wait for.
const MAX_WAITERS: usize = 1_000;

/// For each pid in `$1` that waits: its lock, and a row for each prepared transaction that holds it. A session that waits
/// for a row waits for the transaction that has it; it then holds the lock `tuple` of that row, which names the relation.
/// A standby's replay is not among the backends that `pg_blocking_pids` knows, so its holders are found here.
///
/// The locks of prepared transactions are few, and picked out once: comparing each waiter with all locks takes most of the
/// time in a long queue.
pub(super) fn sql(has_wait_start: bool) -> String {
    let since = if has_wait_start { "w.waitstart" } else { "NULL::timestamptz" };
    let same_lock = "(h.locktype, h.database, h.relation, h.page, h.tuple, h.virtualxid, h.transactionid, h.classid, h.objid, h.objsubid)
                     IS NOT DISTINCT FROM
                     (w.locktype, w.database, w.relation, w.page, w.tuple, w.virtualxid, w.transactionid, w.classid, w.objid, w.objsubid)";
    // As in a listing, no table is read.
    let database = |oid| {
        format!(
            "(pg_catalog.pg_identify_object_as_address('pg_catalog.pg_database'::regclass, {oid}, 0)).object_names[1]"
        )
    };
    format!(
        "WITH locks AS MATERIALIZED (SELECT l.* FROM pg_catalog.pg_locks AS l),
         of_prepared AS MATERIALIZED (SELECT l.* FROM locks AS l WHERE l.pid IS NULL AND l.granted),
         waits AS MATERIALIZED (
             SELECT DISTINCT ON (l.pid) l.*, coalesce(l.relation, held.relation) AS locked,
                    coalesce(l.database, held.database) AS locked_in
             FROM locks AS l
             LEFT JOIN locks AS held ON held.pid = l.pid AND held.granted AND held.locktype = 'tuple'
                                        AND l.locktype = 'transactionid'
             WHERE NOT l.granted AND l.pid = ANY ($1::int4[])
             ORDER BY l.pid
         )
         SELECT w.pid, w.locktype, w.mode, (extract(epoch FROM {since}) * 1000000)::int8 AS since,
                w.locked AS relation,
                CASE WHEN w.locked_in = 0 OR d.name = pg_catalog.current_database()
                     THEN pg_catalog.quote_literal(nullif(w.locked::regclass::text, w.locked::text))::bytea END AS name,
                CASE WHEN d.name <> pg_catalog.current_database()
                     THEN pg_catalog.quote_literal(d.name)::bytea END AS database,
                ARRAY(SELECT DISTINCT h.pid FROM locks AS h
                      WHERE w.pid = ANY ($2::int4[]) AND h.granted AND h.pid <> w.pid AND {same_lock}) AS holders,
                pg_catalog.quote_literal(x.gid)::bytea AS gid,
                (extract(epoch FROM x.prepared) * 1000000)::int8 AS prepared,
                pg_catalog.quote_literal(pg_catalog.pg_get_userbyid(x.ownerid)::text)::bytea AS owner,
                pg_catalog.quote_literal({prepared_in})::bytea AS prepared_in,
                pg_catalog.getdatabaseencoding()::text AS server_encoding
         FROM waits AS w
         CROSS JOIN LATERAL (SELECT {locked_in}) AS d (name)
         LEFT JOIN LATERAL (
             SELECT DISTINCT own.transactionid FROM of_prepared AS h
             JOIN of_prepared AS own ON own.locktype = 'transactionid' AND own.virtualtransaction = h.virtualtransaction
             WHERE {same_lock}
         ) AS p ON true
         LEFT JOIN pg_catalog.pg_prepared_xact() AS x ON x.transaction = p.transactionid",
        locked_in = database("nullif(w.locked_in, 0)"),
        prepared_in = database("x.dbid"),
    )
}

/// Adds to `snapshot` what its sessions wait for. `previous` is an earlier snapshot, which may know since when.
pub(super) async fn add(
    guard: ConnectionGuard<PreparedStatements>,
    statement: &Statement,
    deadline: Instant,
    snapshot: &mut Snapshot,
    previous: Option<&Snapshot>,
) {
    let waiting = || snapshot.sessions.iter().filter(|session| session.waits_for_lock());
    let pids: Vec<_> = waiting().take(MAX_WAITERS).map(|session| session.pid.number()).collect();
    if pids.is_empty() {
        guard.release();
        return;
    }
    let of_replay = waiting().filter(|session| session.is_replay()).map(|session| session.pid.number());
    let of_replay: Vec<_> = of_replay.collect();
    let answer = guard.run(statement, &[&pids, &of_replay], deadline).await;
    let found = match answer.map(|answer| read(&answer.rows, snapshot.taken_at)) {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => return tracing::debug!(%error, "what is waited for could not be read"),
        Err(error) => return tracing::debug!(%error, "what is waited for could not be looked up"),
    };
    for session in &mut snapshot.sessions {
        let Some((wait, holders)) = found.get(&session.pid) else { continue };
        let mut wait = wait.clone();
        if wait.is_since_first_seen
            && let Some(known) = previous.and_then(|previous| first_seen(previous, session, &wait))
        {
            wait.since = known;
        }
        if session.blocked_by.is_empty() {
            session.blocked_by.clone_from(holders);
        }
        session.lock_wait = Some(wait);
    }
}

/// When this wait of the session was first seen, if `previous` shows it.
fn first_seen(previous: &Snapshot, session: &Session, wait: &LockWait) -> Option<Timestamp> {
    let before = previous.find(session.pid).filter(|before| before.identity() == session.identity())?;
    before.lock_wait.as_ref().filter(|known| known.is_same_lock(wait)).map(|known| known.since)
}

type FoundWaits = HashMap<Pid, (LockWait, Vec<i32>)>;

fn read(rows: &[Row], now: Timestamp) -> Result<FoundWaits, tokio_postgres::Error> {
    let mut found = FoundWaits::new();
    for row in rows {
        let pid: i32 = row.try_get("pid")?;
        let Some(pid) = Pid::new(pid) else { continue };
        let encoding: &str = row.try_get("server_encoding")?;
        let text = |column| {
            let text: Option<RawText> = row.try_get(column)?;
            Ok::<_, tokio_postgres::Error>(text.map(|text| text.decode(Some(encoding))))
        };
        let since: Option<i64> = row.try_get("since")?;
        let oid: Option<u32> = row.try_get("relation")?;
        let relation = match (oid, text("name")?) {
            (_, Some(name)) => Some(LockedRelation::Named(name)),
            (Some(oid), None) => Some(LockedRelation::Unnamed { oid, database: text("database")? }),
            (None, None) => None,
        };
        let wait = LockWait {
            lock: row.try_get("locktype")?,
            mode: row.try_get("mode")?,
            relation,
            since: since.map_or(now, Timestamp::from_micros),
            is_since_first_seen: since.is_none(),
            prepared: Vec::new(),
        };
        let holders = row.try_get("holders")?;
        let (wait, _) = found.entry(pid).or_insert((wait, holders));
        if let Some(gid) = text("gid")? {
            let prepared_at: i64 = row.try_get("prepared")?;
            wait.prepared.push(PreparedTransaction {
                gid,
                prepared_at: Timestamp::from_micros(prepared_at),
                owner: text("owner")?,
                database: text("prepared_in")?,
            });
        }
    }
    Ok(found)
}
