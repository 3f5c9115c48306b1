//! Who is notified: the approvers' roles, once a card, and nobody else ever, whatever a name or a query holds.

use crate::house::{APPROVE, DENY, House};

#[tokio::test]
async fn a_card_notifies_the_approvers_and_nothing_else_notifies_anybody() {
    let house = House::open().await;
    house.sim.makes_mentionable("dba", true);
    house.sim.makes_mentionable("oncall", true);
    let (ivy, oncall) = (house.person("ivy").id(), house.sim.role_id("oncall"));
    let hostile = format!("@everyone <@{ivy}> <@&{oncall}> ```\u{202e}**x**\u{200b}");
    let query = format!("select '@here', pg_sleep(600) /* @everyone <@{ivy}> ``` <@&{oncall}> */");
    let app = || house.cluster.victim("app").application(&hostile);
    let victims = [
        app().running(&query).await.unwrap(),
        app().running(&query).await.unwrap(),
    ];

    for (victim, vote) in victims.iter().zip([APPROVE, DENY]) {
        let typed = house
            .person("ana")
            .in_channel(&house.incident())
            .types("/terminate");
        let asked = typed
            .option("pid", victim.pid())
            .option("reason", hostile.as_str());
        let card = asked.send().await.message();
        house.has_reactions(&card).await;
        let mut pinged = card.pings();
        pinged.sort();
        assert_eq!(pinged, ["ben", "dora", "otto", "robo"], "the role dba");
        house.reacts("ivy", &card, APPROVE);
        house.reacts("ben", &card, vote);
        house.result(&card).await;
    }
    house.finished(2).await;
    let typed = house
        .person("ana")
        .in_channel(&house.incident())
        .types("/sessions");
    typed.option("view", "all").send().await;
    house.refusal("ana", "/terminate", 1_999_999_999).await;

    for message in house.incident().messages() {
        assert!(message.pings().is_empty(), "{}", house.sim.transcript());
        assert_eq!(message.json()["mention_everyone"], false);
        let text = message.text();
        assert!(!text.contains(['\u{202e}', '\u{200b}']), "{text}");
        assert!(!text.contains(&hostile), "{text}");
    }
}

#[tokio::test]
async fn every_message_says_whom_it_may_notify() {
    let house = House::open().await;
    let victim = house.runaway().await;
    let card = house.card("/terminate", victim.pid()).await;
    house.reacts("ivy", &card, APPROVE);
    house.reacts("ben", &card, APPROVE);
    house.ends(1, &card, "terminated", "Terminated").await;

    let calls = house.sim.calls();
    let speaking = calls.iter().filter(|call| {
        let bodies = ["content", "embeds", "data"];
        bodies.iter().any(|key| call.body.get(key).is_some())
    });
    let mut count = 0;
    for call in speaking {
        count += 1;
        let message = call.body.get("data").unwrap_or(&call.body);
        assert!(message.get("allowed_mentions").is_some(), "{call:?}");
    }
    assert!(count >= 4, "the card, a note, the result, the closed card");
}
