//! What a card says on top when the reason for its request may be over.

use crate::workflow::ports::CardContent;

/// `None` while the reason is not over, as far as is known, and once the request is decided.
pub(super) fn reason_is_over(card: &CardContent) -> Option<String> {
    let details = &card.request.details;
    let latest = || (0..details.backends.len()).map(|index| card.latest(index));
    let blocks_nobody = details.waiters() > 0 && latest().all(|(_, waiters)| waiters == 0);
    let were_idle_in_transaction = || {
        let sessions = details.backends.iter().map(|backend| &backend.session);
        sessions.into_iter().all(|session| session.xact_start.is_some() && !session.state.is_running())
    };
    let left_transaction =
        were_idle_in_transaction() && latest().all(|(session, _)| session.xact_start.is_none());
    let over = match (blocks_nobody, left_transaction) {
        (true, true) => "it is no longer in a transaction, and blocks nobody",
        (true, false) => "it no longer blocks anybody",
        (false, true) => "it is no longer in a transaction",
        (false, false) => return None,
    };
    card.request.is_open().then(|| format!("⚠️ **This may no longer be needed**: {over}."))
}
