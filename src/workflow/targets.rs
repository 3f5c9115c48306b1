//! Which policy holds on which target.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ports::{Approvers, Target};
use crate::domain::ids::Person;
use crate::domain::policy::{Limits, Policy};

/// A target and the policy that holds on it.
#[derive(Clone)]
pub struct Governed {
    pub target: Arc<dyn Target>,
    pub policy: Arc<Policy>,
}

/// All targets by name, and the limits that hold for all of them.
#[derive(Clone)]
pub struct Rules {
    pub targets: BTreeMap<String, Governed>,
    pub limits: Limits,
}

impl Rules {
    /// Whether the person may look at the sessions of at least one target.
    pub fn may_view_any(&self, person: &Person) -> bool {
        self.targets
            .values()
            .any(|governed| governed.policy.access.may_view(person))
    }
}

impl Governed {
    /// Whose approval is waited for on this target.
    pub fn approvers(&self) -> Approvers {
        let approvers = &self.policy.access.approvers;
        Approvers {
            roles: approvers.roles.iter().copied().collect(),
            users: approvers.users.iter().copied().collect(),
        }
    }
}
