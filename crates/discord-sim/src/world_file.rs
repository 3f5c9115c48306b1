//! A world described in a TOML file.

use serde::Deserialize;

use crate::ids::Id;
use crate::testing::{MemberSpec, SimBuilder};

/// The contents of a world file. Ids are integers or strings. Missing ids are assigned.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorldFile {
    token: Option<String>,
    guild: Option<Named>,
    bot: Option<Named>,
    #[serde(default, rename = "role")]
    roles: Vec<RoleEntry>,
    #[serde(default, rename = "person")]
    people: Vec<PersonEntry>,
    #[serde(default, rename = "channel")]
    channels: Vec<ChannelEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    id: Id,
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleEntry {
    name: String,
    id: Id,
    #[serde(default)]
    mentionable: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonEntry {
    name: String,
    id: Option<Id>,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    owner: bool,
    #[serde(default)]
    bot: bool,
    about: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChannelEntry {
    name: String,
    id: Option<Id>,
}

/// The default world.
const EXAMPLE: &str = include_str!("../example-world.toml");

impl WorldFile {
    /// Parses TOML. The error contains the line.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// The world of `example-world.toml`.
    pub fn example() -> Self {
        Self::parse(EXAMPLE).expect("the example is tested")
    }

    pub fn into_builder(self) -> SimBuilder {
        let mut builder = SimBuilder::default();
        if let Some(token) = self.token {
            builder = builder.token(&token);
        }
        if let Some(Named { id, name }) = self.guild {
            builder = builder.guild(id.0, &name);
        }
        if let Some(Named { id, name }) = self.bot {
            builder = builder.bot(id.0, &name);
        }
        for role in self.roles {
            builder = if role.mentionable {
                builder.mentionable_role(&role.name, role.id.0)
            } else {
                builder.role_with_id(&role.name, role.id.0)
            };
        }
        for person in self.people {
            let mut newcomer =
                if person.bot { MemberSpec::bot(&person.name) } else { MemberSpec::person(&person.name) };
            newcomer = newcomer.with_roles(person.roles.iter().map(String::as_str));
            if let Some(id) = person.id {
                newcomer = newcomer.with_id(id.0);
            }
            if let Some(about) = &person.about {
                newcomer = newcomer.described_as(about);
            }
            if person.owner {
                newcomer = newcomer.as_owner();
            }
            builder = builder.member(newcomer);
        }
        for channel in self.channels {
            builder = match channel.id {
                Some(id) => builder.channel_with_id(&channel.name, id.0),
                None => builder.channel(&channel.name),
            };
        }
        builder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_valid() {
        assert_eq!(WorldFile::example().people.len(), 5);
    }

    #[test]
    fn an_unknown_key_is_reported_with_its_line() {
        let error = WorldFile::parse("tokn = 'x'").expect_err("unknown").to_string();
        assert!(error.contains("line 1") && error.contains("tokn"), "{error}");
    }
}
