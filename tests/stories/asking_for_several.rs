//! How several sessions are asked for: picked in a menu, all of a list at once, or typed, and what is said of those that cannot be.

use discord_sim::Message;
use serde_json::Value;
use throwaway_postgres::{Cluster, SqlState};

use crate::environment::{APPROVE, TestEnv};
use crate::several::pool;

/// The pid and the value of each option of the menu of a list.
fn menu_of(list: &Message) -> Vec<(i32, String)> {
    let rows = list.json()["components"].as_array().unwrap().clone();
    let components = rows.iter().flat_map(|row| row["components"].as_array().unwrap().clone());
    let options =
        components.flat_map(|component| component["options"].as_array().cloned().unwrap_or_default());
    let text = |option: &Value, key: &str| option[key].as_str().unwrap().to_owned();
    let pid = |option: &Value| text(option, "label").split(" · ").next().unwrap().parse().unwrap();
    options.map(|option| (pid(&option), text(&option, "value"))).collect()
}

#[tokio::test]
async fn several_sessions_of_a_list_are_picked_and_all_of_them_are_asked_for_at_once() {
    let env = TestEnv::start().await;
    let mut victims = pool(&env, 4).await;
    let bystander = env.sleeping_session().await;
    let place = env.person("ana").in_channel(&env.incident_channel());
    let list = place.types("/sessions").option("view", "idle-in-transaction").send().await.message();
    let menu = "1s";
    let values = menu_of(&list);
    assert_eq!(values.len(), 4, "every session of the list, not only of the page");

    let two: Vec<_> = values.iter().take(2).map(|(_, value)| value.as_str()).collect();
    let picked = env.person("ana").chooses(&list, menu, two).await.message();
    assert!(picked.is_ephemeral() && picked.text().contains("2 sessions on orders"), "{}", picked.text());

    // A session that goes idle in transaction later is not among those that the list showed.
    let later = pool(&env, 1).await.remove(0);
    let all = env.person("ana").presses(&list, "1a").await.message();
    assert!(all.text().contains("4 sessions on orders"), "{}", all.text());
    let form = env.person("ana").presses(&all, "1T:").await;
    assert_eq!(form.modal().expect("a form")["title"], "Terminate 4 sessions on orders?");
    let card = env.person("ana").submits(&form, [("reason", "the pool is stuck")]).await.message();
    env.wait_for_bot_reactions(&card).await;
    env.react("ben", &card, APPROVE);
    for victim in &mut victims {
        assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    }
    env.assert_outcome(1, &card, "terminated", "Terminated 4 of 4").await;
    assert!(later.still_alive().await.unwrap() && bystander.still_alive().await.unwrap());
}

#[tokio::test]
async fn sessions_of_a_list_that_run_no_query_are_terminated_with_the_button_of_the_refusal() {
    let env = TestEnv::start().await;
    let mut idle = pool(&env, 2).await;
    let running = env.sleeping_session().await;
    let place = env.person("ana").in_channel(&env.incident_channel());
    let also = format!("{} {}", idle[1].pid(), running.pid());
    let cancel = place.types("/cancel").option("pid", idle[0].pid()).option("also", also);
    let refused = cancel.send().await.message();
    assert!(refused.is_ephemeral(), "{}", refused.text());

    let form = env.person("ana").presses(&refused, "1I").await;
    assert_eq!(form.modal().expect("a form")["title"], "Terminate 2 sessions on orders?");
    let card = env.person("ana").submits(&form, [("reason", "the pool is stuck")]).await.message();
    env.wait_for_bot_reactions(&card).await;
    env.react("ben", &card, APPROVE);
    for victim in &mut idle {
        assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    }
    env.assert_outcome(1, &card, "terminated", "Terminated 2 of 2").await;
    assert!(running.still_alive().await.unwrap());
}

#[tokio::test]
async fn an_approval_of_two_that_were_picked_ends_these_two() {
    let env = TestEnv::start().await;
    let victims = pool(&env, 4).await;
    let place = env.person("ana").in_channel(&env.incident_channel());
    let list = place.types("/sessions").option("view", "idle-in-transaction").send().await.message();
    let mut options = menu_of(&list);
    options.truncate(2);
    let values: Vec<_> = options.iter().map(|(_, value)| value.as_str()).collect();
    let picked = env.person("ana").chooses(&list, "1s", values).await.message();
    let form = env.person("ana").presses(&picked, "1T:").await;
    let card = env.person("ana").submits(&form, [("reason", "two of them")]).await.message();
    env.wait_for_bot_reactions(&card).await;
    env.react("ben", &card, APPROVE);
    env.assert_outcome(1, &card, "terminated", "Terminated 2 of 2").await;
    for mut victim in victims {
        if options.iter().any(|(pid, _)| *pid == victim.pid()) {
            assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
        } else {
            assert!(victim.still_alive().await.unwrap());
        }
    }
}

#[tokio::test]
async fn own_repeated_and_other_targets_pids_are_all_named_in_one_refusal() {
    let other = Cluster::start().await.unwrap();
    let section = format!("[[target]]\nname = \"billing\"\nurl = \"{}\"", other.bot().await.unwrap());
    let env = TestEnv::builder().section(&section).start().await;
    let victims = pool(&env, 2).await;
    let own = env.wait_for_bot_backend().await;
    let elsewhere = other.victim("app").idle().await.unwrap();
    let [first, second] = [victims[0].pid(), victims[1].pid()];
    let place = env.person("ana").in_channel(&env.incident_channel());
    let also = format!("{own} {first} {} {second}", elsewhere.pid());
    let refused = place.types("/terminate").option("pid", first).option("also", also).send().await;

    assert!(refused.is_ephemeral(), "{}", refused.text());
    let text = refused.content();
    for part in [
        format!("{own}: protected, it is one of killgate's own connections"),
        format!("{first}: given twice"),
        format!("{}: a session of billing, not of orders", elsewhere.pid()),
        second.to_string(),
    ] {
        assert!(text.contains(&part), "{part}: {text}");
    }
    assert!(env.events(1).await.is_empty(), "nothing is asked by itself");
}

#[tokio::test]
async fn a_list_needs_a_reason_where_one_is_required() {
    let env = TestEnv::builder().section("[approval]\nrequire_reason = true").start().await;
    let mut victims = pool(&env, 2).await;
    let also = victims[1].pid().to_string();
    let place = env.person("ana").in_channel(&env.incident_channel());
    let typed = || place.types("/terminate").option("pid", victims[0].pid()).option("also", also.as_str());
    let refused = typed().send().await;
    assert!(refused.is_ephemeral(), "{}", refused.text());
    assert!(refused.content().starts_with("A reason is required."), "{}", refused.content());
    assert!(env.events(1).await.is_empty());
    let card = typed().option("reason", "the pool is stuck").send().await.message();
    env.wait_for_bot_reactions(&card).await;
    env.react("ben", &card, APPROVE);
    for victim in &mut victims {
        assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    }
    assert_eq!(env.ledger().await[0]["reason"], "the pool is stuck");
}
