//! Requests made with the menu and the buttons under a session list.

use discord_sim::{InteractionResponse, Message};
use throwaway_postgres::{SqlState, eventually};

use crate::components::{button, option};
use crate::environment::{SLEEP, TestEnv};
use crate::scene::{choices, refusal, scene, sessions, types};

async fn select(env: &TestEnv, who: &str, list: &Message, pid: i32) -> InteractionResponse {
    let (menu, value) = option(list, pid);
    env.person(who).chooses(list, &menu, [value.as_str()]).await
}

#[tokio::test]
async fn a_selected_session_is_terminated_after_a_request_with_a_reason_is_approved() {
    let env = scene().start().await;
    let cluster = &env.cluster;
    cluster.sql("create table orders (id int)").await.unwrap();
    cluster.sql("grant all on orders to public").await.unwrap();
    let mut blocker = cluster.victim("app").idle_in_transaction("lock table orders").await.unwrap();
    let waiter = cluster.victim("app").waiting("select * from orders").await.unwrap();

    let list = sessions(&env, &[("view", "blocking")]).await;
    assert!(!list.is_ephemeral());
    let details = select(&env, "ana", &list, blocker.pid()).await.message();
    assert!(details.is_ephemeral());
    assert!(details.text().contains("Blocks 1 session"), "{}", details.text());
    let form = env.person("ana").presses(&details, &button(&details, "Ask to terminate")).await;
    let modal = form.modal().expect("a form");
    assert_eq!(modal["title"], format!("Terminate {} on orders?", blocker.pid()));
    let asked = env.person("ana").submits(&form, [("reason", "checkout is stuck behind it")]).await;

    let card = asked.message();
    assert!(!card.is_ephemeral());
    assert!(card.text().contains("checkout is stuck behind it"), "{}", card.text());
    env.wait_for_bot_reactions(&card).await;
    env.person("ben").reacts(&card, "✅");
    assert_eq!(blocker.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    assert!(waiter.still_alive().await.unwrap());
    let events = env.ledger().await;
    assert_eq!(events[0]["reason"], "checkout is stuck behind it");
    assert_eq!(events[0]["action"], "terminate");
}

#[tokio::test]
async fn a_query_is_cancelled_after_a_request_without_a_reason_is_approved() {
    let env = scene().start().await;
    let mut victim = env.sleeping_session().await;

    let list = sessions(&env, &[]).await;
    let details = select(&env, "ana", &list, victim.pid()).await.message();
    let form = env.person("ana").presses(&details, &button(&details, "Ask to cancel")).await;
    let card = env.person("ana").submits(&form, [("reason", "")]).await.message();
    env.wait_for_bot_reactions(&card).await;
    env.person("ben").reacts(&card, "✅");
    assert_eq!(victim.ended().await.unwrap(), SqlState::QUERY_CANCELED);
    assert!(victim.still_alive().await.unwrap());
}

#[tokio::test]
async fn a_session_that_has_ended_is_refused_at_each_step() {
    let env = scene().start().await;
    let cluster = &env.cluster;
    let victim = env.sleeping_session().await;
    let pid = victim.pid();
    let list = sessions(&env, &[]).await;
    let details = select(&env, "ana", &list, pid).await.message();

    cluster.terminate(pid).await.unwrap();
    let said = refusal(&select(&env, "ana", &list, pid).await);
    assert_eq!(
        said,
        format!("The session {pid} on orders that you chose has ended. Use /sessions to see what runs now.")
    );
    let form = env.person("ana").presses(&details, &button(&details, "Ask to terminate")).await;
    let said = refusal(&env.person("ana").submits(&form, [("reason", "too late")]).await);
    assert!(said.contains("Nothing was requested"), "{said}");
    assert!(env.ledger().await.is_empty());
}

#[tokio::test]
async fn a_viewer_sees_the_session_and_their_request_is_refused_and_recorded() {
    let env = scene().start().await;
    let victim = env.sleeping_session().await;
    let list = types(&env, "vera", "/sessions", &[]).await.message();

    let details = select(&env, "vera", &list, victim.pid()).await.message();
    let pressed = env.person("vera").presses(&details, &button(&details, "Ask to terminate")).await;
    let said = refusal(&pressed);
    assert!(said.starts_with("You may not ask for a terminate on orders."), "{said}");
    // The refusal is sent before the record is written.
    let recorded = eventually("a record of the attempt", async || {
        Ok(Some(env.ledger().await).filter(|records| !records.is_empty()))
    })
    .await
    .unwrap();
    assert_eq!(recorded.len(), 1);
    assert_eq!(recorded[0]["why"], "not_a_requester");

    let said = refusal(&select(&env, "ivy", &list, victim.pid()).await);
    assert!(said.starts_with("You may not view sessions here."), "{said}");
    assert!(victim.still_alive().await.unwrap());
}

#[tokio::test]
async fn a_person_who_loses_the_right_after_opening_the_form_is_refused() {
    let env = scene().start().await;
    let victim = env.sleeping_session().await;
    let list = sessions(&env, &[]).await;
    let details = select(&env, "ana", &list, victim.pid()).await.message();
    let form = env.person("ana").presses(&details, &button(&details, "Ask to terminate")).await;

    env.person("ana").loses_role("oncall");
    let said = refusal(&env.person("ana").submits(&form, [("reason", "")]).await);
    assert!(said.starts_with("You may not ask for a terminate here."), "{said}");
}

/// The pid of the listed session is reused by another one. The buttons still refer to the listed session.
#[tokio::test]
async fn a_pid_that_was_reused_after_the_list_is_refused_at_each_step() {
    let env = scene().start().await;
    let cluster = &env.cluster;
    let mut victim = env.sleeping_session().await;
    let pid = victim.pid();
    let list = sessions(&env, &[]).await;
    let details = select(&env, "ana", &list, pid).await.message();
    let form = env.person("ana").presses(&details, &button(&details, "Ask to terminate")).await;
    cluster.terminate(pid).await.unwrap();
    victim.ended().await.unwrap();
    let Some(successor) = cluster.connect_with_pid("app", pid).await.unwrap() else {
        println!("skipped: no pid could be reused here");
        return;
    };

    let picked = refusal(&select(&env, "ana", &list, pid).await);
    let replaced = format!("pid {pid} on orders now belongs to another session");
    assert!(picked.contains(&replaced), "{picked}");
    let submitted = refusal(&env.person("ana").submits(&form, [("reason", "too late")]).await);
    assert!(submitted.contains(&replaced), "{submitted}");
    let pressed = env.person("ana").presses(&details, &button(&details, "Ask to cancel")).await;
    let asked = refusal(&env.person("ana").submits(&pressed, [("reason", "")]).await);
    assert!(asked.contains(&replaced), "{asked}");
    assert!(env.ledger().await.is_empty(), "nothing was requested");
    successor.batch_execute("select 'unharmed'").await.unwrap();
}

#[tokio::test]
async fn a_protected_session_is_marked_in_completion_and_its_details_offer_no_request() {
    let env = scene().section("[protect]\nusers = [\"^payments$\"]").start().await;
    let cluster = &env.cluster;
    let payments = cluster.victim("payments").running(SLEEP).await.unwrap();
    let other = env.sleeping_session().await;
    for (pid, is_marked) in [(payments.pid(), true), (other.pid(), false)] {
        let choices = choices(&env, "/terminate", "pid", &pid.to_string()).await;
        let [(name, _)] = &choices[..] else { panic!("{choices:?}") };
        assert_eq!(name.starts_with("🔒"), is_marked, "{name}");
    }

    let list = sessions(&env, &[]).await;
    let details = select(&env, "ana", &list, payments.pid()).await.message();
    assert!(details.text().contains("🔒 It is protected: "), "{}", details.text());
    assert_eq!(details.components(), [""; 0]);
    let details = select(&env, "ana", &list, other.pid()).await.message();
    assert_eq!(details.components().len(), 2, "{}", details.text());
}
