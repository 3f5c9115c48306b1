//! A target: can it be reached, and has the bot's role the rights it needs there, and no others?

use std::time::Duration;

use tokio::time::timeout;

use super::privileges::{self, quoted};
use crate::common::check_result::CheckResult;
use crate::config::{PostgresAddress, TargetConfig};
use crate::postgres::connection::ConnectOptions;
use crate::postgres::privileges::{self as role_privileges, RolePrivileges};
use crate::postgres::server_info::{ServerInfo, query as find_out, try_statements};
use crate::postgres::tls::TlsMode;
use crate::postgres::version::ServerVersion;

/// A target that has not answered by then is not reachable.
const WITHIN: Duration = Duration::from_secs(5);

pub(super) async fn find(target: &TargetConfig, options: ConnectOptions) -> Vec<CheckResult> {
    let what = |about: &str| format!("target {}: {about}", target.name);
    let tried = timeout(WITHIN, async {
        let (mut connection, _ended) = options.connect().await?;
        let findings = find_out(&mut connection).await?;
        if !findings.version.is_too_old() {
            try_statements(&mut connection).await?;
        }
        let privileges = role_privileges::find(&connection, findings.version).await?;
        anyhow::Ok((findings, privileges))
    });
    let (findings, privileges) = match tried.await {
        Ok(Ok(found)) => found,
        Ok(Err(problem)) => {
            return vec![CheckResult::fail(
                what("reachable"),
                format!(
                    "{}: {}",
                    target.connection.address(),
                    crate::postgres::error::unreachable_because(problem)
                ),
                "Correct the target's url, password or certificate, or see to its server",
            )];
        }
        Err(_) => {
            return vec![CheckResult::fail(
                what("reachable"),
                format!(
                    "{} did not answer within {} s",
                    target.connection.address(),
                    WITHIN.as_secs()
                ),
                "See to the server, and to the network and firewall between it and this machine",
            )];
        }
    };
    vec![
        CheckResult::ok(what("reachable"), target.connection.address()),
        encryption(&target.connection, what("TLS")),
        version(findings.version, what("version")),
        sight(&findings, what("sessions")),
        privileges::find(&findings, &privileges, what("signals")),
        superuser(&findings, what("superuser")),
        tables(&privileges, what("tables")),
        reserved(&findings, &privileges, what("reserved connections")),
    ]
}

/// How a connection to PostgreSQL is protected on its way.
pub(super) fn encryption(connection: &PostgresAddress, what: String) -> CheckResult {
    match connection.tls.mode {
        TlsMode::Disable if connection.is_local() => {
            CheckResult::ok(what, "plain text, which does not leave this machine")
        }
        TlsMode::Disable => CheckResult::warn(
            what,
            "plain text: whoever is on the way reads the password and every query",
            "Leave sslmode out of the url, or set it to verify-full",
        ),
        TlsMode::Require => CheckResult::warn(
            what,
            "encrypted, but to whoever answers: the server's certificate is not checked",
            "Set sslmode to verify-full, with sslrootcert if the CA is your own",
        ),
        TlsMode::VerifyCa => CheckResult::ok(
            what,
            "encrypted; the certificate's CA is checked, its name is not",
        ),
        TlsMode::VerifyFull => CheckResult::ok(what, "encrypted; the certificate and its name are checked"),
    }
}

fn version(number: ServerVersion, what: String) -> CheckResult {
    let version = format!("PostgreSQL {number}");
    if number.is_too_old() {
        return CheckResult::fail(
            what,
            format!("{version}, which is too old for killgate"),
            "Use PostgreSQL 13 or newer",
        );
    }
    if number.is_known() {
        return CheckResult::ok(what, version);
    }
    CheckResult::warn(
        what,
        format!("{version}, which this killgate was not tried with"),
        "Use PostgreSQL 13 to 18, or a newer killgate",
    )
}

fn sight(findings: &ServerInfo, what: String) -> CheckResult {
    if findings.sees_all_sessions {
        return CheckResult::ok(what, "the role sees other users' sessions");
    }
    CheckResult::fail(
        what,
        format!("the role {} sees its own sessions only", findings.role),
        format!("GRANT pg_read_all_stats TO {}", quoted(&findings.role)),
    )
}

fn superuser(findings: &ServerInfo, what: String) -> CheckResult {
    if !findings.is_superuser {
        return CheckResult::ok(what, format!("the role {} is none", findings.role));
    }
    CheckResult::fail(
        what,
        format!(
            "the role {} is a superuser: whoever has its password has the server",
            findings.role
        ),
        "Log in as a role of its own, as killgate guard-sql creates it",
    )
}

fn tables(privileges: &RolePrivileges, what: String) -> CheckResult {
    match &privileges.readable_table {
        None => CheckResult::ok(what, "the role can read no user's table in this database"),
        Some(table) => CheckResult::fail(
            what,
            format!("the role can read {table}"),
            "REVOKE it from the role, from PUBLIC or from the role that it is a member of: killgate needs no table",
        ),
    }
}

fn reserved(findings: &ServerInfo, privileges: &RolePrivileges, what: String) -> CheckResult {
    if !findings.version.reserves_connections() {
        return CheckResult::ok(
            what,
            "not before PostgreSQL 16; the connection opened at start is kept",
        );
    }
    match (privileges.reserved_connections, privileges.may_use_reserved) {
        (1.., true) => CheckResult::ok(what, "the role may use one when all other slots are taken"),
        (1.., false) => CheckResult::warn(
            what,
            "the server reserves some, and the role may not use them",
            format!("GRANT pg_use_reserved_connections TO {}", quoted(&findings.role)),
        ),
        _ => CheckResult::warn(
            what,
            "none: killgate cannot come back to a server whose slots are all taken",
            format!(
                "Set reserved_connections to 3 or so, restart, and GRANT pg_use_reserved_connections TO {}",
                quoted(&findings.role)
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::check_result::CheckStatus;

    #[test]
    fn a_server_that_is_too_old_fails_and_one_that_is_too_new_is_warned_of() {
        let judged = |number| version(ServerVersion(number), String::new()).status;
        assert_eq!(judged(120_022), CheckStatus::Fail);
        assert_eq!([judged(130_000), judged(180_004)], [CheckStatus::Ok; 2]);
        assert_eq!(judged(190_000), CheckStatus::Warn);
    }
}
