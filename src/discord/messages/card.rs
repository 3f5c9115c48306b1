//! The card: what is asked for, what it would do, and who decides.

mod facts;
use serenity::all::{Colour, CreateEmbed, CreateEmbedFooter};

use super::body::Body;
use super::format::{Style, count, listed, people, person, role, time, whom, wish};
use super::{Look, result};
use crate::discord::sanitize;
use crate::domain::event::Action;
use crate::domain::outcome::Outcome;
use crate::domain::request::{Phase, Request};
use crate::workflow::ports::Card;

/// Discord takes at most 2,000 characters; a role's mention has up to 24.
const CALLED: usize = 50;
const REASON: usize = 500;

/// The card as a new message. While its question is open it notifies the approvers' roles, and nobody else.
pub fn posted(card: &Card, look: &Look) -> Body {
    let roles = card.approvers.roles.iter().copied().take(CALLED).collect();
    match card.request.phase {
        Phase::Open => current(card, look).calling(roles),
        _ => current(card, look),
    }
}

/// The card as it is to look now, in place of what it said before. It notifies nobody.
pub fn current(card: &Card, look: &Look) -> Body {
    let body = Body::embed(embed(card));
    match card.request.phase {
        Phase::Open => body.saying(call(card, look)),
        // What came of it also reaches those to whom no embed is shown.
        _ => body.saying(title(&card.request)),
    }
}

/// The line above an open card: what a phone shows as the notification.
fn call(card: &Card, look: &Look) -> String {
    let roles: Vec<_> = card
        .approvers
        .roles
        .iter()
        .copied()
        .take(CALLED)
        .map(role)
        .collect();
    let question = format!(
        "{} to approve, {} to deny: {}{}",
        look.approve,
        look.deny,
        wish(&card.request.asked),
        urgency(card)
    );
    if roles.is_empty() {
        question
    } else {
        format!("{} {question}", roles.join(" "))
    }
}

/// Whether to hurry.
fn urgency(card: &Card) -> String {
    match facts::releases(card) {
        0 => String::new(),
        waiters => format!(", which blocks {}", count(waiters as usize, "session")),
    }
}

fn embed(card: &Card) -> CreateEmbed {
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
    match &request.phase {
        Phase::Open => embed.field("Expires", time(request.asked.expires_at, Style::Relative), false),
        Phase::Executing { .. } => embed,
        Phase::Ended { at, .. } => embed.field("Closed", time(*at, Style::Clock), false),
    }
}

/// What the card says at its foot, and by which it is found again.
pub fn footer(request: &Request) -> String {
    format!("Request #{}", request.id)
}

fn title(request: &Request) -> String {
    let asked = &request.asked;
    match (&request.phase, asked.action) {
        (Phase::Open, Action::Cancel) => format!("Cancel the query of {}?", whom(asked)),
        (Phase::Open, Action::Terminate) => format!("Terminate {}?", whom(asked)),
        (Phase::Executing { .. }, Action::Cancel) => format!("Cancelling the query of {} …", whom(asked)),
        (Phase::Executing { .. }, Action::Terminate) => format!("Terminating {} …", whom(asked)),
        (Phase::Ended { ending, .. }, _) => result::title(request, ending),
    }
}

fn colour(request: &Request) -> Colour {
    match &request.phase {
        Phase::Open => Colour::new(0x00f0_b132),
        Phase::Executing { .. } => Colour::new(0x0058_65f2),
        Phase::Ended { ending, .. } => match ending.outcome {
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
    let ending = request.ending()?;
    let mut parts = vec![ending.outcome.headline().to_owned()];
    if let Some(actor) = ending.actor {
        parts.push(format!("by {}", person(actor)));
    }
    if let Some(took) = result::took(ending) {
        parts.push(format!("after {took}"));
    }
    let mut text = format!("{}. {}", parts.join(" "), result::happened(request, ending));
    text.truncate(text.trim_end().len());
    Some(text)
}

fn asked_by(request: &Request) -> String {
    let asked = &request.asked;
    let who = format!(
        "{} at {}",
        person(asked.requester),
        time(asked.asked_at, Style::Clock)
    );
    match &asked.reason {
        Some(reason) => format!("{who}\n{}", sanitize::line(reason, REASON)),
        None => format!("{who}, without a reason"),
    }
}

fn approvals(card: &Card) -> String {
    let request = &card.request;
    let given = people(request.approvals.iter().copied());
    let mut text = format!("{} of {}", request.approvals.len(), request.asked.needed.max(1));
    if !given.is_empty() {
        text = format!("{text}: {given}");
    }
    if request.is_open() {
        let approvers = &card.approvers;
        let roles = approvers.roles.iter().copied().map(role);
        let mut who = listed(roles.chain(approvers.users.iter().copied().map(person)));
        if who.is_empty() {
            "nobody".clone_into(&mut who);
        }
        text = format!("{text}\nMay approve: {who}");
    }
    text
}
