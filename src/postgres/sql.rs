//! The SQL that killgate sends to a target, for PostgreSQL 13 to 18.
//!
//! Each statement is its own transaction: within a transaction, `pg_stat_activity` keeps showing the same rows.
//! Times are whole microseconds since the Unix epoch, as `int8`, because they must not be rounded. Before 14
//! `extract(epoch …)` is a `double precision`, which is exact enough to round back to the microsecond.

use super::guard::{self, ARGUMENTS};

/// Longer query text is cut on the server, to this many bytes (`track_activity_query_size` can be 1 MiB). It is cut before
/// the rows are sorted, so that no sort spills megabytes to a file.
const QUERY_BYTES: u32 = 4000;

/// `pg_blocking_pids` briefly locks the lock manager, and its results grow with the square of the queue. So it is called
/// for the thousand longest waiters at most.
const MAX_WAITERS: u32 = 1000;

/// The number of blockers kept for each waiter. PostgreSQL lists the holders of the lock first, then those ahead in the
/// queue.
const MAX_BLOCKERS: u32 = 100;

/// The locks that a connection keeps in reserve. Reading a role takes two, but others may take what is freed first.
const RESERVE: u32 = 32;

/// The server's identity, its clock, the backend that answers, and whether the role sees other users' sessions now. It is
/// evaluated before the sessions are read, and frees what [`keep_locks_in_reserve`] took.
const SERVER: &str = "
    SELECT pg_catalog.pg_advisory_unlock_all() AS reserve,
           (extract(epoch FROM pg_catalog.pg_postmaster_start_time()) * 1000000)::int8 AS postmaster_start,
           (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::int8 AS at,
           pg_catalog.pg_backend_pid() AS answered_by,
           pg_catalog.pg_is_in_recovery() AS is_standby,
           pg_catalog.getdatabaseencoding()::text AS server_encoding,
           pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees_all";

/// The columns of a session, from `pg_stat_get_activity`. Text that a client or an administrator chose is returned as
/// [`RawText`](super::raw_text::RawText).
///
/// No statement about sessions reads a table, because any user can keep others from reading the shared catalogs. The functions
/// read a role or database only if this connection has not read it yet, or it has changed. `regrole` writes the number of a
/// role that was dropped, and quotes a name that looks like one. Only superusers may write a system catalog, whatever was
/// granted to others (`pg_class_aclmask_ext` in `aclchk.c`).
const SESSION: &str = "
    a.pid,
    (extract(epoch FROM a.backend_start) * 1000000)::int8 AS backend_start,
    a.backend_type,
    a.leader_pid,
    CASE WHEN a.usesysid::regrole::text <> a.usesysid::text
         THEN pg_catalog.quote_literal(pg_catalog.pg_get_userbyid(a.usesysid)::text)::bytea END AS username,
    coalesce(pg_catalog.has_table_privilege(a.usesysid, 'pg_catalog.pg_class'::regclass, 'INSERT'), false) AS superuser,
    coalesce(pg_catalog.pg_get_userbyid(a.usesysid) = session_user AND a.application_name LIKE 'killgate%', false) AS own,
    a.datid AS database_oid,
    pg_catalog.quote_literal(
        (pg_catalog.pg_identify_object_as_address('pg_catalog.pg_database'::regclass, a.datid, 0)).object_names[1]
    )::bytea AS database,
    pg_catalog.quote_literal(coalesce(a.application_name, ''))::bytea AS application,
    CASE WHEN a.client_addr IS NOT NULL THEN pg_catalog.host(a.client_addr)
         WHEN a.client_port = -1 THEN 'local' END AS client,
    a.state,
    a.wait_event_type,
    a.wait_event,
    (extract(epoch FROM a.xact_start) * 1000000)::int8 AS xact_start,
    (extract(epoch FROM a.query_start) * 1000000)::int8 AS query_start,
    (extract(epoch FROM a.state_change) * 1000000)::int8 AS state_change,
    a.backend_xid IS NOT NULL AS has_xid";

/// The encodings of those databases in which texts may be neither UTF-8 nor in the encoding of killgate's own: `16384 LATIN1`.
const ENCODINGS: &str = "
    ARRAY(SELECT d.oid::text || ' ' || e.name FROM pg_catalog.pg_database AS d
          CROSS JOIN LATERAL pg_catalog.pg_encoding_to_char(d.encoding) AS e (name)
          WHERE e.name NOT IN ('UTF8', 'SQL_ASCII', pg_catalog.getdatabaseencoding())
          ORDER BY d.oid) AS encodings";

/// Read once per connection.
pub(super) const SERVER_INFO: &str = "
    SELECT pg_catalog.current_setting('server_version_num')::int4 AS version,
           pg_catalog.quote_literal(current_user::text)::bytea AS role,
           (SELECT bool_or(rolsuper) FROM pg_catalog.pg_roles WHERE rolname IN (session_user, current_user)) AS superuser,
           pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees_all,
           pg_catalog.pg_is_in_recovery() AS is_standby,
           pg_catalog.current_setting('max_connections')::int4
               - pg_catalog.current_setting('superuser_reserved_connections')::int4
               - coalesce(pg_catalog.current_setting('reserved_connections', true), '0')::int4 AS connection_slots";

/// How the role may signal, and what is wrong with the guard. `$1` is the body of the guard's function. It is looked up
/// in the catalog, because naming it would be an error for a role without USAGE on its schema.
pub(super) fn signal_rights() -> String {
    format!(
        "WITH candidate AS (
             SELECT p.oid, p.proowner, p.prosrc, n.oid AS schema,
                    pg_catalog.oidvectortypes(p.proargtypes) = '{ARGUMENTS}' AS fits
             FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
             WHERE n.nspname = 'killgate' AND p.proname = 'signal_backend'
             ORDER BY fits DESC LIMIT 1
         ), verified AS (
             SELECT ARRAY(SELECT pg_catalog.quote_literal(fault.text)::bytea FROM (
                 {verification}
                 UNION ALL
                 SELECT 'its function is of another version of killgate, or was changed'
                 FROM candidate WHERE fits AND prosrc <> $1::text
             ) AS fault (text)) AS faults
         )
         SELECT pg_catalog.pg_has_role(current_user, 'pg_signal_backend', 'USAGE') AS may_signal,
                c.oid AS function, c.proowner AS owner, c.fits,
                pg_catalog.has_schema_privilege(c.schema, 'USAGE')
                    AND pg_catalog.has_function_privilege(c.oid, 'EXECUTE') AS is_granted,
                verified.faults, {ENCODINGS}
         FROM verified LEFT JOIN candidate AS c ON true",
        verification = guard::verification(),
    )
}

