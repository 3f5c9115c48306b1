//! What else the bot's role could do on a target.

use super::connection::Live;
use super::version::Version;

/// Rights that killgate does not need, or would be glad of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Privileges {
    /// A user's table that the role can read, if there is one.
    pub readable_table: Option<String>,
    /// The server's setting; 0 where there is none.
    pub reserved_connections: i64,
    pub may_use_reserved: bool,
}

/// Not the system's own tables, which everybody may read.
const READABLE_TABLE: &str = "
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm', 'f')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'
  AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
  AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
ORDER BY 1 LIMIT 1";

/// Only where [`Version::reserves_connections`]: the role that it asks about has to be there.
const RESERVED: &str = "
SELECT pg_catalog.current_setting('reserved_connections')::int8,
       pg_catalog.pg_has_role('pg_use_reserved_connections', 'USAGE')";

/// Asks a server of this version.
pub async fn find(live: &Live, version: Version) -> anyhow::Result<Privileges> {
    let client = live.client();
    let table = client.query_opt(READABLE_TABLE, &[]).await?;
    let readable_table = table.map(|row| row.try_get(0)).transpose()?;
    if !version.reserves_connections() {
        return Ok(Privileges {
            readable_table,
            reserved_connections: 0,
            may_use_reserved: false,
        });
    }
    let reserved = client.query_one(RESERVED, &[]).await?;
    Ok(Privileges {
        readable_table,
        reserved_connections: reserved.try_get(0)?,
        may_use_reserved: reserved.try_get(1)?,
    })
}
