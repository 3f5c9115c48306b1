//! The statement that checks whether a session is still the approved one, and signals it. For several sessions it is sent
//! once for each, all at once.

use std::borrow::Cow;
use std::sync::Arc;

use tokio::time::{Instant, timeout_at};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};
use tracing::debug;

use super::clock_reading::{self, ClockReading, EarlyReading};
use super::connection_manager::ConnectionManager;
use super::prepared_statements::PreparedStatements;
use super::required_parts::required_parts;
use super::rows::{ApplicationCheck, RawNames};
use super::signal_answer::{self, StatementOutcome, another_server, not_sent};
use crate::domain::approval::Approved;
use crate::domain::event::{Binding, RequestedBackend};
use crate::domain::identity::ServerIdentity;
use crate::domain::outcome::Outcome;
use crate::domain::protection::ProtectionRules;
use crate::domain::session::Session;
use crate::domain::timestamp::Timestamp;
use crate::domain::unreachable_cause::{LEASE_UNCONFIRMED, NO_RIGHT};
use crate::workflow::ports::{Lease, SignalResult};

/// How often the statement is sent when the session changes its name each time.
const MAX_SENDS: u32 = 10;

/// When the statement may be executed.
///
/// The server's clock is read before the lease is confirmed. So the end of the lease, counted from that reading, is never later
/// than the real end, whatever the clocks of the three machines show and wherever this process is paused.
#[derive(Clone, Copy)]
struct SignalWindow {
    /// The server's clock when it was read. An earlier time means that the clock was set back since.
    from_micros: i64,
    until_micros: i64,
    /// When the statement may no longer be sent.
    send_before: Instant,
    /// How long its answer is waited for.
    answer_by: Instant,
}

/// Signals each approved backend, at most once.
pub(super) async fn signal(
    connection: &ConnectionManager<PreparedStatements>,
    (early, deadline): (Option<EarlyReading>, Instant),
    approved: &Approved,
    protection: &ProtectionRules,
    lease: &dyn Lease,
) -> Vec<SignalResult> {
    let window = match SignalWindow::open(connection, (early, deadline), lease).await {
        Ok(window) => window,
        Err(result) => return vec![result; approved.backends().len()],
    };
    signal_all(connection, window, approved, protection).await
}

impl SignalWindow {
    async fn open(
        connection: &ConnectionManager<PreparedStatements>,
        (early, deadline): (Option<EarlyReading>, Instant),
        lease: &dyn Lease,
    ) -> Result<Self, SignalResult> {
        let unreachable = |detail| not_sent(Outcome::Unreachable, detail);
        let reading = clock_reading::finish_or_read(early, connection, deadline).await;
        let ClockReading { micros: from_micros, read_at } =
            reading.map_err(|error| unreachable(error.message))?;
        let answer_in = deadline.saturating_duration_since(read_at);
        let confirmed = timeout_at(deadline, lease.confirm_lease()).await;
        let lasts = match confirmed {
            Ok(Ok(lasts)) => lasts.map_or(answer_in, |lasts| lasts.min(answer_in)),
            Ok(Err(error)) => {
                return Err(unreachable(format!("{}: {error}", LEASE_UNCONFIRMED.detail)));
            }
            Err(_) => return Err(unreachable(LEASE_UNCONFIRMED.detail.to_owned())),
        };
        Ok(Self {
            from_micros,
            until_micros: from_micros.saturating_add(i64::try_from(lasts.as_micros()).unwrap_or(i64::MAX)),
            send_before: read_at + lasts,
            answer_by: deadline,
        })
    }
}

/// An approved backend that has not been signalled, and what was last known of it.
struct Candidate<'a> {
    /// Its place among the approved backends.
    index: usize,
    backend: &'a RequestedBackend,
    session: Cow<'a, Session>,
    names: RawNames,
}

/// Signals each approved backend, at most once: all of them at the same time.
///
/// The patterns of [`ProtectionRules`] are Rust regular expressions, which PostgreSQL cannot evaluate. So user, database
/// and application are checked here, and the statement signals only while the session still has the ones that were
/// checked, byte for byte. When they have changed, or are not UTF-8, the statement has not signalled: the present ones are
/// checked, and it is sent again.
///
/// The client chooses `application_name`, and a session that renames itself in a loop would never have the name that was
/// checked. So it is compared only if a rule is about it, and where possible the statement requires only that no rule can match
/// it.
async fn signal_all(
    connection: &ConnectionManager<PreparedStatements>,
    window: SignalWindow,
    approved: &Approved,
    protection: &ProtectionRules,
) -> Vec<SignalResult> {
    // Until the statement says otherwise.
    let renamed_too_fast =
        not_sent(Outcome::Protected, "it is renamed faster than the protection rules can be checked");
    let mut results = vec![renamed_too_fast; approved.backends().len()];
    let backends = approved.backends().iter().enumerate();
    let mut candidates: Vec<_> = backends
        .map(|(index, backend)| Candidate {
            index,
            backend,
            session: Cow::Borrowed(&backend.session),
            names: RawNames::from_session(&backend.session),
        })
        .collect();
    let parts = required_parts(&protection.applications);
    for _ in 0..MAX_SENDS {
        candidates.retain_mut(|candidate| {
            if let Some(rule) = protection.matching_rule(&candidate.session) {
                results[candidate.index] =
                    not_sent(Outcome::Protected, format!("it is protected now: {rule}"));
                return false;
            }
            let lacks = parts.clone().map(ApplicationCheck::LacksAll);
            if let Some(lacks) = lacks.filter(|lacks| lacks.is_met_by(&candidate.names.application)) {
                candidate.names.application = lacks;
            }
            true
        });
        if candidates.is_empty() {
            break;
        }
        let outcomes = send_statements(connection, window, approved, &candidates, protection).await;
        let mut changed = Vec::new();
        for (candidate, outcome) in candidates.into_iter().zip(outcomes) {
            match outcome {
                StatementOutcome::Final(result) => results[candidate.index] = result,
                StatementOutcome::IdentityChanged(session, names) => {
                    changed.push(Candidate { session: Cow::Owned(*session), names, ..candidate });
                }
            }
        }
        candidates = changed;
    }
    results
}

