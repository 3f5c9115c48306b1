//! How a request about several sessions ended: how many in which way, and which of them not as asked.

use std::collections::BTreeSet;

use crate::discord::messages::format::{name, utf16_len, verbatim};
use crate::discord::sanitize;
use crate::domain::event::{Action, BackendResolution, Resolution};
use crate::domain::identity::Pid;
use crate::domain::outcome::Outcome;
use crate::domain::request::Request;

/// What the line may take that says how many are left out.
const OMITTED_LENGTH: usize = 90;
/// Further sessions with the same reason are named by their pids alone.
const MAX_NAMED: usize = 8;
const NAME_LENGTH: usize = 40;
const DETAIL_LENGTH: usize = 160;
const POSTGRES_LENGTH: usize = 200;

/// Whether the outcomes of several sessions are to be counted.
pub(in crate::discord::messages) fn is_counted(resolution: &Resolution) -> bool {
    let is_countable =
        matches!(resolution.outcome, Outcome::Mixed | Outcome::Cancelled | Outcome::Terminated);
    resolution.backends.len() > 1 && is_countable
}

/// `Terminated 23 of 25 on orders after 143 ms · 1 already gone · 1 unconfirmed`.
pub(in crate::discord::messages) fn counts_text(
    request: &Request,
    resolution: &Resolution,
    after: &str,
) -> String {
    let asked = asked_outcome(request.details.action);
    let number = |outcome| resolution.backends.iter().filter(|backend| backend.outcome == outcome).count();
    let what = match request.details.action {
        Action::Cancel => "Cancelled the queries of",
        Action::Terminate => "Terminated",
    };
    let (done, total) = (number(asked), resolution.backends.len());
    let first = format!("{what} {done} of {total} on {}{after}", name(&request.details.target));
    let others: BTreeSet<_> = resolution
        .backends
        .iter()
        .map(|backend| backend.outcome)
        .filter(|outcome| *outcome != asked)
        .collect();
    let others = others
        .into_iter()
        .map(|outcome| format!("{} {}", number(outcome), outcome.headline().to_lowercase()));
    [first].into_iter().chain(others).collect::<Vec<_>>().join(" · ")
}

/// The sessions that did not end as asked, by name and reason, in at most `length` UTF-16 units. Those with the same reason are in
/// one line.
pub(super) fn exceptions(request: &Request, resolution: &Resolution, length: usize) -> Vec<String> {
    let asked = asked_outcome(request.details.action);
    let mut groups: Vec<(&BackendResolution, Vec<(Pid, String)>)> = Vec::new();
    for (backend, ended) in request.details.backends.iter().zip(&resolution.backends) {
        if ended.outcome == asked {
            continue;
        }
        let session = match backend.session.group_name() {
            Some(name) => format!("{} ({})", verbatim(name, NAME_LENGTH), ended.pid),
            None => ended.pid.to_string(),
        };
        let is_same = |known: &BackendResolution| {
            (known.outcome, &known.detail, &known.postgres) == (ended.outcome, &ended.detail, &ended.postgres)
        };
        match groups.iter_mut().find(|(known, _)| is_same(known)) {
            Some((_, sessions)) => sessions.push((ended.pid, session)),
            None => groups.push((ended, vec![(ended.pid, session)])),
        }
    }
    let mut left = length.saturating_sub(OMITTED_LENGTH);
    let mut lines = Vec::new();
    let mut omitted = 0;
    for (ended, sessions) in groups {
        let line = exception_line(ended, &sessions);
        match left.checked_sub(utf16_len(&line) + 1) {
            Some(rest) => {
                left = rest;
                lines.push(line);
            }
            None => omitted += sessions.len(),
        }
    }
    if omitted > 0 {
        lines.push(format!("… and {omitted} more: `killgate audit report --request {}` has all", request.id));
    }
    lines
}

fn exception_line(ended: &BackendResolution, sessions: &[(Pid, String)]) -> String {
    let named = sessions.iter().take(MAX_NAMED).map(|(_, named)| named.clone());
    let others = sessions.iter().skip(MAX_NAMED).map(|(pid, _)| pid.to_string());
    let sessions = named.chain(others).collect::<Vec<_>>().join(", ");
    let detail = sanitize::line(&ended.detail, DETAIL_LENGTH);
    let mut line = format!("{sessions} · {}: {detail}", ended.outcome.headline().to_lowercase());
    if let Some(message) = &ended.postgres {
        line = format!("{line} {}", sanitize::code(message, POSTGRES_LENGTH));
    }
    line
}

fn asked_outcome(action: Action) -> Outcome {
    match action {
        Action::Cancel => Outcome::Cancelled,
        Action::Terminate => Outcome::Terminated,
    }
}
