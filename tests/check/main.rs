//! `killgate check` on a correct setup, and on setups with one fault each, which is reported with a fix.

mod clean_root;
mod discord;
mod documents;
#[path = "../fixture/faketime.rs"]
mod faketime;
mod guard;
#[path = "../fixture/mounts.rs"]
mod mounts;
mod operations;
#[path = "../fixture/pgbouncer.rs"]
mod pgbouncer;
mod proxy;
mod readme;
mod setup;
mod sql;
mod targets;

use std::process::Stdio;

use discord_sim::Sim;
use setup::{Setup, reserves_connections};

#[tokio::test]
async fn a_correct_setup_passes_every_check() {
    let setup = Setup::good().await;
    let report = setup.check().await;
    assert_eq!(report.wrong(), [""; 0], "{}", report.lines);
    assert_eq!(report.status, 0);
    for what in ["token", "guild", "channel", "role", "target orders: TLS", "ledger: intact"] {
        assert!(
            report.lines.lines().any(|line| line.starts_with(&format!("ok    {what}"))),
            "{what}: {}",
            report.lines
        );
    }
    for finding in &report.findings {
        let keys: Vec<_> = finding.as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["detail", "fix", "status", "what"]);
    }
    assert!(!setup.path("killgate.db").exists(), "a ledger that check made would belong to whoever ran it");
}

#[tokio::test]
async fn a_missing_role_is_reported_by_its_id() {
    let setup = Setup::good().await;
    let role = setup.sim.role_id("dba");
    setup.sim.deletes_role("dba");
    let report = setup.check().await;
    assert_eq!(
        (report.status, report.wrong()),
        (1, vec![format!("FAIL role {role}: the guild has no role with this id")])
    );
}

#[tokio::test]
async fn a_guild_without_two_factor_authentication_is_a_warning() {
    let setup = Setup::with(Sim::builder()).await;
    let report = setup.check().await;
    assert_eq!(report.status, 0);
    let [wrong] = &report.wrong()[..] else { panic!("{}", report.lines) };
    assert!(wrong.starts_with("warn two-factor authentication"), "{wrong}");
}

#[tokio::test]
async fn a_wrong_token_is_reported_and_not_shown() {
    let setup = Setup::good().await;
    setup.write("token", "MTIz.wrong.secret");
    let report = setup.check().await;
    assert_eq!(report.status, 1);
    assert!(report.lines.contains("FAIL  token: Discord refused the bot's token"), "{}", report.lines);
    assert!(!report.lines.contains("MTIz.wrong.secret"), "{}", report.lines);
}

#[tokio::test]
async fn a_wrong_guild_id_and_a_deleted_channel_are_reported() {
    let mut setup = Setup::good().await;
    setup.replace(&format!("guild = {}", setup.sim.guild_id()), "guild = 1");
    assert!(setup.check().await.wrong()[0].starts_with("FAIL guild 1: the bot cannot see it"));

    let setup = Setup::good().await;
    setup.sim.deletes_channel(&setup.sim.channel("incident"));
    let report = setup.check().await;
    assert!(report.wrong()[0].starts_with("FAIL channel"), "{}", report.lines);
}

#[tokio::test]
async fn a_target_role_with_too_few_or_too_many_privileges_is_reported() {
    let setup = Setup::good().await;
    setup.cluster.sql("REVOKE pg_read_all_stats, pg_signal_backend FROM killgate").await.unwrap();
    assert_eq!(
        setup.check().await.wrong(),
        [
            "FAIL target orders: sessions: the role killgate sees its own sessions only",
            "FAIL target orders: signals: the role killgate may not signal at all",
        ]
    );
    setup.cluster.sql("ALTER ROLE killgate SUPERUSER").await.unwrap();
    let wrong = setup.check().await.wrong();
    assert!(
        wrong[0].starts_with("FAIL target orders: superuser: the role killgate is a superuser"),
        "{wrong:?}"
    );
}

