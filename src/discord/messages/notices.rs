//! Short answers to one person: their reaction does not count, their command is not done.

use super::RenderConfig;
use super::body::MessageBody;
use super::format::{mention_user, message_link, utf16_len, verbatim};
use crate::discord::sanitize;
use crate::domain::creation::CreationError;
use crate::domain::event::RefusalReason;
use crate::domain::ids::UserId;
use crate::domain::request::Request;
use crate::workflow::ports::ChannelAlert;
use crate::workflow::refusal::Refusal;

/// Longer ones are cut, and lose what sets off the words of others.
const REFUSAL: usize = 1_500;
const WORDS: usize = 400;

/// Tells `who` in the channel why their reaction on the card does not count. It notifies nobody.
pub fn refused_reaction(request: &Request, who: UserId, why: RefusalReason) -> MessageBody {
    let because = match why {
        RefusalReason::SelfApproval => "you asked for this yourself. Somebody else has to approve it.",
        RefusalReason::NotAnApprover => {
            "you are not one of the approvers for this target. The card says who is."
        }
        RefusalReason::Expired => "the request had expired. Ask again if it is still needed.",
        RefusalReason::Closed => "the request was already decided.",
        RefusalReason::Bot => "bots neither approve nor deny.",
        RefusalReason::NotARequester => "you may not ask for this.",
        RefusalReason::Protected => "the session is protected.",
        RefusalReason::Limited => "a limit is reached.",
    };
    MessageBody::text(format!(
        "{}, your reaction on request #{} does not count: {because}",
        mention_user(who),
        request.id
    ))
}

/// Tells everybody in a channel why reactions have no effect, or that they have again.
pub fn alert(alert: ChannelAlert) -> MessageBody {
    MessageBody::text(match alert {
        ChannelAlert::LedgerDown => {
            "The ledger cannot be written, so nothing is decided and nothing is signalled. Reactions stay where they are \
             and count once it can be written again. Whoever runs killgate finds the cause in its log and at /readyz."
        }
        ChannelAlert::LedgerBack => {
            "The ledger can be written again. The reactions on open requests are being read anew."
        }
        ChannelAlert::LedgerDamaged => {
            "The ledger is damaged, so nothing is decided, nothing is signalled and no command is answered until whoever \
             runs killgate has restored it. What is wrong stands in killgate's log and at /readyz."
        }
    })
}

/// Why a command is not done, for the person who gave it alone.
pub fn refusal(refusal: &Refusal, look: &RenderConfig) -> MessageBody {
    let mut words = refusal.to_text(|words| verbatim(words, WORDS));
    if utf16_len(&words) > REFUSAL {
        words = sanitize::line(&refusal.to_string(), REFUSAL).into();
    }
    let text = match refusal {
        Refusal::Rejected {
            error:
                CreationError::Duplicate {
                    channel,
                    card: Some(card),
                    ..
                },
            ..
        } => format!("{words} {}", message_link(look, *channel, *card)),
        _ => words,
    };
    MessageBody::text(text).ephemeral()
}
