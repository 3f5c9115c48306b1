//! The versions of the schema. An older ledger is brought up to date by the replica that becomes the active one;
//! a newer one is left alone.

use tokio_postgres::{GenericClient, Transaction};

use super::error::PostgresOpenError;

/// What turns a ledger of one version into the next; the first makes an empty schema one. Never changed once it
/// was released: what comes later is added at the end.
const STEPS: [&str; 1] = [include_str!("schema.sql")];

/// Brings the schema up to date.
pub(super) async fn migrate(transaction: &Transaction<'_>) -> Result<(), PostgresOpenError> {
    let found = version(transaction).await?;
    let missing = STEPS.iter().skip(found.unwrap_or(0));
    if missing.len() == 0 {
        return Ok(());
    }
    if found.is_none() {
        prepare_schema(transaction).await?;
    }
    for step in missing {
        transaction.batch_execute(step).await?;
    }
    let known = i32::try_from(STEPS.len()).unwrap_or(i32::MAX);
    transaction
        .execute("UPDATE killgate_ledger.version SET number = $1", &[&known])
        .await?;
    Ok(())
}

/// The version of a ledger that this killgate can read; `None` where there is none yet.
pub(super) async fn version(client: &impl GenericClient) -> Result<Option<usize>, PostgresOpenError> {
    let row = client
        .query_one(
            "SELECT to_regclass('killgate_ledger.version') IS NOT NULL AS is_ledger,
                    EXISTS (SELECT FROM pg_class WHERE relnamespace = to_regnamespace('killgate_ledger')) AS is_used",
            &[],
        )
        .await?;
    match (row.try_get("is_ledger")?, row.try_get("is_used")?) {
        (false, false) => return Ok(None),
        (false, true) => return Err(PostgresOpenError::Foreign),
        (true, _) => {}
    }
    let found: i32 = client
        .query_one("SELECT number FROM killgate_ledger.version", &[])
        .await?
        .try_get("number")?;
    let found = usize::try_from(found).map_err(|_| PostgresOpenError::Foreign)?;
    if found > STEPS.len() {
        return Err(PostgresOpenError::Newer {
            found,
            known: STEPS.len(),
        });
    }
    Ok(Some(found))
}

/// An administrator may have made the schema, for a role that may not make one.
async fn prepare_schema(transaction: &Transaction<'_>) -> Result<(), PostgresOpenError> {
    let exists: bool = transaction
        .query_one(
            "SELECT to_regnamespace('killgate_ledger') IS NOT NULL AS there",
            &[],
        )
        .await?
        .try_get("there")?;
    if !exists {
        transaction.batch_execute("CREATE SCHEMA killgate_ledger").await?;
    }
    transaction
        .batch_execute(
            "CREATE TABLE killgate_ledger.version (one boolean PRIMARY KEY DEFAULT true CHECK (one), number integer NOT NULL);
             INSERT INTO killgate_ledger.version (number) VALUES (0)",
        )
        .await?;
    Ok(())
}
