//! What may be requested. Only the person who typed the command sees a refusal, and it says what to do.

use std::time::Duration;

use discord_sim::Fault;
use throwaway_postgres::{Cluster, eventually};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::environment::{APPROVE, SLEEP, SignalRight, TestEnv, signal};

async fn a_pid_without_a_backend_is_refused_with_postgresqls_message(right: SignalRight) {
    let env = TestEnv::start_with(right).await;
    let observer = env.cluster.superuser().await.unwrap();
    let version: String = observer.query_one("show server_version_num", &[]).await.unwrap().get(0);
    let process_kind = if version.as_str() < "150000" { "server process" } else { "backend process" };
    // This process exists, but is not a backend.
    let pid = std::process::id();

    let refusal = env.refused_command("ana", "/terminate", pid).await;

    let warning = format!("PID {pid} is not a PostgreSQL {process_kind}");
    assert!(refusal.contains(&warning), "{refusal}");
    let plain_words = format!("No session on orders has pid {pid}.");
    assert!(refusal.starts_with(&plain_words), "{refusal}");
    assert!(refusal.contains("orders") && refusal.contains("/sessions"), "{refusal}");
    assert!(env.incident_channel().messages().is_empty(), "there is nothing to approve");
    assert!(env.ledger().await.is_empty());
}

async fn always_protected_sessions_are_refused_naming_the_rule(right: SignalRight) {
    let env = TestEnv::start_with(right).await;
    let superuser = env.cluster.victim("postgres").running(SLEEP).await.unwrap();
    let walsender = walsender(&env.cluster).await;
    let checkpointer = server_process(&env.cluster, "checkpointer").await;
    let own = i32::try_from(env.wait_for_bot_backend().await).unwrap();

    for (pid, rule) in [
        (superuser.pid(), "belongs to a superuser"),
        (walsender.pid, "replication connection"),
        (checkpointer, "it is not a client's session (checkpointer)"),
        (own, "it is one of killgate's own connections"),
    ] {
        for command in ["/cancel", "/terminate"] {
            let refusal = env.refused_command("ana", command, pid).await;
            assert!(refusal.contains("protected") && refusal.contains(rule), "{refusal}");
        }
    }
    let attempts = env.wait_for_attempts(8).await;
    assert_eq!(attempts, ["attempt_refused by ana: protected"; 8]);
    assert!(superuser.still_alive().await.unwrap());
    server_process(&env.cluster, "walsender").await;
}

async fn sessions_protected_by_configuration_are_refused_and_stay_protected(right: SignalRight) {
    let env = TestEnv::builder()
        .right(right)
        .section(
            "[protect]\nusers = [\"^payments_\"]\napplications = [\"^pg_(dump|basebackup)\"]\ndatabases = [\"^vault$\"]",
        )
        .start()
        .await;
    env.sql("create database vault").await;
    let of = |user| env.cluster.victim(user);
    let payments = of("payments_eu").running(SLEEP).await.unwrap();
    let dump = of("app").application("pg_dump").running(SLEEP).await.unwrap();
    let vault = of("app").database("vault").running(SLEEP).await.unwrap();
    for (victim, rule) in [
        (&payments, "users = ^payments_`"),
        (&dump, "applications = ^pg_(dump|basebackup)`"),
        (&vault, "databases = ^vault$"),
    ] {
        let refusal = env.refused_command("ana", "/terminate", victim.pid()).await;
        assert!(refusal.contains("protected") && refusal.contains(rule), "{refusal}");
    }

    // An application_name that is set after the card was posted protects too.
    let late = of("app").idle().await.unwrap();
    let card = env.request_card("/terminate", late.pid()).await;
    late.client().batch_execute("set application_name = 'pg_basebackup'").await.unwrap();
    env.react("ben", &card, APPROVE);
    let result = env.assert_outcome(1, &card, "protected", "Protected").await;
    assert!(result.contains("Nothing was signalled") || result.contains("protected now"), "{result}");
    for victim in [payments, dump, vault, late] {
        assert!(victim.still_alive().await.unwrap());
    }
}

