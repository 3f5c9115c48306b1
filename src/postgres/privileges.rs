//! What else the role could do on a target, and the properties of the guard function there. For `check`.

use super::connection::PostgresConnection;
use super::guard;
use super::version::ServerVersion;

/// Privileges that killgate should not have, or could make use of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolePrivileges {
    /// A user table that the role can read.
    pub readable_table: Option<String>,
    /// The server setting. 0 before PostgreSQL 16.
    pub reserved_connections: i64,
    pub may_use_reserved: bool,
    /// Whether the role is itself a member of `pg_signal_backend`.
    pub may_signal: bool,
    /// The function with the guard's name.
    pub guard: Option<GuardFunction>,
}

/// A function `killgate.signal_backend`.
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a separate fault, and they occur in any combination"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardFunction {
    pub owner: String,
    /// Whether it takes the arguments that killgate passes.
    pub has_expected_arguments: bool,
    /// Whether it runs with its owner's privileges (`SECURITY DEFINER`).
    pub is_definer: bool,
    /// Whether the role may use its schema and execute it.
    pub is_granted: bool,
    pub owner_may_signal: bool,
    /// Whether its body is the one that this killgate's `guard-sql` prints.
    pub is_current: bool,
}

/// System tables, which everybody may read, and killgate's own are excluded. A table is also readable if one of its
/// columns is.
const READABLE_TABLE: &str = "
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm', 'f')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'killgate', 'killgate_ledger')
  AND n.nspname NOT LIKE 'pg\\_%'
  AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
  AND pg_catalog.has_any_column_privilege(c.oid, 'SELECT')
ORDER BY 1 LIMIT 1";

const MAY_SIGNAL: &str = "SELECT pg_catalog.pg_has_role(session_user, 'pg_signal_backend', 'USAGE')";

/// If several functions have the name, the one with the expected arguments.
const GUARD: &str = "
SELECT o.rolname::text AS owner, p.prosecdef AS is_definer, f.fits,
       pg_catalog.has_schema_privilege(n.oid, 'USAGE')
           AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE') AS is_granted,
       pg_catalog.pg_has_role(o.oid, 'pg_signal_backend', 'USAGE') AS owner_may_signal,
       p.prosrc = $1::text AS is_current
FROM pg_catalog.pg_proc AS p
JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_roles AS o ON o.oid = p.proowner
CROSS JOIN LATERAL (SELECT pg_catalog.oidvectortypes(p.proargtypes) = $2::text AS fits) AS f
WHERE n.nspname = 'killgate' AND p.proname = 'signal_backend'
ORDER BY f.fits DESC LIMIT 1";

/// Only where [`ServerVersion::reserves_connections`]: the role must exist.
const RESERVED: &str = "
SELECT pg_catalog.current_setting('reserved_connections')::int8,
       pg_catalog.pg_has_role('pg_use_reserved_connections', 'USAGE')";

/// Reads them from a server of this version.
pub async fn find(connection: &PostgresConnection, version: ServerVersion) -> anyhow::Result<RolePrivileges> {
    let client = connection.client();
    let table = client.query_opt(READABLE_TABLE, &[]).await?;
    let (reserved_connections, may_use_reserved) = if version.reserves_connections() {
        let reserved = client.query_one(RESERVED, &[]).await?;
        (reserved.try_get(0)?, reserved.try_get(1)?)
    } else {
        (0, false)
    };
    Ok(RolePrivileges {
        readable_table: table.map(|row| row.try_get(0)).transpose()?,
        reserved_connections,
        may_use_reserved,
        may_signal: client.query_one(MAY_SIGNAL, &[]).await?.try_get(0)?,
        guard: find_guard(connection).await?,
    })
}

async fn find_guard(connection: &PostgresConnection) -> anyhow::Result<Option<GuardFunction>> {
    let row = connection
        .client()
        .query_opt(GUARD, &[&guard::body(), &guard::ARGUMENTS])
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(GuardFunction {
        owner: row.try_get("owner")?,
        has_expected_arguments: row.try_get("fits")?,
        is_definer: row.try_get("is_definer")?,
        is_granted: row.try_get("is_granted")?,
        owner_may_signal: row.try_get("owner_may_signal")?,
        is_current: row.try_get("is_current")?,
    }))
}