/// The same while there is no guard, so that nothing about it has to be verified. Once there is one, its row differs.
pub(super) fn signal_rights_without_guard() -> String {
    format!(
        "SELECT pg_catalog.pg_has_role(current_user, 'pg_signal_backend', 'USAGE') AS may_signal,
                c.oid AS function, c.proowner AS owner, c.prosrc = $1::text AS fits, false AS is_granted,
                ARRAY[]::bytea[] AS faults, {ENCODINGS}
         FROM (SELECT) AS one LEFT JOIN (
             pg_catalog.pg_proc AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.pronamespace
         ) ON n.nspname = 'killgate' AND c.proname = 'signal_backend'
         LIMIT 1"
    )
}

/// Reads the roles that can log in and the databases, so that somebody's lock on their catalogs does not hide their sessions.
pub(super) const NAMES: &str = "
    SELECT count(pg_catalog.pg_get_userbyid(oid)) FROM pg_catalog.pg_roles WHERE rolcanlogin
    UNION ALL
    SELECT count(pg_catalog.pg_identify_object_as_address('pg_catalog.pg_database'::regclass, oid, 0))
    FROM pg_catalog.pg_database";

/// Takes locks that nobody else uses. Any user can fill the lock table, and then PostgreSQL itself cannot look up a role, not
/// even to signal its session. [`SERVER`] frees the reserved locks in the statement that needs them. The keys are new each time,
/// so somebody who waits for the held ones gets none of the next.
pub(super) fn keep_locks_in_reserve() -> String {
    format!(
        "SELECT count(pg_catalog.pg_try_advisory_lock_shared((pg_catalog.random() * 9e18)::int8))
         FROM pg_catalog.generate_series(1, {RESERVE})"
    )
}

