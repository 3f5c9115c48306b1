//! The token, the guild, its channels and roles, and what the bot may do there.

use std::collections::BTreeSet;

use serenity::model::guild::Member;
use serenity::model::id::{ChannelId, GuildId, UserId};
use serenity::model::permissions::Permissions;

use super::api::{ApiClient, ApiError, GuildChannel, GuildInfo};
use super::bot::{DiscordOptions, application};
use super::gateway::endpoint::{is_exposed, trusted_gateway_url};
use super::permissions::permissions;
use crate::common::check_result::CheckResult;
use crate::domain::access::{Access, AccessGroup};
use crate::domain::ids::RoleId;

/// What the bot needs in every channel, by the names that Discord's client shows.
const NEEDED: [(Permissions, &str); 5] = [
    (Permissions::VIEW_CHANNEL, "View Channel"),
    (Permissions::SEND_MESSAGES, "Send Messages"),
    (Permissions::EMBED_LINKS, "Embed Links"),
    (Permissions::ADD_REACTIONS, "Add Reactions"),
    (Permissions::READ_MESSAGE_HISTORY, "Read Message History"),
];

/// The kinds of channels in which nobody can write (Discord documentation, "Channel Types").
const NOT_FOR_MESSAGES: [(u8, &str); 4] = [
    (4, "a category"),
    (14, "a directory"),
    (15, "a forum"),
    (16, "a media channel"),
];

/// Tries what the bot needs on Discord; `access` are the rules of all targets.
pub async fn inspect(profile: &DiscordOptions, access: &[&Access]) -> Vec<CheckResult> {
    let mut findings = vec![privacy(&profile.api_url)];
    let rest = match ApiClient::new(&profile.api_url, &profile.token) {
        Ok(rest) => rest,
        Err(problem) => {
            findings.push(unanswered("token", &problem));
            return findings;
        }
    };
    let me = match rest.current_user().await {
        Ok(me) => {
            findings.push(CheckResult::ok(
                "token",
                format!("it is that of the bot {}", me.username),
            ));
            me.id
        }
        Err(problem) => {
            findings.push(unanswered("token", &problem));
            return findings;
        }
    };
    findings.push(gateway(&rest, &profile.api_url).await);
    let id = GuildId::new(profile.guild);
    let (guild, member) = match tokio::try_join!(rest.guild(id), rest.member(id, me)) {
        Ok(found) => found,
        Err(problem) => {
            findings.push(unreachable("guild", id.get(), &problem));
            return findings;
        }
    };
    findings.push(CheckResult::ok("guild", format!("the bot is in {}", guild.name)));
    findings.push(commands(&rest, id, me).await);
    findings.push(two_factor(&guild));
    for channel in &profile.channels {
        findings.push(in_channel(&rest, &guild, &member, ChannelId::new(channel.0)).await);
    }
    findings.extend(roles(access, &guild));
    findings.extend(people(access, &rest, id).await);
    findings
}

/// Whether the token stays between this machine and Discord.
fn privacy(api_url: &str) -> CheckResult {
    let what = "api";
    if !is_exposed(api_url) {
        return CheckResult::ok(what, api_url);
    }
    CheckResult::warn(
        what,
        format!("{api_url} is plain text: whoever is on the way reads the token, and is the bot then"),
        "Give [discord] api_url an https URL",
    )
}

async fn gateway(rest: &ApiClient, api_url: &str) -> CheckResult {
    let what = "gateway";
    match rest.gateway().await {
        Err(problem) => unanswered(what, &problem),
        Ok(found) => match trusted_gateway_url(api_url, &found.url) {
            Ok(_) => CheckResult::ok(what, found.url),
            Err(problem) => CheckResult::fail(
                what,
                problem.to_string(),
                "See to the API at [discord] api_url: its gateway must be on the same host",
            ),
        },
    }
}

