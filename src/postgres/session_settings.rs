//! The settings of killgate's own sessions. A role, a database or a server may set others, and none of them changes
//! what killgate does.

use std::fmt::Write as _;
use std::time::Duration;

use tokio_postgres::error::{DbError, Severity, SqlState};

/// A setting, the value that killgate needs, and the first version that has it (`server_version_num`).
type SessionSetting = (&'static str, &'static str, u32);

/// `role` is left as it is: it decides which rights a login has. What only a superuser may set, such as
/// `session_replication_role` or `lc_messages`, changes no statement of killgate's.
const SETTINGS: &[SessionSetting] = &[
    ("search_path", "pg_catalog", 0),
    // A standby has no serializable transactions.
    ("default_transaction_isolation", "'read committed'", 0),
    ("default_transaction_read_only", "off", 0),
    // A process that stops while it takes over a ledger must not keep the row of its lease locked.
    ("idle_in_transaction_session_timeout", "5000", 0),
    // These would end the session.
    ("idle_session_timeout", "0", 140_000),
    ("transaction_timeout", "0", 170_000),
    // Every ERROR would end the session.
    ("exit_on_error", "off", 0),
    // PostgreSQL's WARNING about a pid is part of the answer.
    ("client_min_messages", "notice", 0),
    // With it off, each backslash in a literal of the guard raises another WARNING.
    ("standard_conforming_strings", "on", 0),
    ("quote_all_identifiers", "off", 0),
    // A limit: with less, megabytes of query text would go to a temporary file, for which there can be a limit too.
    ("work_mem", "'1GB'", 0),
    // Compiling a listing takes longer than running it.
    ("jit", "off", 0),
];

/// The statements that set them. `version` is the server's.
pub(super) fn set_all(version: u32, statement_timeout: Duration, lock_timeout: Duration) -> String {
    let mut statements = format!(
        "SET statement_timeout = {}; SET lock_timeout = {}",
        statement_timeout.as_millis(),
        lock_timeout.as_millis(),
    );
    for (name, value, _) in SETTINGS.iter().filter(|(_, _, since)| version >= *since) {
        // Writing to a String cannot fail.
        let _ = write!(statements, "; SET {name} = {value}");
    }
    statements
}

/// The settings that can end a session before its first statement sets them. They are in the startup message, where a client's
/// settings override those of the role and the database (PostgreSQL documentation, "Parameter Interaction via the
/// Configuration File").
pub(super) fn startup_options(version: u32, statement_timeout: Duration) -> String {
    let ends_sessions = |name: &str| name.ends_with("_timeout");
    let settings = SETTINGS.iter().filter(|(name, _, since)| ends_sessions(name) && version >= *since);
    let mut options = format!("-c statement_timeout={}", statement_timeout.as_millis());
    for (name, value, _) in settings {
        let _ = write!(options, " -c {name}={value}");
    }
    options
}

/// Whether a setting of the role or the database may have ended a new session, or the statement that was to change it.
pub(super) fn may_be_the_cause_of(error: &anyhow::Error) -> bool {
    let Some(error) = error.chain().find_map(|cause| cause.downcast_ref::<tokio_postgres::Error>()) else {
        return false;
    };
    // The FATAL that ends the session arrives before its first statement is sent, or as the answer to it.
    let is_fatal = || error.as_db_error().and_then(DbError::parsed_severity) == Some(Severity::Fatal);
    error.is_closed() || error.code() == Some(&SqlState::QUERY_CANCELED) || is_fatal()
}

/// The setting of this name, if killgate sets it itself, so that another value would be overridden.
pub fn overridden(name: &str) -> Option<&'static str> {
    let name = name.replace('-', "_").to_ascii_lowercase();
    let others = ["statement_timeout", "lock_timeout", "plan_cache_mode", "application_name"];
    let mut all = others.into_iter().chain(SETTINGS.iter().map(|(setting, ..)| *setting));
    all.find(|setting| *setting == name)
}

/// The number of a version as the server reports it at login: `15.18 (Debian …)` is 150018, `18beta1` 180000.
pub(super) fn version_number(reported: &str) -> u32 {
    let number =
        |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0);
    let mut parts = reported.split('.');
    let (major, minor): (u32, u32) = (parts.next().map_or(0, number), parts.next().map_or(0, number));
    major.saturating_mul(10_000).saturating_add(minor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reported_version_has_a_number() {
        for (reported, number) in [
            ("15.18 (Debian 15.18-1)", 150_018),
            ("18beta1", 180_000),
            ("13.23", 130_023),
            ("", 0),
            ("4294967295.1", u32::MAX),
        ] {
            assert_eq!(version_number(reported), number, "{reported}");
        }
    }

    #[test]
    fn only_settings_that_the_version_has_are_set() {
        let second = Duration::from_secs(1);
        let on = |version| set_all(version, second, second);
        assert!(!on(130_000).contains("idle_session_timeout = 0; SET transaction_timeout"));
        assert!(
            !on(130_000).contains(" idle_session_timeout") && on(140_000).contains(" idle_session_timeout")
        );
        assert!(
            !on(160_000).contains(" transaction_timeout") && on(170_000).contains(" transaction_timeout")
        );
    }
}
