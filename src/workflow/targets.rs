//! The targets by name, each with its policy.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ports::{ApproverList, Target};
use crate::domain::access::Access;
use crate::domain::ids::Person;
use crate::domain::policy::{RequestLimits, TargetPolicy};
use crate::domain::request::Request;
use crate::domain::timestamp::Timestamp;

/// A target and its policy.
#[derive(Clone)]
pub struct TargetWithPolicy {
    pub target: Arc<dyn Target>,
    pub policy: Arc<TargetPolicy>,
}

/// All targets by name, and the limits of all of them.
#[derive(Clone)]
pub struct TargetRegistry {
    pub by_name: BTreeMap<String, TargetWithPolicy>,
    pub limits: RequestLimits,
}

impl TargetRegistry {
    /// Whether the person may view the sessions of at least one target.
    pub fn may_view_any(&self, person: &Person) -> bool {
        self.by_name.values().any(|target| target.policy.access.may_view(person))
    }

    /// Who may do what on the target of this name. Nobody may do anything on a target that is no longer configured.
    pub fn access(&self, target: &str) -> Access {
        let target = self.by_name.get(target);
        target.map(|target| target.policy.access.clone()).unwrap_or_default()
    }

    /// When the approvers of an open request are reminded, if they are.
    pub fn remind_at(&self, request: &Request) -> Option<Timestamp> {
        let target = self.by_name.get(&request.details.target)?;
        Some(request.details.asked_at.plus(target.policy.remind_after?))
    }

    /// Whose approval is needed on the target of this name.
    pub fn approvers(&self, target: &str) -> ApproverList {
        let approvers = self.access(target).approvers;
        ApproverList {
            roles: approvers.roles.into_iter().collect(),
            users: approvers.users.into_iter().collect(),
        }
    }
}
