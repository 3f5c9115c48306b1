//! Checks that requests on a target can be made and approved at all.

use super::access::Located;
use super::fault::{FaultCollector, Reported};
use crate::domain::access::AccessGroup;

/// The requesters, the approvers and the number of approvals, each with its place in the file. `None` is a key with a fault.
pub(super) struct ApprovalSettings<'q> {
    pub(super) requesters: Option<&'q Located<AccessGroup>>,
    pub(super) approvers: Option<&'q Located<AccessGroup>>,
    pub(super) approvals: Option<&'q Located<u32>>,
    /// ` on [[target]] "orders"` when the target overrides the shared settings.
    pub(super) whose: &'q str,
}

impl ApprovalSettings<'_> {
    /// Refuses settings under which no request could be approved. The members of roles are not known here, so groups with
    /// roles pass.
    pub(super) fn check(&self, faults: &FaultCollector<'_>) -> Result<(), Reported> {
        let Self { requesters, approvers, approvals, whose } = self;
        let must_be_somebody = |group: Option<&Located<AccessGroup>>, what: &str| match group {
            Some(group) if is_nobody(&group.value) => Err(faults.report(
                &group.span,
                format!("nobody could {what}{whose}"),
                "at least one role or user",
            )),
            _ => Ok(()),
        };
        let has_requesters = must_be_somebody(*requesters, "make a request");
        let has_approvers = must_be_somebody(*approvers, "approve");
        has_requesters.and(has_approvers)?;
        // The fault of the other keys was reported.
        let (Some(requesters), Some(approvers)) = (requesters, approvers) else { return Ok(()) };
        let Some(available) = available_approvers(&requesters.value, &approvers.value) else {
            return Ok(());
        };
        if available == 0 {
            let message =
                format!("the only approver{whose} is also the only requester, whose approval never counts");
            return Err(faults.report(&approvers.span, message, "another user, or a role"));
        }
        if let Some(approvals) = approvals
            && (approvals.value as usize) > available
        {
            let message = format!(
                "{} approvals are needed{whose}, but at most {available} of the named approvers can approve a request",
                approvals.value
            );
            let allowed = format!("at most {available}, or more approvers, or a role among them");
            return Err(faults.report(&approvals.span, message, allowed));
        }
        Ok(())
    }
}

fn is_nobody(group: &AccessGroup) -> bool {
    group.roles.is_empty() && group.users.is_empty()
}

/// The highest possible number of approvers of a request; `None` when it depends on the members of roles. Nobody approves
/// their own request, so if every requester is an approver, there is one less.
fn available_approvers(requesters: &AccessGroup, approvers: &AccessGroup) -> Option<usize> {
    if !approvers.roles.is_empty() {
        return None;
    }
    let all_approve = requesters.roles.is_empty() && requesters.users.is_subset(&approvers.users);
    Some(approvers.users.len() - usize::from(all_approve))
}
