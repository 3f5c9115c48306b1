//! What else the role could do on a target. For `check`.

use super::connection::PostgresConnection;
use super::raw_text::RawText;
use super::version::ServerVersion;

/// Privileges that killgate should not have, or could make use of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolePrivileges {
    /// A user table that the role can read.
    pub readable_table: Option<String>,
    /// The server setting. 0 before PostgreSQL 16.
    pub reserved_connections: i64,
    pub may_use_reserved: bool,
    /// Roles that may write every table, and so the guard's. Superusers are left out.
    pub data_writers: Vec<String>,
}

/// Who needs no right to a table to write it (PostgreSQL documentation, "Predefined Roles"). Only where
/// [`ServerVersion::has_write_all_data`].
const DATA_WRITERS: &str = "
SELECT pg_catalog.quote_literal(r.rolname)::bytea
FROM pg_catalog.pg_roles r
WHERE NOT r.rolsuper AND r.rolname <> 'pg_write_all_data'
  AND pg_catalog.pg_has_role(r.oid, 'pg_write_all_data', 'MEMBER')
ORDER BY r.rolname";

/// System tables, which everybody may read, and killgate's own are excluded. A table is also readable if one of its
/// columns is.
const READABLE_TABLE: &str = "
SELECT pg_catalog.quote_literal(pg_catalog.format('%I.%I', n.nspname, c.relname))::bytea
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm', 'f')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'killgate', 'killgate_ledger')
  AND n.nspname NOT LIKE 'pg\\_%'
  AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
  AND pg_catalog.has_any_column_privilege(c.oid, 'SELECT')
ORDER BY 1 LIMIT 1";

/// Only where [`ServerVersion::reserves_connections`]: the role must exist. A login is given its slot before it takes another
/// role (`InitPostgres` in `postinit.c`).
const RESERVED: &str = "
SELECT pg_catalog.current_setting('reserved_connections')::int8,
       pg_catalog.pg_has_role(session_user, 'pg_use_reserved_connections', 'USAGE')";

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
    let writers =
        if version.has_write_all_data() { client.query(DATA_WRITERS, &[]).await? } else { Vec::new() };
    let writers = writers.iter().map(|row| row.try_get(0).map(|name: RawText| name.decode(None)));
    Ok(RolePrivileges {
        data_writers: writers.collect::<Result<_, _>>()?,
        readable_table: table.map(|row| row.try_get(0).map(|name: RawText| name.decode(None))).transpose()?,
        reserved_connections,
        may_use_reserved,
    })
}
