//! The one statement for which everything else exists: is it still what was approved? Then signal it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};
use tracing::debug;

use super::connection_manager::ConnectionManager;
use super::server_info::PreparedStatements;
use super::signal_answer::{self, SignalAttempt, another_server, not_sent};
use crate::domain::approval::Approved;
use crate::domain::event::RequestedBackend;
use crate::domain::outcome::Outcome;
use crate::domain::protection::ProtectionRules;
use crate::domain::session::Session;
use crate::domain::timestamp::Timestamp;
use crate::workflow::ports::SignalResult;

/// How often a session may come back under another name, unsignalled, before it is left alone.
const ROUNDS: u32 = 3;

/// Signals each approved backend, at most once.
pub(super) async fn signal(
    kept: &ConnectionManager<PreparedStatements>,
    limit: Duration,
    approved: &Approved,
    protection: &ProtectionRules,
) -> Vec<SignalResult> {
    let deadline = Instant::now() + limit;
    let signals = approved
        .backends()
        .iter()
        .map(|backend| signal_backend(kept, deadline, approved, backend, protection));
    join_all(signals).await
}

/// Signals one approved backend, at most once.
///
/// The patterns of [`ProtectionRules`] are Rust's, which PostgreSQL cannot judge. So user, database and application
/// are judged here, and the statement signals only while the session still bears the ones that were judged.
/// When it bears others those are judged in turn, and the statement, which has not signalled, is sent again.
async fn signal_backend(
    kept: &ConnectionManager<PreparedStatements>,
    deadline: Instant,
    approved: &Approved,
    backend: &RequestedBackend,
    protection: &ProtectionRules,
) -> SignalResult {
    let mut session = backend.session.clone();
    for _ in 0..ROUNDS {
        if let Some(rule) = protection.matching_rule(&session) {
            return not_sent(Outcome::Protected, format!("it is protected now: {rule}"));
        }
        match attempt(kept, deadline, approved, (backend, &session), protection).await {
            SignalAttempt::Final(signalled) => return signalled,
            SignalAttempt::Renamed(renamed) => session = *renamed,
        }
    }
    not_sent(
        Outcome::Protected,
        "it changes its application_name faster than the rules can be checked",
    )
}

/// Runs the signalling statement on nothing: with NULL for each parameter no session is found and no condition holds, so
/// that none of the branches that signal is taken (PostgreSQL documentation, "Conditional Expressions").
pub(super) async fn warm_up(client: &Client, statement: &Statement) -> Result<(), tokio_postgres::Error> {
    let (number, text, time) = (None::<i32>, None::<&str>, None::<i64>);
    let (request, approvers) = (None::<i64>, None::<&[&str]>);
    let nothing: [&(dyn ToSql + Sync); 11] = [
        &number, &text, &time, &time, &time, &text, &text, &text, &request, &text, &approvers,
    ];
    client.query(statement, &nothing).await.map(drop)
}

/// Sends the statement once. A verdict that it was renamed means that it certainly did not signal.
async fn attempt(
    kept: &ConnectionManager<PreparedStatements>,
    deadline: Instant,
    approved: &Approved,
    (backend, judged): (&RequestedBackend, &Session),
    protection: &ProtectionRules,
) -> SignalAttempt {
    let lease = match kept.acquire(deadline).await {
        Ok(lease) => lease,
        Err(unreachable) => return not_sent(Outcome::Unreachable, unreachable.message).into(),
    };
    let kit = Arc::clone(lease.prepared());
    let (identity, server) = (&backend.identity, approved.server());
    let Some(statement) = &kit.signal else {
        lease.release();
        let role = &kit.server_info.role;
        return not_sent(
            Outcome::Refused,
            format!(
                "the role {role} may not signal here: install the guard (killgate guard-sql), or GRANT pg_signal_backend TO {role}; then restart killgate"
            ),
        )
        .into();
    };
    if kit.server_info.system_identifier != server.system_identifier {
        lease.release();
        return another_server().into();
    }
    let request = i64::try_from(approved.request().0).unwrap_or(i64::MAX);
    let requester = approved.requester().to_string();
    let approvers: Vec<String> = approved.approvers().iter().map(ToString::to_string).collect();
    let pid = identity.pid.number();
    let action = approved.action().name();
    let postmaster_start = server.postmaster_start.as_micros();
    let backend_start = identity.backend_start.as_micros();
    let query_start = identity.query_start.map(Timestamp::as_micros);
    let parameters: [&(dyn ToSql + Sync); 11] = [
        &pid,
        &action,
        &postmaster_start,
        &backend_start,
        &query_start,
        &judged.user,
        &judged.database,
        &judged.application,
        &request,
        &requester,
        &approvers,
    ];
    let sent = Instant::now();
    debug!("sending the signalling statement");
    let answer = lease.run(statement, &parameters, deadline).await;
    debug!(after = ?sent.elapsed(), "the signalling statement is answered");
    match answer {
        Ok(answer) => signal_answer::read(
            &answer,
            (server, backend),
            protection,
            kit.server_info.system_identifier,
        ),
        Err(failure) => signal_answer::failed(failure).into(),
    }
}
