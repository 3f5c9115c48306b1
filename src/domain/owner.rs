//! Who looks after which sessions, as the configuration says. It is shown, and nobody is notified.

use regex::Regex;

use super::ids::RoleId;
use super::session::Session;

/// `[[owner]]`: the owner of the sessions that match all of its patterns. A pattern matches anywhere unless anchored.
#[derive(Clone, Debug)]
pub struct OwnerRule {
    pub application: Option<Regex>,
    pub user: Option<Regex>,
    pub owner: SessionOwner,
}

/// Regular expressions are equal if their texts are.
impl PartialEq for OwnerRule {
    fn eq(&self, other: &Self) -> bool {
        let Self { application, user, owner } = self;
        let is_same = |one: &Option<Regex>, other: &Option<Regex>| {
            one.as_ref().map(Regex::as_str) == other.as_ref().map(Regex::as_str)
        };
        is_same(application, &other.application) && is_same(user, &other.user) && *owner == other.owner
    }
}

impl Eq for OwnerRule {}

/// A name, a Discord role, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionOwner {
    pub name: Option<String>,
    pub role: Option<RoleId>,
}

impl OwnerRule {
    fn matches(&self, session: &Session) -> bool {
        let user = session.user.as_deref().unwrap_or("");
        self.application.as_ref().is_none_or(|pattern| pattern.is_match(&session.application))
            && self.user.as_ref().is_none_or(|pattern| pattern.is_match(user))
    }
}

/// The owner that the first rule names that matches the session.
pub fn owner_of<'a>(rules: &'a [OwnerRule], session: &Session) -> Option<&'a SessionOwner> {
    rules.iter().find(|rule| rule.matches(session)).map(|rule| &rule.owner)
}
