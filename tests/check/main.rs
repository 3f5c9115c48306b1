//! `killgate check` on a good setup, and on setups with one fault each: found, named, and with what to do.

mod discord;
mod guard;
mod setup;
mod targets;

use std::process::Stdio;

use discord_sim::Sim;
use setup::Setup;

#[tokio::test]
async fn a_good_setup_has_nothing_to_complain_of() {
    let setup = Setup::good().await;
    let report = setup.check().await;
    assert_eq!(report.wrong(), [""; 0], "{}", report.lines);
    assert_eq!(report.status, 0);
    for what in [
        "token",
        "guild",
        "channel",
        "role",
        "target orders: TLS",
        "ledger: intact",
    ] {
        assert!(
            report
                .lines
                .lines()
                .any(|line| line.starts_with(&format!("ok    {what}"))),
            "{what}: {}",
            report.lines
        );
    }
    for finding in &report.findings {
        let keys: Vec<_> = finding.as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["detail", "mend", "status", "what"]);
    }
    assert!(
        !setup.path("killgate.db").exists(),
        "a ledger that check made would belong to whoever ran it"
    );
}

#[tokio::test]
async fn a_role_that_is_not_there_is_named_by_its_number() {
    let setup = Setup::good().await;
    let role = setup.sim.role_id("dba");
    setup.sim.deletes_role("dba");
    let report = setup.check().await;
    assert_eq!(
        (report.status, report.wrong()),
        (
            1,
            vec![format!("FAIL role {role}: the guild has no role with this id")]
        )
    );
}

#[tokio::test]
async fn a_guild_without_two_factor_authentication_is_only_warned_of() {
    let setup = Setup::with(Sim::builder()).await;
    let report = setup.check().await;
    assert_eq!(report.status, 0);
    let [wrong] = &report.wrong()[..] else {
        panic!("{}", report.lines)
    };
    assert!(wrong.starts_with("warn two-factor authentication"), "{wrong}");
}

#[tokio::test]
async fn a_wrong_token_is_said_to_be_wrong_and_is_not_shown() {
    let setup = Setup::good().await;
    setup.write("token", "MTIz.wrong.secret");
    let report = setup.check().await;
    assert_eq!(report.status, 1);
    assert!(
        report
            .lines
            .contains("FAIL  token: Discord refused the bot's token"),
        "{}",
        report.lines
    );
    assert!(!report.lines.contains("MTIz.wrong.secret"), "{}", report.lines);
}

#[tokio::test]
async fn another_guilds_number_and_a_channel_that_is_gone_are_found() {
    let mut setup = Setup::good().await;
    setup.replace(&format!("guild = {}", setup.sim.guild_id()), "guild = 1");
    assert!(setup.check().await.wrong()[0].starts_with("FAIL guild 1: the bot cannot see it"));

    let setup = Setup::good().await;
    setup.sim.deletes_channel(&setup.sim.channel("incident"));
    let report = setup.check().await;
    assert!(report.wrong()[0].starts_with("FAIL channel"), "{}", report.lines);
}

#[tokio::test]
async fn a_role_that_sees_nothing_may_nothing_or_may_everything_is_found_on_the_target() {
    let setup = Setup::good().await;
    setup
        .cluster
        .sql("REVOKE pg_read_all_stats, pg_signal_backend FROM killgate")
        .await
        .unwrap();
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

#[tokio::test]
async fn a_table_that_the_bot_can_read_is_one_too_many() {
    let setup = Setup::good().await;
    setup
        .cluster
        .sql("CREATE TABLE customers (); GRANT SELECT ON customers TO PUBLIC")
        .await
        .unwrap();
    assert_eq!(
        setup.check().await.wrong(),
        ["FAIL target orders: tables: the role can read public.customers"]
    );
}

#[tokio::test]
async fn a_server_that_is_down_is_said_not_to_be_reachable() {
    let setup = Setup::good().await;
    setup.cluster.stop().await.unwrap();
    let report = setup.check().await;
    let [wrong] = &report.wrong()[..] else {
        panic!("{}", report.lines)
    };
    assert!(
        wrong.starts_with("FAIL target orders: reachable: 127.0.0.1:"),
        "{wrong}"
    );
    assert!(
        wrong.contains("connection refused") || wrong.contains("Connection refused"),
        "{wrong}"
    );
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
async fn a_ledger_that_cannot_be_made_is_said_not_to_be_writable() {
    let mut setup = Setup::good().await;
    setup.replace("sqlite:killgate.db", "sqlite:/proc/killgate.db");
    let wrong = setup.check().await.wrong();
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(
        wrong[0].starts_with("FAIL ledger: writable: /proc/killgate.db cannot be made:"),
        "{wrong:?}"
    );
}

#[tokio::test]
async fn check_finds_nothing_wrong_while_the_bot_runs() {
    let setup = Setup::good().await;
    let mut bot = setup.killgate("run").stderr(Stdio::null()).spawn().unwrap();
    setup.sim.bot_is_ready().await;
    let report = setup.check().await;
    assert_eq!((report.status, report.wrong()), (0, vec![]), "{}", report.lines);
    assert!(
        report
            .lines
            .contains("ok    ledger: writable: a running killgate holds it"),
        "{}",
        report.lines
    );
    bot.kill().await.unwrap();
}

#[tokio::test]
async fn check_changes_nothing_in_a_ledger_that_nobody_holds() {
    let setup = Setup::good().await;
    // Of no version yet: the next start makes a ledger of it.
    setup.write("killgate.db", "");
    let report = setup.check().await;
    assert_eq!((report.status, report.wrong()), (0, vec![]), "{}", report.lines);
    assert!(
        report
            .lines
            .contains("killgate.db is empty: the first run makes a ledger of it"),
        "{}",
        report.lines
    );
    assert_eq!(setup.files_of_the_ledger(), [("killgate.db".to_owned(), vec![])]);

    // As a killed one leaves it, with records in the log that are not in the file yet.
    let mut bot = setup.killgate("run").stderr(Stdio::null()).spawn().unwrap();
    setup.sim.bot_is_ready().await;
    bot.kill().await.unwrap();
    let before = setup.files_of_the_ledger();
    assert!(
        before
            .iter()
            .any(|(name, bytes)| name == "killgate.db-wal" && !bytes.is_empty()),
        "a log is left"
    );
    let report = setup.check().await;
    assert_eq!((report.status, report.wrong()), (0, vec![]), "{}", report.lines);
    assert_eq!(setup.files_of_the_ledger(), before);
}

#[tokio::test]
async fn a_ledger_in_postgresql_is_tried_as_well() {
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
    assert!(
        wrong[0].starts_with("FAIL ledger: writable: 127.0.0.1:"),
        "{wrong:?}"
    );
    assert!(
        wrong[0].contains("permission denied for database ledger"),
        "{wrong:?}"
    );
}

#[tokio::test]
async fn an_unusable_config_is_refused_with_every_fault_and_status_2() {
    let mut setup = Setup::good().await;
    setup.replace("name = \"orders\"", "nmae = \"orders\"");
    let report = setup.check().await;
    assert_eq!(report.status, 2);
    assert!(report.lines.contains("nmae"), "{}", report.lines);
}