/// Without the scope `applications.commands` a bot in the guild can have no commands there.
async fn commands(rest: &ApiClient, guild: GuildId, me: UserId) -> CheckResult {
    let what = "commands";
    let there = match application(rest, me).await {
        Ok(application) => rest.guild_commands(application, guild).await,
        Err(problem) => Err(problem),
    };
    match there {
        // What cannot be read is written anew at the start.
        Ok(_) | Err(ApiError::Unexpected { .. }) => {
            CheckResult::ok(what, "the bot may have commands in the guild")
        }
        Err(problem @ ApiError::Forbidden { .. }) => CheckResult::fail(
            what,
            format!("the bot may have no commands in the guild: {problem}"),
            "Invite the bot once more, with the scopes bot and applications.commands",
        ),
        Err(problem) => unanswered(what, &problem),
    }
}

async fn in_channel(rest: &ApiClient, guild: &GuildInfo, me: &Member, id: ChannelId) -> CheckResult {
    let what = format!("channel {id}");
    let channel = match rest.channel(id).await {
        Ok(channel) => channel,
        Err(problem) => return unreachable("channel", id.get(), &problem),
    };
    judged(what, guild, &channel, me)
}

/// What is wrong with a channel that the bot can see.
fn judged(what: String, guild: &GuildInfo, channel: &GuildChannel, me: &Member) -> CheckResult {
    if channel.guild_id.is_some_and(|id| id != guild.id) {
        return CheckResult::fail(
            what,
            format!("#{} is in another guild", channel.name),
            "Put the number of a channel of the configured guild into [discord] channels",
        );
    }
    if let Some((_, kind)) = NOT_FOR_MESSAGES.iter().find(|(kind, _)| *kind == channel.kind) {
        return CheckResult::fail(
            what,
            format!("#{} is {kind}, in which nobody can write", channel.name),
            "Put the number of a text channel into [discord] channels",
        );
    }
    let may = permissions(guild, channel, me);
    let missing: Vec<_> = NEEDED
        .into_iter()
        .filter(|(needed, _)| !may.contains(*needed))
        .map(|(_, name)| name)
        .collect();
    if missing.is_empty() {
        return CheckResult::ok(
            what,
            format!("the bot has every permission it needs in #{}", channel.name),
        );
    }
    CheckResult::fail(
        what,
        format!("in #{} the bot lacks: {}", channel.name, missing.join(", ")),
        "Allow it to the bot's role in the channel's settings, under Permissions",
    )
}

fn two_factor(guild: &GuildInfo) -> CheckResult {
    let what = "two-factor authentication";
    if guild.mfa_level > 0 {
        return CheckResult::ok(what, "moderators need it");
    }
    CheckResult::warn(
        what,
        "the guild lets people moderate without it, so that a stolen password is enough to hand out roles",
        "Turn on the requirement in Server Settings, under Safety Setup",
    )
}

fn roles(access: &[&Access], guild: &GuildInfo) -> Vec<CheckResult> {
    let configured: BTreeSet<RoleId> = groups(access)
        .flat_map(|group| group.roles.iter().copied())
        .collect();
    let find = |id: RoleId| {
        let what = format!("role {id}");
        match guild.roles.iter().find(|role| role.id.get() == id.0) {
            Some(_) if id.0 == guild.id.get() => CheckResult::fail(
                what,
                "it is @everyone, which Discord lists among nobody's roles, so that it lets nobody in",
                "Give the people a role of their own, and put its number into [access]",
            ),
            Some(role) if !role.mentionable => CheckResult::ok(
                what,
                format!(
                    "it is @{}, which may not be mentioned by everybody: a card may name it without a ping",
                    role.name
                ),
            ),
            Some(role) => CheckResult::ok(what, format!("it is @{}", role.name)),
            None => CheckResult::fail(
                what,
                "the guild has no such role",
                "Correct the number in [access], or in the access of a target",
            ),
        }
    };
    configured.into_iter().map(find).collect()
}

