//! The Discord part of `killgate check`: the token, the guild, its channels and roles, and the bot's permissions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use reqwest::Url;
use serenity::model::channel::ReactionType;
use serenity::model::guild::Member;
use serenity::model::id::{GuildId, UserId};

use super::api::{ApiClient, ApiError, GuildInfo, RegisteredName};
use super::bot::{DiscordOptions, application_id};
use super::channel_inspection::ChannelInspection;
use super::gateway::endpoint::{is_exposed, trusted_gateway_url};
use super::gateway::try_connecting;
use super::https_proxy::HttpsProxy;
use super::interactions::definitions::COMMANDS;
use crate::common::check_result::CheckResult;
use crate::domain::access::{Access, AccessGroup};
use crate::domain::ids::{RoleId, UserId as DomainUserId};
use crate::domain::timestamp::Timestamp;

/// How far clocks may differ. The time in Discord's answers has no fractions of a second.
const MAX_CLOCK_DIFFERENCE: Duration = Duration::from_secs(5);

/// Checks everything the bot needs on Discord. `access` are the access rules of all targets, `owners` the roles that cards
/// name as owners, and `now` is the time of this machine.
pub async fn inspect(
    options: &DiscordOptions,
    access: &[&Access],
    owners: &BTreeSet<RoleId>,
    now: impl Fn() -> Timestamp,
) -> Vec<CheckResult> {
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
    results.push(check_clock(api.server_time(), now()));
    results.push(CheckResult::ok("guild", format!("the bot is in {}", guild.name)));
    results.push(check_commands(&api, id, bot_user).await);
    results.push(check_two_factor(&guild));
    for emoji in [&options.vote_emoji.approve, &options.vote_emoji.deny] {
        results.extend(check_emoji(&api, id, emoji).await);
    }
    let members = fetch_members(access, &api, id).await;
    let inspection =
        ChannelInspection { api: &api, guild: &guild, bot_member: &bot_member, access, members: &members };
    results.extend(inspection.check(&options.scope).await);
    results.extend(check_roles(access, owners, &guild));
    results.extend(check_users(&members));
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

fn check_proxy(proxy: &HttpsProxy, url: &str) -> CheckResult {
    let is_used = Url::parse(url).is_ok_and(|url| proxy.applies_to(&url));
    let detail = if is_used {
        format!("HTTPS_PROXY: {url} is reached through {proxy}")
    } else {
        format!("HTTPS_PROXY is {proxy}, but not used for {url}: NO_PROXY exempts it, or it is not encrypted")
    };
    CheckResult::ok("proxy", detail)
}

async fn check_gateway(api: &ApiClient, api_url: &str) -> CheckResult {
    let what = "gateway";
    match api.gateway().await {
        Err(error) => call_failed(what, &error),
        Ok(gateway) => match trusted_gateway_url(api_url, &gateway.url) {
            Ok(url) => match try_connecting(&url, api).await {
                Ok(()) => {
                    let proxy = api.proxy().filter(|proxy| proxy.applies_to(&url));
                    let through =
                        proxy.map(|proxy| format!(" through the proxy {proxy}")).unwrap_or_default();
                    CheckResult::ok(what, format!("{} accepts connections{through}", gateway.url))
                }
                Err(error) => CheckResult::fail(
                    what,
                    format!("{}: {error}", gateway.url),
                    "Allow connections from this machine to this host and port, or correct HTTPS_PROXY and NO_PROXY",
                ),
            },
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
    let application = match application_id(api, bot_user).await {
        Ok(application) => application,
        Err(error) => return call_failed(what, &error),
    };
    let global = api.global_commands(application).await;
    match (api.guild_command_names(application, guild).await, global) {
        (Ok(registered), Ok(global)) => compare_commands(&registered, &global),
        // Not every compatible API has global commands.
        (Ok(registered), Err(error)) => {
            let result = compare_commands(&registered, &[]);
            let detail = format!("{}; global ones could not be read: {error}", result.detail);
            CheckResult { detail, ..result }
        }
        // Commands that cannot be read are registered again at startup.
        (Err(ApiError::Unexpected { .. }), _) => {
            CheckResult::ok(what, "the bot can have commands in the guild")
        }
        (Err(error @ ApiError::Forbidden { .. }), _) => CheckResult::fail(
            what,
            format!("the bot cannot have commands in the guild: {error}"),
            "Invite the bot again, with the scopes bot and applications.commands",
        ),
        (Err(error), _) => call_failed(what, &error),
    }
}

/// A command that is registered in the guild and globally is listed twice.
fn compare_commands(registered: &[RegisteredName], global: &[RegisteredName]) -> CheckResult {
    let what = "commands";
    let is_in = |commands: &[RegisteredName], name: &str| commands.iter().any(|command| command.name == name);
    let doubled: Vec<_> = COMMANDS.into_iter().filter(|name| is_in(global, name)).collect();
    let missing: Vec<_> = COMMANDS.into_iter().filter(|name| !is_in(registered, name)).collect();
    let (mut problems, mut fixes) = (Vec::new(), Vec::new());
    if !missing.is_empty() {
        problems.push(format!("missing in the guild: /{}", missing.join(", /")));
        fixes.push("killgate registers them when it starts, and every five minutes while it runs");
    }
    if !doubled.is_empty() {
        problems
            .push(format!("also registered globally, so people see them twice: /{}", doubled.join(", /")));
        fixes.push("Delete the application's global commands of these names");
    }
    if problems.is_empty() {
        return CheckResult::ok(what, "they are registered in the guild");
    }
    CheckResult::warn(what, problems.join("; "), fixes.join(". "))
}

/// A custom emoji may have been deleted. Unicode emoji always exist.
async fn check_emoji(api: &ApiClient, guild: GuildId, emoji: &ReactionType) -> Option<CheckResult> {
    let ReactionType::Custom { id, .. } = emoji else { return None };
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

/// Every configured role must exist. An owner is only shown.
fn check_roles(access: &[&Access], owners: &BTreeSet<RoleId>, guild: &GuildInfo) -> Vec<CheckResult> {
    let configured: BTreeSet<RoleId> = groups(access).flat_map(|group| group.roles.iter().copied()).collect();
    let name_of = |id: RoleId| guild.roles.iter().find(|role| role.id.get() == id.0).map(|role| &role.name);
    let find = |&id: &RoleId| {
        let what = format!("role {id}");
        match name_of(id) {
            Some(_) if id.0 == guild.id.get() => CheckResult::fail(
                what,
                "it is @everyone, which Discord does not list among the roles of a member, so it matches no one",
                "Create a role for these people, and use its id in [access]",
            ),
            Some(name) => CheckResult::ok(what, format!("it is @{name}")),
            None => CheckResult::fail(
                what,
                "the guild has no role with this id",
                "Correct the id in [access], or in the access of a target",
            ),
        }
    };
    let find_owner = |&id: &RoleId| {
        let what = format!("role {id}");
        let missing = "the guild has no role with this id, so cards show an unknown owner";
        match name_of(id) {
            Some(name) => CheckResult::ok(what, format!("it is @{name}, an owner")),
            None => CheckResult::warn(what, missing, "Correct role in [[owner]]"),
        }
    };
    let owners = owners.difference(&configured).map(find_owner);
    configured.iter().map(find).chain(owners).collect()
}

/// Every configured user, as a member of the guild.
async fn fetch_members(
    access: &[&Access],
    api: &ApiClient,
    guild: GuildId,
) -> BTreeMap<DomainUserId, Result<Member, ApiError>> {
    let configured: BTreeSet<_> = groups(access).flat_map(|group| group.users.iter().copied()).collect();
    let mut members = BTreeMap::new();
    for id in configured {
        members.insert(id, api.member(guild, UserId::new(id.0)).await);
    }
    members
}

/// Configured users who are not in the guild can neither request nor approve.
fn check_users(members: &BTreeMap<DomainUserId, Result<Member, ApiError>>) -> Vec<CheckResult> {
    let check = |(id, member): (&DomainUserId, &Result<Member, ApiError>)| {
        let what = format!("user {id}");
        match member {
            Ok(member) => CheckResult::ok(what, format!("it is {}", member.user.name)),
            Err(ApiError::NotFound { .. }) => CheckResult::warn(
                what,
                "no member of the guild has this id",
                "Correct the id in [access], or in the access of a target",
            ),
            Err(error) => call_failed(&what, error),
        }
    };
    members.iter().map(check).collect()
}

/// A clock that differs makes cards expire at the wrong time.
fn check_clock(server_time: Option<Timestamp>, now: Timestamp) -> CheckResult {
    let what = "clock";
    let Some(server_time) = server_time else {
        return CheckResult::ok(what, "the API does not tell its time");
    };
    let difference = now.duration_since(server_time).max(server_time.duration_since(now));
    let detail = format!("it differs from Discord's by {} s", difference.as_secs());
    if difference < MAX_CLOCK_DIFFERENCE {
        CheckResult::ok(what, detail)
    } else {
        CheckResult::warn(what, detail, "Synchronize the clock of this machine, for example with NTP")
    }
}

pub(super) fn groups<'a>(access: &[&'a Access]) -> impl Iterator<Item = &'a AccessGroup> {
    access.iter().flat_map(|access| [&access.viewers, &access.requesters, &access.approvers])
}

pub(super) fn cannot_access(kind: &str, id: u64, error: &ApiError) -> CheckResult {
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

pub(super) fn call_failed(what: &str, error: &ApiError) -> CheckResult {
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
            "Wait some minutes. If this persists, another program on this address calls Discord too often, or a proxy on the way refuses"
        }
        ApiError::Setup(_) => "Correct [discord] api_url and the token",
        ApiError::Forbidden { .. } => "Invite the bot, and give its role the permission",
        _ => "Check the network between this machine and [discord] api_url, and try again",
    };
    CheckResult::fail(what, error.to_string(), fix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::check_result::CheckStatus;

    #[test]
    fn unencrypted_traffic_to_another_machine_is_a_warning() {
        for api in ["https://discord.com", "http://127.0.0.1:8080", "http://localhost:8080"] {
            assert_eq!(check_encryption(api).status, CheckStatus::Ok, "{api}");
        }
        assert_eq!(check_encryption("http://simulator:8080").status, CheckStatus::Warn);
    }
}
