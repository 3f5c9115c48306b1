//! The card: what is asked for, what it would do, and who decides.

mod facts;
use serenity::all::{Colour, CreateEmbed, CreateEmbedFooter};

use super::body::MessageBody;
use super::format::{
    TimestampStyle, action_on_session, count, join_capped, mention_role, mention_user, mention_users,
    session_on_target, timestamp,
};
use super::{RenderConfig, result};
use crate::discord::sanitize;
use crate::domain::event::Action;
use crate::domain::outcome::Outcome;
use crate::domain::request::{Request, RequestState};
use crate::workflow::ports::CardContent;

/// Discord takes at most 2,000 characters; a role's mention has up to 24.
const CALLED: usize = 50;
const REASON: usize = 500;

/// The card as a new message. While its question is open it notifies the approvers' roles, and nobody else.
pub fn new_card(card: &CardContent, look: &RenderConfig) -> MessageBody {
    let roles = card.approvers.roles.iter().copied().take(CALLED).collect();
    match card.request.state {
        RequestState::Open => card_edit(card, look).mentioning_roles(roles),
        _ => card_edit(card, look),
    }
}

/// The card as it is to look now, in place of what it said before. It notifies nobody.
pub fn card_edit(card: &CardContent, look: &RenderConfig) -> MessageBody {
    let body = MessageBody::embed(embed(card));
    match card.request.state {
        RequestState::Open => body.with_content(notification_line(card, look)),
        // What came of it also reaches those to whom no embed is shown.
        _ => body.with_content(title(&card.request)),
    }
}

/// The line above an open card: what a phone shows as the notification.
fn notification_line(card: &CardContent, look: &RenderConfig) -> String {
    let roles: Vec<_> = card
        .approvers
        .roles
        .iter()
        .copied()
        .take(CALLED)
        .map(mention_role)
        .collect();
    let question = format!(
        "{} to approve, {} to deny: {}{}",
        look.approve,
        look.deny,
        action_on_session(&card.request.details),
        urgency(card)
    );
    if roles.is_empty() {
        question
    } else {
        format!("{} {question}", roles.join(" "))
    }
}

/// Whether to hurry.
fn urgency(card: &CardContent) -> String {
    match facts::releases(card) {
        0 => String::new(),
        waiters => format!(", which blocks {}", count(waiters as usize, "session")),
    }
}

fn embed(card: &CardContent) -> CreateEmbed {
    let request = &card.request;
    let mut embed = CreateEmbed::new()
        .title(title(request))
        .colour(colour(request))
        .description(facts::description(card))
        .footer(CreateEmbedFooter::new(footer(request)));
    if let Some(outcome) = outcome(request) {
        embed = embed.field("Outcome", outcome, false);
    }
    if let Some(changed) = facts::changed(card) {
        embed = embed.field("Changed", changed, false);
    }
    if request.is_open() {
        embed = embed.field("If approved", facts::consequences(card), false);
    }
    embed = embed
        .field("Asked by", asked_by(request), false)
        .field("Approvals", approvals(card), false);
    match &request.state {
        RequestState::Open => embed.field(
            "Expires",
            timestamp(request.details.expires_at, TimestampStyle::Relative),
            false,
        ),
        RequestState::Executing { .. } => embed,
        RequestState::Ended { at, .. } => embed.field("Closed", timestamp(*at, TimestampStyle::Clock), false),
    }
}

/// What the card says at its foot, and by which it is found again.
pub fn footer(request: &Request) -> String {
    format!("Request #{}", request.id)
}

fn title(request: &Request) -> String {
    let asked = &request.details;
    match (&request.state, asked.action) {
        (RequestState::Open, Action::Cancel) => format!("Cancel the query of {}?", session_on_target(asked)),
        (RequestState::Open, Action::Terminate) => format!("Terminate {}?", session_on_target(asked)),
        (RequestState::Executing { .. }, Action::Cancel) => {
            format!("Cancelling the query of {} …", session_on_target(asked))
        }
        (RequestState::Executing { .. }, Action::Terminate) => {
            format!("Terminating {} …", session_on_target(asked))
        }
        (
            RequestState::Ended {
                resolution: ending, ..
            },
            _,
        ) => result::title(request, ending),
    }
}

fn colour(request: &Request) -> Colour {
    match &request.state {
        RequestState::Open => Colour::new(0x00f0_b132),
        RequestState::Executing { .. } => Colour::new(0x0058_65f2),
        RequestState::Ended {
            resolution: ending, ..
        } => match ending.outcome {
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

fn outcome(request: &Request) -> Option<String> {
    let ending = request.resolution()?;
    let mut parts = vec![ending.outcome.headline().to_owned()];
    if let Some(actor) = ending.actor {
        parts.push(format!("by {}", mention_user(actor)));
    }
    if let Some(took) = result::elapsed_text(ending) {
        parts.push(format!("after {took}"));
    }
    let mut text = format!("{}. {}", parts.join(" "), result::explanation(request, ending));
    text.truncate(text.trim_end().len());
    Some(text)
}

fn asked_by(request: &Request) -> String {
    let asked = &request.details;
    let who = format!(
        "{} at {}",
        mention_user(asked.requester),
        timestamp(asked.asked_at, TimestampStyle::Clock)
    );
    match &asked.reason {
        Some(reason) => format!("{who}\n{}", sanitize::line(reason, REASON)),
        None => format!("{who}, without a reason"),
    }
}

fn approvals(card: &CardContent) -> String {
    let request = &card.request;
    let given = mention_users(request.approvals.iter().copied());
    let mut text = format!(
        "{} of {}",
        request.approvals.len(),
        request.details.approvals_needed.max(1)
    );
    if !given.is_empty() {
        text = format!("{text}: {given}");
    }
    if request.is_open() {
        let approvers = &card.approvers;
        let roles = approvers.roles.iter().copied().map(mention_role);
        let mut who = join_capped(roles.chain(approvers.users.iter().copied().map(mention_user)));
        if who.is_empty() {
            "nobody".clone_into(&mut who);
        }
        text = format!("{text}\nMay approve: {who}");
    }
    text
}
