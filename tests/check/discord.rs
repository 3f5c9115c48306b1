//! Faults on Discord's side.

use discord_sim::{Fault, Permissions};

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
    setup.sim.fails_next(2, "GET /applications/*/guilds/*/commands", Fault::Status(403));
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
