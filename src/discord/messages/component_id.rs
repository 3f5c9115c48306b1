//! The `custom_id` of buttons, menus and forms. It holds everything that is needed to carry out the action, so
//! components keep working in old messages and after a restart.
//!
//! Discord limits a `custom_id` to 100 characters (Discord documentation, "Component Reference"). It consists of a
//! version, a letter for the kind, and fields separated by colons. A target is identified by a digest, because its name
//! may have any length. Nothing in a `custom_id` is trusted: permissions are checked when it is used, and a session is
//! identified by pid and `backend_start`, so a later session with the same pid does not match.

mod request_navigation;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use request_navigation::REQUESTS;
pub use request_navigation::RequestNavigation;
use sha2::{Digest, Sha256};

use crate::discord::session_list::SessionView;
use crate::discord::session_list::filter::SessionFilter;
use crate::discord::session_list::page::SessionQuery;
use crate::domain::event::{Action, Binding};
use crate::domain::identity::Pid;
use crate::domain::timestamp::Timestamp;

/// Discord's limit for a `custom_id` and for the value of a menu's option.
const MAX_LENGTH: usize = 100;
/// Changes whenever an old `custom_id` would get another meaning.
const VERSION: char = '1';
/// The `custom_id` of the menu that selects a session. The values of its options say which.
pub const SELECT_SESSION_ID: &str = "1s";
/// The `custom_id` of the menu of sessions that run no query, which stands below that of those that can be cancelled.
pub const SELECT_IDLE_ID: &str = "1i";
/// The `custom_id` of the button, and of its form, that asks to terminate all sessions in that menu.
pub const TERMINATE_IDLE_ID: &str = "1I";
/// The `custom_id` of the button that chooses all sessions in the menu of its message.
pub const SELECT_ALL_ID: &str = "1a";
/// The `custom_id` of the menu that selects a request. The values of its options are the requests' numbers.
pub const SELECT_REQUEST_ID: &str = "1h";
/// The end of the value of a session that could not be signalled.
const LOCKED: &str = ":l";
const CANCEL_ALL: &str = "C";
const TERMINATE_ALL: &str = "T";
const CANCEL: &str = "c";
const TERMINATE: &str = "t";
const DETAILS: &str = "v";
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'-').remove(b'.');

/// What a button, a menu or a form does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComponentAction {
    /// Shows another page of a session list, or refreshes it.
    NavigatePage(PageNavigation),
    /// Shows another page of a request list, or refreshes it.
    NavigateRequests(RequestNavigation),
    /// Shows the session that was selected in a menu. The value of the option says which.
    SelectSession,
    /// Shows a session as it is now.
    ShowSession(SessionChoice),
    /// Shows what happened to the request that was selected in a menu. The value of the option is its number.
    SelectRequest,
    /// Requests a cancel or a terminate.
    RequestSignal { action: Action, sessions: RequestedSessions },
    /// Shows what can be requested for all sessions in the menu of the same message.
    SelectAll,
}

/// The sessions that a button or a form requests a signal for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestedSessions {
    /// This one.
    One(SessionChoice),
    /// All in the menu of the same message.
    Listed { bound_to: Option<Binding> },
    /// All that run no query, in a menu of their own.
    ListedIdle,
}

/// The page of a session list to go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageNavigation {
    pub step: PageStep,
    /// The page that is shown now, from 0.
    pub from_page: usize,
    pub query: SessionQuery,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageStep {
    Back,
    Stay,
    Forward,
}

/// One session, distinguished from later ones with the same pid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionChoice {
    pub target: String,
    pub pid: Pid,
    pub backend_start: Timestamp,
    /// Whether it could not be signalled when it was shown. The menu shows its details alone.
    pub is_locked: bool,
}

/// Why a `custom_id` cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComponentIdError {
    /// It has another version, or killgate did not make it.
    Foreign,
    /// It names a target that is no longer configured.
    TargetGone,
}

