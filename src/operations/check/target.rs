//! Checks that a target is reachable, and that the role has the privileges it needs and no others.

use std::io;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;

use super::privileges::{self, quoted};
use crate::common::check_result::CheckResult;
use crate::config::{PostgresAddress, TargetConfig};
use crate::operations::clock::{CLOCK_TOLERANCE, system_time};
use crate::postgres::connection::{ConnectOptions, PostgresConnection};
use crate::postgres::prepared_statements::try_statements;
use crate::postgres::privileges::{self as role_privileges, RolePrivileges};
use crate::postgres::server_info::{ServerInfo, query};
use crate::postgres::tls::TlsMode;
use crate::postgres::version::ServerVersion;

/// A target that is connected and does not answer within this time is not reachable.
const TIMEOUT: Duration = Duration::from_secs(5);

pub(super) async fn check(target: &TargetConfig, options: ConnectOptions) -> Vec<CheckResult> {
    let what = |about: &str| format!("target {}: {about}", target.name);
    let server = async {
        let (mut connection, _closed) = options.connect().await?;
        let asking = async {
            let server_info = query(&mut connection, &options).await?;
            // Behind a pooler no other answer means anything, and statements that are prepared fail.
            if server_info.is_pooled {
                return Ok((server_info, None));
            }
            if !server_info.version.is_too_old() {
                try_statements(&connection, &server_info).await?;
            }
            let privileges = role_privileges::find(&connection, server_info.version).await?;
            anyhow::Ok((server_info, Some((privileges, clock_offset(&connection).await?))))
        };
        let late = |_| io::Error::from(io::ErrorKind::TimedOut).into();
        timeout(TIMEOUT, asking).await.unwrap_or_else(|elapsed| Err(late(elapsed)))
    };
    let (server_info, answers) = match server.await {
        Ok(server) => server,
        Err(error) => {
            return vec![CheckResult::fail(
                what("reachable"),
                format!(
                    "{}: {}",
                    target.connection.address(),
                    crate::postgres::error::unreachable_because(error)
                ),
                "Correct the target's url, password or certificate, or check its server, and the network and firewall \
                 between it and this machine",
            )];
        }
    };
    let reachable = CheckResult::ok(what("reachable"), target.connection.address());
    let Some((privileges, clock_offset)) = answers else {
        return vec![reachable, pooler(&server_info, what("pooler"))];
    };
    let login = options.config.get_user().unwrap_or(&server_info.role);
    let database = options.config.get_dbname().unwrap_or(login);
    let mut results = vec![
        reachable,
        encryption(&target.connection, what("TLS")),
        version(server_info.version, what("version")),
        standby(&server_info, what("standby")),
        pooler(&server_info, what("pooler")),
        session_visibility(&server_info, what("sessions")),
        privileges::check(&server_info, database, what("signals")),
        superuser(&server_info, what("superuser")),
        tables(&privileges, what("tables")),
        reserved(login, &server_info, &privileges, what("reserved connections")),
        clock(clock_offset, what("clock")),
    ];
    results.extend(privileges::protected_users(&server_info, &privileges, what("protected users")));
    let hosts = options.each_host();
    if hosts.len() > 1 {
        let checks = hosts.iter().map(|(address, host)| check_host(host, what(&format!("host {address}"))));
        results.extend(join_all(checks).await);
    }
    results
}

/// One of several hosts. The target is served while any of them is.
async fn check_host(host: &ConnectOptions, what: String) -> CheckResult {
    match host.connect().await {
        Ok(_) => CheckResult::ok(what, "it accepts connections"),
        Err(error) => CheckResult::warn(
            what,
            crate::postgres::error::unreachable_because(error).to_string(),
            "Correct or remove this host in the target's url, or check its server",
        ),
    }
}

/// How far the server's clock is ahead of this machine's, in microseconds.
async fn clock_offset(connection: &PostgresConnection) -> anyhow::Result<i64> {
    let before = system_time().as_micros();
    let asked = "SELECT (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::int8";
    let server: i64 = connection.client().query_one(asked, &[]).await?.try_get(0)?;
    Ok(server - i64::midpoint(before, system_time().as_micros()))
}

/// killgate converts times if the clocks differ by more than 10 s, so a difference misleads only those who compare times
/// themselves.
fn clock(offset: i64, what: String) -> CheckResult {
    let seconds = offset / 1_000_000;
    if Duration::from_micros(offset.unsigned_abs()) <= CLOCK_TOLERANCE {
        return CheckResult::ok(what, "it agrees with this machine's");
    }
    let detail = format!("the server's clock differs from this machine's by {seconds} s");
    CheckResult::warn(what, detail, "Synchronize the clocks of both machines, for example with NTP")
}

