//! What happened to one request, record by record, for the person who selected it in the list of `/requests`.

use std::time::Duration;

use serenity::all::CreateEmbed;

use super::body::MessageBody;
use super::format::{
    TimestampStyle, action_on_session, age, mention_user, mention_users, timestamp, utf16_len, verbatim,
};
use super::result::elapsed_text;
use crate::discord::sanitize;
use crate::domain::event::{Recorded, RefusalReason, RequestDetails, RequestEvent, Resolution};
use crate::domain::ids::RequestId;

/// Discord's limit for an embed's description is 4,096 characters (Discord documentation, "Embed Limits").
const MAX_LENGTH: usize = 3_900;
const DETAIL_LENGTH: usize = 400;

/// The records of a request, oldest first, of which there is at least one. The first one and the last ones are always shown.
pub fn timeline(request: RequestId, records: &[Recorded]) -> MessageBody {
    let asked_at = records.first().map(|record| record.entry().at);
    let mut lines: Vec<_> = records
        .iter()
        .map(|record| {
            let at = record.entry().at;
            let later = asked_at.map_or(Duration::ZERO, |asked_at| at.duration_since(asked_at));
            let later = if later.is_zero() { String::new() } else { format!(" (+{})", short_age(later)) };
            format!(
                "{}{later} · {} · record {}",
                timestamp(at, TimestampStyle::Clock),
                event_text(&record.entry().event),
                record.seq()
            )
        })
        .collect();
    let length = |lines: &[String]| lines.iter().map(|line| utf16_len(line) + 1).sum::<usize>();
    let mut omitted = 0;
    while length(&lines) > MAX_LENGTH && lines.len() > 2 {
        lines.remove(1);
        omitted += 1;
    }
    if omitted > 0 {
        lines.insert(1, format!("… {omitted} more: `killgate audit report --request {request}` has all"));
    }
    let title = format!("What happened to request #{request}");
    MessageBody::embed(CreateEmbed::new().title(title).description(lines.join("\n"))).ephemeral()
}

/// An age that also tells milliseconds apart: an execution takes less than a second.
fn short_age(span: Duration) -> String {
    if span < Duration::from_secs(1) { format!("{} ms", span.as_millis()) } else { age(span) }
}

fn event_text(event: &RequestEvent) -> String {
    match event {
        RequestEvent::Requested(details) => requested_text(details),
        RequestEvent::Posted { .. } => "card posted".to_owned(),
        RequestEvent::ApprovalAdded { actor } => format!("{} approved", mention_user(*actor)),
        RequestEvent::ApprovalRemoved { actor } => {
            format!("the approval of {} no longer counts", mention_user(*actor))
        }
        RequestEvent::AttemptRefused { actor, why } => {
            format!("the reaction of {} did not count: {}", mention_user(*actor), attempt_words(*why))
        }
        RequestEvent::Reminded { .. } => "approvers reminded".to_owned(),
        RequestEvent::Executing { approvers } => {
            format!("**decided** by {}, about to signal", mention_users(approvers.iter().copied()))
        }
        RequestEvent::Finished(resolution) => finished_text(resolution),
    }
}

fn attempt_words(why: RefusalReason) -> &'static str {
    match why {
        RefusalReason::SelfApproval => "it was their own request",
        RefusalReason::NotAnApprover => "they may not approve for this target, or were timed out",
        RefusalReason::NotARequester => "they may not make such a request",
        RefusalReason::Expired => "the request had expired",
        RefusalReason::Closed => "the request was already decided",
        RefusalReason::Bot => "they are a bot",
        RefusalReason::Protected => "the session was protected",
        RefusalReason::Limited => "a limit was reached",
    }
}

fn requested_text(details: &RequestDetails) -> String {
    let asked = format!("{} asked to {}", mention_user(details.requester), action_on_session(details));
    match &details.reason {
        Some(reason) => format!("{asked}: {}", sanitize::line(reason, DETAIL_LENGTH)),
        None => asked,
    }
}

fn finished_text(resolution: &Resolution) -> String {
    let by = resolution.actor.map_or(String::new(), |actor| format!(" by {}", mention_user(actor)));
    let after = elapsed_text(resolution).map_or(String::new(), |elapsed| format!(" after {elapsed}"));
    let mut text = format!("**{}**{by}{after}", resolution.outcome.headline());
    let detail = Some(sanitize::line(&resolution.detail, DETAIL_LENGTH).into());
    let postgres = resolution.postgres.as_deref().map(|said| verbatim(said, DETAIL_LENGTH));
    for said in [detail, postgres].into_iter().flatten().filter(|said| !said.is_empty()) {
        text = format!("{text}: {said}");
    }
    text
}