impl ComponentAction {
    /// Parses a `custom_id`, which may refer to one of `targets`.
    pub fn parse<'a>(id: &str, targets: impl IntoIterator<Item = &'a str>) -> Result<Self, ComponentIdError> {
        match id {
            SELECT_SESSION_ID | SELECT_IDLE_ID => return Ok(Self::SelectSession),
            TERMINATE_IDLE_ID => {
                let sessions = RequestedSessions::ListedIdle;
                return Ok(Self::RequestSignal { action: Action::Terminate, sessions });
            }
            SELECT_ALL_ID => return Ok(Self::SelectAll),
            SELECT_REQUEST_ID => return Ok(Self::SelectRequest),
            _ => {}
        }
        let (kind, fields) = id
            .strip_prefix(VERSION)
            .and_then(|unversioned| unversioned.split_once(':'))
            .ok_or(ComponentIdError::Foreign)?;
        let sessions = match kind {
            CANCEL | TERMINATE => RequestedSessions::One(SessionChoice::parse(fields, targets)?),
            CANCEL_ALL | TERMINATE_ALL => {
                RequestedSessions::Listed { bound_to: parse_optional(fields, Binding::from_name)? }
            }
            DETAILS => return SessionChoice::parse(fields, targets).map(Self::ShowSession),
            // Each action has exactly one `custom_id`. Any other spelling was not made here.
            REQUESTS => {
                let navigation = RequestNavigation::parse(fields)?;
                let is_canonical = navigation.custom_id() == id;
                return is_canonical
                    .then_some(Self::NavigateRequests(navigation))
                    .ok_or(ComponentIdError::Foreign);
            }
            _ => {
                let navigation = PageNavigation::parse(kind, fields, targets)?;
                let is_canonical = navigation.custom_id().as_deref() == Some(id);
                return is_canonical
                    .then_some(Self::NavigatePage(navigation))
                    .ok_or(ComponentIdError::Foreign);
            }
        };
        let action = if [CANCEL, CANCEL_ALL].contains(&kind) { Action::Cancel } else { Action::Terminate };
        Ok(Self::RequestSignal { action, sessions })
    }
}

/// The `custom_id` of a button or a form that requests `action` on all sessions in the menu of its message.
pub fn request_all_id(action: Action, bound_to: Option<Binding>) -> String {
    let kind = match action {
        Action::Cancel => CANCEL_ALL,
        Action::Terminate => TERMINATE_ALL,
    };
    format!("{VERSION}{kind}:{}", bound_to.map_or("", Binding::name))
}

impl PageNavigation {
    /// The page to show, from 0.
    pub fn to_page(&self) -> usize {
        match self.step {
            PageStep::Back => self.from_page.saturating_sub(1),
            PageStep::Stay => self.from_page,
            PageStep::Forward => self.from_page.saturating_add(1),
        }
    }

    /// `None` if the filter is too long for a `custom_id`.
    pub fn custom_id(&self) -> Option<String> {
        let SessionQuery { target, view, filter } = &self.query;
        let escape = |text: &Option<String>| {
            let text = text.as_deref().unwrap_or_default();
            utf8_percent_encode(text, ESCAPED).to_string()
        };
        let id = [
            format!("{VERSION}{}", step_letter(self.step)),
            self.from_page.to_string(),
            view_letter(*view).to_owned(),
            target.as_deref().map(digest).unwrap_or_default(),
            filter.min_age.map_or(String::new(), |age| age.as_secs().to_string()),
            escape(&filter.user),
            escape(&filter.database),
            escape(&filter.application),
        ]
        .join(":");
        (id.len() <= MAX_LENGTH).then_some(id)
    }