async fn a_command_on_a_stalled_server_is_deferred_and_filled_in_later(right: SignalRight) {
    let env = TestEnv::start_with(right).await;
    env.sim.makes_mentionable("dba", true);
    // Also when it can be posted only later.
    let failures = if right == SignalRight::Guard { 2 } else { 0 };
    env.sim.fails_next(failures, "POST /channels/*/messages", Fault::Error { status: 403, code: 50013 });
    let victim = env.sleeping_session().await;

    let (answer, backend) = env.deferred_command(&env.incident_channel(), "/terminate", victim.pid()).await;
    signal("CONT", backend).await;

    let card = answer.filled().await.message();
    assert!(card.card().title().starts_with("Terminate"), "{}", card.text());
    // Discord notifies nobody of a deferred answer that is filled in.
    assert!(card.pings().is_empty(), "{:?}", card.pings());
    let notice = env
        .incident_channel()
        .message(|message| message.replies_to(&card) && message.content().contains("waits for your decision"))
        .await;
    assert!(notice.pings().contains(&"ben".to_owned()), "{:?}", notice.pings());
    env.wait_for_bot_reactions(&card).await;
    env.react("ben", &card, APPROVE);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
}

test_with_both_rights! {
    a_pid_without_a_backend_is_refused_with_postgresqls_message,
    always_protected_sessions_are_refused_naming_the_rule,
    sessions_protected_by_configuration_are_refused_and_stay_protected,
    a_command_on_a_stalled_server_is_deferred_and_filled_in_later,
}

#[tokio::test]
async fn a_command_on_an_unresponsive_server_is_refused_after_five_seconds() {
    let env = TestEnv::start().await;
    let victim = env.sleeping_session().await;

    let (answer, backend) = env.deferred_command(&env.incident_channel(), "/terminate", victim.pid()).await;
    let refusal = eventually("the refusal arrives", async || {
        let messages = answer.messages();
        let refusal = messages.iter().find(|message| message.exists() && message.is_ephemeral());
        Ok(refusal.map(discord_sim::Message::content))
    })
    .await
    .unwrap();
    signal("CONT", backend).await;

    assert!(refusal.contains("orders could not be queried"), "{refusal}");
    assert!(refusal.contains("Nothing was requested"), "{refusal}");
    assert!(env.incident_channel().messages().is_empty(), "{}", env.sim.transcript());
    assert!(env.ledger().await.is_empty());
}

#[tokio::test]
async fn an_invalid_pid_is_refused() {
    let env = TestEnv::start().await;
    for pid in [0_i64, -1, -4711, 1 << 31, 1 << 40] {
        let refusal = env.refused_command("ana", "/terminate", pid).await;
        let expected = format!("There is no pid {pid}: a pid is a whole number from 1 to 2147483647");
        assert!(refusal.starts_with(&expected), "{refusal}");
    }
    for text in ["backup job", "4711; drop table", "@everyone", "١٢", ""] {
        let typed = env.person("ana").in_channel(&env.incident_channel()).types("/cancel");
        let answer = typed.raw_option("pid", text).send().await;
        assert!(answer.is_ephemeral());
        assert!(answer.content().contains("pid cannot be"), "{}", answer.content());
        assert!(answer.message().pings().is_empty());
    }
    assert!(env.incident_channel().messages().is_empty());
    assert!(env.ledger().await.is_empty());
}

#[tokio::test]
async fn an_unknown_target_is_refused_with_the_list_of_targets() {
    let env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    let typed = env.person("ana").in_channel(&env.incident_channel()).types("/terminate");
    let answer = typed.option("pid", victim.pid()).option("target", "billing").send().await;
    assert!(answer.is_ephemeral());
    assert_eq!(answer.content(), "There is no target “billing”. Choose one of: orders.");
}

#[tokio::test]
async fn a_person_who_may_not_request_is_refused_and_recorded() {
    let env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    // Ben may approve there. Ivy may not view the target, so the refusal does not tell her its name.
    for (who, place) in [("ivy", "here"), ("ben", "on orders")] {
        let refusal = env.refused_command(who, "/terminate", victim.pid()).await;
        let expected = format!("may not ask for a terminate {place}");
        assert!(refusal.contains(&expected), "{refusal}");
    }
    let attempts = env.wait_for_attempts(2).await;
    assert_eq!(
        attempts,
        ["attempt_refused by ivy: not_a_requester", "attempt_refused by ben: not_a_requester"]
    );
    assert!(env.incident_channel().messages().is_empty());
}