/// As the running bot does, whose statements run as that role.
#[tokio::test]
async fn the_rights_of_the_role_that_a_login_takes_are_checked() {
    let setup = Setup::good().await;
    let sql = async |statements: &str| setup.cluster.sql(statements).await.unwrap();
    sql("create role nobody; grant nobody to killgate; alter role killgate set role = nobody").await;
    assert_eq!(
        setup.check().await.wrong(),
        [
            "FAIL target orders: sessions: the role nobody sees its own sessions only",
            "FAIL target orders: signals: the role nobody may not signal at all",
        ]
    );
    sql("revoke pg_read_all_stats, pg_signal_backend from killgate; alter role killgate noinherit;
         create role watcher in role pg_read_all_stats, pg_signal_backend; grant watcher to killgate;
         alter role killgate set role = watcher")
    .await;
    let report = setup.check().await;
    assert_eq!((report.status, report.wrong()), (0, vec![]), "{}", report.lines);

    // A slot is given to a login before it takes the other role (`InitPostgres`).
    if reserves_connections(&setup.cluster).await.unwrap() {
        sql("revoke pg_use_reserved_connections from killgate").await;
        let report = setup.check().await;
        let lacking = "the server reserves some, and the role may not use them. GRANT pg_use_reserved_connections TO killgate";
        assert!(report.lines.contains(lacking), "{}", report.lines);
    }
}

#[tokio::test]
async fn a_readable_user_table_is_reported() {
    let setup = Setup::good().await;
    setup.cluster.sql("CREATE TABLE customers (); GRANT SELECT ON customers TO PUBLIC").await.unwrap();
    assert_eq!(
        setup.check().await.wrong(),
        ["FAIL target orders: tables: the role can read public.customers"]
    );
}

#[tokio::test]
async fn a_server_that_is_down_is_reported_as_unreachable() {
    let setup = Setup::good().await;
    setup.cluster.stop().await.unwrap();
    let report = setup.check().await;
    let [wrong] = &report.wrong()[..] else { panic!("{}", report.lines) };
    assert!(wrong.starts_with("FAIL target orders: reachable: 127.0.0.1:"), "{wrong}");
    assert!(wrong.contains("connection refused") || wrong.contains("Connection refused"), "{wrong}");
}

#[tokio::test]
async fn a_ledger_that_was_tampered_with_is_not_intact() {
    let setup = Setup::good().await;
    assert_eq!(setup.check().await.status, 0);
    setup.write("killgate.db", "this is no ledger");
    let report = setup.check().await;
    assert_eq!(report.status, 1);
    assert!(report.lines.contains("FAIL  ledger: "), "{}", report.lines);
}

#[tokio::test]
async fn a_ledger_that_cannot_be_created_is_not_writable() {
    let mut setup = Setup::good().await;
    setup.replace("sqlite:killgate.db", "sqlite:/proc/killgate.db");
    let wrong = setup.check().await.wrong();
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(wrong[0].starts_with("FAIL ledger: writable: /proc/killgate.db cannot be created:"), "{wrong:?}");
}

#[tokio::test]
async fn every_check_passes_while_the_bot_runs() {
    let setup = Setup::good().await;
    let mut bot = setup.killgate("run").stderr(Stdio::null()).spawn().unwrap();
    setup.sim.bot_is_ready().await;
    let report = setup.check().await;
    assert_eq!((report.status, report.wrong()), (0, vec![]), "{}", report.lines);
    assert!(report.lines.contains("ok    ledger: writable: a running killgate holds it"), "{}", report.lines);
    bot.kill().await.unwrap();
}

#[tokio::test]
async fn check_changes_nothing_in_a_ledger_that_nobody_holds() {
    let setup = Setup::good().await;
    // The next start creates a ledger in it.
    setup.write("killgate.db", "");
    let report = setup.check().await;
    assert_eq!((report.status, report.wrong()), (0, vec![]), "{}", report.lines);
    assert!(
        report.lines.contains("killgate.db is empty: the first run creates the ledger in it"),
        "{}",
        report.lines
    );
    assert_eq!(setup.files_of_the_ledger(), [("killgate.db".to_owned(), vec![])]);

    // A killed process leaves records in the log that are not in the file yet.
    let mut bot = setup.killgate("run").stderr(Stdio::null()).spawn().unwrap();
    setup.sim.bot_is_ready().await;
    bot.kill().await.unwrap();
    let before = setup.files_of_the_ledger();
    assert!(
        before.iter().any(|(name, bytes)| name == "killgate.db-wal" && !bytes.is_empty()),
        "a log is left"
    );
    let report = setup.check().await;
    assert_eq!((report.status, report.wrong()), (0, vec![]), "{}", report.lines);
    assert_eq!(setup.files_of_the_ledger(), before);
}

#[tokio::test]
async fn a_ledger_that_a_starting_killgate_has_not_filled_yet_is_no_fault() {
    let setup = Setup::good().await;
    setup.write("killgate.db", "");
    let held = std::fs::File::options().write(true).open(setup.path("killgate.db")).unwrap();
    held.lock().unwrap();
    let report = setup.check().await;
    assert_eq!((report.status, report.wrong()), (0, vec![]), "{}", report.lines);
}

#[tokio::test]
async fn a_ledger_in_postgresql_is_checked() {
    let mut setup = Setup::good().await;
    for statement in ["create role ledger login", "create database ledger owner ledger"] {
        setup.cluster.sql(statement).await.unwrap();
    }
    let url = setup.cluster.url("ledger", "ledger");
    setup.replace("sqlite:killgate.db", &url);
    let report = setup.check().await;
    assert_eq!((report.status, report.wrong()), (0, vec![]), "{}", report.lines);
    setup
        .cluster
        .sql("alter database ledger owner to postgres; revoke all on database ledger from ledger")
        .await
        .unwrap();
    let wrong = setup.check().await.wrong();
    assert!(wrong[0].starts_with("FAIL ledger: writable: 127.0.0.1:"), "{wrong:?}");
    assert!(wrong[0].contains("permission denied for database ledger"), "{wrong:?}");
}

#[tokio::test]
async fn an_unusable_config_is_refused_with_every_fault_and_status_2() {
    let mut setup = Setup::good().await;
    setup.replace("name = \"orders\"", "nmae = \"orders\"");
    let report = setup.check().await;
    assert_eq!(report.status, 2);
    assert!(report.lines.contains("nmae"), "{}", report.lines);
}

#[tokio::test]
async fn a_ledger_behind_a_link_is_named_and_one_that_leads_nowhere_is_a_fault() {
    let setup = Setup::good().await;
    std::os::unix::fs::symlink("elsewhere.db", setup.path("killgate.db")).unwrap();
    let report = setup.check().await;
    let [wrong] = &report.wrong()[..] else { panic!("{}", report.lines) };
    assert!(wrong.ends_with("killgate.db is a link to elsewhere.db, which does not exist"), "{wrong}");
    setup.write("elsewhere.db", "");
    let mut bot = setup.killgate("run").stderr(Stdio::null()).spawn().unwrap();
    setup.sim.bot_is_ready().await;
    bot.kill().await.unwrap();
    let report = setup.check().await;
    assert_eq!(report.wrong(), [""; 0]);
    assert!(report.lines.contains("killgate.db, a link to /"), "{}", report.lines);
}
