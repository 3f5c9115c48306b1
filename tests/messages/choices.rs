//! Autocomplete choices.

use std::sync::Arc;

use insta::assert_snapshot;
use killgate::discord::messages::choices::{pids, targets};
use killgate::discord::session_list::page::{NoAnswerReason, RequestRules, TargetAnswer};
use killgate::domain::session::{BackendType, Session};
use serenity::all::CreateAutocompleteResponse;

use crate::fixture::*;

fn names(response: &CreateAutocompleteResponse) -> String {
    let json = serde_json::to_value(response).expect("choices are JSON");
    let choices = json["choices"].as_array().cloned().unwrap_or_default();
    let names: Vec<_> = choices
        .iter()
        .map(|choice| format!("{} = {}", choice["value"], choice["name"].as_str().unwrap_or_default()))
        .collect();
    names.join("\n")
}

fn orders_answer() -> TargetAnswer {
    let own = Session { is_own: true, ..session(10) };
    let walsender = Session { backend_type: BackendType::WalSender, ..session(11) };
    let payments = Session {
        user: Some("payments".to_owned()),
        query: Some("VACUUM ledger".to_owned()),
        ..session(4700)
    };
    answer(
        "orders",
        vec![
            own,
            walsender,
            idle(47),
            session(4600),
            waiting(4712, &[4711], 252),
            payments,
            idle_in_transaction(4711, 843),
        ],
    )
}

#[test]
fn client_sessions_are_offered_the_worst_first() {
    assert_snapshot!(names(&pids(&[orders_answer()], "")), @r"
    4711 = 4711 · app · idle in tx 14 m 3 s · blocks 1 · psql · shop
    4600 = 4600 · app · active 3 s · checkout · shop
    4700 = 4700 · payments · active 3 s · checkout · shop
    4712 = 4712 · app · waits 4 m 12 s · checkout · shop
    47 = 47 · app · idle 3 s · checkout · shop
    ");
}

#[test]
fn typed_text_matches_pid_user_application_database_and_query() {
    assert_snapshot!(names(&pids(&[orders_answer()], "47")), @r"
    47 = 47 · app · idle 3 s · checkout · shop
    4711 = 4711 · app · idle in tx 14 m 3 s · blocks 1 · psql · shop
    4700 = 4700 · payments · active 3 s · checkout · shop
    4712 = 4712 · app · waits 4 m 12 s · checkout · shop
    ");
    let mut numbered = orders_answer();
    numbered.snapshot =
        Ok(Arc::new(snapshot(vec![Session { user: Some("app47".to_owned()), ..session(4600) }])));
    assert_snapshot!(names(&pids(&[numbered.clone()], "47")), @"");
    assert_snapshot!(names(&pids(&[numbered], "app4")), @"4600 = 4600 · app47 · active 3 s · checkout · shop");
    assert_snapshot!(names(&pids(&[orders_answer()], " PayMents ")), @r"4700 = 4700 · payments · active 3 s · checkout · shop");
    assert_snapshot!(names(&pids(&[orders_answer()], "vacuum")), @r"4700 = 4700 · payments · active 3 s · checkout · shop");
    assert_snapshot!(names(&pids(&[orders_answer()], "nothing like it")), @"");
}

#[test]
fn with_several_targets_each_choice_names_its_target_and_a_silent_one_is_omitted() {
    let silent = TargetAnswer {
        target: "billing".to_owned(),
        snapshot: Err(NoAnswerReason::Pending),
        rules: RequestRules::default(),
    };
    let users = answer("users", vec![idle_in_transaction(4711, 10)]);
    assert_snapshot!(names(&pids(&[orders_answer(), silent, users], "4711")), @r"
    4711 = 4711 · orders · app · idle in tx 14 m 3 s · blocks 1 · psql · shop
    4711 = 4711 · users · app · idle in tx 10 s · psql · shop
    ");
}

#[test]
fn targets_match_by_a_part_of_their_name() {
    assert_snapshot!(names(&targets(["orders", "billing", "old_orders"], "ORD")), @r#"
    "orders" = orders
    "old_orders" = old_orders
    "#);
}