/// Plans each statement once per connection. By default PostgreSQL plans the first five executions separately, for their
/// parameters ("Query Planning", `plan_cache_mode`). These are always about one pid, and planning takes longer than
/// execution.
pub(super) const PLANNING: &str = "SET plan_cache_mode = force_generic_plan";

/// How long the guard may take until it signals, in microseconds.
const GUARD_TAKES: u32 = 1_000_000;

/// The server's clock, as [`signal`] compares it.
pub(super) const CLOCK: &str =
    "SELECT (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::int8 AS at";

/// How far each command is that reports its progress. Each of these views reads what the backends publish, and no table.
pub(super) fn progress(reports_copy: bool) -> String {
    let copy = if reports_copy {
        "UNION ALL SELECT pid, command, NULL, bytes_processed, nullif(bytes_total, 0)
         FROM pg_catalog.pg_stat_progress_copy"
    } else {
        ""
    };
    format!(
        "SELECT pid, 'VACUUM'::text AS command, phase, heap_blks_scanned AS done, heap_blks_total AS total
         FROM pg_catalog.pg_stat_progress_vacuum
         UNION ALL
         SELECT pid, command, phase, CASE WHEN blocks_total > 0 THEN blocks_done ELSE tuples_done END,
                CASE WHEN blocks_total > 0 THEN blocks_total ELSE nullif(tuples_total, 0) END
         FROM pg_catalog.pg_stat_progress_create_index
         UNION ALL
         SELECT pid, command, phase, heap_blks_scanned, heap_blks_total FROM pg_catalog.pg_stat_progress_cluster
         UNION ALL
         SELECT pid, 'ANALYZE', phase, sample_blks_scanned, sample_blks_total FROM pg_catalog.pg_stat_progress_analyze
         UNION ALL
         SELECT pid, 'BASE_BACKUP', phase, backup_streamed, backup_total FROM pg_catalog.pg_stat_progress_basebackup
         {copy}"
    )
}

/// Every session except killgate's own connection.
pub(super) fn listing() -> String {
    format!(
        "WITH server AS ({SERVER}), seen AS MATERIALIZED (
             SELECT {SESSION},
                    substring(pg_catalog.quote_literal(a.query)::bytea FROM 1 FOR {QUERY_BYTES}) AS query,
                    a.wait_event_type = 'Lock' AS waits
             FROM pg_catalog.pg_stat_get_activity(NULL) AS a
             WHERE a.pid <> pg_catalog.pg_backend_pid()
         ), placed AS (
             SELECT seen.*, row_number() OVER (PARTITION BY seen.waits ORDER BY seen.query_start) AS place FROM seen
         )
         SELECT server.*, seen.*,
                CASE WHEN seen.waits AND seen.place <= {MAX_WAITERS}
                     THEN (pg_catalog.pg_blocking_pids(seen.pid))[1:{MAX_BLOCKERS}] END AS blocked_by
         FROM server LEFT JOIN placed AS seen ON true"
    )
}

