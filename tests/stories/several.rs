//! Requests about several sessions: one approval for exactly those on the card, and an outcome for each.

use discord_sim::Message;
use serde_json::Value;
use throwaway_postgres::SqlState;
use throwaway_postgres::victim::Victim;

use crate::environment::{APPROVE, COUNTS_CANCELS, SignalRight, TestEnv, free_address, signal};

pub async fn pool(env: &TestEnv, size: usize) -> Vec<Victim> {
    let mut victims = Vec::new();
    for _ in 0..size {
        let app = env.cluster.victim("app").application("web-checkout");
        victims.push(app.idle_in_transaction("select 1").await.unwrap());
    }
    victims
}

fn numbers(victims: &[Victim]) -> Vec<i32> {
    victims.iter().map(Victim::pid).collect()
}

async fn request(env: &TestEnv, command: &str, pids: &[i32]) -> Message {
    let also: Vec<_> = pids[1..].iter().map(ToString::to_string).collect();
    let place = env.person("ana").in_channel(&env.incident_channel());
    let card =
        place.types(command).option("pid", pids[0]).option("also", also.join(", ")).send().await.message();
    assert!(!card.is_ephemeral(), "refused: {}", card.text());
    env.wait_for_bot_reactions(&card).await;
    card
}

/// The outcome of each session, in the order of the request.
fn outcomes(finished: &Value) -> Vec<&str> {
    let backends = finished["backends"].as_array().unwrap();
    backends.iter().map(|backend| backend["outcome"].as_str().unwrap()).collect()
}

async fn one_approval_ends_twenty_five_sessions(right: SignalRight) {
    let env = TestEnv::start_with(right).await;
    let mut victims = pool(&env, 25).await;
    let bystander = pool(&env, 1).await.remove(0);

    let card = request(&env, "/terminate", &numbers(&victims)).await;
    assert!(card.content().contains("25 × web-checkout · user app"), "{}", card.content());
    env.react("ben", &card, APPROVE);

    for victim in &mut victims {
        assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    }
    let result = env.assert_outcome(1, &card, "terminated", "Terminated 25 of 25 on orders").await;
    assert!(result.contains("approved by"), "{result}");
    let finished = env.wait_for_finished(1).await;
    assert_eq!(outcomes(&finished), ["terminated"; 25]);
    assert!(bystander.still_alive().await.unwrap());
    let events = env.events(1).await;
    assert_eq!(events.iter().filter(|event| event.starts_with("executing")).count(), 1, "{events:?}");
}

