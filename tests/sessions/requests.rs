//! `/requests` and its buttons.

use discord_sim::Message;
use throwaway_postgres::victim::Victim;

use crate::components::button;
use crate::environment::{LIMIT, TestEnv};
use crate::scene::{refusal, scene, types, with_billing};

/// Ana requests a cancel and a terminate of each session. Returns the cards in order.
async fn cards(env: &TestEnv, victims: &[Victim]) -> Vec<Message> {
    let mut cards = Vec::new();
    for victim in victims {
        let pid = victim.pid().to_string();
        for command in ["/cancel", "/terminate"] {
            let card = types(env, "ana", command, &[("pid", &pid)]).await.message();
            cards.push(card);
        }
    }
    for card in &cards {
        env.wait_for_bot_reactions(card).await;
    }
    cards
}

/// The numbers of the requests that a list shows, in its order.
fn numbers(list: &Message) -> Vec<u64> {
    let text = list.text();
    let entries = text.lines().filter_map(|line| line.strip_prefix("**"));
    entries
        .filter_map(|entry| entry.trim_start_matches('[').strip_prefix('#'))
        .filter_map(|entry| entry.split([']', '*']).next()?.parse().ok())
        .collect()
}

#[tokio::test]
async fn pages_show_every_request_with_a_link_to_its_card_even_after_a_restart() {
    let mut env = scene().section("[limits]\nopen_requests_per_user = 20").start().await;
    let mut victims = Vec::new();
    for _ in 0..6 {
        victims.push(env.sleeping_session().await);
    }
    let cards = cards(&env, &victims).await;
    let list = types(&env, "vera", "/requests", &[("status", "open")]).await.message();
    assert_eq!(numbers(&list), [12, 11, 10, 9, 8]);

    env.kill_bot().await;
    env.start_bot().await;
    let turn_page = async |who: &str, label: &str| {
        let answer = env.person(who).presses(&list, &button(&list, label)).await;
        assert_eq!(answer.messages(), std::slice::from_ref(&list), "turned in place");
        numbers(&list)
    };
    assert_eq!(turn_page("vera", "Older ▶").await, [7, 6, 5, 4, 3]);
    assert_eq!(turn_page("ben", "Older ▶").await, [2, 1]);
    let text = list.text();
    for (number, card) in (1..).zip(&cards[..2]) {
        let link = format!(
            "[#{number}](https://discord.com/channels/{}/{}/{})",
            env.sim.guild_id(),
            env.incident_channel().id(),
            card.id()
        );
        assert!(text.contains(&link), "{link} in {text}");
    }
    assert_eq!(turn_page("ana", "◀ Newer").await, [7, 6, 5, 4, 3]);

    // A request that has been closed is no longer listed as open.
    env.person("ana").reacts(&cards[11], "❌");
    let closed = || cards[11].text().contains("Withdrawn");
    env.sim.eventually(LIMIT, "the newest is withdrawn", closed).await;
    assert_eq!(turn_page("ana", "◀ Newer").await, [11, 10, 9, 8, 7]);
    assert_eq!(turn_page("ana", "Refresh").await, [11, 10, 9, 8, 7]);
}

#[tokio::test]
async fn the_menu_shows_what_happened_to_a_request_to_the_one_who_asks() {
    let env = with_billing("access = { approvers = { roles = [@oncall] } }").await;
    let victim = env.sleeping_session().await;
    let options = [("pid", victim.pid().to_string()), ("target", "billing".to_owned())];
    let options = options.each_ref().map(|(name, value)| (*name, value.as_str()));
    let card = types(&env, "ana", "/terminate", &options).await.message();
    env.wait_for_bot_reactions(&card).await;
    env.person("ana").reacts(&card, "❌");
    let withdrawn = || card.text().contains("Withdrawn");
    env.sim.eventually(LIMIT, "it is withdrawn", withdrawn).await;

    let list = types(&env, "ana", "/requests", &[]).await.message();
    let ana = env.person("ana").id();
    let shown = env.person("ana").chooses(&list, "1h", ["1"]).await.message();
    assert!(shown.is_ephemeral());
    let text = shown.text();
    for said in [
        "What happened to request #1".to_owned(),
        format!("<@{ana}> asked to terminate"),
        "card posted".to_owned(),
        format!("**Withdrawn** by <@{ana}>"),
    ] {
        assert!(text.contains(&said), "{said} in {text}");
    }
    let hidden = refusal(&env.person("ben").chooses(&list, "1h", ["1"]).await);
    assert!(hidden.contains("Repeat the command"), "a request on a target that he may not view: {hidden}");
    let unauthorized = refusal(&env.person("ivy").chooses(&list, "1h", ["1"]).await);
    assert!(unauthorized.starts_with("You may not view sessions here."), "{unauthorized}");
}

#[tokio::test]
async fn people_without_the_right_to_view_cannot_see_or_turn_the_list() {
    let env = scene().start().await;
    let list = types(&env, "vera", "/requests", &[]).await.message();
    assert!(list.text().contains("No requests yet."), "{}", list.text());
    let refresh = button(&list, "Refresh");
    let said = refusal(&env.person("ivy").presses(&list, &refresh).await);
    assert!(said.starts_with("You may not view sessions here."), "{said}");
    let said = refusal(&types(&env, "ivy", "/requests", &[]).await);
    assert!(said.starts_with("You may not view sessions here."), "{said}");
}

#[tokio::test]
async fn requests_about_a_target_are_shown_only_to_people_who_may_view_it() {
    let env = with_billing("access = { approvers = { roles = [@oncall] } }").await;
    let victim = env.sleeping_session().await;
    for target in ["orders", "billing"] {
        let options = [("pid", victim.pid().to_string()), ("target", target.to_owned())];
        let options = options.each_ref().map(|(name, value)| (*name, value.as_str()));
        types(&env, "ana", "/cancel", &options).await.message();
    }
    let seen_by = async |who| numbers(&types(&env, who, "/requests", &[]).await.message());
    assert_eq!(seen_by("ana").await, [2, 1]);
    assert_eq!(seen_by("ben").await, [1], "he approves on orders alone");
}
