//! The card of a request: what is requested, what it would do, and who decides.

mod facts;
mod on_top;
mod several_sessions;

use serenity::all::{Colour, CreateEmbed};

use super::body::MessageBody;
use super::format::{
    TimestampStyle, action_on_session, count, infinitive, join_capped, mention_role, mention_user,
    mention_users, session_on_target, timestamp,
};
use super::mark::{MarkedMessage, mark_line};
use super::notification::{notification_line, target_text};
use super::{RenderConfig, result};
use crate::discord::sanitize;
use crate::domain::decision::ApprovalLoss;
use crate::domain::event::{Action, Binding};
use crate::domain::ids::{RoleId, UserId};
use crate::domain::outcome::Outcome;
use crate::domain::request::{Request, RequestState};
use crate::workflow::ports::{CardContent, ExecutionHold};

/// Discord accepts at most 2,000 characters. A mention has up to 24.
const MAX_MENTIONED: usize = 50;
const REASON_LENGTH: usize = 500;
/// Further people whose approvals no longer count are left out.
const MAX_LOSSES: usize = 5;

/// The card as a new message. The card of an open request notifies the approvers, and no one else.
pub fn new_card(card: &CardContent, config: &RenderConfig) -> MessageBody {
    let body = card_edit(card, config);
    match card.request.state {
        RequestState::Open => {
            let (roles, users) = notified_approvers(card);
            body.notifying(roles, users)
        }
        _ => body,
    }
}

/// A reply that notifies the approvers where the card could not: Discord notifies nobody when a deferred answer is filled in.
/// `None` if there is nobody to notify.
pub fn approval_needed(card: &CardContent) -> Option<MessageBody> {
    let mentions = approver_mentions(card);
    let request = &card.request;
    let text = format!(
        "{}\n{mentions} request #{} waits for your decision.\n{}",
        summary_line(card),
        request.id,
        mark_line(request, MarkedMessage::Mention)
    );
    let (roles, users) = notified_approvers(card);
    (!mentions.is_empty()).then(|| MessageBody::text(text).notifying(roles, users))
}

/// A reply that reminds the approvers of a card that is still undecided.
pub fn reminder(card: &CardContent) -> MessageBody {
    let request = &card.request;
    let mentions = approver_mentions(card);
    let text = format!(
        "{mentions} request #{} still waits for a decision. It expires {}.",
        request.id,
        timestamp(request.details.expires_at, TimestampStyle::Relative),
    );
    let mark = mark_line(request, MarkedMessage::Reminder);
    let (roles, users) = notified_approvers(card);
    MessageBody::text(format!("{}\n{}\n{mark}", summary_line(card), text.trim_start()))
        .notifying(roles, users)
}

/// The approver roles; where there are none, the users.
fn notified_approvers(card: &CardContent) -> (Vec<RoleId>, Vec<UserId>) {
    let approvers = &card.approvers;
    let roles: Vec<_> = approvers.roles.iter().copied().take(MAX_MENTIONED).collect();
    let users = approvers.users.iter().copied().take(MAX_MENTIONED);
    let users = if roles.is_empty() { users.collect() } else { Vec::new() };
    (roles, users)
}

fn approver_mentions(card: &CardContent) -> String {
    let (roles, users) = notified_approvers(card);
    let roles = roles.into_iter().map(mention_role);
    let mentions: Vec<_> = roles.chain(users.into_iter().map(mention_user)).collect();
    mentions.join(" ")
}

/// The current content of a card that is already posted. It notifies no one.
pub fn card_edit(card: &CardContent, config: &RenderConfig) -> MessageBody {
    let request = &card.request;
    let (line, marked) = match request.state {
        RequestState::Open => (opening_lines(card, config), MarkedMessage::OpenCard),
        // The plain text says what became of it first, and keeps what it said, for people who do not see embeds.
        RequestState::Executing { .. } => {
            (with_summary(&signalling_text(request), card), MarkedMessage::OpenCard)
        }
        RequestState::Ended { .. } => (with_summary(&title(request), card), MarkedMessage::ClosedCard),
    };
    MessageBody::embed(embed(card)).with_content(format!("{line}\n{}", mark_line(request, marked)))
}

