//! Several targets: how a command selects one, and the rules of each.

use discord_sim::MemberSpec;
use throwaway_postgres::{Cluster, SqlState};
use tokio::net::TcpListener;

use crate::environment::{APPROVE, LIMIT, SLEEP, TestEnv, menu_values};

const DORIS: u64 = 1_400_000_000_000_000_778;

/// An environment with a second target, billing. It needs two approvals, its approvers are Doris and the on-call role, and
/// sessions of the role payments are protected.
async fn env_with_billing_target(billing: &Cluster) -> TestEnv {
    let url = billing.bot().await.unwrap();
    TestEnv::builder()
        .person(MemberSpec::person("doris").with_id(DORIS))
        .section(&format!(
            r#"
[[target]]
name = "billing"
url = "{url}"
approval = {{ approvals = 2 }}
access = {{ approvers = {{ roles = [@oncall], users = [{DORIS}] }} }}
protect = {{ users = ["^payments$"] }}
"#
        ))
        .start()
        .await
}

#[tokio::test]
async fn each_target_has_its_own_approvers_quorum_and_protection() {
    let cluster = Cluster::start().await.unwrap();
    let env = env_with_billing_target(&cluster).await;
    let mut billing = cluster.victim("app").running(SLEEP).await.unwrap();
    let card = env.request_card("/terminate", billing.pid()).await;
    assert!(card.card().title().contains("on billing"), "the only target with that pid");

    // Ben is an approver on orders, but not here.
    env.react("ben", &card, APPROVE);
    env.wait_for_event(1, "attempt_refused by ben: not_an_approver", 1).await;
    env.react("doris", &card, APPROVE);
    env.wait_for_event(1, "approved by doris", 1).await;
    assert!(billing.still_alive().await.unwrap());
    env.react("otto", &card, APPROVE);
    assert_eq!(billing.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;

    let mut orders = env.cluster.victim("payments").running(SLEEP).await.unwrap();
    let card = env.request_card("/terminate", orders.pid()).await;
    env.react("doris", &card, APPROVE);
    env.wait_for_event(2, "attempt_refused by doris: not_an_approver", 1).await;
    env.react("ben", &card, APPROVE);
    assert_eq!(orders.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);

    let payments = cluster.victim("payments").running(SLEEP).await.unwrap();
    let refusal = env.refused_command("ana", "/terminate", payments.pid()).await;
    assert!(refusal.contains("on billing is protected"), "{refusal}");

    // killgate's own connection is in no list, but it is recognized.
    let own = env.wait_for_bot_backend().await;
    let refusal = env.refused_command("ana", "/terminate", own).await;
    assert!(refusal.contains("on orders is protected: it is one of killgate's own connections"), "{refusal}");
}

#[tokio::test]
async fn a_pid_on_several_targets_is_refused_with_the_list() {
    let env = TestEnv::builder();
    // Two targets on the same server, in different databases.
    let cluster = Cluster::start().await.unwrap();
    let url = cluster.bot().await.unwrap();
    let other = url.replace("/postgres", "/template1");
    let env = env
        .section(&format!("[[target]]\nname = \"billing\"\nurl = \"{url}\""))
        .section(&format!("[[target]]\nname = \"archive\"\nurl = \"{other}\""))
        .start()
        .await;
    let mut victim = cluster.victim("app").running(SLEEP).await.unwrap();

    let refusal = env.refused_command("ana", "/terminate", victim.pid()).await;
    assert!(refusal.contains("archive, billing") && refusal.contains("option target"), "{refusal}");
    assert!(env.incident_channel().messages().is_empty());

    let typed = env.person("ana").in_channel(&env.incident_channel()).types("/terminate");
    let command = typed.option("pid", victim.pid()).option("target", "archive");
    let card = command.send().await.message();
    assert!(card.card().title().contains("on archive"), "{}", card.text());
    env.wait_for_bot_reactions(&card).await;
    env.react("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
}

#[tokio::test]
async fn sessions_of_two_targets_cannot_be_one_request() {
    let cluster = Cluster::start().await.unwrap();
    let url = cluster.bot().await.unwrap();
    let billing_target = format!("[[target]]\nname = \"billing\"\nurl = \"{url}\"");
    let env = TestEnv::builder().section(&billing_target).start().await;
    let on_orders = env.sleeping_session().await;
    let on_billing = cluster.victim("app").running(SLEEP).await.unwrap();

    // With a pid that only one target has, the target may be left out.
    let place = env.person("ana").in_channel(&env.incident_channel());
    let typed = place.types("/cancel").option("pid", on_orders.pid());
    let answer = typed.option("also", on_billing.pid().to_string()).send().await.message();
    assert!(answer.is_ephemeral());
    let expected =
        format!("Nothing was requested. {}: a session of billing, not of orders.", on_billing.pid());
    assert!(answer.content().starts_with(&expected), "{}", answer.content());

    let list = place.types("/sessions").send().await.message();
    let values = menu_values(&list);
    assert_eq!(values.len(), 2, "{values:?}");
    let answer = env.person("ana").chooses(&list, "1s", values.iter().map(String::as_str)).await.message();
    assert!(answer.is_ephemeral());
    assert!(
        answer.content().starts_with("The sessions that you picked are on several targets"),
        "{}",
        answer.content()
    );

    assert!(env.ledger().await.is_empty());
    assert!(on_orders.still_alive().await.unwrap() && on_billing.still_alive().await.unwrap());
}

#[tokio::test]
async fn the_target_is_found_by_the_sessions_that_are_left() {
    let cluster = Cluster::start().await.unwrap();
    let url = cluster.bot().await.unwrap();
    let env =
        TestEnv::builder().section(&format!("[[target]]\nname = \"billing\"\nurl = \"{url}\"")).start().await;
    let gone = cluster.victim("app").idle().await.unwrap();
    let ended = gone.pid();
    cluster.terminate(ended).await.unwrap();
    let mut victims = [
        cluster.victim("app").running(SLEEP).await.unwrap(),
        cluster.victim("app").running(SLEEP).await.unwrap(),
    ];
    let place = env.person("ana").in_channel(&env.incident_channel());
    let terminate = || place.types("/terminate").option("pid", ended);

    let also = format!("{} {}", victims[0].pid(), victims[1].pid());
    let refused = terminate().option("also", also).send().await.message();
    assert!(refused.is_ephemeral(), "{}", refused.text());
    let expected = format!("Nothing was requested. {ended}: no session on billing.");
    assert!(refused.content().starts_with(&expected), "{}", refused.content());
    let form = env.person("ana").presses(&refused, "1T:").await;
    let card = env.person("ana").submits(&form, [("reason", "both are stuck")]).await.message();
    env.wait_for_bot_reactions(&card).await;
    env.react("ben", &card, APPROVE);
    for victim in &mut victims {
        assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    }
    env.assert_outcome(1, &card, "terminated", "Terminated 2 of 2 on billing").await;

    let refused = terminate().option("also", "1999999999").send().await;
    let expected = format!("Nothing was requested. {ended}, 1999999999: no session on billing, orders.");
    assert!(refused.content().starts_with(&expected), "{}", refused.content());
}

#[tokio::test]
async fn an_unreachable_target_does_not_delay_the_others() {
    let env = TestEnv::builder()
        .section("[[target]]\nname = \"billing\"\nurl = \"postgresql://killgate@127.0.0.1:9/postgres\"")
        .start()
        .await;
    let mut victim = env.sleeping_session().await;

    let typed = env.person("ana").in_channel(&env.incident_channel()).types("/terminate");
    let answer = typed.option("pid", victim.pid()).option("target", "billing").send().await;
    let answer = answer.messages().pop().expect("an answer");
    assert!(answer.is_ephemeral());
    assert!(answer.content().contains("billing could not be queried"), "{}", answer.content());

    let typed = env.person("ana").in_channel(&env.incident_channel()).types("/terminate");
    let command = typed.option("pid", victim.pid()).option("target", "orders");
    let card = command.send().await.message();
    env.wait_for_bot_reactions(&card).await;
    env.react("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
}

#[tokio::test]
async fn a_silent_target_keeps_nobody_waiting_and_nothing_is_asked_of_another_on_a_guess() {
    // It accepts connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let env = TestEnv::builder()
        .section(&format!(
            "[[target]]\nname = \"billing\"\nurl = \"postgresql://killgate@127.0.0.1:{port}/postgres\""
        ))
        .start()
        .await;
    let victim = env.sleeping_session().await;

    // It may be deferred first, and the deferral deleted.
    let typed = env.person("ana").in_channel(&env.incident_channel()).types("/terminate");
    let answer = typed.option("pid", victim.pid()).send_off().unwrap();
    let refusal = || answer.messages().into_iter().find(|message| message.exists() && message.is_ephemeral());
    let refusal = env.sim.awaits(LIMIT, "a refusal", refusal).await.content();

    assert!(refusal.contains("orders has a session with pid"), "{refusal}");
    assert!(
        refusal.contains("billing did not answer in time") && refusal.contains("option target"),
        "{refusal}"
    );
    assert!(env.ledger().await.is_empty());
    let typed = env.person("ana").in_channel(&env.incident_channel()).types("/terminate");
    let card = typed.option("pid", victim.pid()).option("target", "orders").send().await.message();
    assert!(card.card().title().contains("on orders"), "{}", card.text());
}
