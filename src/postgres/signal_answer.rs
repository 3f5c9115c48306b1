//! What became of a signal, read out of the statement's one row.

use tokio_postgres::Row;
use tokio_postgres::error::DbError;

use super::connection_manager::{Answer, Failure};
use super::error::{error_words, explained, notice_words};
use super::rows;
use crate::domain::approval::Approved;
use crate::domain::event::Action;
use crate::domain::identity::Server;
use crate::domain::outcome::Outcome;
use crate::domain::protection::Protection;
use crate::domain::session::Session;
use crate::workflow::ports::Signalled;

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
pub(super) enum Verdict {
    Final(Signalled),
    /// Not signalled, for the approved session calls itself something else by now, which no rule protects.
    Renamed(Box<Session>),
}

impl From<Signalled> for Verdict {
    fn from(signalled: Signalled) -> Self {
        Self::Final(signalled)
    }
}

pub(super) fn not_sent(outcome: Outcome, detail: impl Into<String>) -> Signalled {
    Signalled::NotSent {
        outcome,
        detail: detail.into(),
        postgres: None,
    }
}

pub(super) fn another_server() -> Signalled {
    not_sent(
        Outcome::Gone,
        "another server answers there now, or the same one after a restart: the session ended with its own",
    )
}

/// Reads an answer. One that cannot be read may be of a statement that signalled.
pub(super) fn read(
    answer: &Answer,
    approved: &Approved,
    protection: &Protection,
    system_identifier: u64,
) -> Verdict {
    let Some(row) = answer.rows.first() else {
        return unknown("the server answered with no row").into();
    };
    let words = answer.notices.iter().map(notice_words).next();
    match rows::verdict(row) {
        Err(error) => unknown(&format!("the server's answer could not be read: {error}")).into(),
        Ok(Some((name, detail))) => decided(&name, detail, words).into(),
        Ok(None) => match undecided(row, approved, protection, system_identifier) {
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
pub(super) fn failed(failure: Failure) -> Signalled {
    match failure {
        Failure::Raised(error) if is_certain(&error) => Signalled::NotSent {
            outcome: Outcome::Refused,
            detail: "PostgreSQL raised an error".to_owned(),
            postgres: Some(error_words(&error)),
        },
        Failure::Raised(error) => unknown(&format!(
            "PostgreSQL ended the statement: {}",
            error_words(&error)
        )),
        Failure::Late => unknown("the statement was handed over, and no answer came in time"),
        Failure::Lost(error) => unknown(&format!(
            "the statement was handed over, and the connection was lost: {}",
            explained(error).problem
        )),
    }
}

/// Whether an error can only have been raised before a signal. Those that interrupt a statement from without
/// (class 57, such as our own time limit) can come at any instant of it.
fn is_certain(error: &DbError) -> bool {
    !error.code().code().starts_with("57")
}

fn decided(name: &str, detail: String, words: Option<String>) -> Signalled {
    if name == "signalled" {
        return Signalled::Sent;
    }
    let Some(outcome) = Outcome::named(name).filter(|outcome| UNSIGNALLED.contains(outcome)) else {
        return unknown(&format!("the guard answered {name:?}, which it should not"));
    };
    let detail = match outcome {
        Outcome::NotABackend => "PostgreSQL did not signal it".to_owned(),
        _ => detail,
    };
    Signalled::NotSent {
        outcome,
        detail,
        postgres: words,
    }
}

/// Why the statement's own checks stopped it.
fn undecided(
    row: &Row,
    approved: &Approved,
    protection: &Protection,
    system_identifier: u64,
) -> Result<Verdict, tokio_postgres::Error> {
    let identity = approved.identity();
    let server: Server = rows::server(row, system_identifier)?;
    if server != identity.server {
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
    if let Some(rule) = protection.rule_for(&session) {
        return Ok(not_sent(Outcome::Protected, format!("it is protected now: {rule}")).into());
    }
    if approved.action() == Action::Cancel {
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
    Ok(Verdict::Renamed(Box::new(session)))
}

fn unknown(detail: &str) -> Signalled {
    Signalled::Unknown {
        detail: detail.to_owned(),
    }
}
