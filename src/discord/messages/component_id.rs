//! What buttons, menus and forms carry: all that is needed to do what they say, so that they work in messages of any
//! age, also after a restart.
//!
//! Discord gives each a `custom_id` of at most 100 characters (Discord documentation, "Component Reference"). In it
//! stand a version, a letter for the kind, and fields between colons. Targets are named by a digest, since their names
//! may be of any length. Nothing in it is trusted: who may do what is decided when it is used, and a session is told
//! by pid and `backend_start`, so that a later one with the same pid is not meant.

mod request_navigation;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use request_navigation::BROWSE;
pub use request_navigation::RequestNavigation;
use sha2::{Digest, Sha256};

use crate::discord::session_list::SessionView;
use crate::discord::session_list::filter::SessionFilter;
use crate::discord::session_list::page::SessionQuery;
use crate::domain::event::Action;
use crate::domain::identity::Pid;
use crate::domain::timestamp::Timestamp;

/// The most that Discord takes, for a `custom_id` and for the value of a menu's option.
const MOST: usize = 100;
/// Changes whenever an old `custom_id` would mean something else.
const VERSION: char = '1';
/// The menu that picks a session; its options say which.
pub const PICK: &str = "1s";
const CANCEL: &str = "c";
const TERMINATE: &str = "t";
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'-').remove(b'.');

/// What somebody did to a message of killgate's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComponentAction {
    /// Asked for another page of a listing, or for the same one as it is now.
    NavigatePage(PageNavigation),
    /// Asked for other requests, or for the same ones as they are now.
    NavigateRequests(RequestNavigation),
    /// Picked a session from a menu: the option's value tells which.
    SelectSession,
    /// Asked for a cancel or a terminate.
    RequestSignal { action: Action, chosen: SessionChoice },
}

/// A page of a listing to go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageNavigation {
    pub step: PageStep,
    /// The page that was shown, from 0.
    pub from: usize,
    pub wanted: SessionQuery,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageStep {
    Back,
    Stay,
    Forward,
}

/// One session, told from any later one with the same pid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionChoice {
    pub target: String,
    pub pid: Pid,
    pub backend_start: Timestamp,
}

/// Why a `custom_id` says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComponentIdError {
    /// It is of another version, or no `custom_id` of killgate's.
    Foreign,
    /// No target of those given is meant.
    TargetGone,
}

impl ComponentAction {
    /// From a `custom_id`, which may be about one of `targets`.
    pub fn read<'a>(id: &str, targets: impl IntoIterator<Item = &'a str>) -> Result<Self, ComponentIdError> {
        if id == PICK {
            return Ok(Self::SelectSession);
        }
        let (kind, fields) = id
            .strip_prefix(VERSION)
            .and_then(|rest| rest.split_once(':'))
            .ok_or(ComponentIdError::Foreign)?;
        let action = match kind {
            CANCEL => Action::Cancel,
            TERMINATE => Action::Terminate,
            // One page has one form: whatever else could be read was not written here.
            BROWSE => {
                let browse = RequestNavigation::read(fields)?;
                let is_own = browse.id() == id;
                return is_own
                    .then_some(Self::NavigateRequests(browse))
                    .ok_or(ComponentIdError::Foreign);
            }
            _ => {
                let turn = PageNavigation::read(kind, fields, targets)?;
                let is_own = turn.id().as_deref() == Some(id);
                return is_own
                    .then_some(Self::NavigatePage(turn))
                    .ok_or(ComponentIdError::Foreign);
            }
        };
        let chosen = SessionChoice::read(fields, targets)?;
        Ok(Self::RequestSignal { action, chosen })
    }
}

impl PageNavigation {
    /// The page to show, from 0.
    pub fn to(&self) -> usize {
        match self.step {
            PageStep::Back => self.from.saturating_sub(1),
            PageStep::Stay => self.from,
            PageStep::Forward => self.from.saturating_add(1),
        }
    }