    fn parse<'a>(
        kind: &str,
        fields: &str,
        targets: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, ComponentIdError> {
        let fields: Vec<_> = fields.split(':').collect();
        let [from_page, view, target, min_age, user, database, application] = fields[..] else {
            return Err(ComponentIdError::Foreign);
        };
        let steps = [PageStep::Back, PageStep::Stay, PageStep::Forward];
        let step = steps.into_iter().find(|step| step_letter(*step) == kind);
        let view = SessionView::ALL.into_iter().find(|known| view_letter(*known) == view);
        let (Some(step), Some(view), Ok(from_page)) = (step, view, from_page.parse()) else {
            return Err(ComponentIdError::Foreign);
        };
        let filter = SessionFilter {
            user: parse_optional(user, unescape)?,
            database: parse_optional(database, unescape)?,
            application: parse_optional(application, unescape)?,
            min_age: parse_optional(min_age, |text| text.parse().ok().map(Duration::from_secs))?,
        };
        let target = match target {
            "" => None,
            digest => Some(find_target(digest, targets)?),
        };
        Ok(Self { step, from_page, query: SessionQuery { target, view, filter } })
    }
}

impl SessionChoice {
    /// The `custom_id` of a button or a form that requests `action` on the session.
    pub fn custom_id(&self, action: Action) -> String {
        let kind = match action {
            Action::Cancel => CANCEL,
            Action::Terminate => TERMINATE,
        };
        format!("{VERSION}{kind}:{}", self.value())
    }

    /// The `custom_id` of a button that shows the session as it is now.
    pub fn details_id(&self) -> String {
        format!("{VERSION}{DETAILS}:{}", self.value())
    }

    /// The value of a menu's option.
    pub fn value(&self) -> String {
        let locked = if self.is_locked { LOCKED } else { "" };
        format!("{}:{}:{}{locked}", digest(&self.target), self.pid, self.backend_start.as_micros())
    }

    /// Parses the value of a menu's option, which may refer to one of `targets`.
    pub fn parse<'a>(
        value: &str,
        targets: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, ComponentIdError> {
        let (fields, is_locked) = match value.strip_suffix(LOCKED) {
            Some(fields) => (fields, true),
            None => (value, false),
        };
        let fields: Vec<_> = fields.split(':').collect();
        let [target, pid, backend_start] = fields[..] else { return Err(ComponentIdError::Foreign) };
        let pid = pid.parse().ok().and_then(Pid::new);
        let (Some(pid), Ok(backend_start)) = (pid, backend_start.parse()) else {
            return Err(ComponentIdError::Foreign);
        };
        let choice = Self {
            target: find_target(target, targets)?,
            pid,
            backend_start: Timestamp::from_micros(backend_start),
            is_locked,
        };
        if choice.value() == value { Ok(choice) } else { Err(ComponentIdError::Foreign) }
    }
}

fn parse_optional<T>(
    field: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, ComponentIdError> {
    if field.is_empty() {
        return Ok(None);
    }
    parse(field).map(Some).ok_or(ComponentIdError::Foreign)
}

fn unescape(field: &str) -> Option<String> {
    percent_decode_str(field).decode_utf8().ok().map(Cow::into_owned)
}

/// 48 bits suffice to distinguish the configured targets.
fn digest(target: &str) -> String {
    let hash = Sha256::digest(target);
    hash.iter().take(6).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn find_target<'a>(
    target_digest: &str,
    targets: impl IntoIterator<Item = &'a str>,
) -> Result<String, ComponentIdError> {
    targets
        .into_iter()
        .find(|name| digest(name) == target_digest)
        .map(ToOwned::to_owned)
        .ok_or(ComponentIdError::TargetGone)
}

const fn step_letter(step: PageStep) -> &'static str {
    match step {
        PageStep::Back => "b",
        PageStep::Stay => "r",
        PageStep::Forward => "f",
    }
}

const fn view_letter(view: SessionView) -> &'static str {
    match view {
        SessionView::Busy => "b",
        SessionView::Blocking => "k",
        SessionView::IdleInTransaction => "i",
        SessionView::All => "a",
    }
}
