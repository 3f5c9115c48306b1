//! The URLs of PostgreSQL servers and of the ledger.

use std::path::Path;

use insta::assert_snapshot;
use killgate::config::{LedgerLocation, PostgresAddress, Settings};
use killgate::postgres::hosts::SessionAttributes;
use killgate::postgres::tls::TlsMode;

use crate::example::{ConfigFolder, MINIMAL, fault, plus, with};

const URL: &str = "postgresql://killgate@db1.internal/postgres";

fn connection(url: &str) -> PostgresAddress {
    let settings = with(URL, url).unwrap_or_else(|faults| panic!("{url}: {faults}"));
    settings.targets[0].connection.clone()
}

fn refused(url: &str) -> String {
    fault(with(URL, url))
}

#[test]
fn a_url_contains_the_address_and_the_user() {
    let connection = connection(
        "postgres://kill%40gate@DB1.internal:6432/orders%2Feu?target_session_attrs=standby&connect_timeout=3",
    );
    let config = connection.parameters();
    assert_eq!(config.get_user(), Some("kill@gate"));
    assert_eq!(config.get_dbname(), Some("orders/eu"));
    assert_eq!(connection.session_attributes, SessionAttributes::Standby);
    assert_eq!(config.get_password(), None);
    assert_eq!(connection.address(), "db1.internal:6432");
    assert_eq!(self::connection("postgresql://k@[::1],db2:7/x").address(), "[::1]:5432,db2:7");
}

#[test]
fn tls_is_fully_verified_by_default_except_on_this_machine() {
    for (url, mode) in [
        ("postgresql://k@db1/x", TlsMode::VerifyFull),
        ("postgresql://k@10.0.0.1/x", TlsMode::VerifyFull),
        ("postgresql://k@localhost.evil.example/x", TlsMode::VerifyFull),
        ("postgresql://k@localhost,db1/x", TlsMode::VerifyFull),
        ("postgresql://k@localhost/x?hostaddr=10.0.0.1", TlsMode::VerifyFull),
        ("postgresql://k@localhost/x", TlsMode::Disable),
        ("postgresql://k@127.0.0.1:5433/x", TlsMode::Disable),
        ("postgresql://k@[::1]/x", TlsMode::Disable),
        ("postgresql://k@%2Frun%2Fpostgresql/x", TlsMode::Disable),
        ("postgresql:///x?host=/run/postgresql&user=k", TlsMode::Disable),
        ("postgresql://k@localhost/x?sslmode=verify-full", TlsMode::VerifyFull),
        ("postgresql://k@db1/x?sslmode=verify-ca", TlsMode::VerifyCa),
        ("postgresql://k@db1/x?sslmode=require", TlsMode::Require),
        ("postgresql://k@db1/x?sslmode=require&sslrootcert=token", TlsMode::VerifyCa),
        ("postgresql://k@db1/x?sslmode=require&sslrootcert=system", TlsMode::Require),
        ("postgresql://k@db1/x?sslmode=disable", TlsMode::Disable),
    ] {
        assert_eq!(connection(url).tls.mode, mode, "{url}");
    }
    assert!(connection("postgresql://k@127.0.0.2/x").is_local());
    assert!(!connection("postgresql://k@db1/x?sslmode=disable").is_local());
}

