//! The way to other requests than those that a page shows.

use super::{ComponentIdError, MOST, VERSION, optional};
use crate::discord::messages::request_list::{RequestFilter, RequestStatus};
use crate::domain::identity::Pid;
use crate::domain::ids::{RequestId, UserId};
use crate::workflow::ports::SearchAnchor;

pub(super) const BROWSE: &str = "q";

/// Some of the requests that are wanted, from one of them on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestNavigation {
    pub wanted: RequestFilter,
    pub reach: SearchAnchor,
}

impl RequestNavigation {
    /// As a `custom_id`. It always fits: three numbers of at most 20 digits, and a few letters.
    pub fn id(&self) -> String {
        let RequestFilter {
            status,
            pid,
            requester,
        } = self.wanted;
        let reach = match self.reach {
            SearchAnchor::Newest => String::new(),
            SearchAnchor::OlderThan(request) => format!("o{request}"),
            SearchAnchor::NewerThan(request) => format!("n{request}"),
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

    pub(super) fn read(fields: &str) -> Result<Self, ComponentIdError> {
        let fields: Vec<_> = fields.split(':').collect();
        let [status, pid, requester, reach] = fields[..] else {
            return Err(ComponentIdError::Foreign);
        };
        let status = RequestStatus::ALL
            .into_iter()
            .find(|known| status_letter(*known) == status)
            .ok_or(ComponentIdError::Foreign)?;
        let number = |text: &str| text.parse().ok().map(RequestId);
        let reach = match (reach.get(..1), reach.get(1..)) {
            (None, _) => Some(SearchAnchor::Newest),
            (Some("o"), Some(request)) => number(request).map(SearchAnchor::OlderThan),
            (Some("n"), Some(request)) => number(request).map(SearchAnchor::NewerThan),
            _ => None,
        };
        Ok(Self {
            wanted: RequestFilter {
                status,
                pid: optional(pid, |text| text.parse().ok().and_then(Pid::new))?,
                requester: optional(requester, |text| text.parse().ok().map(UserId))?,
            },
            reach: reach.ok_or(ComponentIdError::Foreign)?,
        })
    }
}

const fn status_letter(status: RequestStatus) -> &'static str {
    match status {
        RequestStatus::Open => "o",
        RequestStatus::Closed => "c",
        RequestStatus::All => "a",
    }
}