/// The lines above the card of an open request. A phone shows the first as the notification.
fn opening_lines(card: &CardContent, config: &RenderConfig) -> String {
    let instruction = format!("{} to approve, {} to deny", config.approve, config.deny);
    let line = summary_line(card);
    match approver_mentions(card) {
        mentions if mentions.is_empty() => format!("{line}\n{instruction}"),
        mentions => format!("{line}\n{mentions} {instruction}"),
    }
}

fn with_summary(first_line: &str, card: &CardContent) -> String {
    format!("{first_line}\n{}", summary_line(card))
}

/// Who asks for what, and about whom.
fn summary_line(card: &CardContent) -> String {
    let details = &card.request.details;
    let line = match details.backends.as_slice() {
        [_] => notification_line(card, 0),
        backends => format!(
            "{} asks to {} {} on {}: {}",
            mention_user(details.requester),
            infinitive(details.action),
            count(backends.len(), "session"),
            target_text(card),
            several_sessions::plain_text(card)
        ),
    };
    // Within code nobody is notified, and whether an escaped backtick begins code is the reader's choice.
    line.replace("\\`", "ˋ")
}

fn embed(card: &CardContent) -> CreateEmbed {
    let request = &card.request;
    let mut description = on_top::warnings(card);
    description.push_str(&if is_about_several(request) {
        several_sessions::description(card)
    } else {
        facts::description(card)
    });
    let mut embed = CreateEmbed::new().title(title(request)).colour(colour(request)).description(description);
    if let Some(outcome) = outcome_text(request) {
        embed = embed.field("Outcome", outcome, false);
    }
    let changes = if is_about_several(request) {
        several_sessions::changes_text(card)
    } else {
        facts::changes_text(card)
    };
    if let Some(changes) = changes {
        embed = embed.field("Changed", changes, false);
    }
    if let Some(hold) = card.hold {
        let title = if hold == ExecutionHold::EmojiMissing { "Reactions" } else { "Not executed yet" };
        embed = embed.field(title, hold_text(hold), false);
    }
    if request.is_open() {
        let if_approved = format!("{}\n{}", facts::consequences_text(card), binding_text(request));
        embed = embed.field("If approved", if_approved, false);
    }
    embed = embed.field("Requested by", requester_text(request), false).field(
        "Approvals",
        approvals_text(card),
        false,
    );
    match &request.state {
        RequestState::Open => {
            embed.field("Expires", timestamp(request.details.expires_at, TimestampStyle::Relative), false)
        }
        RequestState::Executing { .. } => {
            let approvers = mention_users(request.approvers().iter().copied());
            embed.field("Signalling", format!("Approved by {approvers}. The end is not seen yet."), false)
        }
        RequestState::Ended { at, .. } => embed.field("Closed", timestamp(*at, TimestampStyle::Clock), false),
    }
}

/// What a card says while the end is not seen.
fn signalling_text(request: &Request) -> String {
    let approvers = mention_users(request.approvers().iter().copied());
    format!("Approved by {approvers}, signalling: {}", action_on_session(&request.details))
}

fn is_about_several(request: &Request) -> bool {
    request.details.backends.len() > 1
}

/// What the request is bound to besides the backend.
fn binding_text(request: &Request) -> String {
    let bindings: Vec<_> = request.details.backends.iter().map(|backend| backend.bound_to).collect();
    match bindings[..] {
        [Binding::Query] => "Bound to this query: when it ends by itself, the request lapses.".to_owned(),
        [Binding::Transaction] => {
            "Bound to this transaction: when it ends by itself, the request lapses.".to_owned()
        }
        [Binding::Session] => "Bound to the session, whatever it runs by then.".to_owned(),
        _ => several_sessions::binding_text(&bindings),
    }
}

