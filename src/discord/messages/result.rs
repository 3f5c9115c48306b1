//! The reply to a card that says how the request ended, and the sentences that the closed card shares with it.

mod next_step;
pub(super) mod several;

use super::body::MessageBody;
use super::consequences::what_came_true;
use super::format::{
    action_on_session, count, mention_user, mention_users, sentence, session_on_target, utf16_len,
};
use super::mark::{MarkedMessage, mark_line};
use crate::discord::sanitize;
use crate::domain::event::Resolution;
use crate::domain::outcome::Outcome;
use crate::domain::request::Request;
use crate::workflow::ports::CardContent;

/// Discord's limit for a message ("Create Message" in its documentation), in UTF-16 units.
const MAX_LENGTH: usize = 2_000;
const DETAIL_LENGTH: usize = 400;
const POSTGRES_LENGTH: usize = 800;

/// The reply that says how the request of the card ended. `None` while it is open or executing.
pub fn reply(card: &CardContent) -> Option<MessageBody> {
    let request = &card.request;
    let resolution = request.resolution()?;
    let first_line = format!("{}. {}", first_sentence(request, resolution), explanation(request, resolution));
    let mut lines = vec![first_line.trim_end().to_owned(), people_line(request)];
    let came_true = what_came_true(card);
    let mut last_lines: Vec<_> = next_step::next_step(request, resolution).into_iter().collect();
    last_lines.push(mark_line(request, MarkedMessage::Result));
    if request.details.backends.len() > 1 {
        lines.extend(came_true);
        let taken: usize = lines.iter().chain(&last_lines).map(|line| utf16_len(line) + 1).sum();
        lines.extend(several::exceptions(request, resolution, MAX_LENGTH.saturating_sub(taken)));
    } else {
        lines.extend(Some(came_true.join(" ")).filter(|text| !text.is_empty()));
        lines.extend(postgres_message(resolution));
    }
    lines.extend(last_lines);
    let body = MessageBody::text(lines.join("\n"));
    Some(body.with_components(next_step::buttons(request, resolution)))
}

/// The same in its shortest form: what happened, and who asked and approved.
pub fn brief_reply(request: &Request) -> Option<MessageBody> {
    let first = first_sentence(request, request.resolution()?);
    let mark = mark_line(request, MarkedMessage::Result);
    Some(MessageBody::text(format!("{first}.\n{}\n{mark}", people_line(request))))
}

/// The title of the closed card. It begins with the outcome.
pub fn title(request: &Request, resolution: &Resolution) -> String {
    headline_text(request, resolution.outcome, "", "")
}

/// What happened, in one or two sentences. Empty if the outcome says everything.
pub fn explanation(request: &Request, resolution: &Resolution) -> String {
    let mut sentences = Vec::new();
    let headline_says_all = several::is_counted(resolution)
        || matches!(resolution.outcome, Outcome::Cancelled | Outcome::Terminated);
    // If a person denied or withdrew it, their name is the whole explanation.
    let detail = if headline_says_all {
        resolution.remark()
    } else {
        Some(resolution.detail.as_str()).filter(|_| resolution.actor.is_none())
    };
    sentences.extend(detail.map(|detail| sanitize::line(&sentence(detail), DETAIL_LENGTH).into()));
    sentences.extend(released_waiters_sentence(request, resolution));
    match resolution.signal_sent {
        Some(true) => {}
        Some(false) if is_never_signalled(resolution.outcome) => {}
        Some(false) => sentences.push("Nothing was signalled.".to_owned()),
        None => sentences.push("It is not known whether a signal was sent. It is not sent again.".to_owned()),
    }
    sentences.retain(|sentence| !sentence.is_empty());
    sentences.join(" ")
}

/// How many waiters were released, and how many there were at the time of the request if those were more.
fn released_waiters_sentence(request: &Request, resolution: &Resolution) -> Option<String> {
    let is_seen_to_end =
        matches!(resolution.outcome, Outcome::Cancelled | Outcome::Terminated | Outcome::Mixed);
    let released = resolution.waiters_released.filter(|_| is_seen_to_end)?;
    let text = format!("{} released", count(released as usize, "waiter"));
    // Somebody who waited for two of several sessions is recorded twice, so that the number would be wrong.
    let is_list = request.details.backends.len() > 1;
    Some(match (released, request.details.waiters()) {
        (0, 0) => return None,
        // They may have been ended too, if they were on the list.
        (0, _) if is_list => return None,
        (0, 1) => "This did not release the session that waited at the time of the request.".to_owned(),
        (0, waited) => format!("This released none of the {waited} that waited at the time of the request."),
        (_, waited) if waited > released && !is_list => {
            format!("{text}; {waited} waited at the time of the request.")
        }
        _ => format!("{text}."),
    })
}

/// The elapsed time in milliseconds, unless nothing was signalled: then nothing took effect after it.
pub fn elapsed_text(resolution: &Resolution) -> Option<String> {
    let elapsed = resolution.elapsed.filter(|_| resolution.signal_sent != Some(false));
    elapsed.map(|elapsed| format!("{} ms", elapsed.as_millis()))
}

/// Who approved the execution, or who has approved so far if there was none.
pub fn approvers_text(request: &Request) -> String {
    match request.approvers() {
        [] => mention_users(request.approvals.iter().copied()),
        approvers => mention_users(approvers.iter().copied()),
    }
}

/// PostgreSQL's own message.
fn postgres_message(resolution: &Resolution) -> Option<String> {
    resolution
        .postgres
        .as_deref()
        .map(|message| sanitize::block(message, POSTGRES_LENGTH).as_str().to_owned())
}

/// What happened, by whom, and after how long.
pub fn first_sentence(request: &Request, resolution: &Resolution) -> String {
    let by = resolution.actor.map_or(String::new(), |actor| format!(" by {}", mention_user(actor)));
    let after = elapsed_text(resolution).map_or(String::new(), |elapsed| format!(" after {elapsed}"));
    headline_text(request, resolution.outcome, &by, &after)
}

/// What was done, or what was requested if it was not done or not seen to be done.
fn headline_text(request: &Request, outcome: Outcome, by: &str, after: &str) -> String {
    let headline = outcome.headline();
    if let Some(resolution) = request.resolution().filter(|resolution| several::is_counted(resolution)) {
        return several::counts_text(request, resolution, after);
    }
    match outcome {
        Outcome::Terminated => format!("{headline} {}{after}", session_on_target(&request.details)),
        Outcome::Cancelled => {
            format!("{headline} the query of {}{after}", session_on_target(&request.details))
        }
        _ => format!("{headline}{by}{after}: {}", action_on_session(&request.details)),
    }
}

fn people_line(request: &Request) -> String {
    let requester = format!("Requested by {}", mention_user(request.details.requester));
    let approvers = approvers_text(request);
    if approvers.is_empty() { requester } else { format!("{requester} · approved by {approvers}") }
}

/// Whether the name of the outcome already says that nothing was signalled.
fn is_never_signalled(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Denied | Outcome::Withdrawn | Outcome::Expired | Outcome::Lapsed)
}
