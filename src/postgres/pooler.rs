//! Recognizes a connection pooler in transaction mode between killgate and the server. Behind one, every statement may
//! reach another backend: settings, prepared statements and “my own backend” mean nothing.

use std::time::Duration;

use tokio::time::timeout;

use super::connection::{ConnectOptions, PostgresConnection};

/// The limit for the second connection. A server without a free slot refuses it; then nothing is known, and nothing waits.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// Whether the statements of `connection` move between backends: it shares one with a second connection, which is closed at
/// once, or changes its own. A pooler in session mode gives each connection a backend of its own.
pub(super) async fn is_pooled(
    options: &ConnectOptions,
    connection: &PostgresConnection,
) -> Result<bool, tokio_postgres::Error> {
    let own = backend_pid(connection).await?;
    let Ok(Ok((second, _closed))) = timeout(PROBE_TIMEOUT, options.connect_again(connection)).await else {
        return Ok(false);
    };
    let Ok(other) = backend_pid(&second).await else { return Ok(false) };
    Ok(other == own || backend_pid(connection).await? != own)
}

async fn backend_pid(connection: &PostgresConnection) -> Result<Option<i32>, tokio_postgres::Error> {
    // Not prepared, because a pooler may lack the statement when it is executed.
    let row = connection.client().query_typed("SELECT pg_catalog.pg_backend_pid()", &[]).await?;
    row.first().map(|row| row.try_get(0)).transpose()
}
