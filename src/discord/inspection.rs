//! The Discord part of `killgate check`: the token, the guild, its channels and roles, and the bot's permissions.

use std::collections::BTreeSet;

use reqwest::Url;
use serenity::model::channel::ReactionType;
use serenity::model::guild::Member;
use serenity::model::id::{ChannelId, GuildId, UserId};
use serenity::model::permissions::Permissions;

use super::api::{ApiClient, ApiError, GuildChannel, GuildInfo};
use super::bot::{DiscordOptions, application_id};
use super::gateway::endpoint::{is_exposed, trusted_gateway_url};
use super::https_proxy::HttpsProxy;
use super::permissions::channel_permissions;
use crate::common::check_result::CheckResult;
use crate::domain::access::{Access, AccessGroup};
use crate::domain::ids::RoleId;

/// The permissions the bot needs in every channel, by the names that Discord's client shows.
const NEEDED_PERMISSIONS: [(Permissions, &str); 5] = [
    (Permissions::VIEW_CHANNEL, "View Channel"),
    (Permissions::SEND_MESSAGES, "Send Messages"),
    (Permissions::EMBED_LINKS, "Embed Links"),
    (Permissions::ADD_REACTIONS, "Add Reactions"),
    (Permissions::READ_MESSAGE_HISTORY, "Read Message History"),
];

/// The kinds of channels that have no messages (Discord documentation, "Channel Types").
const CHANNELS_WITHOUT_MESSAGES: [(u8, &str); 4] =
    [(4, "a category"), (14, "a directory"), (15, "a forum"), (16, "a media channel")];

/// Checks everything the bot needs on Discord. `access` are the access rules of all targets.
pub async fn inspect(options: &DiscordOptions, access: &[&Access]) -> Vec<CheckResult> {
    let mut results = vec![check_encryption(&options.api_url)];
    results.extend(options.proxy.as_ref().map(|proxy| check_proxy(proxy, &options.api_url)));
    let api = match ApiClient::new(&options.api_url, &options.token, options.proxy.as_ref()) {
        Ok(api) => api,
        Err(error) => {
            results.push(call_failed("token", &error));
            return results;
        }
    };
    let bot_user = match api.current_user().await {
        Ok(user) => {
            results.push(CheckResult::ok("token", format!("it is that of the bot {}", user.username)));
            user.id
        }
        Err(error) => {
            results.push(call_failed("token", &error));
            return results;
        }
    };
    results.push(check_gateway(&api, &options.api_url).await);
    let id = GuildId::new(options.guild);
    let (guild, bot_member) = match tokio::try_join!(api.guild(id), api.member(id, bot_user)) {
        Ok(guild_and_member) => guild_and_member,
        Err(error) => {
            results.push(cannot_access("guild", id.get(), &error));
            return results;
        }
    };
    results.push(CheckResult::ok("guild", format!("the bot is in {}", guild.name)));
    results.push(check_commands(&api, id, bot_user).await);
    results.push(check_two_factor(&guild));
    for emoji in [&options.vote_emoji.approve, &options.vote_emoji.deny] {
        results.extend(check_emoji(&api, id, emoji).await);
    }
    for channel in &options.scope.channels {
        results.push(check_channel(&api, &guild, &bot_member, ChannelId::new(channel.0)).await);
    }
    results.extend(check_roles(access, &guild));
    results.extend(check_users(access, &api, id).await);
    results
}

/// Whether the token is sent encrypted.
fn check_encryption(api_url: &str) -> CheckResult {
    let what = "api";
    if !is_exposed(api_url) {
        return CheckResult::ok(what, api_url);
    }
    CheckResult::warn(
        what,
        format!(
            "{api_url} is unencrypted: anybody on the network path can read the token and act as the bot"
        ),
        "Give [discord] api_url an https URL",
    )
}

fn check_proxy(proxy: &HttpsProxy, api_url: &str) -> CheckResult {
    let is_used = Url::parse(api_url).is_ok_and(|url| proxy.applies_to(&url));
    let detail = if is_used {
        format!("HTTPS_PROXY: Discord is reached through {proxy}")
    } else {
        format!("HTTPS_PROXY is {proxy}, but not used for {api_url}: NO_PROXY exempts it, or it is not https")
    };
    CheckResult::ok("proxy", detail)
}

async fn check_gateway(api: &ApiClient, api_url: &str) -> CheckResult {
    let what = "gateway";
    match api.gateway().await {
        Err(error) => call_failed(what, &error),
        Ok(gateway) => match trusted_gateway_url(api_url, &gateway.url) {
            Ok(_) => CheckResult::ok(what, gateway.url),
            Err(error) => CheckResult::fail(
                what,
                error.to_string(),
                "Fix the API at [discord] api_url: its gateway must be on the same host",
            ),
        },
    }
}

