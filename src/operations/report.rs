//! `killgate audit report`: what happened to one request, as Markdown for a post-mortem.

use std::fmt::Write as _;

use anyhow::bail;

use super::audit;
use crate::discord::sanitize::plain;
use crate::domain::event::{BackendResolution, Recorded, RequestDetails, RequestEvent, Resolution};
use crate::domain::ids::{RequestId, UserId};
use crate::ledger::reader::LedgerReader;
use crate::ledger::record::time;

/// The report on a request; `None` when the ledger has none with this number.
///
/// # Errors
/// A ledger that cannot be read, or that is not intact: a report must not rest on it.
pub fn report(reader: &mut dyn LedgerReader, request: RequestId) -> anyhow::Result<Option<String>> {
    let mut records = Vec::new();
    let verdict = audit::verify_each(reader, None, |record| {
        if record.entry().request == Some(request) {
            records.push(record);
        }
    })?;
    if !verdict.is_intact() {
        bail!("the ledger cannot be relied on, so there is no report: {verdict}");
    }
    Ok((!records.is_empty()).then(|| markdown(request, &records)))
}

fn markdown(RequestId(request): RequestId, records: &[Recorded]) -> String {
    let mut text = format!("# Request {request}\n\n");
    for record in records {
        match &record.entry().event {
            RequestEvent::Requested(details) => text.push_str(&request_section(details)),
            RequestEvent::Finished(resolution) => text.push_str(&result_section(resolution)),
            _ => {}
        }
    }
    text.push_str("## Timeline\n\n| time (UTC) | event | person | detail | record | hash |\n|---|---|---|---|---|---|\n");
    for record in records {
        let (event, person, detail) = timeline_cells(&record.entry().event);
        let at = time::write(record.entry().at);
        let (seq, hash) = (record.seq(), record.hash());
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {at} | {event} | {person} | {detail} | {seq} | `{hash}` |");
    }
    text
}

fn request_section(details: &RequestDetails) -> String {
    let mut text = format!(
        "- Action: {} on {}\n- Requested by {} in channel {}\n- Reason: {}\n- Approvals needed: {}\n- Expires: {}\n\n\
         ## Sessions\n\n| pid | backend_start | bound to | user | database | application | client | state | waiters | query |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
        details.action.name(),
        cell(&details.target),
        person(details.requester),
        details.channel.0,
        optional(details.reason.as_deref()),
        details.approvals_needed,
        time::write(details.expires_at),
    );
    for backend in &details.backends {
        let session = &backend.session;
        let cells = [
            backend.identity.pid.to_string(),
            time::write(backend.identity.backend_start),
            backend.bound_to.name().to_owned(),
            optional(session.user.as_deref()),
            optional(session.database.as_deref()),
            cell(&session.application),
            optional(session.client.as_deref()),
            cell(&session.state.to_string()),
            backend.waiters.to_string(),
            optional(session.query.as_deref()),
        ];
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text.push('\n');
    text
}

fn result_section(resolution: &Resolution) -> String {
    let mut text = format!(
        "## Result\n\n- Outcome: {}\n- Signal sent: {}\n- Detail: {}\n- PostgreSQL: {}\n- Waiters released: {}\n\n",
        resolution.outcome.name(),
        sent(resolution.signal_sent),
        cell(&resolution.detail),
        optional(resolution.postgres.as_deref()),
        resolution.waiters_released.map_or_else(|| "not known".to_owned(), |waiters| waiters.to_string()),
    );
    if !resolution.backends.is_empty() {
        text.push_str(
            "| pid | outcome | signal sent | elapsed | detail | PostgreSQL |\n|---|---|---|---|---|---|\n",
        );
    }
    for backend in &resolution.backends {
        text.push_str(&backend_row(backend));
    }
    text.push('\n');
    text
}

fn backend_row(backend: &BackendResolution) -> String {
    let cells = [
        backend.pid.to_string(),
        backend.outcome.name().to_owned(),
        sent(backend.signal_sent).to_owned(),
        backend.elapsed.map_or_else(String::new, |elapsed| format!("{} ms", elapsed.as_millis())),
        cell(&backend.detail),
        optional(backend.postgres.as_deref()),
    ];
    format!("| {} |\n", cells.join(" | "))
}

fn sent(signal_sent: Option<bool>) -> &'static str {
    match signal_sent {
        Some(true) => "yes",
        Some(false) => "no",
        None => "not known",
    }
}

/// The event, the person and the detail of a record.
fn timeline_cells(event: &RequestEvent) -> (&'static str, String, String) {
    let nobody = String::new();
    match event {
        RequestEvent::Requested(details) => ("requested", person(details.requester), nobody),
        RequestEvent::Posted { message } => ("posted", nobody, format!("card {}", message.0)),
        RequestEvent::ApprovalAdded { actor } => ("approved", person(*actor), nobody),
        RequestEvent::ApprovalRemoved { actor } => ("approval_removed", person(*actor), nobody),
        RequestEvent::AttemptRefused { actor, why } => {
            ("attempt_refused", person(*actor), why.name().to_owned())
        }
        RequestEvent::Reminded { message } => ("reminded", nobody, format!("message {}", message.0)),
        RequestEvent::Executing { approvers } => {
            let approvers: Vec<_> = approvers.iter().copied().map(person).collect();
            ("executing", nobody, format!("approved by {}", approvers.join(", ")))
        }
        RequestEvent::Finished(resolution) => {
            ("finished", resolution.actor.map_or(nobody, person), resolution.outcome.name().to_owned())
        }
    }
}

fn person(UserId(id): UserId) -> String {
    id.to_string()
}

fn optional(text: Option<&str>) -> String {
    text.map_or_else(|| "none".to_owned(), cell)
}

/// Text from outside, as it is, on one line of a table: no markup, no invisible characters, no piles of marks.
fn cell(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in plain(text, usize::MAX).as_str().chars() {
        if r"\`*_|<>[]#@!~&$".contains(character) {
            safe.push('\\');
        }
        safe.push(character);
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::identity::Pid;
    use crate::domain::outcome::Outcome;

    #[test]
    fn what_postgresql_said_is_quoted_for_the_request_and_for_each_session() {
        let words = "ERROR 42501: permission denied";
        let backend = BackendResolution {
            pid: Pid::new(42).expect("a pid"),
            outcome: Outcome::Refused,
            elapsed: None,
            signal_sent: Some(false),
            detail: "PostgreSQL refused".to_owned(),
            postgres: Some(words.to_owned()),
        };
        let section = result_section(&Resolution {
            outcome: Outcome::Refused,
            elapsed: None,
            signal_sent: Some(false),
            detail: "PostgreSQL refused".to_owned(),
            postgres: Some(words.to_owned()),
            waiters_released: None,
            actor: None,
            backends: vec![backend],
        });
        assert!(section.contains(&format!("- PostgreSQL: {words}\n")), "{section}");
        let row = format!("| 42 | refused | no |  | PostgreSQL refused | {words} |\n");
        assert!(section.contains(&row), "{section}");
    }
}
