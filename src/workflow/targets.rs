//! Which policy holds on which target.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ports::{ApproverList, Target};
use crate::domain::ids::Person;
use crate::domain::policy::{RequestLimits, TargetPolicy};

/// A target and the policy that holds on it.
#[derive(Clone)]
pub struct TargetWithPolicy {
    pub target: Arc<dyn Target>,
    pub policy: Arc<TargetPolicy>,
}

/// All targets by name, and the limits that hold for all of them.
#[derive(Clone)]
pub struct TargetRegistry {
    pub targets: BTreeMap<String, TargetWithPolicy>,
    pub limits: RequestLimits,
}

impl TargetRegistry {
    /// Whether the person may look at the sessions of at least one target.
    pub fn may_view_any(&self, person: &Person) -> bool {
        self.targets
            .values()
            .any(|governed| governed.policy.access.may_view(person))
    }
}

impl TargetWithPolicy {
    /// Whose approval is waited for on this target.
    pub fn approvers(&self) -> ApproverList {
        let approvers = &self.policy.access.approvers;
        ApproverList {
            roles: approvers.roles.iter().copied().collect(),
            users: approvers.users.iter().copied().collect(),
        }
    }
}
