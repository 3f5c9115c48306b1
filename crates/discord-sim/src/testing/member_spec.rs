//! Describes a member of the guild.

use crate::ids::Id;
use crate::world::setup::PersonSetup;

/// A person or another bot, described before the start.
#[derive(Clone, Debug)]
pub struct MemberSpec {
    setup: PersonSetup,
}

impl MemberSpec {
    pub fn person(name: &str) -> Self {
        let setup = PersonSetup {
            id: None,
            name: name.into(),
            roles: Vec::new(),
            bot: false,
            owner: false,
            about: None,
        };
        Self { setup }
    }

    pub fn bot(name: &str) -> Self {
        let mut this = Self::person(name);
        this.setup.bot = true;
        this
    }

    #[must_use]
    pub fn with_id(mut self, id: u64) -> Self {
        self.setup.id = Some(Id(id));
        self
    }

    #[must_use]
    pub fn with_roles<'a>(mut self, roles: impl IntoIterator<Item = &'a str>) -> Self {
        self.setup.roles.extend(roles.into_iter().map(ToOwned::to_owned));
        self
    }

    #[must_use]
    pub fn as_owner(mut self) -> Self {
        self.setup.owner = true;
        self
    }

    /// A description for the page, such as "on call".
    #[must_use]
    pub fn described_as(mut self, about: &str) -> Self {
        self.setup.about = Some(about.into());
        self
    }

    pub(crate) fn into_setup(self) -> PersonSetup {
        self.setup
    }
}