/// The sessions with the pids `$1`, an array. If one of them waits or blocks another, also all sessions that wait for a lock.
/// While nobody waits, no other session is read: reading one takes a tenth of reading a thousand. On a standby all are read,
/// because `pg_blocking_pids` does not know the replay, and the replay's wait cannot be read alone.
pub(super) fn look_up() -> String {
    format!(
        "WITH server AS ({SERVER}), waiting AS MATERIALIZED (
             SELECT EXISTS (
                 SELECT FROM pg_catalog.pg_stat_get_backend_idset() AS id
                 WHERE pg_catalog.pg_stat_get_backend_wait_event_type(id) = 'Lock' OR pg_catalog.pg_is_in_recovery()
             ) AS is_any
         ), wanted AS (
             SELECT unnest($1::int4[]) AS pid FROM waiting WHERE NOT is_any
             UNION ALL SELECT NULL FROM waiting WHERE is_any
         ), a AS MATERIALIZED (
             SELECT a.*, a.wait_event_type = 'Lock' AS waits, a.pid = ANY ($1::int4[]) AS is_wanted,
                    row_number() OVER (PARTITION BY a.wait_event_type = 'Lock' ORDER BY a.query_start) AS place
             FROM wanted CROSS JOIN LATERAL pg_catalog.pg_stat_get_activity(wanted.pid) AS a
             WHERE (a.pid = ANY ($1::int4[]) OR a.wait_event_type = 'Lock') AND a.pid <> pg_catalog.pg_backend_pid()
         ), blocked AS MATERIALIZED (
             SELECT a.pid, (pg_catalog.pg_blocking_pids(a.pid))[1:{MAX_BLOCKERS}] AS blocked_by
             FROM a WHERE a.waits AND a.place <= {MAX_WAITERS}
         ), queue AS MATERIALIZED (
             SELECT EXISTS (SELECT FROM a WHERE a.waits AND (a.is_wanted OR a.backend_type = 'startup'))
                    OR EXISTS (SELECT FROM blocked WHERE blocked.blocked_by && $1::int4[]) AS is_about_them
         ), seen AS (
             SELECT {SESSION},
                    CASE WHEN a.is_wanted
                         THEN substring(pg_catalog.quote_literal(a.query)::bytea FROM 1 FOR {QUERY_BYTES}) END AS query,
                    blocked.blocked_by
             FROM a LEFT JOIN blocked ON blocked.pid = a.pid
             WHERE a.is_wanted OR (SELECT is_about_them FROM queue)
         )
         SELECT server.*, seen.* FROM server LEFT JOIN seen ON true"
    )
}

/// The sessions with the pids `$1`, an array: at least one row, with nulls when there is no such session.
pub(super) fn find_sessions() -> String {
    format!(
        "WITH server AS ({SERVER}), seen AS MATERIALIZED (
             SELECT {SESSION},
                    substring(pg_catalog.quote_literal(a.query)::bytea FROM 1 FOR {QUERY_BYTES}) AS query,
                    CASE WHEN a.wait_event_type = 'Lock'
                         THEN (pg_catalog.pg_blocking_pids(a.pid))[1:{MAX_BLOCKERS}] END AS blocked_by
             FROM unnest($1::int4[]) AS wanted (pid)
             CROSS JOIN LATERAL pg_catalog.pg_stat_get_activity(wanted.pid) AS a
             WHERE a.pid = wanted.pid AND a.pid <> pg_catalog.pg_backend_pid()
         )
         SELECT server.*, seen.*
         FROM server LEFT JOIN seen ON true"
    )
}

/// Signals with the role's own privilege. See [`signal`].
///
/// Anybody can make PostgreSQL wait for a lock on a catalog, also while it looks up the names of a session that it has read. So
/// the session and the clock are read again after that. Computing the argument makes PostgreSQL look up first what it needs to
/// signal.
pub(super) fn signal_directly() -> String {
    signal(
        "coalesce((
             SELECT CASE WHEN CASE $2::text WHEN 'cancel' THEN pg_catalog.pg_cancel_backend(a.pid)
                                            WHEN 'terminate' THEN pg_catalog.pg_terminate_backend(a.pid) END
                         THEN ARRAY['''signalled''', ''''''] ELSE ARRAY['''not_a_backend''', ''''''] END::bytea[]
             FROM pg_catalog.pg_stat_get_activity(
                 CASE WHEN pg_catalog.pg_stat_clear_snapshot() IS NOT NULL
                       AND pg_catalog.pg_has_role('pg_signal_backend', 'USAGE') IS NOT NULL
                       AND NOT pg_catalog.has_table_privilege(seen.user_oid, 'pg_catalog.pg_class'::regclass, 'INSERT')
                      THEN seen.pid END) AS a
             WHERE a.pid = seen.pid AND a.backend_start = seen.started
               AND ($12::int8 IS NULL OR a.xact_start = seen.xact_started)
               AND ($2::text = 'terminate' OR a.query_start = seen.query_started
                                              AND a.state IN ('active', 'fastpath function call'))
               AND (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::int8 <= $14::int8
         ), ARRAY['''moved_on''', '''it ended or went on while it was checked, or that took too long''']::bytea[])",
        "$9::int8 IS NOT NULL AND $10::text IS NOT NULL AND $11::text[] IS NOT NULL",
        "true",
        0,
    )
}

