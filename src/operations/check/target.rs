//! A target: can it be reached, and has the bot's role the rights it needs there, and no others?

use std::time::Duration;

use tokio::time::timeout;

use super::privileges::{self, quoted};
use crate::common::check_result::Finding;
use crate::config::{Connection, Target, TlsMode};
use crate::postgres::connection::Dial;
use crate::postgres::privileges::{self as role_privileges, Privileges};
use crate::postgres::server_info::{Findings, find as find_out, try_statements};
use crate::postgres::version::Version;

/// A target that has not answered by then is not reachable.
const WITHIN: Duration = Duration::from_secs(5);

pub(super) async fn find(target: &Target, dial: Dial) -> Vec<Finding> {
    let what = |about: &str| format!("target {}: {about}", target.name);
    let tried = timeout(WITHIN, async {
        let (mut live, _ended) = dial.open().await?;
        let findings = find_out(&mut live).await?;
        if !findings.version.is_too_old() {
            try_statements(&mut live).await?;
        }
        let privileges = role_privileges::find(&live, findings.version).await?;
        anyhow::Ok((findings, privileges))
    });
    let (findings, privileges) = match tried.await {
        Ok(Ok(found)) => found,
        Ok(Err(problem)) => {
            return vec![Finding::fail(
                what("reachable"),
                format!(
                    "{}: {}",
                    target.connection.address(),
                    crate::postgres::error::explained(problem)
                ),
                "Correct the target's url, password or certificate, or see to its server",
            )];
        }
        Err(_) => {
            return vec![Finding::fail(
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
        Finding::ok(what("reachable"), target.connection.address()),
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
pub(super) fn encryption(connection: &Connection, what: String) -> Finding {
    match connection.tls.mode {
        TlsMode::Disable if connection.is_local() => {
            Finding::ok(what, "plain text, which does not leave this machine")
        }
        TlsMode::Disable => Finding::warn(
            what,
            "plain text: whoever is on the way reads the password and every query",
            "Leave sslmode out of the url, or set it to verify-full",
        ),
        TlsMode::Require => Finding::warn(
            what,
            "encrypted, but to whoever answers: the server's certificate is not checked",
            "Set sslmode to verify-full, with sslrootcert if the CA is your own",
        ),
        TlsMode::VerifyCa => Finding::ok(
            what,
            "encrypted; the certificate's CA is checked, its name is not",
        ),
        TlsMode::VerifyFull => Finding::ok(what, "encrypted; the certificate and its name are checked"),
    }
}

fn version(number: Version, what: String) -> Finding {
    let version = format!("PostgreSQL {number}");
    if number.is_too_old() {
        return Finding::fail(
            what,
            format!("{version}, which is too old for killgate"),
            "Use PostgreSQL 13 or newer",
        );
    }
    if number.is_known() {
        return Finding::ok(what, version);
    }
    Finding::warn(
        what,
        format!("{version}, which this killgate was not tried with"),
        "Use PostgreSQL 13 to 18, or a newer killgate",
    )
}

fn sight(findings: &Findings, what: String) -> Finding {
    if findings.sees_all {
        return Finding::ok(what, "the role sees other users' sessions");
    }
    Finding::fail(
        what,
        format!("the role {} sees its own sessions only", findings.role),
        format!("GRANT pg_read_all_stats TO {}", quoted(&findings.role)),
    )
}

fn superuser(findings: &Findings, what: String) -> Finding {
    if !findings.superuser {
        return Finding::ok(what, format!("the role {} is none", findings.role));
    }
    Finding::fail(
        what,
        format!(
            "the role {} is a superuser: whoever has its password has the server",
            findings.role
        ),
        "Log in as a role of its own, as killgate guard-sql creates it",
    )
}

fn tables(privileges: &Privileges, what: String) -> Finding {
    match &privileges.readable_table {
        None => Finding::ok(what, "the role can read no user's table in this database"),
        Some(table) => Finding::fail(
            what,
            format!("the role can read {table}"),
            "REVOKE it from the role, from PUBLIC or from the role that it is a member of: killgate needs no table",
        ),
    }
}

fn reserved(findings: &Findings, privileges: &Privileges, what: String) -> Finding {
    if !findings.version.reserves_connections() {
        return Finding::ok(
            what,
            "not before PostgreSQL 16; the connection opened at start is kept",
        );
    }
    match (privileges.reserved_connections, privileges.may_use_reserved) {
        (1.., true) => Finding::ok(what, "the role may use one when all other slots are taken"),
        (1.., false) => Finding::warn(
            what,
            "the server reserves some, and the role may not use them",
            format!("GRANT pg_use_reserved_connections TO {}", quoted(&findings.role)),
        ),
        _ => Finding::warn(
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
    use crate::common::check_result::Status;

    #[test]
    fn a_server_that_is_too_old_fails_and_one_that_is_too_new_is_warned_of() {
        let judged = |number| version(Version(number), String::new()).status;
        assert_eq!(judged(120_022), Status::Fail);
        assert_eq!([judged(130_000), judged(180_004)], [Status::Ok; 2]);
        assert_eq!(judged(190_000), Status::Warn);
    }
}
