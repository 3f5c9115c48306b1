//! Whose reaction counts, and when.

use discord_sim::Newcomer;
use throwaway_postgres::SqlState;

use crate::house::{APPROVE, DENY, House, Right};

const TWO_APPROVALS: &str = "[approval]\napprovals = 2";

async fn one_s_own_approval_does_nothing_and_is_told_once(right: Right) {
    let house = House::under(right).await;
    let mut victim = house.runaway().await;
    // Otto may approve as well as ask, which must not help him.
    let card = house.card_of("otto", "/terminate", victim.pid()).await;
    let otto = house.person("otto");

    otto.reacts(&card, APPROVE);
    house
        .recorded(1, "attempt_refused by otto: self_approval", 1)
        .await;
    otto.takes_back(&card, APPROVE);
    otto.reacts(&card, APPROVE);
    house
        .recorded(1, "attempt_refused by otto: self_approval", 2)
        .await;
    assert!(victim.still_alive().await.unwrap());

    house.reacts("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    house.ends(1, &card, "terminated", "Terminated").await;
    let notes = house.notes(&card);
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].starts_with(&format!("<@{}>", otto.id())), "{notes:?}");
    assert!(notes[0].contains("you made the request yourself"), "{notes:?}");
    let posted = house.sim.calls_like("POST /channels/*/messages");
    assert_eq!(posted.len(), 2, "the note and the result: {posted:?}");
}

async fn a_strangers_approval_does_nothing_and_is_told_once(right: Right) {
    let house = House::under(right).await;
    let mut victim = house.runaway().await;
    let card = house.card("/terminate", victim.pid()).await;
    let ivy = house.person("ivy");

    ivy.reacts(&card, APPROVE);
    house
        .recorded(1, "attempt_refused by ivy: not_an_approver", 1)
        .await;
    ivy.takes_back(&card, APPROVE);
    ivy.reacts(&card, APPROVE);
    ivy.reacts(&card, DENY);
    house
        .recorded(1, "attempt_refused by ivy: not_an_approver", 3)
        .await;
    assert!(victim.still_alive().await.unwrap());

    house.reacts("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    house.ends(1, &card, "terminated", "Terminated").await;
    let notes = house.notes(&card);
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].contains("not an approver"), "{notes:?}");
    let posted = house.sim.calls_like("POST /channels/*/messages");
    assert_eq!(posted.len(), 2, "the note and the result: {posted:?}");
}

async fn it_takes_as_many_people_as_configured(right: Right) {
    let house = House::plan().right(right).section(TWO_APPROVALS).open().await;
    let mut victim = house.runaway().await;
    let card = house.card("/terminate", victim.pid()).await;

    house.reacts("ben", &card, APPROVE);
    card.becomes("the card counts", |card| card.text().contains("1 of 2"))
        .await;
    assert!(victim.still_alive().await.unwrap());
    house.reacts("dora", &card, APPROVE);

    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    house.ends(1, &card, "terminated", "Terminated").await;
    assert_eq!(
        house.events(1).await,
        [
            "requested by ana: terminate",
            "posted",
            "approved by ben",
            "approved by dora",
            "executing, approved by ben and dora",
            "finished: terminated"
        ]
    );
}

told_under_both_rights! {
    one_s_own_approval_does_nothing_and_is_told_once,
    a_strangers_approval_does_nothing_and_is_told_once,
    it_takes_as_many_people_as_configured,
}

#[tokio::test]
async fn neither_the_administrator_nor_the_owner_nor_a_moderator_is_exempt() {
    let house = House::open().await;
    let victim = house.runaway().await;
    let card = house.card("/terminate", victim.pid()).await;

    for who in ["admin", "owner", "mod"] {
        house.reacts(who, &card, APPROVE);
        let attempt = format!("attempt_refused by {who}: not_an_approver");
        house.recorded(1, &attempt, 1).await;
        let refusal = house.refusal(who, "/terminate", victim.pid()).await;
        assert!(refusal.contains("may not ask"), "{refusal}");
    }
    assert_eq!(
        house.attempts(3).await,
        ["admin", "owner", "mod"].map(|who| format!("attempt_refused by {who}: not_a_requester"))
    );
    assert!(victim.still_alive().await.unwrap());
}

