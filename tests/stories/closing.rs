//! How a request ends without a signal: every ending is seen twice, and then nothing counts any more.

use throwaway_postgres::victim::Victim;

use crate::house::{APPROVE, DENY, House, Right};

async fn an_approvers_no_closes_it(right: Right) {
    let house = House::under(right).await;
    let victim = house.runaway().await;
    let card = house.card("/terminate", victim.pid()).await;

    house.reacts("ben", &card, DENY);

    let result = house.ends(1, &card, "denied", "Denied").await;
    let ben = house.person("ben").id();
    assert!(result.starts_with(&format!("Denied by <@{ben}>")), "{result}");
    assert!(card.text().contains("select pg"), "a closed card keeps its text");
    nothing_counts_any_more(&house, &victim, &card, "finished by ben: denied").await;
}

async fn the_requesters_no_withdraws_it(right: Right) {
    let house = House::under(right).await;
    let victim = house.runaway().await;
    let card = house.card("/cancel", victim.pid()).await;

    house.reacts("ana", &card, DENY);

    let result = house.ends(1, &card, "withdrawn", "Withdrawn").await;
    let ana = house.person("ana").id();
    assert!(result.starts_with(&format!("Withdrawn by <@{ana}>")), "{result}");
    nothing_counts_any_more(&house, &victim, &card, "finished by ana: withdrawn").await;
}

async fn its_time_runs_out(right: Right) {
    let house = House::plan()
        .right(right)
        .section("[approval]\nexpires_after = \"5s\"\napprovals = 2")
        .open()
        .await;
    let victim = house.runaway().await;
    let card = house.card("/terminate", victim.pid()).await;
    house.reacts("dora", &card, APPROVE);

    let result = house.ends(1, &card, "expired", "Expired").await;

    assert!(result.contains("Ask again"), "{result}");
    nothing_counts_any_more(&house, &victim, &card, "finished: expired").await;
}

told_under_both_rights! {
    an_approvers_no_closes_it,
    the_requesters_no_withdraws_it,
    its_time_runs_out,
}

/// Reactions on a closed card are recorded, and nothing else comes of them.
async fn nothing_counts_any_more(house: &House, victim: &Victim, card: &discord_sim::Message, ending: &str) {
    house.reacts("otto", card, APPROVE);
    house.reacts("otto", card, DENY);
    let events = house.recorded(1, "attempt_refused by otto: closed", 2).await;
    let position = events.iter().position(|event| event == ending);
    assert_eq!(position, Some(events.len() - 3), "{events:?}");
    assert!(
        !events.iter().any(|event| event.starts_with("executing")),
        "{events:?}"
    );
    assert!(victim.still_alive().await.unwrap());
    let replies = house.incident().messages();
    let replies = replies.iter().filter(|message| message.replies_to(card));
    assert_eq!(replies.count(), 1, "one result\n{}", house.sim.transcript());
}

#[tokio::test]
async fn a_strangers_no_closes_nothing() {
    let house = House::open().await;
    let victim = house.runaway().await;
    let card = house.card("/terminate", victim.pid()).await;

    house.reacts("ivy", &card, DENY);
    house
        .recorded(1, "attempt_refused by ivy: not_an_approver", 1)
        .await;

    house.reacts("ben", &card, APPROVE);
    house.ends(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn a_no_that_comes_before_the_last_yes_wins() {
    let house = House::plan().section("[approval]\napprovals = 2").open().await;
    let victim = house.runaway().await;
    let card = house.card("/terminate", victim.pid()).await;

    house.reacts("ben", &card, APPROVE);
    house.reacts("dora", &card, DENY);
    house.reacts("otto", &card, APPROVE);

    house.ends(1, &card, "denied", "Denied").await;
    assert!(victim.still_alive().await.unwrap());
}