fn hold_text(hold: ExecutionHold) -> &'static str {
    match hold {
        ExecutionHold::ReactionsUnreadable => {
            "There are enough approvals, but killgate may have missed reactions, and Discord does not let it read them. It tries \
             again until the request expires."
        }
        ExecutionHold::EmojiMissing => {
            "An emoji that approves or denies was deleted from the server, so nobody can react with it. Operators of killgate: correct \
             `approve` and `deny` in `[approval]` and restart."
        }
        ExecutionHold::ApproversUnknown => {
            "There are enough approvals, but Discord does not say whether these people may still approve. killgate asks again \
             until the request expires."
        }
    }
}

fn title(request: &Request) -> String {
    let session = session_on_target(&request.details);
    match (&request.state, request.details.action) {
        (RequestState::Open, Action::Cancel) => format!("Cancel the query of {session}?"),
        (RequestState::Open, Action::Terminate) => format!("Terminate {session}?"),
        (RequestState::Executing { .. }, Action::Cancel) => format!("Cancelling the query of {session} …"),
        (RequestState::Executing { .. }, Action::Terminate) => format!("Terminating {session} …"),
        (RequestState::Ended { resolution, .. }, _) => result::title(request, resolution),
    }
}

fn colour(request: &Request) -> Colour {
    match &request.state {
        RequestState::Open => Colour::new(0x00f0_b132),
        RequestState::Executing { .. } => Colour::new(0x0058_65f2),
        RequestState::Ended { resolution, .. } => match resolution.outcome {
            Outcome::Cancelled | Outcome::Terminated => Colour::new(0x0023_a55a),
            Outcome::Unconfirmed
            | Outcome::Unknown
            | Outcome::Refused
            | Outcome::NotABackend
            | Outcome::Unreachable => Colour::new(0x00f2_3f43),
            _ => Colour::new(0x0080_848e),
        },
    }
}

fn outcome_text(request: &Request) -> Option<String> {
    let resolution = request.resolution()?;
    if resolution.outcome == Outcome::Mixed {
        let counts = result::first_sentence(request, resolution);
        return Some(format!("{counts}. {}", result::explanation(request, resolution)).trim_end().to_owned());
    }
    let mut parts = vec![resolution.outcome.headline().to_owned()];
    if let Some(actor) = resolution.actor {
        parts.push(format!("by {}", mention_user(actor)));
    }
    if let Some(elapsed) = result::elapsed_text(resolution) {
        parts.push(format!("after {elapsed}"));
    }
    let mut text = format!("{}. {}", parts.join(" "), result::explanation(request, resolution));
    text.truncate(text.trim_end().len());
    Some(text)
}

fn requester_text(request: &Request) -> String {
    let details = &request.details;
    let requester = format!(
        "{} at {}",
        mention_user(details.requester),
        timestamp(details.asked_at, TimestampStyle::Clock)
    );
    match &details.reason {
        Some(reason) => format!("{requester}\n{}", sanitize::line(reason, REASON_LENGTH)),
        None => format!("{requester}, no reason given"),
    }
}

fn approval_loss_text(user: UserId, loss: ApprovalLoss) -> String {
    let why = match loss {
        ApprovalLoss::Left => "they left the server",
        ApprovalLoss::NotAnApprover => "they may no longer approve for this target",
        ApprovalLoss::TimedOut => "they are timed out",
    };
    format!("The approval of {} no longer counts: {why}.", mention_user(user))
}

fn approvals_text(card: &CardContent) -> String {
    let request = &card.request;
    let approved_by = mention_users(request.approvals.iter().copied());
    let mut text = format!("{} of {}", request.approvals.len(), request.details.approvals_needed.max(1));
    if !approved_by.is_empty() {
        text = format!("{text}: {approved_by}");
    }
    if request.is_open() {
        let roles = card.approvers.roles.iter().copied().map(mention_role);
        let users = card.approvers.users.iter().copied().map(mention_user);
        let mut approvers = join_capped(roles.chain(users));
        if approvers.is_empty() {
            "no one".clone_into(&mut approvers);
        }
        text = format!("{text}\nMay approve: {approvers}");
    }
    for (user, loss) in card.not_counting.iter().take(MAX_LOSSES) {
        text = format!("{text}\n{}", approval_loss_text(*user, *loss));
    }
    text
}
