//! Whole stories: the real bot as a process of its own, a real PostgreSQL server, a simulated Discord. The victim's own
//! connection is the witness.

mod house;

use house::{APPROVE, DENY, House};
use throwaway_postgres::SqlState;

#[tokio::test]
async fn a_terminated_session_is_told_so_and_everybody_sees_it() {
    let house = House::open().await;
    let mut victim = house.runaway().await;

    let card = house.card("/terminate", victim.pid()).await;
    house.person("ben").reacts(&card, APPROVE);

    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    let result = house.result(&card).await;
    assert!(result.starts_with("Terminated"), "{result}");
    let events = house.events(1).await;
    assert_eq!(
        events,
        [
            "requested",
            "posted",
            "approved",
            "executing",
            "finished(terminated)"
        ]
    );
    house
        .sim
        .eventually(std::time::Duration::from_secs(10), "the card shows it", || {
            card.card().title().starts_with("Terminated")
        })
        .await;
    println!("{}", house.sim.transcript());
    let _ = DENY;
}
