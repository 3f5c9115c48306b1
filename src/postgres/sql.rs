//! The SQL that killgate sends to a target, for PostgreSQL 13 to 18.
//!
//! Each statement is its own transaction: within a transaction, `pg_stat_activity` keeps showing the same rows.
//! Times are whole microseconds since the Unix epoch, as `int8`, because they must not be rounded. Before 14
//! `extract(epoch …)` is a `double precision`, which is exact enough to round back to the microsecond.

/// Longer query text is cut on the server (`track_activity_query_size` can be 1 MiB).
const QUERY_TEXT: u32 = 4000;

/// `pg_blocking_pids` briefly locks the lock manager, and its results grow with the square of the queue. So it is called
/// for the thousand longest waiters at most.
const MAX_WAITERS: u32 = 1000;

/// The number of blockers kept for each waiter. PostgreSQL lists the holders of the lock first, then those ahead in the
/// queue.
const MAX_BLOCKERS: u32 = 100;

/// The server's identity, its clock, and the backend that answers.
const SERVER: &str = "
    SELECT (extract(epoch FROM pg_catalog.pg_postmaster_start_time()) * 1000000)::int8 AS postmaster_start,
           (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::int8 AS at,
           pg_catalog.pg_backend_pid() AS answered_by";

/// The columns of a session, from [`ALL`] or [`ONE`].
const SESSION: &str = "
    a.pid,
    (extract(epoch FROM a.backend_start) * 1000000)::int8 AS backend_start,
    a.backend_type,
    a.leader_pid,
    r.rolname::text AS username,
    coalesce(r.rolsuper, false) AS superuser,
    coalesce(r.rolname = session_user AND a.application_name LIKE 'killgate%', false) AS own,
    a.datname::text AS database,
    coalesce(a.application_name, '') AS application,
    CASE WHEN a.client_addr IS NOT NULL THEN pg_catalog.host(a.client_addr)
         WHEN a.client_port = -1 THEN 'local' END AS client,
    a.state,
    a.wait_event_type,
    a.wait_event,
    (extract(epoch FROM a.xact_start) * 1000000)::int8 AS xact_start,
    (extract(epoch FROM a.query_start) * 1000000)::int8 AS query_start,
    (extract(epoch FROM a.state_change) * 1000000)::int8 AS state_change";

/// All processes of the server.
const ALL: &str = "
    pg_catalog.pg_stat_activity AS a LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = a.usesysid";

/// The process with the pid `$1`. The view would compute all the others too and discard them, which takes seven times as
/// long with a thousand sessions ("Statistics Functions", `pg_stat_get_activity`, which shows a role the same as the
/// view).
const ONE: &str = "
    (SELECT one.*, d.datname FROM pg_catalog.pg_stat_get_activity($1::int4) AS one
     LEFT JOIN pg_catalog.pg_database AS d ON d.oid = one.datid) AS a
    LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = a.usesysid";

/// Read once per connection. The guard is looked up in the catalog, because naming it would be an error for a role
/// without USAGE on its schema.
pub(super) const SERVER_INFO: &str = "
    SELECT pg_catalog.current_setting('server_version_num')::int4 AS version,
           session_user::text AS role,
           (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = session_user) AS superuser,
           pg_catalog.pg_has_role(session_user, 'pg_read_all_stats', 'USAGE') AS sees_all,
           pg_catalog.pg_has_role(session_user, 'pg_signal_backend', 'USAGE') AS may_signal,
           EXISTS (
               SELECT FROM pg_catalog.pg_proc AS p
               JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
               WHERE n.nspname = 'killgate' AND p.proname = 'signal_backend' AND p.prosecdef
                 AND pg_catalog.oidvectortypes(p.proargtypes) = 'text, integer, timestamp with time zone, '
                     'timestamp with time zone, bigint, text, text[]'
                 AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
                 AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
           ) AS guard";

/// Plans each statement once per connection. By default PostgreSQL plans the first five executions separately, for their
/// parameters ("Query Planning", `plan_cache_mode`). These are always about one pid, and planning takes longer than
/// execution.
pub(super) const PLAN_ONCE: &str = "SET plan_cache_mode = force_generic_plan";

/// The server's clock, as [`signal`] compares it.
pub(super) const CLOCK: &str =
    "SELECT (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::int8 AS at";

/// Every session except killgate's own connection.
pub(super) fn listing() -> String {
    format!(
        "WITH server AS ({SERVER}), seen AS MATERIALIZED (
             SELECT {SESSION},
                    left(a.query, {QUERY_TEXT}) AS query,
                    a.wait_event_type = 'Lock' AS waits,
                    row_number() OVER (PARTITION BY a.wait_event_type = 'Lock' ORDER BY a.query_start) AS place
             FROM {ALL}
             WHERE a.pid <> pg_catalog.pg_backend_pid()
         )
         SELECT server.*, seen.*,
                CASE WHEN seen.waits AND seen.place <= {MAX_WAITERS}
                     THEN (pg_catalog.pg_blocking_pids(seen.pid))[1:{MAX_BLOCKERS}] END AS blocked_by
         FROM server LEFT JOIN seen ON true"
    )
}

