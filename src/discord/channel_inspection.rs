//! The channels in `killgate check`: what the bot may do there, and whether people can see them and use its commands.

use std::collections::{BTreeMap, BTreeSet};

use serenity::model::guild::Member;
use serenity::model::id::{ChannelId, RoleId};
use serenity::model::permissions::Permissions;

use super::api::{ApiClient, ApiError, GuildChannel, GuildInfo, GuildRole};
use super::inspection::{call_failed, cannot_access};
use super::messages::format::count;
use super::permissions::{channel_permissions, role_permissions};
use super::served_channels::{ChannelScope, kind};
use crate::common::check_result::CheckResult;
use crate::domain::access::Access;
use crate::domain::ids::UserId;

/// The permissions the bot needs in every channel, by the names that Discord's client shows.
const NEEDED_PERMISSIONS: [(Permissions, &str); 6] = [
    (Permissions::VIEW_CHANNEL, "View Channel"),
    (Permissions::SEND_MESSAGES, "Send Messages"),
    (Permissions::EMBED_LINKS, "Embed Links"),
    (Permissions::ADD_REACTIONS, "Add Reactions"),
    (Permissions::READ_MESSAGE_HISTORY, "Read Message History"),
    (Permissions::SEND_MESSAGES_IN_THREADS, "Send Messages in Threads"),
];
/// What people need to ask and to decide.
const PEOPLE_PERMISSIONS: [(Permissions, &str); 2] = [
    (Permissions::VIEW_CHANNEL, "View Channel"),
    (Permissions::USE_APPLICATION_COMMANDS, "Use Application Commands"),
];

/// What the checks of channels need.
pub(super) struct ChannelInspection<'a> {
    pub(super) api: &'a ApiClient,
    pub(super) guild: &'a GuildInfo,
    pub(super) bot_member: &'a Member,
    /// The access rules of all targets.
    pub(super) access: &'a [&'a Access],
    /// Every configured user.
    pub(super) members: &'a BTreeMap<UserId, Result<Member, ApiError>>,
}

