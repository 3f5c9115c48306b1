//! Who waits for a session, in words: `6 × web-checkout, 1 × deploy`.

use super::format::short_name;
use crate::domain::session::Session;
use crate::domain::waiters::WaiterSummary;

const NAME_LENGTH: usize = 40;
/// Further groups are counted together.
const MAX_GROUPS: usize = 4;

/// What people call a session: its application, or else its user.
pub(in crate::discord) fn group_name(session: &Session) -> String {
    session.group_name().map_or_else(|| "session".to_owned(), |name| short_name(name, NAME_LENGTH))
}

/// `6 × web-checkout, 1 × deploy`. Empty where nobody is known.
pub(super) fn groups_text(waiters: &WaiterSummary) -> String {
    let named = waiters.groups.iter().take(MAX_GROUPS).map(|group| {
        let name =
            group.name.as_deref().map_or_else(|| "session".to_owned(), |name| short_name(name, NAME_LENGTH));
        format!("{} × {name}", group.count)
    });
    let mut parts: Vec<_> = named.collect();
    let others: usize = waiters.groups.iter().skip(MAX_GROUPS).map(|group| group.count).sum();
    if others > 0 {
        parts.push(format!("{others} others"));
    }
    parts.join(", ")
}
