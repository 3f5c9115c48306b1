//! Faults on Discord's side.

use discord_sim::{Fault, Permissions};

use crate::faketime::{libfaketime, set_clock_file, variables};
use crate::setup::Setup;

#[tokio::test]
async fn each_missing_permission_is_named_as_in_discord() {
    let setup = Setup::good().await;
    let incident = setup.sim.channel("incident");
    for (permission, name) in [
        (Permissions::VIEW_CHANNEL, "View Channel"),
        (Permissions::SEND_MESSAGES, "Send Messages"),
        (Permissions::EMBED_LINKS, "Embed Links"),
        (Permissions::ADD_REACTIONS, "Add Reactions"),
        (Permissions::READ_MESSAGE_HISTORY, "Read Message History"),
        (Permissions::SEND_MESSAGES_IN_THREADS, "Send Messages in Threads"),
    ] {
        setup.sim.bot_loses(&incident, permission);
        let report = setup.check().await;
        assert_eq!(report.status, 1);
        let [wrong] = &report.wrong()[..] else { panic!("{name}: {}", report.lines) };
        assert!(wrong.starts_with(&format!("FAIL channel {}: ", incident.id())), "{wrong}");
        assert!(wrong.ends_with(&format!(": {name}")), "{wrong}");
        setup.sim.bot_regains(&incident);
    }
    setup.sim.bot_loses(&incident, Permissions::ADD_REACTIONS | Permissions::EMBED_LINKS);
    let wrong = setup.check().await.wrong();
    assert!(wrong[0].ends_with("in #incident the bot lacks: Embed Links, Add Reactions"), "{wrong:?}");
}

#[tokio::test]
async fn a_missing_channel_is_distinguished_from_an_invisible_one() {
    let mut setup = Setup::good().await;
    let incident = setup.sim.channel("incident").id();
    setup.replace(&format!("channels = [{incident}]"), &format!("channels = [{incident}, 77]"));
    assert_eq!(setup.check().await.wrong(), ["FAIL channel 77: there is no such channel"]);
}

#[tokio::test]
async fn a_bot_invited_without_the_commands_scope_is_reported() {
    let setup = Setup::good().await;
    setup.sim.fails_next(
        2,
        "GET /applications/*/guilds/*/commands",
        Fault::Error { status: 403, code: 50001 },
    );
    let wrong = setup.check().await.wrong();
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(wrong[0].starts_with("FAIL commands: the bot cannot have commands in the guild"), "{wrong:?}");
}

#[tokio::test]
async fn empty_access_groups_are_reported() {
    let mut setup = Setup::good().await;
    let (everyone, dba) = (setup.sim.guild_id(), setup.sim.role_id("dba"));
    let ben = setup.sim.person("ben").id();
    setup.replace(&format!("roles = [{dba}]"), &format!("roles = [{everyone}]"));
    setup.replace(&format!("users = [{ben}]"), "users = [77]");
    let report = setup.check().await;
    let [role, user] = &report.wrong()[..] else { panic!("{}", report.lines) };
    assert!(role.starts_with(&format!("FAIL role {everyone}: it is @everyone")), "{role}");
    assert_eq!(user, "warn user 77: no member of the guild has this id");
}

#[tokio::test]
async fn people_who_cannot_see_the_channel_are_named_in_a_warning() {
    let setup = Setup::good().await;
    let incident = setup.sim.channel("incident");
    setup.sim.person("bot").gains_role("dba");
    setup.sim.person("ben").loses_role("dba");
    setup.sim.hides_channel(&incident, "dba");
    let report = setup.check().await;
    assert_eq!(report.status, 0, "{}", report.lines);
    let [wrong] = &report.wrong()[..] else { panic!("{}", report.lines) };
    let lacking = "@oncall lacks: View Channel; ben lacks: View Channel";
    assert_eq!(*wrong, format!("warn channel {}: in #incident {lacking}", incident.id()));
}

#[tokio::test]
async fn an_administrator_lacks_nothing_whatever_the_channel_denies() {
    let setup = Setup::good().await;
    let incident = setup.sim.channel("incident");
    setup.sim.bot_loses(&incident, Permissions::ADD_REACTIONS);
    assert_eq!(setup.check().await.wrong().len(), 1);
    setup.sim.lets_role("dba", Permissions::ADMINISTRATOR);
    setup.sim.person("bot").gains_role("dba");
    assert_eq!(setup.check().await.wrong(), [""; 0]);
}

#[tokio::test]
async fn the_channels_of_a_category_are_checked_and_a_missing_category_is_reported() {
    let mut setup = Setup::good().await;
    let category = setup.sim.creates_category("incidents");
    let channel = setup.sim.creates_channel("inc-42", Some(&category));
    let incident = setup.sim.channel("incident").id();
    setup.replace(&format!("channels = [{incident}]"), &format!("categories = [{}, 77]", category.id()));
    setup.sim.bot_loses(&channel, Permissions::ADD_REACTIONS);
    let report = setup.check().await;
    assert!(report.lines.contains("it is incidents, with 1 channel\n"), "{}", report.lines);
    let wrong = report.wrong();
    assert!(wrong.iter().any(|line| line.ends_with("in #inc-42 the bot lacks: Add Reactions")), "{wrong:?}");
    let missing = "FAIL category 77: the guild has no category with this id";
    assert!(wrong.iter().any(|line| line == missing), "{wrong:?}");
    assert_eq!(wrong.len(), 2, "{wrong:?}");
}

