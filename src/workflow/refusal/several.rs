//! Why some of several sessions cannot be asked for.

use std::collections::BTreeSet;

use super::{creation_error_text, protection_text};
use crate::domain::creation::{CreationError, SessionSelector};
use crate::domain::event::Action;
use crate::domain::identity::Pid;
use crate::domain::protection_advice::advice;

/// Which of several sessions cannot be asked for, and which can. Those with the same reason are in one line.
pub(super) fn some_refused_text(
    refused: &[CreationError],
    others: &[SessionSelector],
    target: &str,
    verbatim: &dyn Fn(&str) -> String,
) -> String {
    let mut lines: Vec<(String, Vec<String>)> = Vec::new();
    for error in refused {
        let (reason, pid) = (
            exclusion(error, target, verbatim),
            refused_pid(error).map_or(String::new(), |pid| pid.to_string()),
        );
        match lines.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, pids)) => pids.push(pid),
            None => lines.push((reason, vec![pid])),
        }
    }
    let lines: Vec<_> = lines.iter().map(|(reason, pids)| format!("{}: {reason}", pids.join(", "))).collect();
    let pids: Vec<_> = others.iter().map(|other| other.pid.to_string()).collect();
    let can_terminate = refused.iter().any(|error| !error.nothing_to_cancel().is_empty());
    let next = match &pids[..] {
        [] if can_terminate => {
            "None of them can be cancelled; ask to terminate those that run no query with the button."
                .to_owned()
        }
        [] => "None of them can be asked for. Use /sessions to see what runs now.".to_owned(),
        [pid] => format!("{pid} can be asked for: use the button."),
        pids => format!("The other {} can be asked for with the button: {}.", pids.len(), pids.join(", ")),
    };
    let advices: BTreeSet<_> = refused.iter().filter_map(advice_about).collect();
    let sentences =
        [format!("{}.", lines.join("; "))].into_iter().chain(advices.into_iter().map(str::to_owned));
    format!("Nothing was requested. {} {next}", sentences.collect::<Vec<_>>().join(" "))
}

/// What would break if a protected session were ended, and who can act.
fn advice_about(error: &CreationError) -> Option<&'static str> {
    match error {
        CreationError::Protected { rule, .. } => Some(advice(rule)),
        _ => None,
    }
}

/// The session that an error is about, if it is about one.
fn refused_pid(error: &CreationError) -> Option<Pid> {
    match error {
        CreationError::Hidden { pid }
        | CreationError::NoSuchBackend { pid }
        | CreationError::Replaced { pid }
        | CreationError::LeaderGone { pid, .. }
        | CreationError::Protected { pid, .. }
        | CreationError::Repeated { pid }
        | CreationError::OnAnotherTarget { pid, .. }
        | CreationError::NotInTransaction { pid } => Some(*pid),
        CreationError::NothingToCancel { session, .. } => Some(session.pid),
        _ => None,
    }
}

/// Why one of several sessions cannot be asked for, as the end of a line that names it.
fn exclusion(error: &CreationError, target: &str, verbatim: &dyn Fn(&str) -> String) -> String {
    match error {
        CreationError::Hidden { .. } => "PostgreSQL does not show what it runs".to_owned(),
        CreationError::NoSuchBackend { .. } => format!("no session on {target}"),
        CreationError::Replaced { .. } => {
            "the session that you chose has ended; another one has its pid now".to_owned()
        }
        CreationError::LeaderGone { .. } => "a parallel worker whose leader has ended".to_owned(),
        CreationError::Protected { rule, .. } => format!("protected, {}", protection_text(rule, verbatim)),
        CreationError::Repeated { .. } => "given twice".to_owned(),
        CreationError::OnAnotherTarget { target: other, .. } => {
            format!("a session of {}, not of {target}", verbatim(other))
        }
        CreationError::NotInTransaction { .. } => "in no transaction".to_owned(),
        CreationError::NothingToCancel { state, .. } => {
            format!("runs no query ({state}): ask to terminate it instead")
        }
        other => creation_error_text(Action::Terminate, target, other, verbatim),
    }
}
