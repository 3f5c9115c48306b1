//! `/requests`: what was asked for, and what came of it.

use serenity::all::{CreateEmbed, CreateEmbedFooter};

use crate::domain::event::Action;
use crate::domain::inert;
use crate::domain::request::{Phase, Request};

use super::Look;
use super::body::Body;
use super::result::approvers;
use super::words::{Style, link, person, time, units, whom};

/// Discord's limit for an embed's description is 4,096.
const ROOM: usize = 3_900;
const REASON: usize = 120;

/// So many requests are worth asking the ledger for: no more fit on a page.
pub const SHOWN: u32 = 10;

/// The requests, in the order given. `what` says which ones they are: `open`, `closed` or `all`.
pub fn list(requests: &[Request], what: &str, look: &Look) -> Body {
    let mut text = String::new();
    let mut shown = 0;
    for request in requests.iter().take(SHOWN as usize) {
        let entry = entry(request, look);
        if units(&text) + units(&entry) > ROOM {
            break;
        }
        text.push_str(&entry);
        text.push('\n');
        shown += 1;
    }
    let title = match what {
        "open" => "Open requests",
        "closed" => "Closed requests",
        _ => "Requests",
    };
    if requests.is_empty() {
        text.push_str("None. Choose another status, or leave pid and user out.");
    }
    let embed = CreateEmbed::new().title(title).description(text.trim_end());
    // How many more there are the ledger was not asked.
    let hint = "There are more; narrow it with pid or user";
    Body::embed(if shown < requests.len() {
        embed.footer(CreateEmbedFooter::new(hint))
    } else {
        embed
    })
}

fn entry(request: &Request, look: &Look) -> String {
    let asked = &request.asked;
    let number = match request.message {
        Some(message) => format!("[#{}]({})", request.id, link(look, asked.channel, message)),
        None => format!("#{}", request.id),
    };
    let wish = match asked.action {
        Action::Cancel => "cancel",
        Action::Terminate => "terminate",
    };
    let mut lines = vec![
        format!("**{number}** {wish} {} · {}", whom(asked), state(request)),
        format!(
            "{} asked {}{}",
            person(asked.requester),
            time(asked.asked_at, Style::Date),
            decided(request)
        ),
    ];
    if let Some(reason) = &asked.reason {
        lines.push(inert::line(reason, REASON).into());
    }
    lines.join("\n")
}

fn state(request: &Request) -> String {
    match &request.phase {
        Phase::Open => format!(
            "**open**, {} of {}, expires {}",
            request.approvals.len(),
            request.asked.needed.max(1),
            time(request.asked.expires_at, Style::Countdown)
        ),
        Phase::Executing { .. } => "**being executed**".to_owned(),
        Phase::Ended { ending, .. } => format!("**{}**", ending.outcome.headline()),
    }
}

fn decided(request: &Request) -> String {
    let approvers = approvers(request);
    let approved = if approvers.is_empty() {
        String::new()
    } else {
        format!(", {approvers} approved")
    };
    match &request.phase {
        Phase::Ended { ending, at, .. } => {
            let closed = ending
                .actor
                .map_or(String::new(), |actor| format!(" by {}", person(actor)));
            format!("{approved}; closed{closed} {}", time(*at, Style::Date))
        }
        Phase::Open | Phase::Executing { .. } => approved,
    }
}
