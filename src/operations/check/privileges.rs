//! Checks how the role may signal on a target.

use crate::common::check_result::CheckResult;
use crate::postgres::privileges::{GuardFunction, RolePrivileges};
use crate::postgres::server_info::{ServerInfo, SignalRight};

pub(super) fn check(server_info: &ServerInfo, privileges: &RolePrivileges, what: String) -> CheckResult {
    let role = quoted(&server_info.role);
    let install = format!(
        "Install the guard: killgate guard-sql --role {role} | psql -v ON_ERROR_STOP=1 -f -, as a superuser"
    );
    match (server_info.signal_right, &privileges.guard) {
        (SignalRight::Guard, Some(guard)) => check_guard(guard, privileges, what, &role, install),
        (SignalRight::Guard, None) => CheckResult::ok(what, "guard: through killgate.signal_backend alone"),
        (SignalRight::Direct, None) => CheckResult::ok(
            what,
            "direct: as a member of pg_signal_backend (the guard allows less)",
        ),
        (SignalRight::Direct, Some(guard)) => CheckResult::warn(
            what,
            format!(
                "direct, bypassing the installed guard: {}",
                why_unusable(guard, &role)
            ),
            format!("{install}; then REVOKE pg_signal_backend FROM {role}, and restart killgate"),
        ),
        (SignalRight::Nothing, None) => {
            CheckResult::fail(what, format!("the role {role} may not signal at all"), install)
        }
        (SignalRight::Nothing, Some(guard)) => CheckResult::fail(
            what,
            format!(
                "the role {role} may not signal at all: {}",
                why_unusable(guard, &role)
            ),
            install,
        ),
    }
}

fn check_guard(
    guard: &GuardFunction,
    privileges: &RolePrivileges,
    what: String,
    role: &str,
    install: String,
) -> CheckResult {
    if !guard.owner_may_signal {
        return CheckResult::fail(
            what,
            format!(
                "guard: its owner {} is not a member of pg_signal_backend, so every signal would be refused",
                quoted(&guard.owner)
            ),
            install,
        );
    }
    if privileges.may_signal {
        return CheckResult::warn(
            what,
            format!("guard, but the role {role} is itself a member of pg_signal_backend and could bypass it"),
            format!("REVOKE pg_signal_backend FROM {role}"),
        );
    }
    if !guard.is_current {
        return CheckResult::warn(
            what,
            "guard, but its body is not the one that this killgate installs: it is of another version, or was changed",
            install,
        );
    }
    CheckResult::ok(what, "guard: through killgate.signal_backend alone")
}

/// Why the function with the guard's name is not used.
fn why_unusable(guard: &GuardFunction, role: &str) -> String {
    if !guard.has_expected_arguments {
        "killgate.signal_backend takes other arguments: it is of another version".to_owned()
    } else if !guard.is_definer {
        "killgate.signal_backend does not run with its owner's privileges (SECURITY DEFINER)".to_owned()
    } else if guard.is_granted {
        "killgate.signal_backend cannot be used".to_owned()
    } else {
        format!("{role} may not execute killgate.signal_backend, which was installed for another role")
    }
}

/// The name of a role as an SQL identifier.
pub(super) fn quoted(role: &str) -> String {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if role.chars().all(is_plain) && role.starts_with(|c: char| !c.is_ascii_digit()) {
        role.to_owned()
    } else {
        format!("\"{}\"", role.replace('"', "\"\""))
    }
}
