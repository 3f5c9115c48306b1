//! The token, the guild, its channels and roles, and what the bot may do there.

use std::collections::BTreeSet;

use serenity::model::guild::Member;
use serenity::model::id::{ChannelId, GuildId, UserId};
use serenity::model::permissions::Permissions;

use super::api::{Guild, GuildChannel, Rest, RestError};
use super::bot::{Profile, application};
use super::gateway::endpoint::{admit, is_exposed};
use super::permissions::permissions;
use crate::common::check_result::Finding;
use crate::domain::access::{Access, Group};
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
pub async fn inspect(profile: &Profile, access: &[&Access]) -> Vec<Finding> {
    let mut findings = vec![privacy(&profile.api_url)];
    let rest = match Rest::new(&profile.api_url, &profile.token) {
        Ok(rest) => rest,
        Err(problem) => {
            findings.push(unanswered("token", &problem));
            return findings;
        }
    };
    let me = match rest.current_user().await {
        Ok(me) => {
            findings.push(Finding::ok(
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
    findings.push(Finding::ok("guild", format!("the bot is in {}", guild.name)));
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
fn privacy(api_url: &str) -> Finding {
    let what = "api";
    if !is_exposed(api_url) {
        return Finding::ok(what, api_url);
    }
    Finding::warn(
        what,
        format!("{api_url} is plain text: whoever is on the way reads the token, and is the bot then"),
        "Give [discord] api_url an https URL",
    )
}

async fn gateway(rest: &Rest, api_url: &str) -> Finding {
    let what = "gateway";
    match rest.gateway().await {
        Err(problem) => unanswered(what, &problem),
        Ok(found) => match admit(api_url, &found.url) {
            Ok(_) => Finding::ok(what, found.url),
            Err(problem) => Finding::fail(
                what,
                problem.to_string(),
                "See to the API at [discord] api_url: its gateway must be on the same host",
            ),
        },
    }
}

/// Without the scope `applications.commands` a bot in the guild can have no commands there.
async fn commands(rest: &Rest, guild: GuildId, me: UserId) -> Finding {
    let what = "commands";
    let there = match application(rest, me).await {
        Ok(application) => rest.guild_commands(application, guild).await,
        Err(problem) => Err(problem),
    };
    match there {
        // What cannot be read is written anew at the start.
        Ok(_) | Err(RestError::Unexpected { .. }) => {
            Finding::ok(what, "the bot may have commands in the guild")
        }
        Err(problem @ RestError::Forbidden { .. }) => Finding::fail(
            what,
            format!("the bot may have no commands in the guild: {problem}"),
            "Invite the bot once more, with the scopes bot and applications.commands",
        ),
        Err(problem) => unanswered(what, &problem),
    }
}

async fn in_channel(rest: &Rest, guild: &Guild, me: &Member, id: ChannelId) -> Finding {
    let what = format!("channel {id}");
    let channel = match rest.channel(id).await {
        Ok(channel) => channel,
        Err(problem) => return unreachable("channel", id.get(), &problem),
    };
    judged(what, guild, &channel, me)
}

/// What is wrong with a channel that the bot can see.
fn judged(what: String, guild: &Guild, channel: &GuildChannel, me: &Member) -> Finding {
    if channel.guild_id.is_some_and(|id| id != guild.id) {
        return Finding::fail(
            what,
            format!("#{} is in another guild", channel.name),
            "Put the number of a channel of the configured guild into [discord] channels",
        );
    }
    if let Some((_, kind)) = NOT_FOR_MESSAGES.iter().find(|(kind, _)| *kind == channel.kind) {
        return Finding::fail(
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
        return Finding::ok(
            what,
            format!("the bot has every permission it needs in #{}", channel.name),
        );
    }
    Finding::fail(
        what,
        format!("in #{} the bot lacks: {}", channel.name, missing.join(", ")),
        "Allow it to the bot's role in the channel's settings, under Permissions",
    )
}

fn two_factor(guild: &Guild) -> Finding {
    let what = "two-factor authentication";
    if guild.mfa_level > 0 {
        return Finding::ok(what, "moderators need it");
    }
    Finding::warn(
        what,
        "the guild lets people moderate without it, so that a stolen password is enough to hand out roles",
        "Turn on the requirement in Server Settings, under Safety Setup",
    )
}

fn roles(access: &[&Access], guild: &Guild) -> Vec<Finding> {
    let configured: BTreeSet<RoleId> = groups(access)
        .flat_map(|group| group.roles.iter().copied())
        .collect();
    let find = |id: RoleId| {
        let what = format!("role {id}");
        match guild.roles.iter().find(|role| role.id.get() == id.0) {
            Some(_) if id.0 == guild.id.get() => Finding::fail(
                what,
                "it is @everyone, which Discord lists among nobody's roles, so that it lets nobody in",
                "Give the people a role of their own, and put its number into [access]",
            ),
            Some(role) if !role.mentionable => Finding::ok(
                what,
                format!(
                    "it is @{}, which may not be mentioned by everybody: a card may name it without a ping",
                    role.name
                ),
            ),
            Some(role) => Finding::ok(what, format!("it is @{}", role.name)),
            None => Finding::fail(
                what,
                "the guild has no such role",
                "Correct the number in [access], or in the access of a target",
            ),
        }
    };
    configured.into_iter().map(find).collect()
}

/// People who are named but not there can neither ask nor approve.
async fn people(access: &[&Access], rest: &Rest, guild: GuildId) -> Vec<Finding> {
    let named: BTreeSet<_> = groups(access)
        .flat_map(|group| group.users.iter().copied())
        .collect();
    let mut findings = Vec::new();
    for id in named {
        let what = format!("user {id}");
        findings.push(match rest.member(guild, UserId::new(id.0)).await {
            Ok(member) => Finding::ok(what, format!("it is {}", member.user.name)),
            Err(RestError::NotFound { .. }) => Finding::warn(
                what,
                "nobody in the guild has this id",
                "Correct the number in [access], or in the access of a target",
            ),
            Err(problem) => unanswered(&what, &problem),
        });
    }
    findings
}

fn groups<'a>(access: &[&'a Access]) -> impl Iterator<Item = &'a Group> {
    access
        .iter()
        .flat_map(|access| [&access.viewers, &access.requesters, &access.approvers])
}

fn unreachable(kind: &str, id: u64, problem: &RestError) -> Finding {
    let what = format!("{kind} {id}");
    match (kind, problem) {
        ("channel", RestError::Forbidden { .. }) => Finding::fail(
            what,
            "the bot lacks there: View Channel",
            "Allow it to the bot's role in the channel's settings, under Permissions",
        ),
        ("channel", RestError::NotFound { .. }) => Finding::fail(
            what,
            "there is no such channel",
            "Correct the number in [discord] channels: Copy Channel ID, with Discord's Developer Mode on",
        ),
        (_, RestError::NotFound { .. } | RestError::Forbidden { .. }) => Finding::fail(
            what,
            format!("the bot cannot see it: {problem}"),
            "Invite the bot into it, or correct the number in [discord] guild",
        ),
        _ => unanswered(&what, problem),
    }
}

fn unanswered(what: &str, problem: &RestError) -> Finding {
    if let RestError::Unauthorized { route } = problem {
        return Finding::fail(
            what,
            format!("Discord refused the bot's token ({route})"),
            "Reset it on the application's page \"Bot\" in the Developer Portal, and put the new one where token_file \
             or DISCORD_TOKEN points",
        );
    }
    let mend = match problem {
        RestError::Setup(_) => "Correct [discord] api_url and the token",
        RestError::Forbidden { .. } => "Invite the bot, and give its role the right",
        _ => "See to the network between this machine and [discord] api_url, and try again",
    };
    Finding::fail(what, problem.to_string(), mend)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::common::check_result::Status;

    fn in_channel(channel: &serde_json::Value) -> Finding {
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
        assert_eq!(text.status, Status::Ok);
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
            assert_eq!(privacy(api).status, Status::Ok, "{api}");
        }
        assert_eq!(privacy("http://simulator:8080").status, Status::Warn);
    }
}
