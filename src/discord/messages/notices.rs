//! Refusals for one person, and alerts to a channel. The sentences of refusals are in [`crate::workflow::refusal`].

use serenity::all::{ButtonStyle, CreateActionRow, CreateButton};

use super::body::MessageBody;
use super::component_id::SessionChoice;
use super::format::{mention_user, message_link, sentence, utf16_len, verbatim};
use super::mark::{MarkedMessage, mark_line};
use super::{RenderConfig, session_menu};
use crate::discord::sanitize;
use crate::domain::creation::CreationError;
use crate::domain::event::{Action, RefusalReason};
use crate::domain::ids::UserId;
use crate::domain::request::Request;
use crate::workflow::ports::{CardMark, ChannelAlert};
use crate::workflow::refusal::{Refusal, ignored_reaction_text};

/// A longer refusal is cut, and its quoted parts lose their formatting.
const REFUSAL_LENGTH: usize = 1_500;
const QUOTE_LENGTH: usize = 400;
/// How many people one message names. A message has 2,000 characters, and a mention about 25.
const MAX_PEOPLE: usize = 40;

/// Says in the channel why people's reactions on the card do not count: one line for each reason, and further people counted. It
/// notifies no one.
pub fn ignored_reactions(request: &Request, people: &[(UserId, RefusalReason)]) -> MessageBody {
    let mut by_reason: Vec<(RefusalReason, Vec<String>)> = Vec::new();
    for (person, reason) in people {
        let mention = mention_user(*person);
        match by_reason.iter_mut().find(|(known, _)| known == reason) {
            Some((_, mentions)) => mentions.push(mention),
            None => by_reason.push((*reason, vec![mention])),
        }
    }
    let named = MAX_PEOPLE / by_reason.len().max(1);
    let lines = by_reason.into_iter().map(|(reason, mentions)| {
        let text = ignored_reaction_text(reason);
        let more = match mentions.len().saturating_sub(named) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let people = mentions.into_iter().take(named).collect::<Vec<_>>().join(", ");
        format!("{people}{more}, your reaction on request #{} does not count: {text}", request.id)
    });
    let mark = mark_line(request, MarkedMessage::Note);
    MessageBody::text(lines.chain([mark]).collect::<Vec<_>>().join("\n"))
}

/// Says that a card has no effect because the ledger does not know it. Notifies nobody.
pub fn unknown_card(mark: &CardMark) -> MessageBody {
    MessageBody::text(format!(
        "killgate's ledger does not know request #{} · {}: it is another ledger, or was restored from an older copy. Reactions on \
         this card have no effect. If the session is still a problem, ask again.",
        mark.request, mark.digits
    ))
}

/// Says in the channel why reactions have no effect, or that they have one again.
pub fn alert(alert: ChannelAlert) -> MessageBody {
    let text = match alert {
        ChannelAlert::ReactionsUnreadable { why } => {
            return MessageBody::text(format!(
                "No request in this channel is executed: for 10 s killgate has not been able to read the reactions on open \
                 requests, and may have missed changes. It keeps trying until the requests expire. The cause: {} If that is a \
                 missing permission, give the bot View Channel and Read Message History here.",
                sentence(sanitize::line(&why, QUOTE_LENGTH).as_str())
            ));
        }
        ChannelAlert::ReactionsReadable => {
            "killgate can read the reactions on the open requests again. What people did meanwhile counts."
        }
        ChannelAlert::LedgerDown => {
            "The ledger cannot be written, so no request is decided and nothing is signalled. Reactions stay on the \
             cards, and count once the ledger can be written again, unless the request has expired by then. Operators of killgate find the cause in its log and \
             at /readyz."
        }
        ChannelAlert::LedgerBack => {
            "The ledger can be written again. killgate is reading the reactions on the open requests."
        }
        ChannelAlert::AnotherProcess => {
            "Another process acts with the same bot token, and has a ledger of its own. A request whose card it has taken over is \
             withdrawn here: ask again once one of the two is stopped. Operators of killgate: stop one, or give it a token of \
             its own."
        }
        ChannelAlert::LedgerDamaged => {
            "The ledger is damaged. No request is decided, nothing is signalled and no command is answered until an \
             operator of killgate restores the ledger and restarts killgate. Its log and /readyz say what is wrong."
        }
    };
    MessageBody::text(text)
}

/// Says why a command is refused, visible only to the person who gave it.
pub fn refusal(refusal: &Refusal, config: &RenderConfig) -> MessageBody {
    let mut sentence = refusal.to_text(|quote| verbatim(quote, QUOTE_LENGTH));
    if utf16_len(&sentence) > REFUSAL_LENGTH {
        sentence = sanitize::line(&refusal.to_string(), REFUSAL_LENGTH).into();
    }
    let text = match refusal {
        Refusal::Rejected { error: CreationError::Duplicate { channel, card: Some(card), .. }, .. } => {
            format!("{sentence} {}", message_link(config, *channel, *card))
        }
        _ => sentence,
    };
    MessageBody::text(text).with_components(next_step_buttons(refusal)).ephemeral()
}

/// What can be asked for instead. Nothing is asked by itself.
fn next_step_buttons(refusal: &Refusal) -> Vec<CreateActionRow> {
    match refusal {
        Refusal::Rejected {
            action,
            target,
            error: error @ CreationError::SomeRefused { others, bound_to, .. },
            ..
        } => {
            let mut rows = session_menu::request_others_rows((*action, *bound_to), target, others);
            rows.extend(session_menu::terminate_idle_rows(target, &error.nothing_to_cancel()));
            rows
        }
        Refusal::Rejected { target, error: CreationError::NothingToCancel { session, .. }, .. } => {
            let Some(backend_start) = session.backend_start else { return Vec::new() };
            let target = target.clone();
            let choice = SessionChoice { target, pid: session.pid, backend_start, is_locked: false };
            let button = CreateButton::new(choice.custom_id(Action::Terminate));
            let button = button.label("Ask to terminate").style(ButtonStyle::Danger);
            vec![CreateActionRow::Buttons(vec![button])]
        }
        _ => Vec::new(),
    }
}