/// The session with the pid `$1`: always one row, with nulls when there is no such session.
pub(super) fn find_session() -> String {
    format!(
        "WITH server AS ({SERVER}), seen AS MATERIALIZED (
             SELECT {SESSION},
                    left(a.query, {QUERY_TEXT}) AS query,
                    CASE WHEN a.wait_event_type = 'Lock'
                         THEN (pg_catalog.pg_blocking_pids(a.pid))[1:{MAX_BLOCKERS}] END AS blocked_by
             FROM {ONE}
             WHERE a.pid = $1::int4 AND a.pid <> pg_catalog.pg_backend_pid()
         )
         SELECT server.*, seen.* FROM server LEFT JOIN seen ON true"
    )
}

/// Signals with the role's own privilege. See [`signal`].
pub(super) fn signal_directly() -> String {
    signal(
        "CASE WHEN CASE $2::text WHEN 'cancel' THEN pg_catalog.pg_cancel_backend(seen.pid)
                                 WHEN 'terminate' THEN pg_catalog.pg_terminate_backend(seen.pid) END
              THEN ARRAY['signalled', ''] ELSE ARRAY['not_a_backend', ''] END",
        "$9::int8 IS NOT NULL AND $10::text IS NOT NULL AND $11::text[] IS NOT NULL",
    )
}

/// Signals through the guard. See [`signal`].
pub(super) fn signal_through_guard() -> String {
    signal(
        "(SELECT ARRAY[guard.outcome, guard.detail]
          FROM killgate.signal_backend($2::text, seen.pid, seen.started, seen.query_started,
                                       $9::int8, $10::text, $11::text[]) AS guard)",
        "true",
    )
}

/// One row: the process with the pid `$1`, and a verdict if everything about it is as approved. `$2` is the action,
/// `$3` the postmaster's start, `$4` `backend_start`, `$5` `query_start`. `$6` is the user, `$7` the database and `$8`
/// the application, which were checked against the protection rules before. `$9` is the request, `$10` its requester,
/// `$11` its approvers. `$12` and `$13` are the times between which the server must reach it, by its own clock: a statement
/// that waits longer, in a paused process or a slow network, signals nothing.
///
/// The row is read once and materialized, so that the checked row is the returned one. The signal functions are called
/// within a CASE, which evaluates only the branch that it takes.
fn signal(verdict: &str, condition: &str) -> String {
    format!(
        "WITH server AS ({SERVER}), seen AS MATERIALIZED (
             SELECT {SESSION},
                    NULL::text AS query,
                    NULL::int4[] AS blocked_by,
                    a.backend_start AS started,
                    a.query_start AS query_started
             FROM {ONE}
             WHERE a.pid = $1::int4 AND a.pid <> pg_catalog.pg_backend_pid()
         )
         SELECT server.*, seen.*,
                CASE WHEN server.postmaster_start = $3::int8
                      AND seen.backend_start = $4::int8
                      AND seen.backend_type = 'client backend'
                      AND NOT seen.superuser
                      AND NOT seen.own
                      AND seen.username = $6::text
                      AND seen.database IS NOT DISTINCT FROM $7::text
                      AND seen.application = $8::text
                      AND ($2::text = 'terminate'
                           OR $2::text = 'cancel' AND seen.state IN ('active', 'fastpath function call')
                              AND seen.query_start = $5::int8)
                      AND {condition}
                      AND (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::int8
                          BETWEEN $12::int8 AND $13::int8
                     THEN {verdict} END AS verdict
         FROM server LEFT JOIN seen ON true"
    )
}
