//! Who waits for a session, in words: `6 × web-checkout, 1 × deploy`.

use super::format::quoted_name;
use crate::domain::session::Session;
use crate::domain::waiters::WaiterSummary;

/// Further groups are counted together.
const MAX_GROUPS: usize = 4;

/// What people call a session: its application, or else its user.
pub(in crate::discord) fn group_name(session: &Session) -> String {
    session.group_name().map_or_else(|| "session".to_owned(), quoted_name)
}

/// `6 × web-checkout, 1 × deploy`. Empty where nobody is known.
pub(super) fn groups_text(waiters: &WaiterSummary) -> String {
    let named = waiters.groups.iter().take(MAX_GROUPS).map(|group| {
        let name = group.name.as_deref().map_or_else(|| "session".to_owned(), quoted_name);
        format!("{} × {name}", group.count)
    });
    let mut parts: Vec<_> = named.collect();
    let others: usize = waiters.groups.iter().skip(MAX_GROUPS).map(|group| group.count).sum();
    if others > 0 {
        parts.push(format!("{others} others"));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::waiters::WaiterGroup;

    #[test]
    fn a_name_that_imitates_further_groups_is_quoted() {
        let group = |name: &str, count| WaiterGroup { name: Some(name.to_owned()), count };
        let groups = vec![group("deploy", 6), group("checkout”, 40 × “payments", 1)];
        let waiters = WaiterSummary { groups, ..WaiterSummary::default() };
        assert_eq!(groups_text(&waiters), "6 × deploy, 1 × “checkout\", 40 × \"payments”");
    }
}
