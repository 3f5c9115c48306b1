//! What may be asked at all: refusals are seen by nobody but the person who asked, and say what to do.

use std::time::Duration;

use throwaway_postgres::{Cluster, eventually};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::house::{APPROVE, House, Right, SLEEP, signal};

async fn a_process_that_is_no_backend_is_answered_in_postgresqls_own_words(right: Right) {
    let house = House::under(right).await;
    let observer = house.cluster.superuser().await.unwrap();
    let version: String = observer
        .query_one("show server_version_num", &[])
        .await
        .unwrap()
        .get(0);
    let thing = if version.as_str() < "150000" {
        "server process"
    } else {
        "backend process"
    };
    // It exists, and PostgreSQL could not care less.
    let pid = std::process::id();

    let refusal = house.refusal("ana", "/terminate", pid).await;

    let words = format!("PID {pid} is not a PostgreSQL {thing}");
    assert!(refusal.contains(&words), "{refusal}");
    let plainly = format!("No session on orders has pid {pid}.");
    assert!(refusal.starts_with(&plainly), "{refusal}");
    assert!(
        refusal.contains("orders") && refusal.contains("/sessions"),
        "{refusal}"
    );
    assert!(
        house.incident().messages().is_empty(),
        "there is nothing to approve"
    );
    assert!(house.ledger().await.is_empty());
}

async fn what_is_always_protected_is_refused_by_its_rule(right: Right) {
    let house = House::under(right).await;
    let superuser = house.cluster.victim("postgres").running(SLEEP).await.unwrap();
    let walsender = walsender(&house.cluster).await;
    let checkpointer = server_process(&house.cluster, "checkpointer").await;
    let own = i32::try_from(house.bots_backend().await).unwrap();

    for (pid, rule) in [
        (superuser.pid(), "belongs to a superuser"),
        (walsender.pid, "replication connection"),
        (checkpointer, "it is not a client's session (checkpointer)"),
        (own, "it is one of killgate's own connections"),
    ] {
        for command in ["/cancel", "/terminate"] {
            let refusal = house.refusal("ana", command, pid).await;
            assert!(
                refusal.contains("protected") && refusal.contains(rule),
                "{refusal}"
            );
        }
    }
    let attempts = house.attempts(8).await;
    assert_eq!(attempts, ["attempt_refused by ana: protected"; 8]);
    assert!(superuser.still_alive().await.unwrap());
    server_process(&house.cluster, "walsender").await;
}

async fn what_the_configuration_protects_is_refused_and_stays_protected(right: Right) {
    let house = House::plan()
        .right(right)
        .section(
            "[protect]\nusers = [\"^payments_\"]\napplications = [\"^pg_(dump|basebackup)\"]\ndatabases = [\"^vault$\"]",
        )
        .open()
        .await;
    house.sql("create database vault").await;
    let of = |user| house.cluster.victim(user);
    let payments = of("payments_eu").running(SLEEP).await.unwrap();
    let dump = of("app").application("pg_dump").running(SLEEP).await.unwrap();
    let vault = of("app").database("vault").running(SLEEP).await.unwrap();
    for (victim, rule) in [
        (&payments, "users = ^payments_`"),
        (&dump, "applications = ^pg_(dump|basebackup)`"),
        (&vault, "databases = ^vault$"),
    ] {
        let refusal = house.refusal("ana", "/terminate", victim.pid()).await;
        assert!(
            refusal.contains("protected") && refusal.contains(rule),
            "{refusal}"
        );
    }

    // A name that is taken after the card was posted protects too.
    let late = of("app").idle().await.unwrap();
    let card = house.card("/terminate", late.pid()).await;
    late.client()
        .batch_execute("set application_name = 'pg_basebackup'")
        .await
        .unwrap();
    house.reacts("ben", &card, APPROVE);
    let result = house.ends(1, &card, "protected", "Protected").await;
    assert!(
        result.contains("Nothing was signalled") || result.contains("protected now"),
        "{result}"
    );
    for victim in [payments, dump, vault, late] {
        assert!(victim.still_alive().await.unwrap());
    }
}