async fn each_of_several_sessions_has_its_own_outcome(right: SignalRight) {
    let env = TestEnv::builder()
        .right(right)
        .section("[limits]\nconfirm_within = \"1s\"\n[approval]\napprovals = 2")
        .start()
        .await;
    let mut victims = pool(&env, 21).await;
    let protected = env.cluster.victim("promoted").idle_in_transaction("select 1").await.unwrap();
    let moved_on = pool(&env, 1).await.remove(0);
    let mut replaced = pool(&env, 1).await.remove(0);
    let stopped = pool(&env, 1).await.remove(0);
    let mut pids = numbers(&victims);
    pids.extend([protected.pid(), moved_on.pid(), replaced.pid(), stopped.pid()]);
    let place = env.person("ana").in_channel(&env.incident_channel());
    let also: Vec<_> = pids[1..].iter().map(ToString::to_string).collect();
    let command = place.types("/terminate").option("pid", pids[0]).option("also", also.join(" "));
    let card = command.option("bound_to", "transaction").send().await.message();
    env.wait_for_bot_reactions(&card).await;

    env.sql("alter role promoted superuser").await;
    moved_on.client().batch_execute("commit; begin; select 'of another client'").await.unwrap();
    env.cluster.terminate(replaced.pid()).await.unwrap();
    replaced.ended().await.unwrap();
    let successor = env.session_with_pid(replaced.pid()).await;
    let process = u32::try_from(stopped.pid()).unwrap();
    signal("STOP", process).await;
    env.react("ben", &card, APPROVE);
    env.react("dora", &card, APPROVE);

    let finished = env.wait_for_finished(1).await;
    signal("CONT", process).await;
    let of_replaced = if successor.is_some() { "replaced" } else { "gone" };
    let mut expected = vec!["terminated"; 21];
    expected.extend(["protected", "moved_on", of_replaced, "unconfirmed"]);
    assert_eq!(outcomes(&finished), expected, "{finished:#}");
    for victim in &mut victims {
        assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    }
    let result = env.assert_outcome(1, &card, "mixed", "Terminated 21 of 25 on orders").await;
    for named in [&protected, &moved_on, &stopped] {
        assert!(result.contains(&format!("({})", named.pid())), "{result}");
    }
    for part in ["1 unconfirmed", "1 moved on", "1 protected", "the transaction had ended", "superuser"] {
        assert!(result.contains(part), "{part} in {result}");
    }
    assert!(protected.still_alive().await.unwrap() && moved_on.still_alive().await.unwrap());
    if let Some(successor) = successor {
        successor.batch_execute("select 'unharmed'").await.unwrap();
    }
    let verified = env.run_killgate(&["audit", "verify"]).await;
    assert!(verified.status.success(), "{verified:?}");
    let report = env.run_killgate(&["audit", "report", "--request", "1"]).await;
    let report = String::from_utf8(report.stdout).unwrap();
    assert!(report.contains("- Outcome: mixed\n"), "{report}");
    for (session, outcome, sent) in [
        (&victims[0], "terminated", "yes"),
        (&protected, "protected", "no"),
        (&moved_on, "moved_on", "no"),
        (&stopped, "unconfirmed", "yes"),
    ] {
        let row = format!("| {} | {outcome} | {sent} |", session.pid());
        assert!(report.contains(&row), "{row} is missing:\n{report}");
    }
}

test_with_both_rights! {
    one_approval_ends_twenty_five_sessions,
    each_of_several_sessions_has_its_own_outcome,
}

