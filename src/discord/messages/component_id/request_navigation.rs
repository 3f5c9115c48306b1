//! The way to other requests than those that a page shows.

use super::{MOST, Unreadable, VERSION, optional};
use crate::discord::messages::request_list::{Status, Wanted};
use crate::domain::identity::Pid;
use crate::domain::ids::{RequestId, UserId};
use crate::workflow::ports::Reach;

pub(super) const BROWSE: &str = "q";

/// Some of the requests that are wanted, from one of them on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Browse {
    pub wanted: Wanted,
    pub reach: Reach,
}

impl Browse {
    /// As a `custom_id`. It always fits: three numbers of at most 20 digits, and a few letters.
    pub fn id(&self) -> String {
        let Wanted {
            status,
            pid,
            requester,
        } = self.wanted;
        let reach = match self.reach {
            Reach::Newest => String::new(),
            Reach::OlderThan(request) => format!("o{request}"),
            Reach::NewerThan(request) => format!("n{request}"),
        };
        let id = [
            format!("{VERSION}{BROWSE}"),
            status_letter(status).to_owned(),
            pid.map_or(String::new(), |pid| pid.to_string()),
            requester.map_or(String::new(), |requester| requester.to_string()),
            reach,
        ]
        .join(":");
        debug_assert!(id.len() <= MOST, "{id}");
        id
    }

    pub(super) fn read(fields: &str) -> Result<Self, Unreadable> {
        let fields: Vec<_> = fields.split(':').collect();
        let [status, pid, requester, reach] = fields[..] else {
            return Err(Unreadable::Foreign);
        };
        let status = Status::ALL
            .into_iter()
            .find(|known| status_letter(*known) == status)
            .ok_or(Unreadable::Foreign)?;
        let number = |text: &str| text.parse().ok().map(RequestId);
        let reach = match (reach.get(..1), reach.get(1..)) {
            (None, _) => Some(Reach::Newest),
            (Some("o"), Some(request)) => number(request).map(Reach::OlderThan),
            (Some("n"), Some(request)) => number(request).map(Reach::NewerThan),
            _ => None,
        };
        Ok(Self {
            wanted: Wanted {
                status,
                pid: optional(pid, |text| text.parse().ok().and_then(Pid::new))?,
                requester: optional(requester, |text| text.parse().ok().map(UserId))?,
            },
            reach: reach.ok_or(Unreadable::Foreign)?,
        })
    }
}

const fn status_letter(status: Status) -> &'static str {
    match status {
        Status::Open => "o",
        Status::Closed => "c",
        Status::All => "a",
    }
}