async fn a_server_that_stalls_is_answered_in_time_and_filled_in_later(right: Right) {
    let house = House::under(right).await;
    let victim = house.runaway().await;
    house.bots_backend().await;
    let superuser = house.cluster.superuser().await.unwrap();
    superuser
        .batch_execute("begin; lock table pg_authid in access exclusive mode")
        .await
        .unwrap();

    let typed = house
        .person("ana")
        .in_channel(&house.incident())
        .types("/terminate");
    let answer = typed.option("pid", victim.pid()).send_off().unwrap();
    assert!(answer.acknowledged().await, "within Discord's three seconds");
    assert!(
        answer.message().is_loading(),
        "it was deferred, since nothing is known yet"
    );
    superuser.batch_execute("rollback").await.unwrap();

    let card = answer.filled().await.message();
    assert!(card.card().title().starts_with("Terminate"), "{}", card.text());
    house.has_reactions(&card).await;
    house.reacts("ben", &card, APPROVE);
    house.ends(1, &card, "terminated", "Terminated").await;
}

told_under_both_rights! {
    a_process_that_is_no_backend_is_answered_in_postgresqls_own_words,
    what_is_always_protected_is_refused_by_its_rule,
    what_the_configuration_protects_is_refused_and_stays_protected,
    a_server_that_stalls_is_answered_in_time_and_filled_in_later,
}

#[tokio::test]
async fn a_server_that_does_not_answer_at_all_is_refused_after_five_seconds() {
    let house = House::open().await;
    let victim = house.runaway().await;
    let backend = house.bots_backend().await;
    signal("STOP", backend).await;

    let typed = house
        .person("ana")
        .in_channel(&house.incident())
        .types("/terminate");
    let answer = typed.option("pid", victim.pid()).send_off().unwrap();
    assert!(answer.acknowledged().await, "within Discord's three seconds");
    let refusal = eventually("the refusal comes", async || {
        let messages = answer.messages();
        let refusal = messages
            .iter()
            .find(|message| message.exists() && message.is_ephemeral());
        Ok(refusal.map(discord_sim::Message::content))
    })
    .await
    .unwrap();
    signal("CONT", backend).await;

    assert!(refusal.contains("orders could not be queried"), "{refusal}");
    assert!(refusal.contains("Nothing was requested"), "{refusal}");
    assert!(
        house.incident().messages().is_empty(),
        "{}",
        house.sim.transcript()
    );
    assert!(house.ledger().await.is_empty());
}

#[tokio::test]
async fn a_pid_that_cannot_be_one_is_refused() {
    let house = House::open().await;
    for pid in [0_i64, -1, -4711, 1 << 31, 1 << 40] {
        let refusal = house.refusal("ana", "/terminate", pid).await;
        let expected = format!("There is no pid {pid}: a pid is a whole number from 1 to 2147483647");
        assert!(refusal.starts_with(&expected), "{refusal}");
    }
    for text in ["backup job", "4711; drop table", "@everyone", "١٢", ""] {
        let typed = house.person("ana").in_channel(&house.incident()).types("/cancel");
        let answer = typed.raw_option("pid", text).send().await;
        assert!(answer.is_ephemeral());
        assert!(answer.content().contains("pid cannot be"), "{}", answer.content());
        assert!(answer.message().pings().is_empty());
    }
    assert!(house.incident().messages().is_empty());
    assert!(house.ledger().await.is_empty());
}

#[tokio::test]
async fn a_target_that_is_not_configured_is_refused_with_those_that_are() {
    let house = House::open().await;
    let victim = house.runaway().await;
    let typed = house
        .person("ana")
        .in_channel(&house.incident())
        .types("/terminate");
    let answer = typed
        .option("pid", victim.pid())
        .option("target", "billing")
        .send()
        .await;
    assert!(answer.is_ephemeral());
    assert_eq!(
        answer.content(),
        "There is no target “billing”. Choose one of: orders."
    );
}