    /// As a `custom_id`; `None` when the filter is too long for one.
    pub fn id(&self) -> Option<String> {
        let SessionQuery { target, view, filter } = &self.wanted;
        let text = |text: &Option<String>| {
            let text = text.as_deref().unwrap_or_default();
            utf8_percent_encode(text, KEPT).to_string()
        };
        let id = [
            format!("{VERSION}{}", step_letter(self.step)),
            self.from.to_string(),
            view_letter(*view).to_owned(),
            target.as_deref().map(digest).unwrap_or_default(),
            filter
                .min_age
                .map_or(String::new(), |age| age.as_secs().to_string()),
            text(&filter.user),
            text(&filter.database),
            text(&filter.application),
        ]
        .join(":");
        (id.len() <= MOST).then_some(id)
    }

    fn read<'a>(
        kind: &str,
        fields: &str,
        targets: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, ComponentIdError> {
        let fields: Vec<_> = fields.split(':').collect();
        let [from, view, target, min_age, user, database, application] = fields[..] else {
            return Err(ComponentIdError::Foreign);
        };
        let steps = [PageStep::Back, PageStep::Stay, PageStep::Forward];
        let step = steps.into_iter().find(|step| step_letter(*step) == kind);
        let view = SessionView::ALL
            .into_iter()
            .find(|known| view_letter(*known) == view);
        let (Some(step), Some(view), Ok(from)) = (step, view, from.parse()) else {
            return Err(ComponentIdError::Foreign);
        };
        let filter = SessionFilter {
            user: optional(user, text)?,
            database: optional(database, text)?,
            application: optional(application, text)?,
            min_age: optional(min_age, |text| text.parse().ok().map(Duration::from_secs))?,
        };
        let target = match target {
            "" => None,
            digest => Some(named(digest, targets)?),
        };
        let wanted = SessionQuery { target, view, filter };
        Ok(Self { step, from, wanted })
    }
}

impl SessionChoice {
    /// As the `custom_id` of what asks for `action` on the session.
    pub fn id(&self, action: Action) -> String {
        let kind = match action {
            Action::Cancel => CANCEL,
            Action::Terminate => TERMINATE,
        };
        format!("{VERSION}{kind}:{}", self.value())
    }

    /// As the value of a menu's option.
    pub fn value(&self) -> String {
        format!(
            "{}:{}:{}",
            digest(&self.target),
            self.pid,
            self.backend_start.as_micros()
        )
    }

    /// From the value of a menu's option, which may be about one of `targets`.
    pub fn read<'a>(
        value: &str,
        targets: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, ComponentIdError> {
        let fields: Vec<_> = value.split(':').collect();
        let [target, pid, backend_start] = fields[..] else {
            return Err(ComponentIdError::Foreign);
        };
        let pid = pid.parse().ok().and_then(Pid::new);
        let (Some(pid), Ok(backend_start)) = (pid, backend_start.parse()) else {
            return Err(ComponentIdError::Foreign);
        };
        let chosen = Self {
            target: named(target, targets)?,
            pid,
            backend_start: Timestamp::from_micros(backend_start),
        };
        if chosen.value() == value {
            Ok(chosen)
        } else {
            Err(ComponentIdError::Foreign)
        }
    }
}

fn optional<T>(field: &str, read: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, ComponentIdError> {
    if field.is_empty() {
        return Ok(None);
    }
    read(field).map(Some).ok_or(ComponentIdError::Foreign)
}

fn text(field: &str) -> Option<String> {
    percent_decode_str(field).decode_utf8().ok().map(Cow::into_owned)
}

/// 48 bits are plenty to tell a handful of targets apart.
fn digest(target: &str) -> String {
    let hash = Sha256::digest(target);
    hash.iter().take(6).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn named<'a>(wanted: &str, targets: impl IntoIterator<Item = &'a str>) -> Result<String, ComponentIdError> {
    let mut found = targets.into_iter().filter(|name| digest(name) == wanted);
    found
        .next()
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