/// A bot without the scope `applications.commands` cannot have commands in the guild.
async fn check_commands(api: &ApiClient, guild: GuildId, bot_user: UserId) -> CheckResult {
    let what = "commands";
    let registered = match application_id(api, bot_user).await {
        Ok(application) => api.guild_commands(application, guild).await,
        Err(error) => Err(error),
    };
    match registered {
        // Commands that cannot be read are registered again at startup.
        Ok(_) | Err(ApiError::Unexpected { .. }) => {
            CheckResult::ok(what, "the bot can have commands in the guild")
        }
        Err(error @ ApiError::Forbidden { .. }) => CheckResult::fail(
            what,
            format!("the bot cannot have commands in the guild: {error}"),
            "Invite the bot again, with the scopes bot and applications.commands",
        ),
        Err(error) => call_failed(what, &error),
    }
}

async fn check_channel(
    api: &ApiClient,
    guild: &GuildInfo,
    bot_member: &Member,
    id: ChannelId,
) -> CheckResult {
    let what = format!("channel {id}");
    let channel = match api.channel(id).await {
        Ok(channel) => channel,
        Err(error) => return cannot_access("channel", id.get(), &error),
    };
    check_bot_in_channel(what, guild, &channel, bot_member)
}

/// Checks a channel that the bot can see.
fn check_bot_in_channel(
    what: String,
    guild: &GuildInfo,
    channel: &GuildChannel,
    bot_member: &Member,
) -> CheckResult {
    if channel.guild_id.is_some_and(|id| id != guild.id) {
        return CheckResult::fail(
            what,
            format!("#{} is in another guild", channel.name),
            "Use the id of a channel of the configured guild in [discord] channels",
        );
    }
    if let Some((_, kind)) = CHANNELS_WITHOUT_MESSAGES.iter().find(|(kind, _)| *kind == channel.kind) {
        return CheckResult::fail(
            what,
            format!("#{} is {kind}, which has no messages", channel.name),
            "Use the id of a text channel in [discord] channels",
        );
    }
    let permissions = channel_permissions(guild, channel, bot_member);
    let missing: Vec<_> = NEEDED_PERMISSIONS
        .into_iter()
        .filter(|(needed, _)| !permissions.contains(*needed))
        .map(|(_, name)| name)
        .collect();
    if missing.is_empty() {
        return CheckResult::ok(what, format!("the bot has every permission it needs in #{}", channel.name));
    }
    CheckResult::fail(
        what,
        format!("in #{} the bot lacks: {}", channel.name, missing.join(", ")),
        "Allow it for the bot's role in the channel's settings, under Permissions",
    )
}

/// A custom emoji may have been deleted. Unicode emoji always exist.
async fn check_emoji(api: &ApiClient, guild: GuildId, emoji: &ReactionType) -> Option<CheckResult> {
    let ReactionType::Custom { id, .. } = emoji else {
        return None;
    };
    let what = format!("emoji {emoji}");
    Some(match api.has_emoji(guild, *id).await {
        Ok(true) => CheckResult::ok(what, "it exists"),
        Ok(false) => CheckResult::fail(
            what,
            "the guild has no emoji with this id, so nobody could react with it",
            "Correct approve and deny in [approval]",
        ),
        Err(error) => call_failed(&what, &error),
    })
}

fn check_two_factor(guild: &GuildInfo) -> CheckResult {
    let what = "two-factor authentication";
    if guild.mfa_level > 0 {
        return CheckResult::ok(what, "it is required for moderation");
    }
    CheckResult::warn(
        what,
        "the guild does not require it for moderation, so a stolen password is enough to assign roles",
        "Turn on the requirement in Server Settings, under Safety Setup",
    )
}

fn check_roles(access: &[&Access], guild: &GuildInfo) -> Vec<CheckResult> {
    let configured: BTreeSet<RoleId> = groups(access).flat_map(|group| group.roles.iter().copied()).collect();
    let find = |id: RoleId| {
        let what = format!("role {id}");
        match guild.roles.iter().find(|role| role.id.get() == id.0) {
            Some(_) if id.0 == guild.id.get() => CheckResult::fail(
                what,
                "it is @everyone, which Discord does not list among the roles of a member, so it matches no one",
                "Create a role for these people, and use its id in [access]",
            ),
            Some(role) if !role.mentionable => CheckResult::ok(
                what,
                format!(
                    "it is @{}, which not everybody may mention: a card may name it without notifying its members",
                    role.name
                ),
            ),
            Some(role) => CheckResult::ok(what, format!("it is @{}", role.name)),
            None => CheckResult::fail(
                what,
                "the guild has no role with this id",
                "Correct the id in [access], or in the access of a target",
            ),
        }
    };
    configured.into_iter().map(find).collect()
}

