//! The schema and its version. A ledger of another version is left alone.

use tokio_postgres::{GenericClient, Transaction};

use super::error::PostgresOpenError;
use super::queries;

/// The number in `killgate_ledger.version`. Earlier versions were never released.
const VERSION: i32 = 4;

/// Creates the ledger where there is none.
pub(super) async fn create_if_missing(transaction: &Transaction<'_>) -> Result<(), PostgresOpenError> {
    verify_encoding(transaction).await?;
    if exists(transaction).await? {
        return verify_owners(transaction).await;
    }
    // An administrator may have created the schema for a role that may not create one.
    let has_schema: bool = transaction
        .query_one("SELECT to_regnamespace('killgate_ledger') IS NOT NULL AS has_schema", &[])
        .await?
        .try_get("has_schema")?;
    if !has_schema {
        transaction.batch_execute("CREATE SCHEMA killgate_ledger").await?;
    }
    transaction.batch_execute(include_str!("schema.sql")).await?;
    transaction.execute("INSERT INTO killgate_ledger.version (number) VALUES ($1)", &[&VERSION]).await?;
    verify_owners(transaction).await
}

async fn verify_encoding(transaction: &Transaction<'_>) -> Result<(), PostgresOpenError> {
    let row = transaction.query_one("SELECT current_setting('server_encoding') AS encoding", &[]).await?;
    match row.try_get::<_, String>("encoding")? {
        found if found == "UTF8" => Ok(()),
        found => Err(PostgresOpenError::Encoding { found }),
    }
}

/// The functions run with killgate's rights, and an owner can change them and the tables. So everything must belong to the
/// role itself, to a role whose rights it has, or to a superuser.
async fn verify_owners(transaction: &Transaction<'_>) -> Result<(), PostgresOpenError> {
    let foreign = transaction
        .query_opt(
            "WITH ledger AS (SELECT oid, nspowner FROM pg_namespace WHERE nspname = 'killgate_ledger'),
                  object AS (
                 SELECT 'the schema killgate_ledger' AS name, nspowner AS owner FROM ledger
                 UNION ALL
                 SELECT 'the relation ' || relname, relowner FROM pg_class JOIN ledger ON relnamespace = ledger.oid
                 WHERE relkind <> 'i'
                 UNION ALL
                 SELECT 'the function ' || proname, proowner FROM pg_proc JOIN ledger ON pronamespace = ledger.oid)
             SELECT object.name::text, role.rolname::text AS owner
             FROM object JOIN pg_roles AS role ON role.oid = object.owner
             WHERE NOT role.rolsuper AND NOT pg_has_role(current_user, role.oid, 'USAGE')
             LIMIT 1",
            &[],
        )
        .await?;
    match foreign {
        None => Ok(()),
        Some(row) => Err(PostgresOpenError::ForeignOwner {
            object: row.try_get("name")?,
            owner: row.try_get("owner")?,
        }),
    }
}

/// Reading a view, or a table with rules or row security, runs what its owner wrote, as killgate's role. The ledger has
/// only plain tables. Looks only at the catalogs.
async fn verify_relations(client: &impl GenericClient) -> Result<(), PostgresOpenError> {
    let other = client
        .query_opt(
            "SELECT relname::text AS name, pg_get_userbyid(relowner)::text AS owner FROM pg_class
             WHERE relnamespace = to_regnamespace('killgate_ledger')
               AND (relkind NOT IN ('r', 'i', 'S', 't') OR relhasrules OR relrowsecurity)
             LIMIT 1",
            &[],
        )
        .await?;
    match other {
        None => Ok(()),
        Some(row) => Err(PostgresOpenError::ForeignRelation {
            name: row.try_get("name")?,
            owner: row.try_get("owner")?,
        }),
    }
}

/// Whether there is a ledger. Fails when it is not of the current version.
pub(super) async fn exists(client: &impl GenericClient) -> Result<bool, PostgresOpenError> {
    verify_relations(client).await?;
    let row = client
        .query_one(
            "SELECT to_regclass('killgate_ledger.version') IS NOT NULL AS is_ledger,
                    EXISTS (SELECT FROM pg_class WHERE relnamespace = to_regnamespace('killgate_ledger')) AS is_used",
            &[],
        )
        .await?;
    match (row.try_get("is_ledger")?, row.try_get("is_used")?) {
        (false, false) => return Ok(false),
        (false, true) => return Err(PostgresOpenError::Foreign),
        (true, _) => {}
    }
    match queries::only_row(client, "version", "number").await?.try_get("number")? {
        VERSION => Ok(true),
        ..=0 => Err(PostgresOpenError::Foreign),
        1..VERSION => Err(PostgresOpenError::NeverReleased),
        found => Err(PostgresOpenError::Newer { found, known: VERSION }),
    }
}