#[test]
fn certificate_paths_start_from_the_configurations_folder() {
    let folder = ConfigFolder::new();
    folder.write("ca.pem", "");
    let toml = MINIMAL.replace(URL, "postgresql://k@db1/x?sslrootcert=ca.pem&sslcert=ca.pem&sslkey=ca.pem");
    let settings = folder.load(&toml).unwrap_or_else(|faults| panic!("{faults}"));
    let tls = &settings.targets[0].connection.tls;
    assert_eq!(tls.root, Some(folder.path("ca.pem")));
    assert_eq!(tls.client.as_ref().map(|own| own.key.clone()), Some(folder.path("ca.pem")));
    assert_snapshot!(refused("postgresql://k@db1/x?sslrootcert=nowhere.pem"), @r#"13:7: [[target]] "orders" url: sslrootcert: cannot read nowhere.pem: No such file or directory (os error 2); allowed: postgresql://user@host:port/database?sslmode=MODE"#);
    assert_snapshot!(refused("postgresql://k@db1/x?sslcert=token"), @r#"13:7: [[target]] "orders" url: sslcert and sslkey belong together; allowed: postgresql://user@host:port/database?sslmode=MODE"#);
    assert_snapshot!(refused("postgresql://k@db1/x?sslmode=disable&sslrootcert=token"), @r#"13:7: [[target]] "orders" url: it names certificates, which are not used without TLS (sslmode=disable); allowed: postgresql://user@host:port/database?sslmode=MODE"#);
}

#[test]
fn invalid_server_urls_are_faults() {
    assert_snapshot!(refused("postgresql://ana@db1/x?user=ben"), @r#"13:7: [[target]] "orders" url: it contains two users; allowed: postgresql://user@host:port/database?sslmode=MODE"#);
    assert_snapshot!(refused("host=db1 user=k password=hunter2"), @r#"13:7: [[target]] "orders" url: it does not begin with postgresql://; allowed: postgresql://user@host:port/database?sslmode=MODE"#);
    assert_snapshot!(refused("mysql://k@db1/x"), @r#"13:7: [[target]] "orders" url: it does not begin with postgresql://; allowed: postgresql://user@host:port/database?sslmode=MODE"#);
    assert_snapshot!(refused("postgresql:///x"), @r#"13:7: [[target]] "orders" url: it names no host; allowed: postgresql://user@host:port/database?sslmode=MODE"#);
    assert_snapshot!(refused("postgresql://k@db1:port/x"), @r#"13:7: [[target]] "orders" url: invalid value for option `port`; allowed: postgresql://user@host:port/database?sslmode=MODE"#);
    assert_snapshot!(refused("postgresql://k@db1:0/x"), @r#"13:7: [[target]] "orders" url: 0 is not a port; allowed: postgresql://user@host:port/database?sslmode=MODE"#);
    assert_snapshot!(refused("postgresql://k@db1/x?sslmode=prefer"), @r#"13:7: [[target]] "orders" url: sslmode=prefer would fall back to plain text; it is disable, require, verify-ca or verify-full; allowed: postgresql://user@host:port/database?sslmode=MODE"#);
    assert_snapshot!(refused("postgresql://k@db1/x?sslmode=on"), @r#"13:7: [[target]] "orders" url: sslmode is disable, require, verify-ca or verify-full; allowed: postgresql://user@host:port/database?sslmode=MODE"#);
    assert_snapshot!(refused("postgresql://k@db1/x?ssl_mode=require"), @r#"13:7: [[target]] "orders" url: it has an unknown parameter, did you mean `sslmode`?; allowed: postgresql://user@host:port/database?sslmode=MODE"#);
    assert_snapshot!(refused("postgresql://k@db1/x?service=orders"), @r#"13:7: [[target]] "orders" url: it has an unknown parameter; known are channel_binding, connect_timeout, dbname, host, hostaddr, options, port, sslnegotiation, target_session_attrs, tcp_user_timeout, user; allowed: postgresql://user@host:port/database?sslmode=MODE"#);
    assert_snapshot!(refused("postgresql://k@db1/x?connect_timeout=soon"), @r#"13:7: [[target]] "orders" url: invalid value for option `connect_timeout`; allowed: postgresql://user@host:port/database?sslmode=MODE"#);
    assert_snapshot!(refused("postgresql://k@db1/x?connect_timeout=1&connect_timeout=2"), @r#"13:7: [[target]] "orders" url: a parameter is given twice; allowed: postgresql://user@host:port/database?sslmode=MODE"#);
    assert_snapshot!(refused("postgresql://k@%2Frun%2Fpostgresql/x?sslmode=require"), @r#"13:7: [[target]] "orders" url: PostgreSQL has no TLS on a Unix socket; leave sslmode out; allowed: postgresql://user@host:port/database?sslmode=MODE"#);
    assert_snapshot!(refused("postgresql://k@db1,db2/x?hostaddr=10.0.0.1"), @r#"13:7: [[target]] "orders" url: the number of ports or addresses differs from the number of hosts; allowed: postgresql://user@host:port/database?sslmode=MODE"#);
}

#[test]
fn parameters_that_would_be_overridden_are_refused() {
    let refused = |parameter: &str| {
        let fault = refused(&format!("postgresql://k@db1/x?{parameter}"));
        let (_, fault) = fault.split_once("url: ").expect("a fault of the url");
        fault.split("; allowed").next().unwrap_or_default().to_owned()
    };
    assert_snapshot!(refused("application_name=x"), @"application_name has no effect: killgate sets it, to know its own sessions; leave it out");
    assert_snapshot!(refused("keepalives_idle=9"), @"keepalives_idle has no effect: killgate sets it, so that a dead connection is noticed within 30 s; leave it out");
    assert_snapshot!(refused("load_balance_hosts=random"), @"load_balance_hosts has no effect: the hosts are tried in the order of the url; leave it out");
    assert_snapshot!(refused("target_session_attrs=prefer-standby"), @"target_session_attrs is one of any, read-write, read-only, primary, standby");
    assert_snapshot!(refused("options=-c%20geqo%3Doff%20-c%20search_path%3Dx"), @"options sets search_path, which killgate sets itself");
    assert_snapshot!(refused("options=--statement-timeout%3D1"), @"options sets statement_timeout, which killgate sets itself");
    connection("postgresql://k@db1/x?options=endpoint%3Dep-quiet-1");
}

#[test]
fn a_password_that_is_not_percent_encoded_is_refused_and_not_repeated() {
    for url in [
        "postgresql://k:hunter2@more@db1/x",
        "postgresql://k:hunter2/more@db1/x",
        "postgresql://k:hunter2?more@db1/x",
        "postgresql://k:hunter2#more@db1/x",
        "postgresql://k:%ffhunter2@db1/x",
        "postgresql://k:a@db1/x?password=hunter2",
        "postgresql://db1:hunter2/x",
        "postgresql://k@db1/x?hunter2=1",
        "postgresql://k@db1/x?sslmode=hunter2",
    ] {
        let fault = refused(url);
        assert!(!fault.contains("hunter2"), "{fault}");
    }
}

fn ledger(url: &str) -> Result<Settings, String> {
    plus(&format!("[ledger]\nurl = '{url}'"))
}

#[test]
fn a_ledger_is_a_file_or_a_server() {
    let folder = ConfigFolder::new();
    let path = |url: &str| match folder.load(&format!("{MINIMAL}\n[ledger]\nurl = '{url}'")) {
        Ok(Settings { ledger: LedgerLocation::Sqlite { path }, .. }) => path,
        other => panic!("{other:?}"),
    };
    assert_eq!(path("sqlite:other.db"), folder.path("other.db"));
    assert_eq!(path("sqlite:/tmp/killgate.db"), Path::new("/tmp/killgate.db"));
    assert_eq!(path("sqlite:///tmp/killgate.db"), Path::new("/tmp/killgate.db"));
    let Ok(Settings { ledger: LedgerLocation::Postgres { connection }, .. }) =
        ledger("postgresql://k:pw@ledger/killgate")
    else {
        panic!("a PostgreSQL ledger");
    };
    assert_eq!(connection.tls.mode, TlsMode::VerifyFull);
}

#[test]
fn invalid_ledger_urls_are_faults() {
    assert_snapshot!(fault(ledger("sqlite:")), @"16:7: [ledger] url: the path is empty; allowed: sqlite:FILE, or postgresql://user@host:port/database");
    assert_snapshot!(fault(ledger("sqlite::memory:")), @"16:7: [ledger] url: a ledger in memory would be lost; allowed: sqlite:FILE, or postgresql://user@host:port/database");
    assert_snapshot!(fault(ledger("sqlite:~/killgate.db")), @"16:7: [ledger] url: ~ is not expanded; write the whole path; allowed: sqlite:FILE, or postgresql://user@host:port/database");
    assert_snapshot!(fault(ledger("sqlite:nowhere/killgate.db")), @"16:7: [ledger] url: the folder nowhere does not exist; allowed: sqlite:FILE, or postgresql://user@host:port/database");
    assert_snapshot!(fault(ledger("sqlite:a.db?mode=ro")), @"16:7: [ledger] url: parameters are not allowed; allowed: sqlite:FILE, or postgresql://user@host:port/database");
    assert_snapshot!(fault(ledger("killgate.db")), @"16:7: [ledger] url: it begins with neither sqlite: nor postgresql://; allowed: sqlite:FILE, or postgresql://user@host:port/database");
    assert_snapshot!(fault(plus("[ledger]\npassword_file = 'token'")), @"16:17: [ledger] password_file: a SQLite ledger has no password; allowed: the path of a file, from the folder of this one");
}
