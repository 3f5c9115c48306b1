//! The targets by name, each with its policy.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use super::ports::{ApproverList, Target};
use crate::domain::access::Access;
use crate::domain::ids::Person;
use crate::domain::owner::{OwnerRule, SessionOwner, owner_of};
use crate::domain::policy::{RequestLimits, TargetPolicy};
use crate::domain::protection::ProtectionRules;
use crate::domain::request::Request;
use crate::domain::session::Session;
use crate::domain::timestamp::Timestamp;

#[derive(Clone)]
pub struct TargetWithPolicy {
    pub target: Arc<dyn Target>,
    pub policy: Arc<TargetPolicy>,
}

/// The targets as they are now: a reload of the configuration replaces them.
pub type CurrentTargets = watch::Receiver<Arc<TargetRegistry>>;

/// All targets by name, and the limits of all of them.
#[derive(Clone)]
pub struct TargetRegistry {
    pub by_name: BTreeMap<String, TargetWithPolicy>,
    /// Who may approve or deny a request on a target that is no longer configured. Nothing can be signalled there.
    pub shared_access: Access,
    pub limits: RequestLimits,
    /// Who looks after which sessions; the first that matches counts.
    pub owners: Vec<OwnerRule>,
}

impl TargetRegistry {
    /// Whether the person may view the sessions of at least one target.
    pub fn may_view_any(&self, person: &Person) -> bool {
        self.by_name.values().any(|target| target.policy.access.may_view(person))
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// The names of the targets whose sessions the person may view.
    pub fn visible_names(&self, person: &Person) -> impl Iterator<Item = &str> {
        let visible = self.by_name.iter().filter(|(_, target)| target.policy.access.may_view(person));
        visible.map(|(name, _)| name.as_str())
    }

    /// The policy of the target of this name, if there is one.
    pub fn policy(&self, target: &str) -> Option<&TargetPolicy> {
        self.by_name.get(target).map(|target| &*target.policy)
    }

    /// Who may do what on the target of this name.
    pub fn access(&self, target: &str) -> &Access {
        self.policy(target).map_or(&self.shared_access, |policy| &policy.access)
    }

    /// Which sessions of the target of this name are never signalled.
    pub fn protection(&self, target: &str) -> ProtectionRules {
        self.policy(target).map(|policy| policy.protection.clone()).unwrap_or_default()
    }

    /// When the approvers of an open request are reminded, if they are.
    pub fn remind_at(&self, request: &Request) -> Option<Timestamp> {
        Some(request.details.asked_at.plus(self.policy(&request.details.target)?.remind_after?))
    }

    /// Who looks after the session.
    pub fn owner(&self, session: &Session) -> Option<SessionOwner> {
        owner_of(&self.owners, session).cloned()
    }

    /// Whose approval is needed on the target of this name.
    pub fn approvers(&self, target: &str) -> ApproverList {
        let approvers = &self.access(target).approvers;
        ApproverList {
            roles: approvers.roles.iter().copied().collect(),
            users: approvers.users.iter().copied().collect(),
        }
    }
}
