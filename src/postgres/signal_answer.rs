//! What became of a signal, read out of the statement's one row.

use tokio_postgres::Row;
use tokio_postgres::error::DbError;

use super::connection_manager::{StatementError, StatementResult};
use super::error::{format_error, format_notice, unreachable_because};
use super::rows;
use crate::domain::event::{Binding, RequestedBackend};
use crate::domain::identity::ServerIdentity;
use crate::domain::outcome::Outcome;
use crate::domain::protection::ProtectionRules;
use crate::domain::session::Session;
use crate::workflow::ports::SignalResult;

/// What the statement or the guard may find instead of signalling.
const UNSIGNALLED: [Outcome; 6] = [
    Outcome::Gone,
    Outcome::Replaced,
    Outcome::MovedOn,
    Outcome::Protected,
    Outcome::NotABackend,
    Outcome::Refused,
];

/// What one round of the statement means.
pub(super) enum SignalAttempt {
    Final(SignalResult),
    /// Not signalled, for the approved session calls itself something else by now, which no rule protects.
    Renamed(Box<Session>),
}

impl From<SignalResult> for SignalAttempt {
    fn from(signalled: SignalResult) -> Self {
        Self::Final(signalled)
    }
}

pub(super) fn not_sent(outcome: Outcome, detail: impl Into<String>) -> SignalResult {
    SignalResult::NotSent {
        outcome,
        detail: detail.into(),
        postgres: None,
    }
}

pub(super) fn another_server() -> SignalResult {
    not_sent(
        Outcome::Gone,
        "another server answers there now, or the same one after a restart: the session ended with its own",
    )
}

/// Reads an answer. One that cannot be read may be of a statement that signalled.
pub(super) fn read(
    answer: &StatementResult,
    (approved_server, backend): (ServerIdentity, &RequestedBackend),
    protection: &ProtectionRules,
    system_identifier: u64,
) -> SignalAttempt {
    let Some(row) = answer.rows.first() else {
        return unknown("the server answered with no row").into();
    };
    let words = answer.notices.iter().map(format_notice).next();
    match rows::verdict(row) {
        Err(error) => unknown(&format!("the server's answer could not be read: {error}")).into(),
        Ok(Some((name, detail))) => decided(&name, detail, words).into(),
        Ok(None) => match undecided(row, (approved_server, backend), protection, system_identifier) {
            Ok(verdict) => verdict,
            // The verdict was read, and says that nothing was signalled.
            Err(error) => not_sent(
                Outcome::Refused,
                format!("what the server told of the session could not be read: {error}"),
            )
            .into(),
        },
    }
}

/// What a statement that brought no row means.
pub(super) fn failed(failure: StatementError) -> SignalResult {
    match failure {
        StatementError::Raised(error) if is_certain(&error) => SignalResult::NotSent {
            outcome: Outcome::Refused,
            detail: "PostgreSQL raised an error".to_owned(),
            postgres: Some(format_error(&error)),
        },
        StatementError::Raised(error) => unknown(&format!(
            "PostgreSQL ended the statement: {}",
            format_error(&error)
        )),
        StatementError::Late => unknown("the statement was handed over, and no answer came in time"),
        StatementError::Lost(error) => unknown(&format!(
            "the statement was handed over, and the connection was lost: {}",
            unreachable_because(error).message
        )),
    }
}

/// Whether an error can only have been raised before a signal. Those that interrupt a statement from without
/// (class 57, such as our own time limit) can come at any instant of it.
fn is_certain(error: &DbError) -> bool {
    !error.code().code().starts_with("57")
}

fn decided(name: &str, detail: String, words: Option<String>) -> SignalResult {
    if name == "signalled" {
        return SignalResult::Sent;
    }
    let Some(outcome) = Outcome::from_name(name).filter(|outcome| UNSIGNALLED.contains(outcome)) else {
        return unknown(&format!("the guard answered {name:?}, which it should not"));
    };
    let detail = match outcome {
        Outcome::NotABackend => "PostgreSQL did not signal it".to_owned(),
        _ => detail,
    };
    SignalResult::NotSent {
        outcome,
        detail,
        postgres: words,
    }
}

/// Why the statement's own checks stopped it.
fn undecided(
    row: &Row,
    (approved_server, backend): (ServerIdentity, &RequestedBackend),
    protection: &ProtectionRules,
    system_identifier: u64,
) -> Result<SignalAttempt, tokio_postgres::Error> {
    let identity = &backend.identity;
    let server: ServerIdentity = rows::server(row, system_identifier)?;
    if server != approved_server {
        return Ok(another_server().into());
    }
    let Some(session) = rows::session(row, &|_| None)? else {
        return Ok(not_sent(Outcome::Gone, "the session had ended").into());
    };
    if session.backend_start != identity.backend_start {
        return Ok(not_sent(
            Outcome::Replaced,
            "the session had ended, and another one has its pid now",
        )
        .into());
    }
    if let Some(rule) = protection.matching_rule(&session) {
        return Ok(not_sent(Outcome::Protected, format!("it is protected now: {rule}")).into());
    }
    if backend.bound_to == Binding::Query {
        if !session.state.is_running() {
            return Ok(not_sent(
                Outcome::MovedOn,
                format!("the query had ended; the session is {}", session.state),
            )
            .into());
        }
        if session.query_start != identity.query_start || identity.query_start.is_none() {
            return Ok(not_sent(
                Outcome::MovedOn,
                "the query had ended; the session runs another one",
            )
            .into());
        }
    }
    Ok(SignalAttempt::Renamed(Box::new(session)))
}

fn unknown(detail: &str) -> SignalResult {
    SignalResult::Unknown {
        detail: detail.to_owned(),
    }
}
