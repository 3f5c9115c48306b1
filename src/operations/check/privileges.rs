//! How the bot's role may signal on a target.

use crate::common::check_result::Finding;
use crate::postgres::privileges::{Guard, Privileges};
use crate::postgres::server_info::{Findings, Right};

pub(super) fn find(findings: &Findings, privileges: &Privileges, what: String) -> Finding {
    let role = quoted(&findings.role);
    let install = format!(
        "Install the guard: killgate guard-sql --role {role} | psql -v ON_ERROR_STOP=1 -f -, as a superuser"
    );
    match (findings.right, &privileges.guard) {
        (Right::Guard, Some(guard)) => through_guard(guard, privileges, what, &role, install),
        (Right::Guard, None) => Finding::ok(what, "guard: through killgate.signal_backend alone"),
        (Right::Direct, None) => Finding::ok(
            what,
            "direct: as a member of pg_signal_backend (the guard allows less)",
        ),
        (Right::Direct, Some(guard)) => Finding::warn(
            what,
            format!(
                "direct, around the guard that is there: {}",
                unusable(guard, &role)
            ),
            format!("{install}; then REVOKE pg_signal_backend FROM {role}, and restart killgate"),
        ),
        (Right::None, None) => Finding::fail(what, format!("the role {role} may not signal at all"), install),
        (Right::None, Some(guard)) => Finding::fail(
            what,
            format!(
                "the role {role} may not signal at all: {}",
                unusable(guard, &role)
            ),
            install,
        ),
    }
}

fn through_guard(
    guard: &Guard,
    privileges: &Privileges,
    what: String,
    role: &str,
    install: String,
) -> Finding {
    if !guard.owner_may_signal {
        return Finding::fail(
            what,
            format!(
                "guard: its owner {} is no member of pg_signal_backend, so that every signal would be refused",
                quoted(&guard.owner)
            ),
            install,
        );
    }
    if privileges.may_signal {
        return Finding::warn(
            what,
            format!(
                "guard, but the role {role} is itself a member of pg_signal_backend and could signal around it"
            ),
            format!("REVOKE pg_signal_backend FROM {role}"),
        );
    }
    if !guard.is_current {
        return Finding::warn(
            what,
            "guard, but its text is not the one that this killgate installs: it is of another version, or was changed",
            install,
        );
    }
    Finding::ok(what, "guard: through killgate.signal_backend alone")
}

/// Why the function of the guard's name is not the guard.
fn unusable(guard: &Guard, role: &str) -> String {
    if !guard.fits {
        "killgate.signal_backend takes other arguments: it is of another version".to_owned()
    } else if !guard.is_definer {
        "killgate.signal_backend does not run with its owner's rights (SECURITY DEFINER)".to_owned()
    } else if guard.is_granted {
        "killgate.signal_backend cannot be used".to_owned()
    } else {
        format!("{role} may not execute killgate.signal_backend, which was installed for another role")
    }
}

/// The name of a role as SQL takes it.
pub(super) fn quoted(role: &str) -> String {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if role.chars().all(is_plain) && role.starts_with(|c: char| !c.is_ascii_digit()) {
        role.to_owned()
    } else {
        format!("\"{}\"", role.replace('"', "\"\""))
    }
}
