//! Each card notifies the approver roles once. Nothing else notifies anybody, whatever a name or a query contains.

use discord_sim::{Fault, MemberSpec};

use crate::environment::{APPROVE, DENY, LIMIT, TestEnv, signal};

#[tokio::test]
async fn a_card_notifies_the_approvers_and_no_other_message_notifies_anybody() {
    let env = TestEnv::start().await;
    env.sim.makes_mentionable("dba", true);
    env.sim.makes_mentionable("oncall", true);
    let (ivy, oncall) = (env.person("ivy").id(), env.sim.role_id("oncall"));
    let pile = "\u{301}\u{20dd}".repeat(20);
    let hostile = format!("@everyone <@{ivy}> <@&{oncall}> ```\u{202e}**x**\u{200b}{pile}");
    let query =
        format!("select '@here' as \"x{pile}\", pg_sleep(600) /* @everyone <@{ivy}> ``` <@&{oncall}> */");
    let app = || env.cluster.victim("app").application(&hostile);
    let victims = [app().running(&query).await.unwrap(), app().running(&query).await.unwrap()];

    let mut cards = Vec::new();
    for (victim, vote) in victims.iter().zip([APPROVE, DENY]) {
        let typed = env.person("ana").in_channel(&env.incident_channel()).types("/terminate");
        let command = typed.option("pid", victim.pid()).option("reason", hostile.as_str());
        let card = command.send().await.message();
        env.wait_for_bot_reactions(&card).await;
        let mut pinged = card.pings();
        pinged.sort();
        assert_eq!(pinged, ["ben", "dora", "otto", "robo"], "the role dba: {}", card.content());
        env.react("ivy", &card, APPROVE);
        env.react("ben", &card, vote);
        env.result_text(&card).await;
        cards.push(card.id());
    }
    env.wait_for_finished(2).await;
    let typed = env.person("ana").in_channel(&env.incident_channel()).types("/sessions");
    typed.option("view", "all").send().await;
    env.refused_command("ana", "/terminate", 1_999_999_999).await;

    for message in env.incident_channel().messages() {
        let is_card = cards.contains(&message.id());
        assert!(is_card || message.pings().is_empty(), "{}", env.sim.transcript());
        assert_eq!(message.json()["mention_everyone"], false);
        let text = message.text();
        assert!(!text.contains(['\u{202e}', '\u{200b}']), "{text}");
        assert!(!text.contains(&hostile), "{text}");
        assert!(!text.contains(&pile[..10]), "a pile of combining marks: {text}");
    }
}

#[tokio::test]
async fn where_the_approvers_have_no_role_their_users_are_notified() {
    const BEA: u64 = 1_400_000_000_000_000_777;
    let env = TestEnv::builder()
        .person(MemberSpec::person("bea").with_id(BEA))
        .target(&format!("access = {{ approvers = {{ users = [{BEA}] }} }}"))
        .start()
        .await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    assert_eq!(card.pings(), ["bea"], "{}", card.content());
}

#[tokio::test]
async fn every_message_carries_allowed_mentions() {
    let env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    env.react("ivy", &card, APPROVE);
    env.react("ben", &card, APPROVE);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
    env.wait_for_notices(&card).await;
    // A deferral that cannot be deleted is edited instead.
    let idle = env.cluster.victim("app").idle().await.unwrap();
    let edits = || env.sim.calls_like("PATCH /webhooks/*/*/messages/@original").len();
    let edits_before = edits();
    let undeletable = Fault::Error { status: 403, code: 50_001 };
    env.sim.fails_next(1, "DELETE /webhooks/*/*/messages/@original", undeletable);
    let (answer, backend) = env.deferred_command(&env.incident_channel(), "/cancel", idle.pid()).await;
    signal("CONT", backend).await;
    let refusal = || answer.messages().into_iter().find(|message| message.exists() && message.is_ephemeral());
    env.sim.awaits(LIMIT, "a private refusal", refusal).await;
    assert_eq!(edits(), edits_before + 1);

    let calls = env.sim.calls();
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
    assert!(count >= 4, "the card, a notice, the result, the closed card");
}