pub(super) fn encryption(connection: &PostgresAddress, what: String) -> CheckResult {
    match connection.tls.mode {
        TlsMode::Disable if connection.is_local() => {
            CheckResult::ok(what, "plain text, which does not leave this machine")
        }
        TlsMode::Disable => CheckResult::warn(
            what,
            "plain text: anybody on the network can read the password and every query",
            "Leave sslmode out of the url, or set it to verify-full",
        ),
        TlsMode::Require => CheckResult::warn(
            what,
            "encrypted, but the server's certificate is not verified",
            "Set sslmode to verify-full, with sslrootcert if the CA is your own",
        ),
        TlsMode::VerifyCa => {
            CheckResult::ok(what, "encrypted; the certificate's CA is verified, its name is not")
        }
        TlsMode::VerifyFull => CheckResult::ok(what, "encrypted; the certificate and its name are verified"),
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
        format!("{version}, which this killgate was not tested with"),
        "Use PostgreSQL 13 to 18, or a newer killgate",
    )
}

fn standby(server_info: &ServerInfo, what: String) -> CheckResult {
    if !server_info.is_standby {
        return CheckResult::ok(what, "it is not one");
    }
    CheckResult::warn(
        what,
        "it is one: its sessions only read, and blockers on the primary are not seen",
        "Add target_session_attrs=primary to the url, if the primary is meant",
    )
}

fn pooler(server_info: &ServerInfo, what: String) -> CheckResult {
    if !server_info.is_pooled {
        return CheckResult::ok(what, "none is seen between killgate and the server");
    }
    CheckResult::fail(
        what,
        "a connection pooler in transaction mode answers there, so statements do not stay on one backend",
        "Name the server itself in the url, or let the pooler use session mode for killgate",
    )
}

fn session_visibility(server_info: &ServerInfo, what: String) -> CheckResult {
    if server_info.sees_all_sessions {
        return CheckResult::ok(what, "the role sees other users' sessions");
    }
    CheckResult::fail(
        what,
        format!("the role {} sees its own sessions only", server_info.role),
        format!("GRANT pg_read_all_stats TO {}", quoted(&server_info.role)),
    )
}

fn superuser(server_info: &ServerInfo, what: String) -> CheckResult {
    if !server_info.is_superuser {
        return CheckResult::ok(what, format!("the role {} is not one", server_info.role));
    }
    CheckResult::fail(
        what,
        format!(
            "the role {} is a superuser: anybody with its password controls the server",
            server_info.role
        ),
        "Log in as a separate role, which killgate guard-sql creates",
    )
}

fn tables(privileges: &RolePrivileges, what: String) -> CheckResult {
    match &privileges.readable_table {
        None => CheckResult::ok(what, "the role can read no user table in this database"),
        Some(table) => CheckResult::fail(
            what,
            format!("the role can read {table}"),
            "REVOKE it from the role, from PUBLIC or from the role that it is a member of: killgate needs no table",
        ),
    }
}

fn reserved(login: &str, server_info: &ServerInfo, privileges: &RolePrivileges, what: String) -> CheckResult {
    if !server_info.version.reserves_connections() {
        return CheckResult::ok(what, "not before PostgreSQL 16; the connection opened at start stays open");
    }
    match (privileges.reserved_connections, privileges.may_use_reserved) {
        (1.., true) => CheckResult::ok(what, "the role may use one when all other slots are taken"),
        (1.., false) => CheckResult::warn(
            what,
            "the server reserves some, and the role may not use them",
            format!("GRANT pg_use_reserved_connections TO {}", quoted(login)),
        ),
        _ => CheckResult::warn(
            what,
            "none: killgate cannot reconnect to a server whose slots are all taken",
            format!(
                "Set reserved_connections to 3 or so, restart, and GRANT pg_use_reserved_connections TO {}",
                quoted(login)
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::check_result::CheckStatus;

    #[test]
    fn a_too_old_server_fails_and_a_too_new_one_is_a_warning() {
        let status = |number| version(ServerVersion(number), String::new()).status;
        assert_eq!(status(120_022), CheckStatus::Fail);
        assert_eq!([status(130_000), status(180_004)], [CheckStatus::Ok; 2]);
        assert_eq!(status(190_000), CheckStatus::Warn);
    }
}
