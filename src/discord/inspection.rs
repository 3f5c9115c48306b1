//! The token, the guild, its channels and roles, and what the bot may do there.

use std::collections::BTreeSet;

use serenity::model::guild::Member;
use serenity::model::id::{ChannelId, GuildId, UserId};
use serenity::model::permissions::Permissions;

use super::account::Profile;
use super::permissions::permissions;
use super::rest::{Guild, Rest, RestError};
use crate::domain::access::{Access, Group};
use crate::domain::finding::Finding;
use crate::domain::ids::RoleId;

/// What the bot needs in every channel, by the names that Discord's client shows.
const NEEDED: [(Permissions, &str); 5] = [
    (Permissions::VIEW_CHANNEL, "View Channel"),
    (Permissions::SEND_MESSAGES, "Send Messages"),
    (Permissions::EMBED_LINKS, "Embed Links"),
    (Permissions::ADD_REACTIONS, "Add Reactions"),
    (Permissions::READ_MESSAGE_HISTORY, "Read Message History"),
];

/// Tries what the bot needs on Discord; `access` are the rules of all targets.
pub async fn inspect(profile: &Profile, access: &[&Access]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let rest = match Rest::new(&profile.api_url, &profile.token) {
        Ok(rest) => rest,
        Err(problem) => return vec![unanswered("token", &problem)],
    };
    let me = match tokio::try_join!(rest.current_application(), rest.current_user()) {
        Ok((application, me)) => {
            findings.push(Finding::ok(
                "token",
                format!("it belongs to the application {}", application.name),
            ));
            me.id
        }
        Err(problem) => return vec![unanswered("token", &problem)],
    };
    let id = GuildId::new(profile.guild);
    let (guild, member) = match tokio::try_join!(rest.guild(id), rest.member(id, me)) {
        Ok(found) => found,
        Err(problem) => {
            findings.push(unreachable("guild", id.get(), &problem));
            return findings;
        }
    };
    findings.push(Finding::ok("guild", format!("the bot is in {}", guild.name)));
    findings.push(two_factor(&guild));
    for channel in &profile.channels {
        findings.push(in_channel(&rest, &guild, &member, ChannelId::new(channel.0)).await);
    }
    findings.extend(roles(access, &guild));
    findings.extend(people(access, &rest, id).await);
    findings
}

async fn in_channel(rest: &Rest, guild: &Guild, me: &Member, id: ChannelId) -> Finding {
    let what = format!("channel {id}");
    let channel = match rest.channel(id).await {
        Ok(channel) => channel,
        Err(problem) => return unreachable("channel", id.get(), &problem),
    };
    if channel.guild_id.is_some_and(|id| id != guild.id) {
        return Finding::fail(
            what,
            format!("#{} is in another guild", channel.name),
            "Put the number of a channel of the configured guild into [discord] channels",
        );
    }
    let may = permissions(guild, &channel, me);
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
    match problem {
        RestError::NotFound { .. } | RestError::Forbidden { .. } => Finding::fail(
            what,
            format!("the bot cannot see it: {problem}"),
            "Invite the bot, let its role see the channel, or correct the number in [discord]",
        ),
        _ => unanswered(&what, problem),
    }
}

fn unanswered(what: &str, problem: &RestError) -> Finding {
    let mend = match problem {
        // Its own words say what to do.
        RestError::Unauthorized { .. } | RestError::Setup(_) => "",
        _ => "See to the network between this machine and [discord] api_url, and try again",
    };
    Finding::fail(what, problem.to_string(), mend)
}
