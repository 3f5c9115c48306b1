//! `/requests`: what was asked for, and what came of it.

use serenity::all::{ButtonStyle, CreateActionRow, CreateButton, CreateEmbed};

use super::Look;
use super::body::Body;
use super::component_id::Browse;
use super::format::{Style, link, person, time, whom};
use super::result::{approvers, took};
use crate::discord::sanitize;
use crate::domain::event::Action;
use crate::domain::identity::Pid;
use crate::domain::ids::UserId;
use crate::domain::request::{Phase, Request};
use crate::workflow::ports::Reach;

const REASON: usize = 120;

/// So many requests are on a page: no more are seen at once on a phone. At their longest they are well within
/// Discord's 4,096 characters for an embed's description.
pub const SHOWN: usize = 5;

/// Which requests somebody wants to see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub status: Status,
    pub pid: Option<Pid>,
    pub requester: Option<UserId>,
}

/// The option `status`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    Open,
    Closed,
    #[default]
    All,
}

/// Some of the requests that are wanted, newest first.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// At most [`SHOWN`].
    pub requests: &'a [Request],
    /// By which these ones are found again.
    pub reach: Reach,
    /// Whether there are newer ones than these.
    pub newer: bool,
    /// Whether there are older ones than these.
    pub older: bool,
}

impl Status {
    pub const ALL: [Self; 3] = [Self::Open, Self::Closed, Self::All];

    /// Its name in commands.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::All => "all",
        }
    }

    /// From its name in commands.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Whether the requests must have ended; `None` where that does not matter.
    pub const fn ended(self) -> Option<bool> {
        match self {
            Self::Open => Some(false),
            Self::Closed => Some(true),
            Self::All => None,
        }
    }
}

/// A page of what is `wanted`, with buttons to those before and after it.
pub fn list(page: Page<'_>, wanted: Wanted, look: &Look) -> Body {
    let mut parts: Vec<_> = narrowed(wanted).into_iter().collect();
    if page.requests.is_empty() {
        parts.push(nothing(wanted).to_owned());
    }
    parts.extend(page.requests.iter().map(|request| entry(request, look)));
    let title = match wanted.status {
        Status::Open => "Open requests",
        Status::Closed => "Closed requests",
        Status::All => "Requests",
    };
    // An empty line tells one from the next at a glance.
    let embed = CreateEmbed::new().title(title).description(parts.join("\n\n"));
    let buttons = buttons(page, wanted);
    Body::embed(embed).with_components(vec![CreateActionRow::Buttons(buttons)])
}

fn narrowed(wanted: Wanted) -> Option<String> {
    let pid = wanted.pid.map(|pid| format!("about pid {pid}"));
    let requester = wanted
        .requester
        .map(|requester| format!("asked for by {}", person(requester)));
    let parts: Vec<_> = pid.into_iter().chain(requester).collect();
    (!parts.is_empty()).then(|| format!("Only those {}", parts.join(", ")))
}

fn nothing(wanted: Wanted) -> &'static str {
    match wanted {
        Wanted {
            pid: None,
            requester: None,
            status: Status::Open,
        } => "None is open. Choose the status all for those that were decided.",
        Wanted {
            pid: None,
            requester: None,
            ..
        } => "None yet. /cancel and /terminate make one, and so do the buttons under /sessions.",
        _ => "None. Choose another status, or leave pid and user out.",
    }
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
            time(asked.asked_at, Style::Relative),
            decided(request)
        ),
    ];
    if let Some(reason) = &asked.reason {
        lines.push(sanitize::line(reason, REASON).into());
    }
    lines.join("\n")
}

fn state(request: &Request) -> String {
    match &request.phase {
        Phase::Open => format!(
            "**open**, {} of {}, expires {}",
            request.approvals.len(),
            request.asked.needed.max(1),
            time(request.asked.expires_at, Style::Relative)
        ),
        Phase::Executing { .. } => "**being executed**".to_owned(),
        Phase::Ended { ending, .. } => {
            let after = took(ending).map_or(String::new(), |took| format!(" after {took}"));
            format!("**{}**{after}", ending.outcome.headline())
        }
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
            format!("{approved}; closed{closed} {}", time(*at, Style::Relative))
        }
        Phase::Open | Phase::Executing { .. } => approved,
    }
}

/// Each leads to other requests than the others, so that no two have the same `custom_id`.
fn buttons(page: Page<'_>, wanted: Wanted) -> Vec<CreateButton> {
    let button = |reach, label| {
        let id = Browse { wanted, reach }.id();
        CreateButton::new(id).label(label).style(ButtonStyle::Secondary)
    };
    let refresh = button(page.reach, "Refresh");
    match (page.requests.first(), page.requests.last()) {
        (Some(first), Some(last)) if page.newer || page.older => vec![
            button(Reach::NewerThan(first.id), "◀ Newer").disabled(!page.newer),
            refresh,
            button(Reach::OlderThan(last.id), "Older ▶").disabled(!page.older),
        ],
        _ => vec![refresh],
    }
}