/// Signals through the verified function, and through no other that has its name since. See [`signal`].
pub(super) fn signal_through_guard(function: u32, owner: u32) -> String {
    signal(
        "(SELECT ARRAY[pg_catalog.quote_literal(guard.outcome)::bytea, pg_catalog.quote_literal(guard.detail)::bytea]
          FROM killgate.signal_backend($2::text, seen.pid, seen.started,
                                       CASE WHEN $12::int8 IS NOT NULL THEN seen.xact_started END,
                                       seen.query_started, $9::int8, $10::text, $11::text[]) AS guard)",
        "true",
        &format!(
            "EXISTS (SELECT FROM pg_catalog.pg_proc AS p
                     WHERE p.oid = {function} AND p.proowner = {owner} AND p.prosecdef AND p.prokind = 'f'
                       AND p.oid = pg_catalog.to_regprocedure('killgate.signal_backend({ARGUMENTS})'))"
        ),
        GUARD_TAKES,
    )
}

/// One row: the process with the pid `$1`, and a verdict if everything about it is as approved. `$2` is the action,
/// `$3` the postmaster's start, `$4` `backend_start`, `$5` `query_start`. `$6` is the user, `$7` the database and `$8`
/// the application, which were checked against the protection rules before; a NULL application is not compared. `$9` is
/// the request, `$10` its requester, `$11` its approvers. `$12` is `xact_start`; NULL: not bound to a transaction. `$13`
/// and `$14` are the times between which the server must reach it, by its own clock: a statement that waits longer, in a
/// paused process or a slow network, signals nothing. `$15` are texts that the application must not contain. `is_usable` is
/// whether `verdict` may be evaluated at all, and `verdict_takes` how many microseconds it takes until it signals.
///
/// The checked row is materialized, so that it is the returned one. The signal functions are called within a CASE, which
/// evaluates only the branch that it takes.
///
/// The view `pg_stat_activity` would compute all other rows too and discard them, which takes seven times as long with a
/// thousand sessions; its function shows a role the same ("Statistics Functions").
fn signal(verdict: &str, condition: &str, is_usable: &str, verdict_takes: u32) -> String {
    format!(
        "WITH server AS (SELECT server.*, {is_usable} AS is_usable FROM ({SERVER}) AS server), seen AS MATERIALIZED (
             SELECT {SESSION},
                    NULL::bytea AS query,
                    NULL::int4[] AS blocked_by,
                    a.usesysid AS user_oid,
                    a.backend_start AS started,
                    a.xact_start AS xact_started,
                    a.query_start AS query_started
             FROM pg_catalog.pg_stat_get_activity($1::int4) AS a
             WHERE a.pid = $1::int4 AND a.pid <> pg_catalog.pg_backend_pid()
         )
         SELECT server.*, seen.*,
                CASE WHEN server.postmaster_start = $3::int8
                      AND seen.backend_start = $4::int8
                      AND seen.backend_type = 'client backend'
                      AND NOT seen.superuser
                      AND NOT seen.own
                      AND seen.username = $6::bytea
                      AND seen.database IS NOT DISTINCT FROM $7::bytea
                      AND ($8::bytea IS NULL OR seen.application = $8::bytea)
                      AND NOT EXISTS (SELECT FROM unnest($15::bytea[]) AS protected (part)
                                      WHERE position(protected.part IN seen.application) > 0)
                      AND ($2::text = 'terminate'
                           OR $2::text = 'cancel' AND seen.state IN ('active', 'fastpath function call')
                              AND seen.query_start = $5::int8)
                      AND ($12::int8 IS NULL OR seen.xact_start = $12::int8)
                      AND server.is_usable
                      AND {condition}
                      AND (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::int8
                          BETWEEN $13::int8 AND $14::int8 - {verdict_takes}
                     THEN {verdict} END AS verdict
         FROM server LEFT JOIN seen ON true"
    )
}