/// People who are named but not there can neither ask nor approve.
async fn people(access: &[&Access], rest: &ApiClient, guild: GuildId) -> Vec<CheckResult> {
    let named: BTreeSet<_> = groups(access)
        .flat_map(|group| group.users.iter().copied())
        .collect();
    let mut findings = Vec::new();
    for id in named {
        let what = format!("user {id}");
        findings.push(match rest.member(guild, UserId::new(id.0)).await {
            Ok(member) => CheckResult::ok(what, format!("it is {}", member.user.name)),
            Err(ApiError::NotFound { .. }) => CheckResult::warn(
                what,
                "nobody in the guild has this id",
                "Correct the number in [access], or in the access of a target",
            ),
            Err(problem) => unanswered(&what, &problem),
        });
    }
    findings
}

fn groups<'a>(access: &[&'a Access]) -> impl Iterator<Item = &'a AccessGroup> {
    access
        .iter()
        .flat_map(|access| [&access.viewers, &access.requesters, &access.approvers])
}

fn unreachable(kind: &str, id: u64, problem: &ApiError) -> CheckResult {
    let what = format!("{kind} {id}");
    match (kind, problem) {
        ("channel", ApiError::Forbidden { .. }) => CheckResult::fail(
            what,
            "the bot lacks there: View Channel",
            "Allow it to the bot's role in the channel's settings, under Permissions",
        ),
        ("channel", ApiError::NotFound { .. }) => CheckResult::fail(
            what,
            "there is no such channel",
            "Correct the number in [discord] channels: Copy Channel ID, with Discord's Developer Mode on",
        ),
        (_, ApiError::NotFound { .. } | ApiError::Forbidden { .. }) => CheckResult::fail(
            what,
            format!("the bot cannot see it: {problem}"),
            "Invite the bot into it, or correct the number in [discord] guild",
        ),
        _ => unanswered(&what, problem),
    }
}

fn unanswered(what: &str, problem: &ApiError) -> CheckResult {
    if let ApiError::Unauthorized { route } = problem {
        return CheckResult::fail(
            what,
            format!("Discord refused the bot's token ({route})"),
            "Reset it on the application's page \"Bot\" in the Developer Portal, and put the new one where token_file \
             or DISCORD_TOKEN points",
        );
    }
    let mend = match problem {
        ApiError::Setup(_) => "Correct [discord] api_url and the token",
        ApiError::Forbidden { .. } => "Invite the bot, and give its role the right",
        _ => "See to the network between this machine and [discord] api_url, and try again",
    };
    CheckResult::fail(what, problem.to_string(), mend)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::common::check_result::CheckStatus;

    fn in_channel(channel: &serde_json::Value) -> CheckResult {
        let guild = json!({"id": "1", "name": "g", "owner_id": "9", "roles": []});
        let owner = crate::discord::compat::member(br#"{"user": {"id": "9"}, "roles": []}"#);
        judged(
            "channel 2".to_owned(),
            &serde_json::from_value(guild).expect("a guild"),
            &serde_json::from_value(channel.clone()).expect("a channel"),
            &owner.expect("a member"),
        )
    }

    #[test]
    fn a_channel_must_be_of_this_guild_and_take_messages() {
        let text = in_channel(&json!({"type": 0, "guild_id": "1", "name": "incident"}));
        assert_eq!(text.status, CheckStatus::Ok);
        let elsewhere = in_channel(&json!({"type": 0, "guild_id": "3", "name": "incident"}));
        assert_eq!(elsewhere.detail, "#incident is in another guild");
        let category = in_channel(&json!({"type": 4, "guild_id": "1", "name": "incidents"}));
        assert_eq!(
            category.detail,
            "#incidents is a category, in which nobody can write"
        );
    }

    #[test]
    fn plain_text_is_warned_of_where_it_leaves_the_machine() {
        for api in [
            "https://discord.com",
            "http://127.0.0.1:8080",
            "http://localhost:8080",
        ] {
            assert_eq!(privacy(api).status, CheckStatus::Ok, "{api}");
        }
        assert_eq!(privacy("http://simulator:8080").status, CheckStatus::Warn);
    }
}
