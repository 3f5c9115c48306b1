//! Somebody to be put into the guild.

use crate::world::blueprint::PersonPlan;
use crate::world::ids::Id;

/// A person or another bot, as described before the start.
#[derive(Clone, Debug)]
pub struct Newcomer {
    plan: PersonPlan,
}

impl Newcomer {
    pub fn person(name: &str) -> Self {
        let plan = PersonPlan {
            id: None,
            name: name.into(),
            roles: Vec::new(),
            bot: false,
            owner: false,
            about: None,
        };
        Self { plan }
    }

    pub fn bot(name: &str) -> Self {
        let mut this = Self::person(name);
        this.plan.bot = true;
        this
    }

    #[must_use]
    pub fn with_id(mut self, id: u64) -> Self {
        self.plan.id = Some(Id(id));
        self
    }

    #[must_use]
    pub fn with_roles<'a>(mut self, roles: impl IntoIterator<Item = &'a str>) -> Self {
        self.plan.roles.extend(roles.into_iter().map(ToOwned::to_owned));
        self
    }

    #[must_use]
    pub fn who_owns_the_guild(mut self) -> Self {
        self.plan.owner = true;
        self
    }

    /// Says on the page what they are, such as "on call".
    #[must_use]
    pub fn who_is(mut self, about: &str) -> Self {
        self.plan.about = Some(about.into());
        self
    }

    pub(crate) fn into_plan(self) -> PersonPlan {
        self.plan
    }
}
