//! Builds the world from its description.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;

use super::channel::{StoredChannel, TEXT};
use super::people::{Guild, Member, Role, User};
use super::permissions::Permissions;
use super::state::{Application, World};
use crate::gateway::sessions::{GatewaySessions, GatewaySettings};
use crate::ids::{Id, IdSource};

/// Assigned ids count up from these.
const FIRST_CHANNEL: Id = Id(1_200_000_000_000_000_001);
const FIRST_ROLE: Id = Id(1_300_000_000_000_000_001);
const FIRST_PERSON: Id = Id(1_400_000_000_000_000_001);
pub(crate) const BOT_ROLE: Id = Id(1_390_000_000_000_000_001);
const DEFAULT_OWNER: Id = Id(1_490_000_000_000_000_001);

/// A description of a guild, its people and the bot. Ids that are `None` are assigned.
#[derive(Clone, Debug)]
pub(crate) struct WorldSetup {
    pub(crate) guild: (Id, String),
    pub(crate) mfa: bool,
    pub(crate) bot: (Id, String),
    pub(crate) token: String,
    pub(crate) bot_permissions: Permissions,
    pub(crate) roles: Vec<RoleSetup>,
    pub(crate) people: Vec<PersonSetup>,
    pub(crate) channels: Vec<(Option<Id>, String)>,
    pub(crate) answer_within: Duration,
    pub(crate) token_lives: Duration,
    pub(crate) gateway: GatewaySettings,
}

#[derive(Clone, Debug)]
pub(crate) struct RoleSetup {
    pub(crate) id: Option<Id>,
    pub(crate) name: String,
    pub(crate) permissions: Permissions,
    pub(crate) mentionable: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct PersonSetup {
    pub(crate) id: Option<Id>,
    pub(crate) name: String,
    pub(crate) roles: Vec<String>,
    pub(crate) bot: bool,
    pub(crate) owner: bool,
    pub(crate) about: Option<String>,
}

impl WorldSetup {
    /// Builds the world. The error is a sentence about the inconsistency.
    pub(crate) fn build(self) -> Result<World, String> {
        let (id, name) = self.guild;
        let mut guild = Guild { id, name, owner: Id(0), roles: BTreeMap::new(), mfa: self.mfa };
        let bot_user = User { id: self.bot.0, name: self.bot.1, bot: true, about: None };
        add_roles(&mut guild, &bot_user, self.roles, self.bot_permissions)?;
        let application = Application {
            id: bot_user.id,
            name: bot_user.name.clone(),
            token: self.token,
            answer_within: self.answer_within,
            token_lives: self.token_lives,
        };
        let (users, members) = add_members(&mut guild, bot_user, self.people)?;
        Ok(World {
            application,
            guild,
            users,
            members,
            channels: channels(self.channels)?,
            commands: Vec::new(),
            interactions: HashMap::new(),
            gateway: GatewaySessions::new(self.gateway),
            is_guild_available: true,
            garbles_next_interaction: false,
            nonces: HashMap::new(),
            ids: IdSource::default(),
        })
    }
}

/// Adds the role of everyone, which has the guild's id, the described roles, and the bot's own.
fn add_roles(
    guild: &mut Guild,
    bot_user: &User,
    plans: Vec<RoleSetup>,
    bot_permissions: Permissions,
) -> Result<(), String> {
    let plan =
        |id, name: &str, permissions| RoleSetup { id, name: name.into(), permissions, mentionable: false };
    let everyone = plan(Some(guild.id), "@everyone", Permissions::EVERYONE);
    let own = plan(Some(BOT_ROLE), &bot_user.name, bot_permissions);
    for (position, plan) in [everyone].into_iter().chain(plans).chain([own]).enumerate() {
        let id = plan.id.unwrap_or(Id(FIRST_ROLE.0 - 1 + position as u64));
        let bot = (id == BOT_ROLE).then_some(bot_user.id);
        let RoleSetup { name, permissions, mentionable, .. } = plan;
        let role = Role { id, name, permissions, mentionable, position, bot };
        if guild.roles.insert(id, role).is_some() {
            return Err(format!("two roles have the id {id}"));
        }
    }
    Ok(())
}

type UsersAndMembers = (BTreeMap<Id, User>, BTreeMap<Id, Member>);

/// Adds the bot, the people, and an owner if none is described.
fn add_members(
    guild: &mut Guild,
    bot_user: User,
    mut plans: Vec<PersonSetup>,
) -> Result<UsersAndMembers, String> {
    let now = Timestamp::now();
    let (mut users, mut members) = (BTreeMap::new(), BTreeMap::new());
    members.insert(
        bot_user.id,
        Member { user: bot_user.id, roles: vec![BOT_ROLE], joined: now, timed_out_until: None },
    );
    users.insert(bot_user.id, bot_user);
    if !plans.iter().any(|plan| plan.owner) {
        let name = "owner".into();
        plans.push(PersonSetup {
            id: Some(DEFAULT_OWNER),
            name,
            roles: Vec::new(),
            bot: false,
            owner: true,
            about: None,
        });
    }
    for (index, plan) in plans.into_iter().enumerate() {
        let id = plan.id.unwrap_or(Id(FIRST_PERSON.0 + index as u64));
        let mut roles = Vec::new();
        for name in &plan.roles {
            let role = guild.role_named(name);
            roles.push(
                role.ok_or_else(|| format!("{} has the role {name}, which does not exist", plan.name))?.id,
            );
        }
        if plan.owner {
            guild.owner = id;
        }
        members.insert(id, Member { user: id, roles, joined: now, timed_out_until: None });
        if users.insert(id, User { id, name: plan.name, bot: plan.bot, about: plan.about }).is_some() {
            return Err(format!("two users have the id {id}"));
        }
    }
    Ok((users, members))
}

fn channels(plans: Vec<(Option<Id>, String)>) -> Result<BTreeMap<Id, StoredChannel>, String> {
    let mut channels = BTreeMap::new();
    for (position, (id, name)) in plans.into_iter().enumerate() {
        let id = id.unwrap_or(Id(FIRST_CHANNEL.0 + position as u64));
        let channel = StoredChannel::new(id, name, TEXT, None, position);
        if channels.insert(id, channel).is_some() {
            return Err(format!("two channels have the id {id}"));
        }
    }
    Ok(channels)
}
