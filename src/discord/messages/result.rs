//! How a request ended: the reply to its card, and the words that the closed card shares with it.

use super::body::MessageBody;
use super::format::{
    action_on_session, count, mention_user, mention_users, sentence, session_on_target, verbatim,
};
use crate::discord::sanitize;
use crate::domain::event::{Action, Resolution};
use crate::domain::ids::RequestId;
use crate::domain::outcome::Outcome;
use crate::domain::request::Request;

const DETAIL: usize = 400;
const POSTGRES: usize = 800;

/// The reply that tells how the request ended; `None` while it has not.
pub fn reply(request: &Request) -> Option<MessageBody> {
    let ending = request.resolution()?;
    let mut lines = vec![
        format!("{}. {}", opening(request, ending), explanation(request, ending))
            .trim_end()
            .to_owned(),
        parties(request),
    ];
    lines.extend(postgres(ending));
    lines.extend(next_step(request.details.action, ending.outcome).map(str::to_owned));
    Some(MessageBody::text(lines.join("\n")))
}

/// The title of the closed card: the outcome first, in plain English.
pub fn title(request: &Request, ending: &Resolution) -> String {
    headline_text(request, ending.outcome, "", "")
}

/// What happened, in one or two sentences; empty when the outcome says it all.
pub fn explanation(request: &Request, ending: &Resolution) -> String {
    let mut sentences = Vec::new();
    // Who denied or withdrew it is named already, which is all there is to tell.
    if ending.actor.is_none() {
        sentences.push(verbatim(&sentence(&ending.detail), DETAIL));
    }
    sentences.extend(released(request, ending));
    match ending.signal_sent {
        Some(true) => {}
        Some(false) if is_plainly_unsignalled(ending.outcome) => {}
        Some(false) => sentences.push("Nothing was signalled.".to_owned()),
        None => sentences.push("Whether a signal was sent cannot be known; it is not sent again.".to_owned()),
    }
    sentences.retain(|sentence| !sentence.is_empty());
    sentences.join(" ")
}

/// How many no longer wait; and how many did when the question was put, where those were more.
fn released(request: &Request, ending: &Resolution) -> Option<String> {
    let was_seen_to_end = matches!(ending.outcome, Outcome::Cancelled | Outcome::Terminated);
    let released = ending.waiters_released.filter(|_| was_seen_to_end)?;
    let text = format!("{} released", count(released as usize, "waiter"));
    Some(match request.details.waiters() {
        waited if waited > released => format!("{text}; {waited} waited when it was asked for."),
        _ => format!("{text}."),
    })
}

/// How long it took, in milliseconds.
pub fn elapsed_text(ending: &Resolution) -> Option<String> {
    ending
        .elapsed
        .map(|elapsed| format!("{} ms", elapsed.as_millis()))
}

/// Who approved it: of what was executed those who decided, else those who did so far.
pub fn approvers(request: &Request) -> String {
    match request.approvers() {
        [] => mention_users(request.approvals.iter().copied()),
        approvers => mention_users(approvers.iter().copied()),
    }
}

/// PostgreSQL's own words.
pub fn postgres(ending: &Resolution) -> Option<String> {
    ending
        .postgres
        .as_deref()
        .map(|words| sanitize::block(words, POSTGRES).as_str().to_owned())
}

fn opening(request: &Request, ending: &Resolution) -> String {
    let by = ending
        .actor
        .map_or(String::new(), |actor| format!(" by {}", mention_user(actor)));
    let after = elapsed_text(ending).map_or(String::new(), |took| format!(" after {took}"));
    headline_text(request, ending.outcome, &by, &after)
}

/// What was done; or what was wanted, where it was not done or not seen to be.
fn headline_text(request: &Request, outcome: Outcome, by: &str, after: &str) -> String {
    let headline = outcome.headline();
    match outcome {
        Outcome::Terminated => format!("{headline} {}{after}", session_on_target(&request.details)),
        Outcome::Cancelled => format!(
            "{headline} the query of {}{after}",
            session_on_target(&request.details)
        ),
        _ => format!("{headline}{by}{after}: {}", action_on_session(&request.details)),
    }
}

fn parties(request: &Request) -> String {
    let asked = format!("Asked by {}", mention_user(request.details.requester));
    let approvers = approvers(request);
    let mark = mark(request.id);
    if approvers.is_empty() {
        format!("{asked}{mark}")
    } else {
        format!("{asked} · approved by {approvers}{mark}")
    }
}

/// The end of the line by which a reply is known to be about this request.
pub fn mark(request: RequestId) -> String {
    format!(" · request #{request}")
}

/// Whether the outcome's own name says that nobody signalled anything.
fn is_plainly_unsignalled(outcome: Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Denied | Outcome::Withdrawn | Outcome::Expired | Outcome::Lapsed
    )
}

fn next_step(action: Action, outcome: Outcome) -> Option<&'static str> {
    let next = match outcome {
        Outcome::Unconfirmed if action == Action::Cancel => {
            "Look again with /sessions; if the query is still there, ask for a /terminate."
        }
        Outcome::Unconfirmed => {
            "Look again with /sessions. If it stays, its process needs a look on the server itself."
        }
        Outcome::MovedOn => "Look again with /sessions: what it does now may need another request.",
        Outcome::Gone | Outcome::Replaced => "See /sessions for what runs now.",
        Outcome::Unreachable => "Ask again once the server answers.",
        Outcome::Unknown => "Look with /sessions before you ask again.",
        Outcome::Expired => "Ask again if it is still needed.",
        Outcome::Refused => "Whoever runs killgate sees with `killgate check` which right is missing.",
        Outcome::Limited => "Ask again later, or have `signals_per_hour` raised.",
        _ => return None,
    };
    Some(next)
}
