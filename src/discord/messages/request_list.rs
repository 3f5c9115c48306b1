//! `/requests`: what was asked for, and what came of it.

use serenity::all::{ButtonStyle, CreateActionRow, CreateButton, CreateEmbed};

use super::RenderConfig;
use super::body::MessageBody;
use super::component_id::RequestNavigation;
use super::format::{TimestampStyle, mention_user, message_link, session_on_target, timestamp};
use super::result::{approvers, elapsed_text};
use crate::discord::sanitize;
use crate::domain::event::Action;
use crate::domain::identity::Pid;
use crate::domain::ids::UserId;
use crate::domain::request::{Request, RequestState};
use crate::workflow::ports::SearchAnchor;

const REASON: usize = 120;

/// So many requests are on a page: no more are seen at once on a phone. At their longest they are well within
/// Discord's 4,096 characters for an embed's description.
pub const SHOWN: usize = 5;

/// Which requests somebody wants to see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestFilter {
    pub status: RequestStatus,
    pub pid: Option<Pid>,
    pub requester: Option<UserId>,
}

/// The option `status`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RequestStatus {
    Open,
    Closed,
    #[default]
    All,
}

/// Some of the requests that are wanted, newest first.
#[derive(Clone, Copy, Debug)]
pub struct RequestPage<'a> {
    /// At most [`SHOWN`].
    pub requests: &'a [Request],
    /// By which these ones are found again.
    pub reach: SearchAnchor,
    /// Whether there are newer ones than these.
    pub newer: bool,
    /// Whether there are older ones than these.
    pub older: bool,
}

impl RequestStatus {
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
    pub fn from_name(name: &str) -> Option<Self> {
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
pub fn list(page: RequestPage<'_>, wanted: RequestFilter, look: &RenderConfig) -> MessageBody {
    let mut parts: Vec<_> = narrowed(wanted).into_iter().collect();
    if page.requests.is_empty() {
        parts.push(nothing(wanted).to_owned());
    }
    parts.extend(page.requests.iter().map(|request| entry(request, look)));
    let title = match wanted.status {
        RequestStatus::Open => "Open requests",
        RequestStatus::Closed => "Closed requests",
        RequestStatus::All => "Requests",
    };
    // An empty line tells one from the next at a glance.
    let embed = CreateEmbed::new().title(title).description(parts.join("\n\n"));
    let buttons = buttons(page, wanted);
    MessageBody::embed(embed).with_components(vec![CreateActionRow::Buttons(buttons)])
}

fn narrowed(wanted: RequestFilter) -> Option<String> {
    let pid = wanted.pid.map(|pid| format!("about pid {pid}"));
    let requester = wanted
        .requester
        .map(|requester| format!("asked for by {}", mention_user(requester)));
    let parts: Vec<_> = pid.into_iter().chain(requester).collect();
    (!parts.is_empty()).then(|| format!("Only those {}", parts.join(", ")))
}

fn nothing(wanted: RequestFilter) -> &'static str {
    match wanted {
        RequestFilter {
            pid: None,
            requester: None,
            status: RequestStatus::Open,
        } => "None is open. Choose the status all for those that were decided.",
        RequestFilter {
            pid: None,
            requester: None,
            ..
        } => "None yet. /cancel and /terminate make one, and so do the buttons under /sessions.",
        _ => "None. Choose another status, or leave pid and user out.",
    }
}

fn entry(request: &Request, look: &RenderConfig) -> String {
    let asked = &request.details;
    let number = match request.card {
        Some(message) => format!(
            "[#{}]({})",
            request.id,
            message_link(look, asked.channel, message)
        ),
        None => format!("#{}", request.id),
    };
    let wish = match asked.action {
        Action::Cancel => "cancel",
        Action::Terminate => "terminate",
    };
    let mut lines = vec![
        format!(
            "**{number}** {wish} {} · {}",
            session_on_target(asked),
            state(request)
        ),
        format!(
            "{} asked {}{}",
            mention_user(asked.requester),
            timestamp(asked.asked_at, TimestampStyle::Relative),
            decided(request)
        ),
    ];
    if let Some(reason) = &asked.reason {
        lines.push(sanitize::line(reason, REASON).into());
    }
    lines.join("\n")
}

fn state(request: &Request) -> String {
    match &request.state {
        RequestState::Open => format!(
            "**open**, {} of {}, expires {}",
            request.approvals.len(),
            request.details.approvals_needed.max(1),
            timestamp(request.details.expires_at, TimestampStyle::Relative)
        ),
        RequestState::Executing { .. } => "**being executed**".to_owned(),
        RequestState::Ended {
            resolution: ending, ..
        } => {
            let after = elapsed_text(ending).map_or(String::new(), |took| format!(" after {took}"));
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
    match &request.state {
        RequestState::Ended {
            resolution: ending,
            at,
            ..
        } => {
            let closed = ending
                .actor
                .map_or(String::new(), |actor| format!(" by {}", mention_user(actor)));
            format!(
                "{approved}; closed{closed} {}",
                timestamp(*at, TimestampStyle::Relative)
            )
        }
        RequestState::Open | RequestState::Executing { .. } => approved,
    }
}

/// Each leads to other requests than the others, so that no two have the same `custom_id`.
fn buttons(page: RequestPage<'_>, wanted: RequestFilter) -> Vec<CreateButton> {
    let button = |reach, label| {
        let id = RequestNavigation { wanted, reach }.id();
        CreateButton::new(id).label(label).style(ButtonStyle::Secondary)
    };
    let refresh = button(page.reach, "Refresh");
    match (page.requests.first(), page.requests.last()) {
        (Some(first), Some(last)) if page.newer || page.older => vec![
            button(SearchAnchor::NewerThan(first.id), "◀ Newer").disabled(!page.newer),
            refresh,
            button(SearchAnchor::OlderThan(last.id), "Older ▶").disabled(!page.older),
        ],
        _ => vec![refresh],
    }
}
