//! Checks how the role may signal on a target.

use crate::common::check_result::CheckResult;
use crate::postgres::privileges::RolePrivileges;
use crate::postgres::server_info::{ServerInfo, SignalRight};

pub(super) fn check(server_info: &ServerInfo, database: &str, what: String) -> CheckResult {
    let role = quoted(&server_info.role);
    let install = format!(
        "Install the guard as a superuser, which takes the right from any other role: \
         killgate guard-sql --role={} | psql -v ON_ERROR_STOP=1 -f - -d {}",
        shell_word(&server_info.role),
        shell_word(database)
    );
    match (server_info.signal_right, &server_info.guard) {
        (SignalRight::Guard, _) if server_info.may_signal => CheckResult::warn(
            what,
            format!("guard, but the role {role} is itself a member of pg_signal_backend and could bypass it"),
            format!("REVOKE pg_signal_backend FROM {role}"),
        ),
        (SignalRight::Guard, _) => CheckResult::ok(what, "guard: through killgate.signal_backend alone"),
        (SignalRight::Direct, None) => {
            CheckResult::ok(what, "direct: as a member of pg_signal_backend (the guard allows less)")
        }
        (SignalRight::Direct, Some(guard)) => CheckResult::warn(
            what,
            format!("direct, bypassing the installed guard: {}", guard.why_unusable()),
            format!("REVOKE pg_signal_backend FROM {role}, after this: {install}"),
        ),
        (SignalRight::Nothing, None) => {
            CheckResult::fail(what, format!("the role {role} may not signal at all"), install)
        }
        (SignalRight::Nothing, Some(guard)) => CheckResult::fail(
            what,
            format!(
                "the role {role} may not signal at all, and the guard is not used: {}",
                guard.why_unusable()
            ),
            format!(
                "If it is the guard of another role, correct the user in the url. Else find out who changed it, and then: {install}"
            ),
        ),
    }
}

/// Whether others can change the guard's table. It needs no right that the guard's verification reads.
pub(super) fn protected_users(
    server_info: &ServerInfo,
    privileges: &RolePrivileges,
    what: String,
) -> Option<CheckResult> {
    if server_info.signal_right != SignalRight::Guard || privileges.data_writers.is_empty() {
        return None;
    }
    let members: Vec<_> = privileges.data_writers.iter().map(|role| quoted(role)).collect();
    let members = members.join(", ");
    Some(CheckResult::warn(
        what,
        format!("members of pg_write_all_data can change killgate.protected_users: {members}"),
        format!(
            "REVOKE pg_write_all_data FROM {members}, or protect users in [protect], which they cannot change"
        ),
    ))
}

/// The name of a role as an SQL identifier.
pub(super) fn quoted(role: &str) -> String {
    if is_plain(role) { role.to_owned() } else { format!("\"{}\"", role.replace('"', "\"\"")) }
}

/// The name of a role as one word of a POSIX shell, which people copy: whoever may rename the role must not run commands there.
fn shell_word(role: &str) -> String {
    if is_plain(role) { role.to_owned() } else { format!("'{}'", role.replace('\'', r"'\''")) }
}

fn is_plain(role: &str) -> bool {
    let is_ordinary = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    role.chars().all(is_ordinary) && role.starts_with(|c: char| !c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn the_name_of_a_role_is_one_word_of_the_shell_whatever_it_contains() {
        for role in
            ["killgate", "on call's \"bot\"", "$(echo ran)", "`echo ran`", "a;b & c", "\\'", "7 $HOME"]
        {
            let script = format!("printf %s {}", shell_word(role));
            let output = Command::new("sh").args(["-c", &script]).output().expect("a shell");
            assert_eq!(String::from_utf8_lossy(&output.stdout), role, "{script}");
        }
    }
}