#[tokio::test]
async fn whoever_may_not_ask_is_refused_and_the_attempt_is_recorded() {
    let house = House::open().await;
    let victim = house.runaway().await;
    // ben may approve there. ivy may not even see it, so that she is not told what it is called.
    for (who, place) in [("ivy", "here"), ("ben", "on orders")] {
        let refusal = house.refusal(who, "/terminate", victim.pid()).await;
        let expected = format!("may not ask for a terminate {place}");
        assert!(refusal.contains(&expected), "{refusal}");
    }
    let attempts = house.attempts(2).await;
    assert_eq!(
        attempts,
        [
            "attempt_refused by ivy: not_a_requester",
            "attempt_refused by ben: not_a_requester"
        ]
    );
    assert!(house.incident().messages().is_empty());
}

#[tokio::test]
async fn nothing_is_asked_for_in_another_channel() {
    let house = House::open().await;
    let victim = house.runaway().await;
    let elsewhere = house.sim.channel("elsewhere");
    for command in ["/terminate", "/cancel"] {
        let typed = house.person("ana").in_channel(&elsewhere).types(command);
        let answer = typed.option("pid", victim.pid()).send().await;
        assert!(answer.is_ephemeral());
        assert!(
            answer.content().contains("not configured for this channel"),
            "{}",
            answer.content()
        );
    }
    assert!(house.ledger().await.is_empty());
}

#[tokio::test]
async fn a_reason_is_shown_and_recorded_and_asked_for_where_it_is_required() {
    let house = House::plan()
        .section("[approval]\nrequire_reason = true")
        .open()
        .await;
    let victim = house.runaway().await;
    let refusal = house.refusal("ana", "/terminate", victim.pid()).await;
    assert!(refusal.contains("A reason is required"), "{refusal}");

    let typed = house
        .person("ana")
        .in_channel(&house.incident())
        .types("/terminate");
    let asked = typed
        .option("pid", victim.pid())
        .option("reason", "blocks *checkout* @everyone");
    let card = asked.send().await.message();

    let shown = card.card().field("Requested by").unwrap().to_owned();
    assert!(shown.contains("checkout"), "{shown}");
    assert!(
        !shown.contains("*checkout*") || shown.contains("\\*checkout"),
        "{shown}"
    );
    assert!(card.pings().is_empty(), "{:?}", card.pings());
    assert_eq!(house.ledger().await[0]["reason"], "blocks *checkout* @everyone");
}

#[tokio::test]
async fn asking_for_the_same_again_leads_to_the_open_request() {
    let house = House::open().await;
    let victim = house.runaway().await;
    let card = house.card("/terminate", victim.pid()).await;

    let refusal = house.refusal("otto", "/terminate", victim.pid()).await;
    let link = format!("/{}/{}", house.incident().id(), card.id());
    assert!(refusal.contains("#1") && refusal.contains(&link), "{refusal}");
    assert_eq!(house.incident().messages().len(), 1);

    // Something else is asked about the same session.
    let other = house.card_of("otto", "/cancel", victim.pid()).await;
    assert_ne!(other, card);
}

/// A replication connection, which the driver does not open: a startup message of protocol 3.0, by hand.
struct Walsender {
    pid: i32,
    _connection: TcpStream,
}

async fn walsender(cluster: &Cluster) -> Walsender {
    cluster
        .sql("create role replica login replication")
        .await
        .unwrap();
    let mut connection = TcpStream::connect(("127.0.0.1", cluster.port())).await.unwrap();
    let parameters = b"user\0replica\0replication\0true\0\0";
    let length = u32::try_from(8 + parameters.len()).unwrap();
    let message = [
        &length.to_be_bytes()[..],
        &(3_u32 << 16).to_be_bytes(),
        parameters,
    ]
    .concat();
    connection.write_all(&message).await.unwrap();
    Walsender {
        pid: server_process(cluster, "walsender").await,
        _connection: connection,
    }
}

async fn server_process(cluster: &Cluster, kind: &str) -> i32 {
    let observer = cluster.superuser().await.unwrap();
    let query = "select pid from pg_stat_activity where backend_type = $1";
    let found = eventually(kind, async || {
        let rows = observer.query(query, &[&kind]).await?;
        Ok(rows.first().map(|row| row.get(0)))
    });
    tokio::time::timeout(Duration::from_secs(30), found)
        .await
        .unwrap()
        .unwrap()
}