#[tokio::test]
async fn several_cancels_end_the_queries_and_the_sessions_stay() {
    let http = free_address();
    let env = TestEnv::builder().http(&http).section("[limits]\nconfirm_within = \"1s\"").start().await;
    let mut victims = [env.sleeping_session().await, env.sleeping_session().await];
    let stubborn = env.session_running(COUNTS_CANCELS).await;
    let mut pids = numbers(&victims);
    pids.push(stubborn.pid());

    let card = request(&env, "/cancel", &pids).await;
    env.react("ben", &card, APPROVE);

    let result = env.assert_outcome(1, &card, "mixed", "Cancelled the queries of 2 of 3 on orders").await;
    assert!(result.contains(&format!("({}) · unconfirmed", stubborn.pid())), "{result}");
    for victim in &mut victims {
        assert_eq!(victim.ended().await.unwrap(), SqlState::QUERY_CANCELED);
        assert!(victim.still_alive().await.unwrap());
    }
    let metrics = reqwest::get(format!("http://{http}/metrics")).await.unwrap().text().await.unwrap();
    let counted = "killgate_requests_total{action=\"cancel\",outcome=\"mixed\"} 1\n";
    assert!(metrics.contains(counted), "{metrics}");
    let place = env.person("ana").in_channel(&env.incident_channel());
    let list = place.types("/requests").option("status", "closed").send().await.text();
    assert!(list.contains("2 of 3"), "{list}");
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_named_and_the_rest_is_asked_for_with_the_button() {
    let env = TestEnv::builder().section("[protect]\nusers = [\"^payments$\"]").start().await;
    let mut victims = pool(&env, 2).await;
    let payments = env.cluster.victim("payments").idle().await.unwrap();
    let missing = i32::MAX;
    let pids = [victims[0].pid(), payments.pid(), missing, victims[1].pid()];
    let also: Vec<_> = pids[1..].iter().map(ToString::to_string).collect();
    let place = env.person("ana").in_channel(&env.incident_channel());
    let refused =
        place.types("/terminate").option("pid", pids[0]).option("also", also.join(" ")).send().await;

    let message = refused.message();
    assert!(message.is_ephemeral());
    let text = message.content();
    assert!(text.starts_with("Nothing was requested. "), "{text}");
    assert!(text.contains(&format!("{}: protected", payments.pid())), "{text}");
    assert!(text.contains(&format!("{missing}: no session on orders")), "{text}");
    assert_eq!(env.wait_for_attempts(1).await, ["attempt_refused by ana: protected"]);
    assert!(env.events(1).await.is_empty(), "nothing is asked by itself");

    let button = message.components().into_iter().find(|id| id.starts_with("1T")).expect("a button");
    let form = env.person("ana").presses(&message, &button).await;
    let card = env.person("ana").submits(&form, [("reason", "the pool is stuck")]).await.message();
    env.wait_for_bot_reactions(&card).await;
    env.react("ben", &card, APPROVE);
    for victim in &mut victims {
        assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    }
    env.assert_outcome(1, &card, "terminated", "Terminated 2 of 2").await;
    assert!(payments.still_alive().await.unwrap());
}

#[tokio::test]
async fn a_list_that_exceeds_the_signals_left_is_limited_whole() {
    let env = TestEnv::builder().section("[limits]\nsignals_per_hour = 3").start().await;
    let victims = pool(&env, 4).await;
    let pids = numbers(&victims);
    let first = request(&env, "/terminate", &pids[..2]).await;
    let second = request(&env, "/terminate", &pids[2..]).await;
    let place = env.person("ana").in_channel(&env.incident_channel());
    let also = pids[1..].iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let refused = place.types("/terminate").option("pid", pids[0]).option("also", also).send().await;
    assert!(refused.content().contains("4 sessions would be signalled, and only 3"), "{}", refused.content());

    env.react("ben", &first, APPROVE);
    env.assert_outcome(1, &first, "terminated", "Terminated 2 of 2").await;
    env.react("ben", &second, APPROVE);
    env.assert_outcome(2, &second, "limited", "Limit reached").await;
    assert!(victims[2].still_alive().await.unwrap() && victims[3].still_alive().await.unwrap());
}

#[tokio::test]
async fn sessions_that_end_by_themselves_are_shown_and_the_request_lapses_with_the_last() {
    let env = TestEnv::start().await;
    let mut victims = pool(&env, 2).await;
    let card = request(&env, "/terminate", &numbers(&victims)).await;
    let last = victims.pop().unwrap();
    let first = victims.pop().unwrap();
    let gone = first.pid();
    drop(first);
    card.becomes("the card shows that one ended", |card| card.text().contains(&format!("~~{gone}~~"))).await;
    assert!(card.text().contains(&format!("**{}**", last.pid())), "{}", card.text());
    drop(last);
    env.assert_outcome(1, &card, "lapsed", "Lapsed").await;
}

/// A request about two sessions, of which the first has ended by itself; the second; and who waited for the first.
async fn a_list_of_which_one_ended(env: &TestEnv) -> (Message, Victim, Victim) {
    env.sql("create table stock (); grant all on stock to public").await;
    let app = || env.cluster.victim("app");
    let blocker = app().idle_in_transaction("lock table stock").await.unwrap();
    let other = app().idle_in_transaction("select 1").await.unwrap();
    // It goes on with the same statement once it has the lock.
    let statement = "do $$ begin lock table stock; perform pg_sleep(600); end $$";
    let waiter = app().waiting(statement).await.unwrap();
    let card = request(env, "/terminate", &[blocker.pid(), other.pid()]).await;
    assert!(card.content().contains("block 1 session,"), "{}", card.content());
    drop(blocker);
    waiter.seen("wait_event_type <> 'Lock'").await.unwrap();
    (card, other, waiter)
}

#[tokio::test]
async fn nobody_waits_for_a_session_of_a_list_that_ended_by_itself_and_nobody_is_released_by_the_others() {
    let env = TestEnv::start().await;
    let (card, mut other, waiter) = a_list_of_which_one_ended(&env).await;
    card.becomes("nobody waits any more", |card| {
        card.content().contains("block nobody") && card.text().contains("This may no longer be needed")
    })
    .await;

    env.react("ben", &card, APPROVE);
    assert_eq!(other.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "mixed", "Terminated 1 of 2 on orders").await;
    assert_eq!(env.wait_for_finished(1).await["waiters_released"], 0);
    assert!(waiter.still_alive().await.unwrap());
}

#[tokio::test]
async fn nobody_is_released_by_a_session_that_ended_by_itself_right_before_the_approval() {
    let env = TestEnv::start().await;
    let (card, mut other, waiter) = a_list_of_which_one_ended(&env).await;
    env.react("ben", &card, APPROVE);
    assert_eq!(other.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    assert_eq!(env.wait_for_finished(1).await["waiters_released"], 0);
    assert!(waiter.still_alive().await.unwrap());
}

#[tokio::test]
async fn after_a_kill_during_the_execution_each_session_is_unknown_and_none_is_signalled_again() {
    let mut env = TestEnv::start().await;
    let victims = pool(&env, 3).await;
    let card = request(&env, "/terminate", &numbers(&victims)).await;

    env.kill_bot_while_it_signals(&card).await;
    env.start_bot().await;

    let finished = env.wait_for_finished(1).await;
    assert_eq!(finished["outcome"], "unknown");
    assert!(finished["signal_sent"].is_null(), "{finished}");
    assert_eq!(outcomes(&finished), ["unknown"; 3]);
    let result = env.assert_outcome(1, &card, "unknown", "Unknown").await;
    assert!(result.contains("It is not known whether a signal was sent."), "{result}");
    for victim in &victims {
        assert!(victim.still_alive().await.unwrap(), "the statement was never sent");
    }
}

#[tokio::test]
async fn the_card_says_who_approved_while_the_end_is_not_seen() {
    let env = TestEnv::builder().section("[limits]\nconfirm_within = \"4s\"").start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    let process = u32::try_from(victim.pid()).unwrap();
    signal("STOP", process).await;
    env.react("ben", &card, APPROVE);
    let approved = format!("Approved by <@{}>, signalling", env.person("ben").id());
    card.becomes("the card says that it is being signalled", |card| card.content().contains(&approved)).await;
    env.assert_outcome(1, &card, "unconfirmed", "Unconfirmed").await;
    signal("CONT", process).await;
}

#[tokio::test]
async fn a_request_whose_session_was_ended_by_another_request_says_by_which() {
    let env = TestEnv::start().await;
    let mut victims = pool(&env, 2).await;
    let pids = numbers(&victims);
    let one = env.request_card("/terminate", pids[0]).await;
    let both = request(&env, "/terminate", &pids).await;
    env.react("ben", &one, APPROVE);
    assert_eq!(victims[0].ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    both.becomes("the card says which request ended it", |card| {
        // Seldom the look comes while request 1 is still being executed.
        let words = ["request #1 ended it", "request #1 was signalling it at the same time"];
        words.iter().any(|words| card.text().contains(words))
    })
    .await;
    assert!(victims.pop().unwrap().still_alive().await.unwrap());
}

#[tokio::test]
async fn an_approval_right_after_another_request_ended_the_session_says_which_one() {
    let env = TestEnv::start().await;
    let mut victim = env.sleeping_session().await;
    let first = env.request_card("/terminate", victim.pid()).await;
    let second = env.request_card("/cancel", victim.pid()).await;
    env.react("ben", &first, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.wait_for_finished(1).await;
    env.react("ben", &second, APPROVE);
    assert_eq!(env.wait_for_finished(2).await["detail"], "request #1 ended it");
}