/// Runs the signalling statement without effect: with NULL for each parameter no session is found and no condition is
/// true, so no branch that signals is taken (PostgreSQL documentation, "Conditional Expressions").
pub(super) async fn warm_up(client: &Client, statement: &Statement) -> Result<(), tokio_postgres::Error> {
    let (number, text, time, name) = (None::<i32>, None::<&str>, None::<i64>, None::<&[u8]>);
    let (request, approvers) = (None::<i64>, None::<&[&str]>);
    let parts = None::<&[&[u8]]>;
    let nothing: [&(dyn ToSql + Sync); 15] = [
        &number, &text, &time, &time, &time, &name, &name, &name, &request, &text, &approvers, &time, &time,
        &time, &parts,
    ];
    client.query(statement, &nothing).await.map(drop)
}

/// Sends the statement once for each candidate. [`StatementOutcome::IdentityChanged`] means that it certainly did not signal.
async fn send_statements(
    connection: &ConnectionManager<PreparedStatements>,
    window: SignalWindow,
    approved: &Approved,
    candidates: &[Candidate<'_>],
    protection: &ProtectionRules,
) -> Vec<StatementOutcome> {
    let all = |result: SignalResult| candidates.iter().map(|_| result.clone().into()).collect();
    let guard = match connection.acquire(window.send_before).await {
        Ok(guard) => guard,
        Err(unreachable) => return all(not_sent(Outcome::Unreachable, unreachable.message)),
    };
    let prepared = Arc::clone(guard.prepared());
    let server = approved.server();
    let Some(statement) = &prepared.signal else {
        guard.release();
        let why = format!("{}: {}", NO_RIGHT.detail, prepared.server_info.signal_obstacle());
        return all(not_sent(Outcome::Unreachable, why));
    };
    let system_identifier = prepared.server_info.system_identifier;
    if server.is_of_another_system(ServerIdentity { system_identifier, ..server }) {
        guard.release();
        return all(another_server());
    }
    let request = i64::try_from(approved.request().0).unwrap_or(i64::MAX);
    let requester = approved.requester().to_string();
    let approvers: Vec<String> = approved.approvers().iter().map(ToString::to_string).collect();
    let action = approved.action().name();
    let postmaster_start = server.postmaster_start.as_micros();
    let identities: Vec<_> =
        candidates.iter().map(|candidate| ComparedIdentity::of(candidate.backend)).collect();
    let applications: Vec<_> =
        candidates.iter().map(|candidate| ComparedApplication::of(&candidate.names.application)).collect();
    let parameters: Vec<_> = candidates
        .iter()
        .zip(identities.iter().zip(&applications))
        .map(|(Candidate { names, .. }, (identity, application))| -> Vec<&(dyn ToSql + Sync)> {
            vec![
                &identity.pid,
                &action,
                &postmaster_start,
                &identity.backend_start,
                &identity.query_start,
                &names.user,
                &names.database,
                &application.name,
                &request,
                &requester,
                &approvers,
                &identity.xact_start,
                &window.from_micros,
                &window.until_micros,
                &application.lacks,
            ]
        })
        .collect();
    let sent_at = Instant::now();
    if sent_at >= window.send_before {
        guard.release();
        return all(signal_answer::too_late());
    }
    debug!(sessions = candidates.len(), "sending the signalling statement");
    let (answers, notices) =
        guard.run_each(statement, &parameters, prepared.reserve.as_ref(), window.answer_by).await;
    debug!(after = ?sent_at.elapsed(), "the signalling statement was answered");
    answers
        .into_iter()
        .zip(candidates)
        .map(|(answer, Candidate { backend, names, .. })| match answer {
            Ok(rows) => {
                let notice = signal_answer::notice_about(&notices, backend.identity.pid, candidates.len());
                signal_answer::read(
                    (&rows, notice),
                    (approved, backend, names),
                    protection,
                    &prepared.server_info,
                )
            }
            Err(error) => signal_answer::read_error(error).into(),
        })
        .collect()
}

/// What the statement compares, in its own types.
struct ComparedIdentity {
    pid: i32,
    backend_start: i64,
    query_start: Option<i64>,
    /// `None` if the request is not bound to a transaction.
    xact_start: Option<i64>,
}

/// The name that `application_name` must be, if any, and what it must not contain.
struct ComparedApplication<'a> {
    name: Option<&'a [u8]>,
    lacks: &'a [Vec<u8>],
}

impl<'a> ComparedApplication<'a> {
    fn of(check: &'a ApplicationCheck) -> Self {
        match check {
            ApplicationCheck::Equals(name) => Self { name: Some(name), lacks: &[] },
            ApplicationCheck::LacksAll(parts) => Self { name: None, lacks: parts },
        }
    }
}

impl ComparedIdentity {
    fn of(backend: &RequestedBackend) -> Self {
        let identity = &backend.identity;
        Self {
            pid: identity.pid.number(),
            backend_start: identity.backend_start.as_micros(),
            query_start: identity.query_start.map(Timestamp::as_micros),
            xact_start: match backend.bound_to {
                // Without a known start no transaction is the approved one.
                Binding::Transaction => Some(identity.xact_start.map_or(i64::MIN, Timestamp::as_micros)),
                Binding::Query | Binding::Session => None,
            },
        }
    }
}
