//! What else the bot's role could do on a target, and whether the guard there is in order.

use super::connection::PostgresConnection;
use super::guard;
use super::version::ServerVersion;

/// Rights that killgate does not need, or would be glad of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolePrivileges {
    /// A user's table that the role can read, if there is one.
    pub readable_table: Option<String>,
    /// The server's setting; 0 where there is none.
    pub reserved_connections: i64,
    pub may_use_reserved: bool,
    /// Whether the role is itself a member of `pg_signal_backend`.
    pub may_signal: bool,
    /// The function that bears the guard's name, if there is one.
    pub guard: Option<GuardFunction>,
}

/// A function `killgate.signal_backend`.
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a fault of its own, and they come in any mixture"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardFunction {
    pub owner: String,
    /// Whether its arguments are those that killgate calls it with.
    pub fits: bool,
    /// Whether it runs with its owner's rights.
    pub is_definer: bool,
    /// Whether the bot's role may use its schema, and execute it.
    pub is_granted: bool,
    pub owner_may_signal: bool,
    /// Whether its text is that of this killgate's `guard-sql`.
    pub is_current: bool,
}

/// Not the system's own tables, which everybody may read, nor killgate's. A table is readable too if one of its
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

/// The one that fits, should there be several of the name.
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

/// Only where [`Version::reserves_connections`]: the role that it asks about has to be there.
const RESERVED: &str = "
SELECT pg_catalog.current_setting('reserved_connections')::int8,
       pg_catalog.pg_has_role('pg_use_reserved_connections', 'USAGE')";

/// Asks a server of this version.
pub async fn find(live: &PostgresConnection, version: ServerVersion) -> anyhow::Result<RolePrivileges> {
    let client = live.client();
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
        guard: find_guard(live).await?,
    })
}

async fn find_guard(live: &PostgresConnection) -> anyhow::Result<Option<GuardFunction>> {
    let found = live
        .client()
        .query_opt(GUARD, &[&guard::body(), &guard::ARGUMENTS])
        .await?;
    let Some(row) = found else { return Ok(None) };
    Ok(Some(GuardFunction {
        owner: row.try_get("owner")?,
        fits: row.try_get("fits")?,
        is_definer: row.try_get("is_definer")?,
        is_granted: row.try_get("is_granted")?,
        owner_may_signal: row.try_get("owner_may_signal")?,
        is_current: row.try_get("is_current")?,
    }))
}