#[tokio::test]
async fn an_approver_role_that_cannot_be_mentioned_is_a_warning() {
    let setup = Setup::good().await;
    setup.sim.bot_loses_in_guild(Permissions::MENTION_EVERYONE);
    let wrong = setup.check().await.wrong();
    let [role] = &wrong[..] else { panic!("{wrong:?}") };
    assert!(role.contains("the bot may not mention @dba"), "{role}");
    setup.sim.makes_mentionable("dba", true);
    assert_eq!(setup.check().await.wrong(), [""; 0]);
}

#[tokio::test]
async fn missing_and_doubled_commands_are_warnings() {
    let setup = Setup::good().await;
    setup.sim.deletes_commands();
    let command = |name: &str| serde_json::json!({ "name": name, "description": "Ask", "type": 1 });
    setup.sim.adds_command(&command("cancel"));
    let wrong = setup.check().await.wrong();
    assert!(wrong[0].contains("missing in the guild: /sessions, /terminate"), "{wrong:?}");
    setup.sim.adds_global_command(&command("terminate"));
    let wrong = setup.check().await.wrong();
    assert!(wrong[0].contains("also registered globally") && wrong[0].ends_with("/terminate"), "{wrong:?}");
    assert!(wrong[0].contains("missing in the guild: /sessions, /terminate"), "{wrong:?}");
}

#[tokio::test]
async fn a_gateway_that_cannot_be_reached_is_reported() {
    let setup = Setup::good().await;
    setup.sim.gateway().hangs_upgrades();
    let wrong = setup.check().await.wrong();
    let [gateway] = &wrong[..] else { panic!("{wrong:?}") };
    assert!(gateway.starts_with("FAIL gateway: ws://") && gateway.contains("WebSocket upgrade"), "{gateway}");
}

#[tokio::test]
async fn a_missing_role_of_an_owner_is_a_warning() {
    let mut setup = Setup::good().await;
    let oncall = setup.sim.role_id("oncall");
    let owners =
        format!("[[owner]]\nuser = \"a\"\nrole = 77\n[[owner]]\nuser = \"b\"\nrole = {oncall}\n[ledger]");
    setup.replace("[ledger]", &owners);
    let expected = "warn role 77: the guild has no role with this id, so cards show an unknown owner";
    assert_eq!(setup.check().await.wrong(), [expected]);
}

#[tokio::test]
async fn a_channel_where_the_bot_may_not_mention_an_approver_role_is_a_warning() {
    let setup = Setup::good().await;
    let incident = setup.sim.channel("incident");
    setup.sim.bot_loses(&incident, Permissions::MENTION_EVERYONE);
    let expected = format!(
        "warn channel {}: in #incident the bot may not mention @dba, so a card notifies none of its members",
        incident.id()
    );
    assert_eq!(setup.check().await.wrong(), [expected]);
}

#[tokio::test]
async fn commands_that_are_missing_before_the_first_start_are_a_warning() {
    let setup = Setup::good().await;
    setup.sim.deletes_commands();
    let report = setup.check().await;
    let [commands] = &report.wrong()[..] else { panic!("{}", report.lines) };
    assert!(commands.starts_with("warn commands: missing in the guild: /sessions"), "{commands}");
    assert!(report.lines.contains("killgate registers them when it starts"), "{}", report.lines);
}

#[tokio::test]
async fn roles_without_the_permission_to_use_commands_are_named_in_a_warning() {
    let setup = Setup::good().await;
    setup.sim.everyone_loses(Permissions::USE_APPLICATION_COMMANDS);
    let report = setup.check().await;
    assert_eq!(report.status, 0, "{}", report.lines);
    let [wrong] = &report.wrong()[..] else { panic!("{}", report.lines) };
    let expected = "@oncall lacks: Use Application Commands; @dba lacks: Use Application Commands";
    assert!(wrong.starts_with("warn channel") && wrong.contains(expected), "{wrong}");
}

#[tokio::test]
async fn a_clock_that_differs_from_discords_is_a_warning() {
    let Some(library) = libfaketime() else {
        println!("SKIPPED: libfaketime is not installed");
        return;
    };
    let mut setup = Setup::good().await;
    let clock = setup.path("clock");
    set_clock_file(&clock, "+3600");
    setup.variables.extend(variables(&library, &clock));
    let report = setup.check().await;
    let wrong = report.wrong();
    let [discord, target] = &wrong[..] else { panic!("{}", report.lines) };
    let seconds = discord.strip_prefix("warn clock: it differs from Discord's by ");
    let seconds = seconds.and_then(|rest| rest.strip_suffix(" s")).and_then(|seconds| seconds.parse().ok());
    assert!(seconds.is_some_and(|seconds: u64| (3_500..=3_700).contains(&seconds)), "{discord}");
    assert!(target.starts_with("warn target orders: clock: the server's clock differs"), "{target}");
}
