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
pub use request_navigation::Browse;
use sha2::{Digest, Sha256};

use crate::discord::session_list::View;
use crate::discord::session_list::filter::Filter;
use crate::discord::session_list::page::Wanted;
use crate::domain::event::Action;
use crate::domain::identity::Pid;
use crate::domain::timestamp::Moment;

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
pub enum Press {
    /// Asked for another page of a listing, or for the same one as it is now.
    Turn(Turn),
    /// Asked for other requests, or for the same ones as they are now.
    Browse(Browse),
    /// Picked a session from a menu: the option's value tells which.
    Pick,
    /// Asked for a cancel or a terminate.
    Ask { action: Action, chosen: Chosen },
}

/// A page of a listing to go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    pub step: Step,
    /// The page that was shown, from 0.
    pub from: usize,
    pub wanted: Wanted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Back,
    Stay,
    Forward,
}

/// One session, told from any later one with the same pid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    pub target: String,
    pub pid: Pid,
    pub backend_start: Moment,
}

/// Why a `custom_id` says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is of another version, or no `custom_id` of killgate's.
    Foreign,
    /// No target of those given is meant.
    TargetGone,
}

impl Press {
    /// From a `custom_id`, which may be about one of `targets`.
    pub fn read<'a>(id: &str, targets: impl IntoIterator<Item = &'a str>) -> Result<Self, Unreadable> {
        if id == PICK {
            return Ok(Self::Pick);
        }
        let (kind, fields) = id
            .strip_prefix(VERSION)
            .and_then(|rest| rest.split_once(':'))
            .ok_or(Unreadable::Foreign)?;
        let action = match kind {
            CANCEL => Action::Cancel,
            TERMINATE => Action::Terminate,
            // One page has one form: whatever else could be read was not written here.
            BROWSE => {
                let browse = Browse::read(fields)?;
                let is_own = browse.id() == id;
                return is_own.then_some(Self::Browse(browse)).ok_or(Unreadable::Foreign);
            }
            _ => {
                let turn = Turn::read(kind, fields, targets)?;
                let is_own = turn.id().as_deref() == Some(id);
                return is_own.then_some(Self::Turn(turn)).ok_or(Unreadable::Foreign);
            }
        };
        let chosen = Chosen::read(fields, targets)?;
        Ok(Self::Ask { action, chosen })
    }
}

impl Turn {
    /// The page to show, from 0.
    pub fn to(&self) -> usize {
        match self.step {
            Step::Back => self.from.saturating_sub(1),
            Step::Stay => self.from,
            Step::Forward => self.from.saturating_add(1),
        }
    }

    /// As a `custom_id`; `None` when the filter is too long for one.
    pub fn id(&self) -> Option<String> {
        let Wanted { target, view, filter } = &self.wanted;
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
    ) -> Result<Self, Unreadable> {
        let fields: Vec<_> = fields.split(':').collect();
        let [from, view, target, min_age, user, database, application] = fields[..] else {
            return Err(Unreadable::Foreign);
        };
        let steps = [Step::Back, Step::Stay, Step::Forward];
        let step = steps.into_iter().find(|step| step_letter(*step) == kind);
        let view = View::ALL.into_iter().find(|known| view_letter(*known) == view);
        let (Some(step), Some(view), Ok(from)) = (step, view, from.parse()) else {
            return Err(Unreadable::Foreign);
        };
        let filter = Filter {
            user: optional(user, text)?,
            database: optional(database, text)?,
            application: optional(application, text)?,
            min_age: optional(min_age, |text| text.parse().ok().map(Duration::from_secs))?,
        };
        let target = match target {
            "" => None,
            digest => Some(named(digest, targets)?),
        };
        let wanted = Wanted { target, view, filter };
        Ok(Self { step, from, wanted })
    }
}

impl Chosen {
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
    pub fn read<'a>(value: &str, targets: impl IntoIterator<Item = &'a str>) -> Result<Self, Unreadable> {
        let fields: Vec<_> = value.split(':').collect();
        let [target, pid, backend_start] = fields[..] else {
            return Err(Unreadable::Foreign);
        };
        let pid = pid.parse().ok().and_then(Pid::new);
        let (Some(pid), Ok(backend_start)) = (pid, backend_start.parse()) else {
            return Err(Unreadable::Foreign);
        };
        let chosen = Self {
            target: named(target, targets)?,
            pid,
            backend_start: Moment::from_micros(backend_start),
        };
        if chosen.value() == value {
            Ok(chosen)
        } else {
            Err(Unreadable::Foreign)
        }
    }
}

fn optional<T>(field: &str, read: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, Unreadable> {
    if field.is_empty() {
        return Ok(None);
    }
    read(field).map(Some).ok_or(Unreadable::Foreign)
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

fn named<'a>(wanted: &str, targets: impl IntoIterator<Item = &'a str>) -> Result<String, Unreadable> {
    let mut found = targets.into_iter().filter(|name| digest(name) == wanted);
    found.next().map(ToOwned::to_owned).ok_or(Unreadable::TargetGone)
}

const fn step_letter(step: Step) -> &'static str {
    match step {
        Step::Back => "b",
        Step::Stay => "r",
        Step::Forward => "f",
    }
}

const fn view_letter(view: View) -> &'static str {
    match view {
        View::Busy => "b",
        View::Blocking => "k",
        View::IdleInTransaction => "i",
        View::All => "a",
    }
}
