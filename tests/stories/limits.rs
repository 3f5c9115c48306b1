//! How much may be open, and how much may be signalled.

use throwaway_postgres::SqlState;

use crate::house::{APPROVE, DENY, House};

#[tokio::test]
async fn one_person_may_have_so_many_requests_open() {
    let house = House::plan()
        .section("[limits]\nopen_requests_per_user = 1")
        .open()
        .await;
    let (one, two) = (house.runaway().await, house.runaway().await);
    let card = house.card("/terminate", one.pid()).await;

    let refusal = house.refusal("ana", "/terminate", two.pid()).await;
    assert!(
        refusal.contains("1 open request, the limit for one person"),
        "{refusal}"
    );
    assert_eq!(house.attempts(1).await, ["attempt_refused by ana: limited"]);
    // Another person is not held up, and neither is Ana once hers is closed.
    house.card_of("otto", "/terminate", two.pid()).await;
    house.reacts("ana", &card, DENY);
    house.finished(1).await;
    house.card("/terminate", one.pid()).await;
}

#[tokio::test]
async fn so_many_requests_may_be_open_in_all() {
    let house = House::plan().section("[limits]\nopen_requests = 1").open().await;
    let (one, two) = (house.runaway().await, house.runaway().await);
    let card = house.card("/terminate", one.pid()).await;

    let refusal = house.refusal("otto", "/terminate", two.pid()).await;
    assert!(
        refusal.contains("1 open request, which is the limit"),
        "{refusal}"
    );
    assert_eq!(house.attempts(1).await, ["attempt_refused by otto: limited"]);
    house.reacts("ben", &card, DENY);
    house.finished(1).await;
    house.card_of("otto", "/terminate", two.pid()).await;
}

#[tokio::test]
async fn so_many_signals_may_be_sent_within_an_hour() {
    let mut house = House::plan()
        .section("[limits]\nsignals_per_hour = 1")
        .open()
        .await;
    let (mut one, two) = (house.runaway().await, house.runaway().await);
    let first = house.card("/terminate", one.pid()).await;
    let second = house.card("/terminate", two.pid()).await;
    let third = house.card("/cancel", two.pid()).await;
    house.reacts("ben", &third, DENY);
    house.finished(3).await;

    house.reacts("ben", &first, APPROVE);
    assert_eq!(one.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    house.ends(1, &first, "terminated", "Terminated").await;

    // Approved when the budget is used up, and asked for after that, also by a bot that was started anew.
    house.reacts("ben", &second, APPROVE);
    house.ends(2, &second, "limited", "Limit reached").await;
    let refusal = house.refusal("ana", "/terminate", two.pid()).await;
    assert!(
        refusal.contains("signals\\_per\\_hour") || refusal.contains("signals_per_hour"),
        "{refusal}"
    );
    house.stop_bot().await;
    house.start_bot().await;
    house.refusal("ana", "/terminate", two.pid()).await;
    assert_eq!(house.attempts(2).await, ["attempt_refused by ana: limited"; 2]);
    assert!(two.still_alive().await.unwrap());
}
