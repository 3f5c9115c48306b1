//! Which reactions count.

use discord_sim::{Fault, MemberSpec};
use throwaway_postgres::SqlState;

use crate::environment::{APPROVE, DENY, LIMIT, SignalRight, TestEnv, signal};

const TWO_APPROVALS: &str = "[approval]\napprovals = 2";

async fn the_requesters_own_approval_does_not_count_and_is_reported_once(right: SignalRight) {
    let env = TestEnv::start_with(right).await;
    let mut victim = env.sleeping_session().await;
    // Otto may both request and approve, but not his own request.
    let card = env.request_card_as("otto", "/terminate", victim.pid()).await;
    let otto = env.person("otto");

    otto.reacts(&card, APPROVE);
    env.wait_for_event(1, "attempt_refused by otto: self_approval", 1).await;
    otto.takes_back(&card, APPROVE);
    otto.reacts(&card, APPROVE);
    env.wait_for_event(1, "attempt_refused by otto: self_approval", 2).await;
    assert!(victim.still_alive().await.unwrap());

    env.react("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
    let notices = env.wait_for_notices(&card).await;
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(notices[0].starts_with(&format!("<@{}>", otto.id())), "{notices:?}");
    assert!(notices[0].contains("you made the request yourself"), "{notices:?}");
    let posted = env.sim.calls_like("POST /channels/*/messages");
    assert_eq!(posted.len(), 2, "the notice and the result: {posted:?}");
}

async fn a_strangers_approval_does_not_count_and_is_reported_once(right: SignalRight) {
    let env = TestEnv::start_with(right).await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    let ivy = env.person("ivy");

    ivy.reacts(&card, APPROVE);
    env.wait_for_event(1, "attempt_refused by ivy: not_an_approver", 1).await;
    ivy.takes_back(&card, APPROVE);
    ivy.reacts(&card, APPROVE);
    ivy.reacts(&card, DENY);
    env.wait_for_event(1, "attempt_refused by ivy: not_an_approver", 3).await;
    assert!(victim.still_alive().await.unwrap());

    env.react("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
    let notices = env.wait_for_notices(&card).await;
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(notices[0].contains("may not approve"), "{notices:?}");
    let posted = env.sim.calls_like("POST /channels/*/messages");
    assert_eq!(posted.len(), 2, "the notice and the result: {posted:?}");
}

async fn the_configured_number_of_approvals_is_needed(right: SignalRight) {
    let env = TestEnv::builder().right(right).section(TWO_APPROVALS).start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;

    env.react("ben", &card, APPROVE);
    card.becomes("the card shows the approval", |card| card.text().contains("1 of 2")).await;
    assert!(victim.still_alive().await.unwrap());
    env.react("dora", &card, APPROVE);

    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
    assert_eq!(
        env.events(1).await,
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

test_with_both_rights! {
    the_requesters_own_approval_does_not_count_and_is_reported_once,
    a_strangers_approval_does_not_count_and_is_reported_once,
    the_configured_number_of_approvals_is_needed,
}

#[tokio::test]
async fn administrator_owner_and_moderator_are_not_exempt() {
    let env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;

    for who in ["admin", "owner", "mod"] {
        env.react(who, &card, APPROVE);
        let attempt = format!("attempt_refused by {who}: not_an_approver");
        env.wait_for_event(1, &attempt, 1).await;
        let refusal = env.refused_command(who, "/terminate", victim.pid()).await;
        assert!(refusal.contains("may not ask"), "{refusal}");
    }
    assert_eq!(
        env.wait_for_attempts(3).await,
        ["admin", "owner", "mod"].map(|who| format!("attempt_refused by {who}: not_a_requester"))
    );
    assert!(victim.still_alive().await.unwrap());
}

#[tokio::test]
async fn a_bot_among_the_approvers_neither_approves_nor_denies() {
    let env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;

    env.react("robo", &card, APPROVE);
    env.react("robo", &card, DENY);
    env.wait_for_event(1, "attempt_refused by robo: bot", 2).await;

    assert!(victim.still_alive().await.unwrap());
    assert!(env.notices(&card).is_empty(), "bots get no notice");
    env.react("ben", &card, APPROVE);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn a_person_in_two_groups_of_approvers_counts_once() {
    const BEA: u64 = 1_400_000_000_000_000_777;
    let env = TestEnv::builder()
        .person(MemberSpec::person("bea").with_id(BEA).with_roles(["dba", "oncall"]))
        .section(TWO_APPROVALS)
        .target(&format!("access = {{ approvers = {{ roles = [@dba, @oncall], users = [{BEA}] }} }}"))
        .start()
        .await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;

    env.react("bea", &card, APPROVE);
    env.wait_for_event(1, "approved by bea", 1).await;
    env.person("bea").takes_back(&card, APPROVE);
    env.wait_for_event(1, "approval_removed by bea", 1).await;
    env.react("bea", &card, APPROVE);
    let events = env.wait_for_event(1, "approved by bea", 2).await;

    assert!(!events.iter().any(|event| event.starts_with("executing")), "{events:?}");
    env.react("ben", &card, APPROVE);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn a_removed_approval_no_longer_counts() {
    let env = TestEnv::builder().section(TWO_APPROVALS).start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;

    env.react("ben", &card, APPROVE);
    env.wait_for_event(1, "approved by ben", 1).await;
    env.person("ben").takes_back(&card, APPROVE);
    env.wait_for_event(1, "approval_removed by ben", 1).await;
    env.react("dora", &card, APPROVE);
    env.wait_for_event(1, "approved by dora", 1).await;
    card.becomes("the card shows the approval", |card| {
        card.card().field("Approvals").is_some_and(|field| field.starts_with("1 of 2"))
    })
    .await;
    assert!(victim.still_alive().await.unwrap());

    env.react("ben", &card, APPROVE);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn clearing_reactions_removes_the_approvals() {
    let env = TestEnv::builder().section(TWO_APPROVALS).start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    let (ben, moderator) = (env.person("ben"), env.person("mod"));
    let clear: [&dyn Fn(); 3] =
        [&|| moderator.takes_off(&card, APPROVE, &ben), &|| moderator.clears_emoji(&card, APPROVE), &|| {
            moderator.clears_reactions(&card);
        }];

    for (round, clear) in clear.iter().enumerate() {
        ben.reacts(&card, APPROVE);
        env.wait_for_event(1, "approved by ben", round + 1).await;
        clear();
        env.wait_for_event(1, "approval_removed by ben", round + 1).await;
    }
    // Ben's approval is gone, so Dora's is the first of two.
    env.react("dora", &card, APPROVE);
    env.wait_for_event(1, "approved by dora", 1).await;
    assert!(victim.still_alive().await.unwrap());
    ben.reacts(&card, APPROVE);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn the_roles_at_the_time_of_the_reaction_decide() {
    let env = TestEnv::builder().section(TWO_APPROVALS).start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    let (ben, ivy) = (env.person("ben"), env.person("ivy"));

    ben.loses_role("dba");
    ben.reacts(&card, APPROVE);
    env.wait_for_event(1, "attempt_refused by ben: not_an_approver", 1).await;

    ivy.gains_role("dba");
    ivy.reacts(&card, APPROVE);
    env.wait_for_event(1, "approved by ivy", 1).await;
    assert!(victim.still_alive().await.unwrap());

    env.react("dora", &card, APPROVE);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn reactions_with_other_emoji_on_other_messages_and_in_other_channels_are_ignored() {
    let env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    let (ben, elsewhere) = (env.person("ben"), env.sim.channel("elsewhere"));
    let chat = env.person("ana").in_channel(&env.incident_channel()).says("anybody?");
    let other_message = env.person("ana").in_channel(&elsewhere).says("terminate it?");

    for emoji in ["👍", "✔️", "☑️", "💯"] {
        ben.reacts(&card, emoji);
    }
    ben.reacts(&chat, APPROVE);
    ben.reacts(&other_message, APPROVE);
    // Events are handled in order: once Ivy's reaction is recorded, the earlier ones have been handled.
    env.react("ivy", &card, APPROVE);

    let events = env.wait_for_event(1, "attempt_refused by ivy: not_an_approver", 1).await;
    assert_eq!(events, ["requested by ana: terminate", "posted", "attempt_refused by ivy: not_an_approver"]);
    assert!(victim.still_alive().await.unwrap());
}

#[tokio::test]
async fn a_reaction_counts_as_soon_as_the_card_is_visible() {
    let env = TestEnv::start().await;
    let mut victim = env.sleeping_session().await;
    // The bot learns the message id of its response late.
    let late = Fault::Delay(std::time::Duration::from_secs(1));
    env.sim.fails_next(1, "GET /webhooks/*/*/messages/@original", late);
    let typed = env.person("ana").in_channel(&env.incident_channel()).types("/terminate");
    let card = typed.option("pid", victim.pid()).send().await.message();

    env.react("ivy", &card, APPROVE);
    env.react("ben", &card, APPROVE);

    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
    assert_eq!(
        env.events(1).await,
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

#[tokio::test]
async fn an_approval_that_was_given_before_the_card_was_there_does_not_count() {
    for is_deletable in [true, false] {
        let env = TestEnv::start().await;
        env.sim.makes_mentionable("dba", true);
        let mut victim = env.sleeping_session().await;
        let (answer, backend) =
            env.deferred_command(&env.incident_channel(), "/terminate", victim.pid()).await;
        let thinking = answer.message();
        env.react("ben", &thinking, APPROVE);
        let undeletable = Fault::Error { status: 403, code: 50_001 };
        if !is_deletable {
            env.sim.fails_next(1, "DELETE /webhooks/*/*/messages/@original", undeletable);
        }
        signal("CONT", backend).await;

        let card = env.incident_channel().message(|message| !message.cards().is_empty()).await;
        env.wait_for_bot_reactions(&card).await;
        // Whatever was seen of the reaction has been handled, also when it is read again.
        env.sim.guild_becomes_unavailable();
        env.sim.guild_becomes_available();
        env.react("ivy", &card, APPROVE);
        env.wait_for_event(1, "attempt_refused by ivy: not_an_approver", 1).await;
        assert!(victim.still_alive().await.unwrap());
        assert!(card.pings().contains(&"dora".to_owned()), "it is a new message: {:?}", card.pings());
        assert_eq!(thinking.exists(), !is_deletable);

        env.react("ben", &card, APPROVE);
        assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
        env.assert_outcome(1, &card, "terminated", "Terminated").await;
        let events = env.events(1).await;
        assert_eq!(events.iter().filter(|event| *event == "approved by ben").count(), 1, "{events:?}");
    }
}

#[tokio::test]
async fn many_who_may_not_approve_are_told_in_few_messages() {
    let strangers: Vec<_> = (0..12).map(|number| format!("stranger{number}")).collect();
    let mut builder = TestEnv::builder();
    for name in &strangers {
        builder = builder.person(MemberSpec::person(name));
    }
    let env = builder.start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    for name in &strangers {
        env.react(name, &card, APPROVE);
    }
    let mentions: Vec<_> = strangers.iter().map(|name| format!("<@{}>", env.person(name).id())).collect();
    let are_told = || {
        let told = env.notices(&card).join("\n");
        mentions.iter().all(|mention| told.contains(mention))
    };
    env.sim.eventually(LIMIT, "all are told", are_told).await;
    assert!(env.notices(&card).len() <= 3, "{:#?}", env.notices(&card));
}