#[tokio::test]
async fn a_bot_among_the_approvers_neither_approves_nor_denies() {
    let house = House::open().await;
    let victim = house.runaway().await;
    let card = house.card("/terminate", victim.pid()).await;

    house.reacts("robo", &card, APPROVE);
    house.reacts("robo", &card, DENY);
    house.recorded(1, "attempt_refused by robo: bot", 2).await;

    assert!(victim.still_alive().await.unwrap());
    assert!(house.notes(&card).is_empty(), "bots are not talked to");
    house.reacts("ben", &card, APPROVE);
    house.ends(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn a_person_in_two_groups_of_approvers_counts_once() {
    const BEA: u64 = 1_400_000_000_000_000_777;
    let house = House::plan()
        .person(Newcomer::person("bea").with_id(BEA).with_roles(["dba", "oncall"]))
        .section(TWO_APPROVALS)
        .target(&format!(
            "access = {{ approvers = {{ roles = [@dba, @oncall], users = [{BEA}] }} }}"
        ))
        .open()
        .await;
    let victim = house.runaway().await;
    let card = house.card("/terminate", victim.pid()).await;

    house.reacts("bea", &card, APPROVE);
    house.recorded(1, "approved by bea", 1).await;
    house.person("bea").takes_back(&card, APPROVE);
    house.recorded(1, "approval_removed by bea", 1).await;
    house.reacts("bea", &card, APPROVE);
    let events = house.recorded(1, "approved by bea", 2).await;

    assert!(
        !events.iter().any(|event| event.starts_with("executing")),
        "{events:?}"
    );
    house.reacts("ben", &card, APPROVE);
    house.ends(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn an_approval_that_is_taken_back_counts_no_longer() {
    let house = House::plan().section(TWO_APPROVALS).open().await;
    let victim = house.runaway().await;
    let card = house.card("/terminate", victim.pid()).await;

    house.reacts("ben", &card, APPROVE);
    house.recorded(1, "approved by ben", 1).await;
    house.person("ben").takes_back(&card, APPROVE);
    house.recorded(1, "approval_removed by ben", 1).await;
    house.reacts("dora", &card, APPROVE);
    house.recorded(1, "approved by dora", 1).await;
    card.becomes("the card counts", |card| {
        card.card()
            .field("Approvals")
            .is_some_and(|field| field.starts_with("1 of 2"))
    })
    .await;
    assert!(victim.still_alive().await.unwrap());

    house.reacts("ben", &card, APPROVE);
    house.ends(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn a_moderator_who_clears_reactions_takes_the_approvals_back() {
    let house = House::plan().section(TWO_APPROVALS).open().await;
    let victim = house.runaway().await;
    let card = house.card("/terminate", victim.pid()).await;
    let (ben, moderator) = (house.person("ben"), house.person("mod"));
    let clear: [&dyn Fn(); 3] = [
        &|| moderator.takes_off(&card, APPROVE, &ben),
        &|| moderator.clears_emoji(&card, APPROVE),
        &|| moderator.clears_reactions(&card),
    ];

    for (before, clear) in clear.iter().enumerate() {
        ben.reacts(&card, APPROVE);
        house.recorded(1, "approved by ben", before + 1).await;
        clear();
        house.recorded(1, "approval_removed by ben", before + 1).await;
    }
    // Without Ben's, Dora's is the first of two.
    house.reacts("dora", &card, APPROVE);
    house.recorded(1, "approved by dora", 1).await;
    assert!(victim.still_alive().await.unwrap());
    ben.reacts(&card, APPROVE);
    house.ends(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn what_counts_are_the_roles_at_the_moment_of_the_reaction() {
    let house = House::plan().section(TWO_APPROVALS).open().await;
    let victim = house.runaway().await;
    let card = house.card("/terminate", victim.pid()).await;
    let (ben, ivy) = (house.person("ben"), house.person("ivy"));

    ben.loses_role("dba");
    ben.reacts(&card, APPROVE);
    house
        .recorded(1, "attempt_refused by ben: not_an_approver", 1)
        .await;

    ivy.gains_role("dba");
    ivy.reacts(&card, APPROVE);
    house.recorded(1, "approved by ivy", 1).await;
    assert!(victim.still_alive().await.unwrap());

    house.reacts("dora", &card, APPROVE);
    house.ends(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn reactions_with_other_emoji_on_other_messages_and_in_other_channels_are_ignored() {
    let house = House::open().await;
    let victim = house.runaway().await;
    let card = house.card("/terminate", victim.pid()).await;
    let (ben, elsewhere) = (house.person("ben"), house.sim.channel("elsewhere"));
    let chat = house.person("ana").in_channel(&house.incident()).says("anybody?");
    let copy = house.person("ana").in_channel(&elsewhere).says("terminate it?");

    for emoji in ["👍", "✔️", "☑️", "💯"] {
        ben.reacts(&card, emoji);
    }
    ben.reacts(&chat, APPROVE);
    ben.reacts(&copy, APPROVE);
    // What comes after them in Discord's order is recorded after them.
    house.reacts("ivy", &card, APPROVE);

    let events = house
        .recorded(1, "attempt_refused by ivy: not_an_approver", 1)
        .await;
    assert_eq!(
        events,
        [
            "requested by ana: terminate",
            "posted",
            "attempt_refused by ivy: not_an_approver"
        ]
    );
    assert!(victim.still_alive().await.unwrap());
}

#[tokio::test]
async fn a_reaction_counts_from_the_moment_the_card_is_seen() {
    let house = House::open().await;
    let mut victim = house.runaway().await;
    // The bot learns late which message its answer became.
    let late = discord_sim::Fault::Delay(std::time::Duration::from_secs(1));
    house
        .sim
        .fails_next(1, "GET /webhooks/*/*/messages/@original", late);
    let typed = house
        .person("ana")
        .in_channel(&house.incident())
        .types("/terminate");
    let card = typed.option("pid", victim.pid()).send().await.message();

    house.reacts("ivy", &card, APPROVE);
    house.reacts("ben", &card, APPROVE);

    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    house.ends(1, &card, "terminated", "Terminated").await;
    assert_eq!(
        house.events(1).await,
        [
            "requested by ana: terminate",
            "posted",
            "attempt_refused by ivy: not_an_approver",
            "approved by ben",
            "executing, approved by ben",
            "finished: terminated"
        ]
    );
}