#[tokio::test]
async fn a_person_who_may_not_request_cannot_fill_the_ledger() {
    let env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    for _ in 0..61 {
        env.refused_command("ivy", "/terminate", victim.pid()).await;
    }
    env.refused_command("ben", "/terminate", victim.pid()).await;
    let attempts = env.wait_for_attempts(61).await;
    let by_ivy = attempts.iter().filter(|attempt| attempt.contains("by ivy")).count();
    assert_eq!((by_ivy, attempts.len()), (60, 61));
}

#[tokio::test]
async fn commands_in_another_channel_are_refused() {
    let env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    let elsewhere = env.sim.channel("elsewhere");
    for command in ["/terminate", "/cancel"] {
        let typed = env.person("ana").in_channel(&elsewhere).types(command);
        let answer = typed.option("pid", victim.pid()).send().await;
        assert!(answer.is_ephemeral());
        assert!(answer.content().contains("not configured for this channel"), "{}", answer.content());
    }
    assert!(env.ledger().await.is_empty());
}

#[tokio::test]
async fn a_reason_is_shown_recorded_and_enforced_where_required() {
    let env = TestEnv::builder().section("[approval]\nrequire_reason = true").start().await;
    let victim = env.sleeping_session().await;
    let refusal = env.refused_command("ana", "/terminate", victim.pid()).await;
    assert!(refusal.contains("A reason is required"), "{refusal}");

    let typed = env.person("ana").in_channel(&env.incident_channel()).types("/terminate");
    let command = typed.option("pid", victim.pid()).option("reason", "blocks *checkout* @everyone");
    let card = command.send().await.message();

    let shown = card.card().field("Requested by").unwrap().to_owned();
    assert!(shown.contains("checkout"), "{shown}");
    assert!(!shown.contains("*checkout*") || shown.contains("\\*checkout"), "{shown}");
    assert!(card.pings().is_empty(), "{:?}", card.pings());
    assert_eq!(env.ledger().await[0]["reason"], "blocks *checkout* @everyone");
}

#[tokio::test]
async fn a_duplicate_request_links_to_the_open_one() {
    let env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;

    let refusal = env.refused_command("otto", "/terminate", victim.pid()).await;
    let link = format!("/{}/{}", env.incident_channel().id(), card.id());
    assert!(refusal.contains("#1") && refusal.contains(&link), "{refusal}");
    assert_eq!(env.incident_channel().messages().len(), 1);

    // Another action on the same session is another request.
    let other = env.request_card_as("otto", "/cancel", victim.pid()).await;
    assert_ne!(other, card);
}

/// A replication connection. The driver cannot open one, so this sends the startup message of protocol 3.0 itself.
struct Walsender {
    pid: i32,
    _connection: TcpStream,
}

async fn walsender(cluster: &Cluster) -> Walsender {
    cluster.sql("create role replica login replication").await.unwrap();
    let mut connection = TcpStream::connect(("127.0.0.1", cluster.port())).await.unwrap();
    let parameters = b"user\0replica\0replication\0true\0\0";
    let length = u32::try_from(8 + parameters.len()).unwrap();
    let message = [&length.to_be_bytes()[..], &(3_u32 << 16).to_be_bytes(), parameters].concat();
    connection.write_all(&message).await.unwrap();
    Walsender { pid: server_process(cluster, "walsender").await, _connection: connection }
}

async fn server_process(cluster: &Cluster, kind: &str) -> i32 {
    let observer = cluster.superuser().await.unwrap();
    let query = "select pid from pg_stat_activity where backend_type = $1";
    let found = eventually(kind, async || {
        let rows = observer.query(query, &[&kind]).await?;
        Ok(rows.first().map(|row| row.get(0)))
    });
    tokio::time::timeout(Duration::from_secs(30), found).await.unwrap().unwrap()
}
