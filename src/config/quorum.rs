//! Whether, on one target, anything could ever be asked for and approved.

use super::access::Located;
use super::fault::{FaultCollector, Reported};
use crate::domain::access::AccessGroup;

/// Who asks, who approves, and how many must; each with its place in the file.
pub(super) struct QuorumCheck<'q> {
    pub(super) requesters: &'q Located<AccessGroup>,
    pub(super) approvers: &'q Located<AccessGroup>,
    /// `None` when what is written is no number of approvals, which is a fault of its own.
    pub(super) approvals: Option<&'q Located<u32>>,
    /// ` on target "orders"` where the target has rules of its own.
    pub(super) whose: &'q str,
}

impl QuorumCheck<'_> {
    /// Refuses rules under which every request would be in vain. Who has a role is not known here, so groups with
    /// roles pass.
    pub(super) fn check(&self, findings: &FaultCollector<'_>) -> Result<(), Reported> {
        let Self {
            requesters,
            approvers,
            approvals,
            whose,
        } = self;
        let someone = "at least one role or user";
        let nobody_asks = is_nobody(&requesters.value)
            .then(|| findings.report(&requesters.spot, format!("nobody could ask{whose}"), someone));
        if is_nobody(&approvers.value) {
            return Err(findings.report(&approvers.spot, format!("nobody could approve{whose}"), someone));
        }
        if let Some(noted) = nobody_asks {
            return Err(noted);
        }
        let Some(available) = available(&requesters.value, &approvers.value) else {
            return Ok(());
        };
        if available == 0 {
            let problem =
                format!("the only approver{whose} is also the only requester, whose approval never counts");
            return Err(findings.report(&approvers.spot, problem, "another user, or a role"));
        }
        if let Some(approvals) = approvals
            && (approvals.value as usize) > available
        {
            let problem = format!(
                "{} approvals are needed{whose}, but at most {available} of the named approvers can approve a request",
                approvals.value
            );
            let allowed = format!("at most {available}, or more approvers, or a role among them");
            return Err(findings.report(&approvals.spot, problem, allowed));
        }
        Ok(())
    }
}

fn is_nobody(group: &AccessGroup) -> bool {
    group.roles.is_empty() && group.users.is_empty()
}

/// How many approvers a request can have at most; `None` when that depends on who has which role. Nobody approves
/// their own request, so where every requester is an approver, there is always one less.
fn available(requesters: &AccessGroup, approvers: &AccessGroup) -> Option<usize> {
    if !approvers.roles.is_empty() {
        return None;
    }
    let all_approve = requesters.roles.is_empty() && requesters.users.is_subset(&approvers.users);
    Some(approvers.users.len() - usize::from(all_approve))
}