impl ChannelInspection<'_> {
    /// Checks the channels that the configuration names, and those in the categories that it names.
    pub(super) async fn check(&self, scope: &ChannelScope) -> Vec<CheckResult> {
        let mut results = Vec::new();
        for id in &scope.channels {
            match self.api.channel(ChannelId::new(id.0)).await {
                Ok(channel) => results.extend(self.check_channel(id.0, &channel)),
                Err(error) => results.push(cannot_access("channel", id.0, &error)),
            }
        }
        if scope.categories.is_empty() {
            return results;
        }
        let channels = match self.api.guild_channels(self.guild.id).await {
            Ok(channels) => channels,
            Err(error) => {
                results.push(call_failed("categories", &error));
                return results;
            }
        };
        for category in &scope.categories {
            let is_category = |channel: &GuildChannel| {
                channel.kind == kind::CATEGORY && channel.id.is_some_and(|id| id.get() == category.0)
            };
            let what = format!("category {category}");
            let Some(found) = channels.iter().find(|channel| is_category(channel)) else {
                let fix = "Correct the id in [discord] categories: Copy Channel ID, with Discord's Developer Mode on";
                results.push(CheckResult::fail(what, "the guild has no category with this id", fix));
                continue;
            };
            let is_in = |channel: &&GuildChannel| {
                channel.parent_id.is_some_and(|parent| parent.get() == category.0)
                    && kind::WITH_CARDS.contains(&channel.kind)
            };
            let inside: Vec<_> = channels.iter().filter(is_in).collect();
            results.push(CheckResult::ok(
                what,
                format!("it is {}, with {}", found.name, count(inside.len(), "channel")),
            ));
            for channel in inside {
                results.extend(self.check_channel(channel.id.map_or(0, ChannelId::get), channel));
            }
        }
        results
    }

    fn check_channel(&self, id: u64, channel: &GuildChannel) -> Vec<CheckResult> {
        let what = format!("channel {id}");
        let bot = check_bot_in_channel(what.clone(), self.guild, channel, self.bot_member);
        let mentions = self.check_mentions(what.clone(), channel);
        [Some(bot), mentions, self.check_people(what, channel)].into_iter().flatten().collect()
    }

    /// A warning if a card there would notify none of the members of an approver role. The channel may allow or deny the bot
    /// what the guild does not.
    fn check_mentions(&self, what: String, channel: &GuildChannel) -> Option<CheckResult> {
        let permissions = channel_permissions(self.guild, channel, self.bot_member);
        if permissions.contains(Permissions::MENTION_EVERYONE) {
            return None;
        }
        let approvers: BTreeSet<u64> =
            self.access.iter().flat_map(|access| access.approvers.roles.iter().map(|role| role.0)).collect();
        let is_silent = |role: &&GuildRole| approvers.contains(&role.id.get()) && !role.mentionable;
        let roles: Vec<_> =
            self.guild.roles.iter().filter(is_silent).map(|role| role.name.as_str()).collect();
        let detail = format!(
            "in #{} the bot may not mention @{}, so a card notifies none of its members",
            channel.name,
            roles.join(", @")
        );
        let fix = "Allow anyone to @mention this role in its settings, or give the bot's role the permission to mention all \
            roles in this channel";
        (!roles.is_empty()).then(|| CheckResult::warn(what, detail, fix))
    }

    /// A warning if somebody who may request or approve cannot see the channel or use commands there.
    fn check_people(&self, what: String, channel: &GuildChannel) -> Option<CheckResult> {
        let mut problems = Vec::new();
        let mut note = |who: String, permissions: Permissions| {
            let missing = missing(permissions, &PEOPLE_PERMISSIONS);
            if !missing.is_empty() && problems.iter().all(|(known, _)| *known != who) {
                problems.push((who, missing));
            }
        };
        for group in self.access.iter().flat_map(|access| [&access.requesters, &access.approvers]) {
            for role in &group.roles {
                if let Some(role) = self.guild.roles.iter().find(|known| known.id.get() == role.0) {
                    let permissions = role_permissions(self.guild, channel, RoleId::new(role.id.get()));
                    note(format!("@{}", role.name), permissions);
                }
            }
            for user in &group.users {
                if let Some(Ok(member)) = self.members.get(user) {
                    note(member.user.name.clone(), channel_permissions(self.guild, channel, member));
                }
            }
        }
        if problems.is_empty() {
            return None;
        }
        let who = problems.iter().map(|(who, missing)| format!("{who} lacks: {}", missing.join(", ")));
        let detail = format!("in #{} {}", channel.name, who.collect::<Vec<_>>().join("; "));
        let fix = "Allow it for these roles and people in the channel's settings, under Permissions, and in Server Settings, under Integrations";
        Some(CheckResult::warn(what, detail, fix))
    }
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
    if channel.kind == kind::CATEGORY {
        return CheckResult::fail(
            what,
            format!("#{} is a category, which has no messages", channel.name),
            "Move the id to [discord] categories",
        );
    }
    if !kind::WITH_CARDS.contains(&channel.kind) {
        return CheckResult::fail(
            what,
            format!("#{} is no text, announcement or forum channel", channel.name),
            "Use the id of such a channel in [discord] channels",
        );
    }
    let missing = missing(channel_permissions(guild, channel, bot_member), &NEEDED_PERMISSIONS);
    if missing.is_empty() {
        return CheckResult::ok(what, format!("the bot has every permission it needs in #{}", channel.name));
    }
    CheckResult::fail(
        what,
        format!("in #{} the bot lacks: {}", channel.name, missing.join(", ")),
        "Allow it for the bot's role in the channel's settings, under Permissions",
    )
}

fn missing(permissions: Permissions, needed: &[(Permissions, &'static str)]) -> Vec<&'static str> {
    needed.iter().filter(|(needed, _)| !permissions.contains(*needed)).map(|(_, name)| *name).collect()
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
}
