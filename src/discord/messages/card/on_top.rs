//! What the card of an open request says on top: what an approver has to know before anything else.

use std::collections::BTreeSet;

use crate::discord::messages::format::{TimestampStyle, timestamp};
use crate::workflow::ports::CardContent;

/// One line each; empty once the request is decided.
pub(super) fn warnings(card: &CardContent) -> String {
    let warnings = [what_is_unseen(card), reason_is_over(card)];
    let warnings = warnings.into_iter().flatten().filter(|_| card.request.is_open());
    warnings.fold(String::new(), |text, warning| text + "⚠️ " + &warning + "\n")
}

/// Says which sessions cannot be seen now, why, and how old the card's view of them is.
fn what_is_unseen(card: &CardContent) -> Option<String> {
    let sessions = card.sessions.iter().enumerate();
    let unseen: Vec<_> = sessions.filter_map(|(index, shown)| Some((index, shown.unseen?))).collect();
    let last_seen = unseen.iter().map(|(index, _)| card.own_seen_at(*index)).min()?;
    let (which, they_are) = match (unseen.len(), card.sessions.len()) {
        (_, 1) => ("This session".to_owned(), "It is"),
        (all, total) if all == total => ("These sessions".to_owned(), "They are"),
        (some, _) => (format!("{some} of these sessions"), "Those with ⚠️ are"),
    };
    let why: BTreeSet<_> = unseen.iter().map(|(_, cause)| cause.detail).collect();
    let why = why.into_iter().collect::<Vec<_>>().join("; ");
    let (clock, ago) =
        (timestamp(last_seen, TimestampStyle::Clock), timestamp(last_seen, TimestampStyle::Relative));
    Some(format!("**{which} cannot be seen now**: {why}. {they_are} shown as last seen at {clock} ({ago})."))
}

/// Says that the reason for the request is over; `None` if it is not known to be.
fn reason_is_over(card: &CardContent) -> Option<String> {
    let details = &card.request.details;
    let latest = || card.remaining().map(|index| card.latest(index));
    let blocks_nobody = details.waiters() > 0 && latest().all(|(_, waiters)| waiters == 0);
    let were_idle_in_transaction = || {
        let sessions = details.backends.iter().map(|backend| &backend.session);
        sessions.into_iter().all(|session| session.xact_start.is_some() && !session.state.is_running())
    };
    let left_transaction =
        were_idle_in_transaction() && latest().all(|(session, _)| session.xact_start.is_none());
    let over = match (blocks_nobody, left_transaction, card.remaining().count()) {
        (true, true, 1) => "it is no longer in a transaction, and blocks nobody",
        (true, true, _) => "they are no longer in a transaction, and block nobody",
        (true, false, 1) => "it no longer blocks anybody",
        (true, false, _) => "they no longer block anybody",
        (false, true, 1) => "it is no longer in a transaction",
        (false, true, _) => "they are no longer in a transaction",
        (false, false, _) => return None,
    };
    Some(format!("**This may no longer be needed**: {over}."))
}
