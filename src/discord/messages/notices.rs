//! Short answers to one person: their reaction does not count, their command is not done.

use super::Look;
use super::body::Body;
use super::format::{link, person, units, verbatim};
use crate::discord::sanitize;
use crate::domain::creation::NotAsked;
use crate::domain::event::Why;
use crate::domain::ids::UserId;
use crate::domain::request::Request;
use crate::workflow::ports::Alert;
use crate::workflow::refusal::Refusal;

/// Longer ones are cut, and lose what sets off the words of others.
const REFUSAL: usize = 1_500;
const WORDS: usize = 400;

/// Tells `who` in the channel why their reaction on the card does not count. It notifies nobody.
pub fn tell(request: &Request, who: UserId, why: Why) -> Body {
    let because = match why {
        Why::SelfApproval => "you asked for this yourself. Somebody else has to approve it.",
        Why::NotAnApprover => "you are not one of the approvers for this target. The card says who is.",
        Why::Expired => "the request had expired. Ask again if it is still needed.",
        Why::Closed => "the request was already decided.",
        Why::Bot => "bots neither approve nor deny.",
        Why::NotARequester => "you may not ask for this.",
        Why::Protected => "the session is protected.",
        Why::Limited => "a limit is reached.",
    };
    Body::text(format!(
        "{}, your reaction on request #{} does not count: {because}",
        person(who),
        request.id
    ))
}

/// Tells everybody in a channel why reactions have no effect, or that they have again.
pub fn alert(alert: Alert) -> Body {
    Body::text(match alert {
        Alert::LedgerDown => {
            "The ledger cannot be written, so nothing is decided and nothing is signalled. Reactions stay where they are \
             and count once it can be written again. Whoever runs killgate finds the cause in its log and at /readyz."
        }
        Alert::LedgerBack => {
            "The ledger can be written again. The reactions on open requests are being read anew."
        }
        Alert::LedgerDamaged => {
            "The ledger is damaged, so nothing is decided, nothing is signalled and no command is answered until whoever \
             runs killgate has restored it. What is wrong stands in killgate's log and at /readyz."
        }
    })
}

/// Why a command is not done, for the person who gave it alone.
pub fn refusal(refusal: &Refusal, look: &Look) -> Body {
    let mut words = refusal.told(|words| verbatim(words, WORDS));
    if units(&words) > REFUSAL {
        words = sanitize::line(&refusal.to_string(), REFUSAL).into();
    }
    let text = match refusal {
        Refusal::NotAsked {
            why:
                NotAsked::AlreadyOpen {
                    channel,
                    message: Some(message),
                    ..
                },
            ..
        } => format!("{words} {}", link(look, *channel, *message)),
        _ => words,
    };
    Body::text(text).private()
}
