//! What a world is made of before it starts: who, where, which ids.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;

use super::channels::Channel;
use super::ids::{Id, IdSource};
use super::people::{Guild, Member, Role, User};
use super::permissions::Permissions;
use super::{Application, World};
use crate::gateway::hub::{Hub, Settings};

/// A description of a guild, its people and the bot. Ids left at `None` are given out by the simulator.
#[derive(Clone, Debug)]
pub(crate) struct Blueprint {
    pub(crate) guild: (Id, String),
    pub(crate) mfa: bool,
    pub(crate) bot: (Id, String),
    pub(crate) token: String,
    pub(crate) bot_permissions: Permissions,
    pub(crate) roles: Vec<RolePlan>,
    pub(crate) people: Vec<PersonPlan>,
    pub(crate) channels: Vec<(Option<Id>, String)>,
    pub(crate) answer_within: Duration,
    pub(crate) token_lives: Duration,
    pub(crate) gateway: Settings,
}

#[derive(Clone, Debug)]
pub(crate) struct RolePlan {
    pub(crate) id: Option<Id>,
    pub(crate) name: String,
    pub(crate) permissions: Permissions,
    pub(crate) mentionable: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct PersonPlan {
    pub(crate) id: Option<Id>,
    pub(crate) name: String,
    pub(crate) roles: Vec<String>,
    pub(crate) bot: bool,
    pub(crate) owner: bool,
}

impl Blueprint {
    /// Builds the world. Fails with a sentence if the description contradicts itself.
    pub(crate) fn build(self) -> Result<World, String> {
        let guild_id = self.guild.0;
        let mut guild = Guild {
            id: guild_id,
            name: self.guild.1,
            owner: Id(0),
            roles: BTreeMap::new(),
            mfa: self.mfa,
        };
        let everyone = RolePlan {
            id: Some(guild_id),
            name: "@everyone".into(),
            permissions: Permissions::EVERYONE,
            mentionable: false,
        };
        let own = RolePlan {
            id: Some(Id(1_390_000_000_000_000_001)),
            name: self.bot.1.clone(),
            permissions: self.bot_permissions,
            mentionable: false,
        };
        let own_id = own.id;
        for (position, plan) in [everyone].into_iter().chain(self.roles).chain([own]).enumerate() {
            let id = plan.id.unwrap_or(Id(1_300_000_000_000_000_000 + position as u64));
            let bot = (own_id == Some(id)).then_some(self.bot.0);
            let RolePlan {
                name,
                permissions,
                mentionable,
                ..
            } = plan;
            let role = Role {
                id,
                name,
                permissions,
                mentionable,
                position,
                bot,
            };
            if guild.roles.insert(id, role).is_some() {
                return Err(format!("two roles have the id {id}"));
            }
        }
        let now = Timestamp::now();
        let (mut users, mut members) = (BTreeMap::new(), BTreeMap::new());
        let robot = User {
            id: self.bot.0,
            name: self.bot.1,
            bot: true,
        };
        members.insert(
            robot.id,
            Member {
                user: robot.id,
                roles: own_id.into_iter().collect(),
                joined: now,
            },
        );
        users.insert(robot.id, robot.clone());
        for (index, plan) in self.people.into_iter().enumerate() {
            let id = plan.id.unwrap_or(Id(1_400_000_000_000_000_001 + index as u64));
            let mut roles = Vec::new();
            for name in &plan.roles {
                let role = guild.role_named(name);
                roles.push(
                    role.ok_or_else(|| format!("{} has the role {name}, which is not there", plan.name))?
                        .id,
                );
            }
            if plan.owner {
                guild.owner = id;
            }
            members.insert(
                id,
                Member {
                    user: id,
                    roles,
                    joined: now,
                },
            );
            if users
                .insert(
                    id,
                    User {
                        id,
                        name: plan.name,
                        bot: plan.bot,
                    },
                )
                .is_some()
            {
                return Err(format!("two users have the id {id}"));
            }
        }
        if guild.owner == Id(0) {
            let owner = User {
                id: Id(1_490_000_000_000_000_001),
                name: "owner".into(),
                bot: false,
            };
            guild.owner = owner.id;
            members.insert(
                owner.id,
                Member {
                    user: owner.id,
                    roles: Vec::new(),
                    joined: now,
                },
            );
            users.insert(owner.id, owner);
        }
        let mut channels = BTreeMap::new();
        for (position, (id, name)) in self.channels.into_iter().enumerate() {
            let id = id.unwrap_or(Id(1_200_000_000_000_000_001 + position as u64));
            let (overwrites, messages, last_message) = (Vec::new(), BTreeMap::new(), None);
            let channel = Channel {
                id,
                name,
                position,
                overwrites,
                messages,
                last_message,
            };
            if channels.insert(id, channel).is_some() {
                return Err(format!("two channels have the id {id}"));
            }
        }
        let application = Application {
            id: robot.id,
            name: robot.name,
            token: self.token,
            answer_within: self.answer_within,
            token_lives: self.token_lives,
        };
        Ok(World {
            application,
            guild,
            users,
            members,
            channels,
            commands: Vec::new(),
            interactions: HashMap::new(),
            hub: Hub::new(self.gateway),
            nonces: HashMap::new(),
            ids: IdSource::default(),
        })
    }
}