/// Configured users who are not in the guild can neither request nor approve.
async fn check_users(access: &[&Access], api: &ApiClient, guild: GuildId) -> Vec<CheckResult> {
    let configured: BTreeSet<_> = groups(access).flat_map(|group| group.users.iter().copied()).collect();
    let mut results = Vec::new();
    for id in configured {
        let what = format!("user {id}");
        results.push(match api.member(guild, UserId::new(id.0)).await {
            Ok(member) => CheckResult::ok(what, format!("it is {}", member.user.name)),
            Err(ApiError::NotFound { .. }) => CheckResult::warn(
                what,
                "no member of the guild has this id",
                "Correct the id in [access], or in the access of a target",
            ),
            Err(error) => call_failed(&what, &error),
        });
    }
    results
}

fn groups<'a>(access: &[&'a Access]) -> impl Iterator<Item = &'a AccessGroup> {
    access.iter().flat_map(|access| [&access.viewers, &access.requesters, &access.approvers])
}

fn cannot_access(kind: &str, id: u64, error: &ApiError) -> CheckResult {
    let what = format!("{kind} {id}");
    match (kind, error) {
        ("channel", ApiError::Forbidden { .. }) => CheckResult::fail(
            what,
            "the bot lacks there: View Channel",
            "Allow it for the bot's role in the channel's settings, under Permissions",
        ),
        ("channel", ApiError::NotFound { .. }) => CheckResult::fail(
            what,
            "there is no such channel",
            "Correct the id in [discord] channels: Copy Channel ID, with Discord's Developer Mode on",
        ),
        (_, ApiError::NotFound { .. } | ApiError::Forbidden { .. }) => CheckResult::fail(
            what,
            format!("the bot cannot see it: {error}"),
            "Invite the bot to it, or correct the id in [discord] guild",
        ),
        _ => call_failed(&what, error),
    }
}

fn call_failed(what: &str, error: &ApiError) -> CheckResult {
    if let ApiError::Unauthorized { route } = error {
        return CheckResult::fail(
            what,
            format!("Discord refused the bot's token ({route})"),
            "Reset it on the application's page \"Bot\" in the Developer Portal, and put the new one into token_file or \
             DISCORD_TOKEN",
        );
    }
    let fix = match error {
        ApiError::Blocked { .. } => {
            "Wait some minutes. If it stays, another program on this address calls Discord too often, or a proxy on the way refuses"
        }
        ApiError::Setup(_) => "Correct [discord] api_url and the token",
        ApiError::Forbidden { .. } => "Invite the bot, and give its role the permission",
        _ => "Check the network between this machine and [discord] api_url, and try again",
    };
    CheckResult::fail(what, error.to_string(), fix)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::common::check_result::CheckStatus;

    fn check_channel(channel: &serde_json::Value) -> CheckResult {
        let guild = json!({"id": "1", "name": "g", "owner_id": "9", "roles": []});
        let owner = crate::discord::compat::member(br#"{"user": {"id": "9"}, "roles": []}"#);
        check_bot_in_channel(
            "channel 2".to_owned(),
            &serde_json::from_value(guild).expect("a guild"),
            &serde_json::from_value(channel.clone()).expect("a channel"),
            &owner.expect("a member"),
        )
    }

    #[test]
    fn a_channel_must_be_in_this_guild_and_have_messages() {
        let text = check_channel(&json!({"type": 0, "guild_id": "1", "name": "incident"}));
        assert_eq!(text.status, CheckStatus::Ok);
        let elsewhere = check_channel(&json!({"type": 0, "guild_id": "3", "name": "incident"}));
        assert_eq!(elsewhere.detail, "#incident is in another guild");
        let category = check_channel(&json!({"type": 4, "guild_id": "1", "name": "incidents"}));
        assert_eq!(category.detail, "#incidents is a category, which has no messages");
    }

    #[test]
    fn unencrypted_traffic_to_another_machine_is_a_warning() {
        for api in ["https://discord.com", "http://127.0.0.1:8080", "http://localhost:8080"] {
            assert_eq!(check_encryption(api).status, CheckStatus::Ok, "{api}");
        }
        assert_eq!(check_encryption("http://simulator:8080").status, CheckStatus::Warn);
    }
}
