//! Reads the answer of the signalling statement, which is one row.

use tokio_postgres::Row;
use tokio_postgres::error::DbError;

use super::connection_manager::StatementError;
use super::error::{format_error, format_error_in_full, format_notice, unreachable_because};
use super::rows::{self, ProcessRow, RawNames};
use super::server_info::ServerInfo;
use crate::domain::approval::Approved;
use crate::domain::event::{Binding, RequestedBackend};
use crate::domain::identity::{Pid, ServerIdentity};
use crate::domain::outcome::Outcome;
use crate::domain::protection::ProtectionRules;
use crate::domain::session::Session;
use crate::domain::unreachable_cause::{self as cause, UnreachableCause};
use crate::workflow::ports::SignalResult;

/// The outcomes that the statement or the guard may return instead of signalling.
const NOT_SIGNALLED: [Outcome; 7] = [
    Outcome::Gone,
    Outcome::Replaced,
    Outcome::MovedOn,
    Outcome::Protected,
    Outcome::NotABackend,
    Outcome::Refused,
    Outcome::Unreachable,
];

/// The result of sending the statement once.
pub(super) enum StatementOutcome {
    Final(SignalResult),
    /// Not signalled, because the approved session has other names than were checked. No rule protects these.
    IdentityChanged(Box<Session>, RawNames),
}

impl From<SignalResult> for StatementOutcome {
    fn from(result: SignalResult) -> Self {
        Self::Final(result)
    }
}

pub(super) fn not_sent(outcome: Outcome, detail: impl Into<String>) -> SignalResult {
    SignalResult::NotSent { outcome, detail: detail.into(), postgres: None }
}

fn not_asked(cause: &UnreachableCause) -> SignalResult {
    not_sent(Outcome::Unreachable, cause.detail)
}

pub(super) fn another_server() -> SignalResult {
    not_asked(&cause::ANOTHER_SERVER)
}

pub(super) fn too_late() -> SignalResult {
    not_asked(&cause::TOO_LATE)
}

/// The first notice about this process, as people read it. All `statements` raise their notices on one connection. PostgreSQL's
/// message about a pid that is not one of its backends contains the pid in every language.
pub(super) fn notice_about(notices: &[DbError], pid: Pid, statements: usize) -> Option<String> {
    let number = pid.to_string();
    let mentions =
        |text: &str| text.split(|letter: char| !letter.is_ascii_digit()).any(|part| part == number);
    notices.iter().find(|notice| statements == 1 || mentions(notice.message())).map(format_notice)
}

/// Reads an answer. If it cannot be read, the statement may have signalled.
pub(super) fn read(
    (rows, notice): (&[Row], Option<String>),
    (approved, backend, checked): (&Approved, &RequestedBackend, &RawNames),
    protection: &ProtectionRules,
    server_info: &ServerInfo,
) -> StatementOutcome {
    let Some(row) = rows.first() else { return unknown("the server returned no row").into() };
    match rows::verdict(row) {
        Err(error) => unknown(&format!("the server's answer could not be read: {error}")).into(),
        Ok(Some((name, detail))) => read_verdict(&name, detail, notice).into(),
        Ok(None) => match explain(row, (approved, backend, checked), protection, server_info) {
            Ok(attempt) => attempt,
            // The verdict was read, and nothing was signalled.
            Err(error) => not_sent(
                Outcome::Refused,
                format!("the server's description of the session could not be read: {error}"),
            )
            .into(),
        },
    }
}

pub(super) fn read_error(error: StatementError) -> SignalResult {
    match error {
        StatementError::Raised(error) if is_before_signal(&error) => SignalResult::NotSent {
            outcome: Outcome::Refused,
            detail: "PostgreSQL raised an error".to_owned(),
            postgres: Some(format_error_in_full(&error)),
        },
        StatementError::Raised(error) => {
            unknown(&format!("PostgreSQL ended the statement: {}", format_error(&error)))
        }
        StatementError::Late => unknown("the statement was sent, and no answer came in time"),
        StatementError::Lost(error) => unknown(&format!(
            "the statement was sent, and the connection was lost: {}",
            unreachable_because(error).message
        )),
    }
}

/// Whether the error can only have been raised before the signal. Errors of class 57 (operator intervention, such as the
/// statement timeout) can interrupt the statement at any point.
fn is_before_signal(error: &DbError) -> bool {
    !error.code().code().starts_with("57")
}

fn read_verdict(name: &str, detail: String, notice: Option<String>) -> SignalResult {
    if name == "signalled" {
        return SignalResult::Sent;
    }
    let Some(outcome) = Outcome::from_name(name).filter(|outcome| NOT_SIGNALLED.contains(outcome)) else {
        return unknown(&format!("the guard returned {name:?}, which is not one of its outcomes"));
    };
    let detail = match outcome {
        Outcome::NotABackend => "PostgreSQL did not signal it".to_owned(),
        _ => detail,
    };
    SignalResult::NotSent { outcome, detail, postgres: notice }
}

/// Why the statement's checks prevented the signal.
fn explain(
    row: &Row,
    (approved, backend, checked): (&Approved, &RequestedBackend, &RawNames),
    protection: &ProtectionRules,
    server_info: &ServerInfo,
) -> Result<StatementOutcome, tokio_postgres::Error> {
    let identity = &backend.identity;
    let server: ServerIdentity = rows::server(row, server_info.system_identifier)?;
    if approved.server().was_restarted_as(server, row.try_get("is_standby")?, approved.seen_at()) {
        return Ok(not_sent(Outcome::Gone, "the server was restarted, and the session ended with it").into());
    }
    if !approved.server().is_same(server) {
        return Ok(another_server().into());
    }
    if !row.try_get::<_, bool>("is_usable")? {
        return Ok(not_asked(&cause::GUARD_CHANGED).into());
    }
    let session = match rows::process(row, &server_info.encodings, &|_| None)? {
        ProcessRow::Session(session) => *session,
        ProcessRow::None => return Ok(not_sent(Outcome::Gone, "the session had ended").into()),
        ProcessRow::Hidden(_) => return Ok(not_asked(&cause::SESSION_HIDDEN).into()),
    };
    if session.backend_start != identity.backend_start {
        return Ok(
            not_sent(Outcome::Replaced, "the session had ended, and another one has its pid now").into()
        );
    }
    if let Some(rule) = protection.matching_rule(&session) {
        return Ok(not_sent(Outcome::Protected, format!("it is protected now: {rule}")).into());
    }
    if backend.bound_to == Binding::Query {
        if session.state.is_hidden() {
            return Ok(not_asked(&cause::QUERY_HIDDEN).into());
        }
        if !session.state.is_running() {
            return Ok(not_sent(
                Outcome::MovedOn,
                format!("the query had ended; the session is {}", session.state),
            )
            .into());
        }
        if session.query_start != identity.query_start || identity.query_start.is_none() {
            return Ok(not_sent(Outcome::MovedOn, "the query had ended; the session runs another one").into());
        }
    }
    if backend.bound_to == Binding::Transaction && session.xact_start != identity.xact_start {
        return Ok(not_sent(Outcome::MovedOn, "the transaction had ended").into());
    }
    let names = RawNames::from_row(row)?;
    if checked.is_unchanged(&names) {
        return Ok(too_late().into());
    }
    Ok(StatementOutcome::IdentityChanged(Box::new(session), names))
}

fn unknown(detail: &str) -> SignalResult {
    SignalResult::Unknown { detail: detail.to_owned() }
}
