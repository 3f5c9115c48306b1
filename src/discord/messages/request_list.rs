//! The list that `/requests` shows.

use serenity::all::{
    ButtonStyle, CreateActionRow, CreateButton, CreateEmbed, CreateSelectMenu, CreateSelectMenuKind,
    CreateSelectMenuOption,
};

use super::RenderConfig;
use super::body::MessageBody;
use super::component_id::{RequestNavigation, SELECT_REQUEST_ID};
use super::format::{TimestampStyle, action_on_session, count, mention_user, message_link, timestamp};
use super::result::{approvers_text, elapsed_text, several};
use crate::discord::sanitize;
use crate::domain::identity::Pid;
use crate::domain::ids::UserId;
use crate::domain::named_enum::named_enum;
use crate::domain::request::{Request, RequestState};
use crate::workflow::ports::SearchAnchor;

const REASON_LENGTH: usize = 120;
/// An option's label has room for 100 characters.
const LABEL_LENGTH: usize = 50;

/// What a phone shows at once. Even at maximum length they fit well into Discord's 4,096 characters for an embed's
/// description.
pub const PAGE_SIZE: usize = 5;

/// Which requests somebody asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestFilter {
    pub status: RequestStatus,
    pub pid: Option<Pid>,
    pub requester: Option<UserId>,
}

named_enum! {
    /// The option `status`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum RequestStatus {
        Open = "open",
        Closed = "closed",
        #[default]
        All = "all",
    }
}

/// One page of the requests that match a filter, newest first.
#[derive(Clone, Copy, Debug)]
pub struct RequestPage<'a> {
    /// At most [`PAGE_SIZE`].
    pub requests: &'a [Request],
    /// The search that found them.
    pub anchor: SearchAnchor,
    pub has_newer: bool,
    pub has_older: bool,
}

impl RequestStatus {
    /// Whether the requests must have ended. `None` if it does not matter.
    pub const fn ended(self) -> Option<bool> {
        match self {
            Self::Open => Some(false),
            Self::Closed => Some(true),
            Self::All => None,
        }
    }
}

/// A page of requests, with a menu that shows what happened to one of them, and buttons to the pages before and after it.
pub fn request_list(page: RequestPage<'_>, filter: RequestFilter, config: &RenderConfig) -> MessageBody {
    let mut parts: Vec<_> = filter_text(filter).into_iter().collect();
    if page.requests.is_empty() {
        parts.push(empty_list_text(filter).to_owned());
    }
    parts.extend(page.requests.iter().map(|request| entry(request, config)));
    let title = match filter.status {
        RequestStatus::Open => "Open requests",
        RequestStatus::Closed => "Closed requests",
        RequestStatus::All => "Requests",
    };
    // An empty line separates the requests, so that each is seen at a glance.
    let embed = CreateEmbed::new().title(title).description(parts.join("\n\n"));
    let buttons = CreateActionRow::Buttons(buttons(page, filter));
    MessageBody::embed(embed)
        .with_components(request_menu(page.requests).into_iter().chain([buttons]).collect())
}

/// `None` without requests: Discord rejects a menu without options.
fn request_menu(requests: &[Request]) -> Option<CreateActionRow> {
    let options: Vec<_> = requests
        .iter()
        .map(|request| {
            let Request { id, details, .. } = request;
            // Discord shows no markup in a label.
            let sessions = match &details.backends[..] {
                [backend] => backend.identity.pid.to_string(),
                several => count(several.len(), "session"),
            };
            let on = sanitize::plain(&details.target, LABEL_LENGTH);
            let label = format!("#{id} · {} {sessions} on {}", details.action.name(), on.as_str());
            CreateSelectMenuOption::new(label, id.to_string())
        })
        .collect();
    if options.is_empty() {
        return None;
    }
    let menu = CreateSelectMenu::new(SELECT_REQUEST_ID, CreateSelectMenuKind::String { options });
    Some(CreateActionRow::SelectMenu(menu.placeholder("What happened to…")))
}

fn filter_text(filter: RequestFilter) -> Option<String> {
    let pid = filter.pid.map(|pid| format!("about pid {pid}"));
    let requester = filter.requester.map(|requester| format!("by {}", mention_user(requester)));
    let parts: Vec<_> = pid.into_iter().chain(requester).collect();
    (!parts.is_empty()).then(|| format!("Only requests {}", parts.join(", ")))
}

fn empty_list_text(filter: RequestFilter) -> &'static str {
    match filter {
        RequestFilter { pid: None, requester: None, status: RequestStatus::Open } => {
            "No open requests. `status:all` shows the closed ones too."
        }
        RequestFilter { pid: None, requester: None, .. } => {
            "No requests yet. Make one with /cancel, /terminate or the buttons under /sessions."
        }
        _ => "No matching requests. Use another status, or leave out pid and user.",
    }
}

fn entry(request: &Request, config: &RenderConfig) -> String {
    let details = &request.details;
    let number = match request.card {
        Some(message) => format!("[#{}]({})", request.id, message_link(config, details.channel, message)),
        None => format!("#{}", request.id),
    };
    let mut lines = vec![
        format!("**{number}** {} · {}", action_on_session(details), state_text(request)),
        format!(
            "{} asked {}{}",
            mention_user(details.requester),
            timestamp(details.asked_at, TimestampStyle::Relative),
            decision_text(request)
        ),
    ];
    if let Some(reason) = &details.reason {
        lines.push(sanitize::line(reason, REASON_LENGTH).into());
    }
    lines.join("\n")
}

fn state_text(request: &Request) -> String {
    match &request.state {
        RequestState::Open => format!(
            "**open**, {} of {}, expires {}",
            request.approvals.len(),
            request.details.approvals_needed.max(1),
            timestamp(request.details.expires_at, TimestampStyle::Relative)
        ),
        RequestState::Executing { .. } => "**being executed**".to_owned(),
        RequestState::Ended { resolution, .. } => {
            let after = elapsed_text(resolution).map_or(String::new(), |elapsed| format!(" after {elapsed}"));
            if several::is_counted(resolution) {
                format!("**{}**", several::counts_text(request, resolution, &after))
            } else {
                format!("**{}**{after}", resolution.outcome.headline())
            }
        }
    }
}

fn decision_text(request: &Request) -> String {
    let approvers = approvers_text(request);
    let approved = if approvers.is_empty() { String::new() } else { format!(", {approvers} approved") };
    match &request.state {
        RequestState::Ended { resolution, at, .. } => {
            let closed_by =
                resolution.actor.map_or(String::new(), |actor| format!(" by {}", mention_user(actor)));
            format!("{approved}; closed{closed_by} {}", timestamp(*at, TimestampStyle::Relative))
        }
        RequestState::Open | RequestState::Executing { .. } => approved,
    }
}

/// Discord rejects a message in which two buttons have the same `custom_id`. Each of these has its own anchor.
fn buttons(page: RequestPage<'_>, filter: RequestFilter) -> Vec<CreateButton> {
    let button = |anchor, label| {
        let navigation = RequestNavigation { filter, anchor };
        CreateButton::new(navigation.custom_id()).label(label).style(ButtonStyle::Secondary)
    };
    let refresh = button(page.anchor, "Refresh");
    match (page.requests.first(), page.requests.last()) {
        (Some(first), Some(last)) if page.has_newer || page.has_older => vec![
            button(SearchAnchor::NewerThan(first.id), "◀ Newer").disabled(!page.has_newer),
            refresh,
            button(SearchAnchor::OlderThan(last.id), "Older ▶").disabled(!page.has_older),
        ],
        _ => vec![refresh],
    }
}
