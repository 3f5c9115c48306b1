//! The `custom_id` of buttons that lead to another page of requests.

use super::{ComponentIdError, MAX_LENGTH, VERSION, parse_optional};
use crate::discord::messages::request_list::{RequestFilter, RequestStatus};
use crate::domain::identity::Pid;
use crate::domain::ids::{RequestId, UserId};
use crate::workflow::ports::SearchAnchor;

pub(super) const REQUESTS: &str = "q";

/// The page of a request list to go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestNavigation {
    pub filter: RequestFilter,
    pub anchor: SearchAnchor,
}

impl RequestNavigation {
    /// It always fits into a `custom_id`: three numbers of at most 20 digits, and a few letters.
    pub fn custom_id(&self) -> String {
        let RequestFilter { status, pid, requester } = self.filter;
        let anchor = match self.anchor {
            SearchAnchor::Newest => String::new(),
            SearchAnchor::OlderThan(request) => format!("o{request}"),
            SearchAnchor::NewerThan(request) => format!("n{request}"),
        };
        let id = [
            format!("{VERSION}{REQUESTS}"),
            status_letter(status).to_owned(),
            pid.map_or(String::new(), |pid| pid.to_string()),
            requester.map_or(String::new(), |requester| requester.to_string()),
            anchor,
        ]
        .join(":");
        debug_assert!(id.len() <= MAX_LENGTH, "{id}");
        id
    }

    pub(super) fn parse(fields: &str) -> Result<Self, ComponentIdError> {
        let fields: Vec<_> = fields.split(':').collect();
        let [status, pid, requester, anchor] = fields[..] else { return Err(ComponentIdError::Foreign) };
        let status = RequestStatus::ALL
            .into_iter()
            .find(|known| status_letter(*known) == status)
            .ok_or(ComponentIdError::Foreign)?;
        let request_id = |text: &str| text.parse().ok().map(RequestId);
        let anchor = match (anchor.get(..1), anchor.get(1..)) {
            (None, _) => Some(SearchAnchor::Newest),
            (Some("o"), Some(request)) => request_id(request).map(SearchAnchor::OlderThan),
            (Some("n"), Some(request)) => request_id(request).map(SearchAnchor::NewerThan),
            _ => None,
        };
        Ok(Self {
            filter: RequestFilter {
                status,
                pid: parse_optional(pid, |text| text.parse().ok().and_then(Pid::new))?,
                requester: parse_optional(requester, |text| text.parse().ok().map(UserId))?,
            },
            anchor: anchor.ok_or(ComponentIdError::Foreign)?,
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
