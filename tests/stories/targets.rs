//! Several targets: which one is meant, and the rules that hold on each.

use discord_sim::Newcomer;
use throwaway_postgres::{Cluster, SqlState};

use crate::house::{APPROVE, House, SLEEP};

const DORIS: u64 = 1_400_000_000_000_000_778;

/// A house with a second target, billing: two approvals are needed there, of them one by Doris or a DBA, and
/// sessions of the role app are protected.
async fn with_billing(billing: &Cluster) -> House {
    let url = billing.bot().await.unwrap();
    House::plan()
        .person(Newcomer::person("doris").with_id(DORIS))
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
        .open()
        .await
}

#[tokio::test]
async fn each_target_has_its_own_approvers_quorum_and_protection() {
    let cluster = Cluster::start().await.unwrap();
    let house = with_billing(&cluster).await;
    let mut billing = cluster.victim("app").running(SLEEP).await.unwrap();
    let card = house.card("/terminate", billing.pid()).await;
    assert!(
        card.card().title().contains("on billing"),
        "the only target with that pid"
    );

    // Ben approves on orders, and is nobody here.
    house.reacts("ben", &card, APPROVE);
    house
        .recorded(1, "attempt_refused by ben: not_an_approver", 1)
        .await;
    house.reacts("doris", &card, APPROVE);
    house.recorded(1, "approved by doris", 1).await;
    assert!(billing.still_alive().await.unwrap());
    house.reacts("otto", &card, APPROVE);
    assert_eq!(billing.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    house.ends(1, &card, "terminated", "Terminated").await;

    let mut orders = house.cluster.victim("payments").running(SLEEP).await.unwrap();
    let card = house.card("/terminate", orders.pid()).await;
    house.reacts("doris", &card, APPROVE);
    house
        .recorded(2, "attempt_refused by doris: not_an_approver", 1)
        .await;
    house.reacts("ben", &card, APPROVE);
    assert_eq!(orders.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);

    let payments = cluster.victim("payments").running(SLEEP).await.unwrap();
    let refusal = house.refusal("ana", "/terminate", payments.pid()).await;
    assert!(refusal.contains("on billing is protected"), "{refusal}");

    // No list shows the connection over which killgate asks, and it is known all the same.
    let own = house.bots_backend().await;
    let refusal = house.refusal("ana", "/terminate", own).await;
    assert!(
        refusal.contains("on orders is protected: it is one of killgate's own connections"),
        "{refusal}"
    );
}

#[tokio::test]
async fn a_pid_that_several_targets_have_is_refused_with_the_list() {
    let house = House::plan();
    // The same server twice, by two of its databases.
    let cluster = Cluster::start().await.unwrap();
    let url = cluster.bot().await.unwrap();
    let other = url.replace("/postgres", "/template1");
    let house = house
        .section(&format!("[[target]]\nname = \"billing\"\nurl = \"{url}\""))
        .section(&format!("[[target]]\nname = \"archive\"\nurl = \"{other}\""))
        .open()
        .await;
    let mut victim = cluster.victim("app").running(SLEEP).await.unwrap();

    let refusal = house.refusal("ana", "/terminate", victim.pid()).await;
    assert!(
        refusal.contains("archive, billing") && refusal.contains("option target"),
        "{refusal}"
    );
    assert!(house.incident().messages().is_empty());

    let typed = house
        .person("ana")
        .in_channel(&house.incident())
        .types("/terminate");
    let asked = typed.option("pid", victim.pid()).option("target", "archive");
    let card = asked.send().await.message();
    assert!(card.card().title().contains("on archive"), "{}", card.text());
    house.has_reactions(&card).await;
    house.reacts("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
}

#[tokio::test]
async fn a_target_that_is_down_holds_up_no_other() {
    let house = House::plan()
        .section("[[target]]\nname = \"billing\"\nurl = \"postgresql://killgate@127.0.0.1:9/postgres\"")
        .open()
        .await;
    let mut victim = house.runaway().await;

    let typed = house
        .person("ana")
        .in_channel(&house.incident())
        .types("/terminate");
    let answer = typed
        .option("pid", victim.pid())
        .option("target", "billing")
        .send()
        .await;
    let answer = answer.messages().pop().expect("an answer");
    assert!(answer.is_ephemeral());
    assert!(
        answer.content().contains("billing could not be queried"),
        "{}",
        answer.content()
    );

    let typed = house
        .person("ana")
        .in_channel(&house.incident())
        .types("/terminate");
    let asked = typed.option("pid", victim.pid()).option("target", "orders");
    let card = asked.send().await.message();
    house.has_reactions(&card).await;
    house.reacts("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
}
