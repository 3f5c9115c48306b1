//! What to do after a result, and the buttons that do it.

use serenity::all::{ButtonStyle, CreateActionRow, CreateButton};

use crate::discord::messages::component_id::SessionChoice;
use crate::discord::messages::session_menu::request_others_rows;
use crate::domain::creation::SessionSelector;
use crate::domain::event::{Action, BackendResolution, RequestDetails, RequestedBackend, Resolution};
use crate::domain::outcome::Outcome;
use crate::domain::request::Request;
use crate::domain::unreachable_cause;

/// The table of the guard's own rules. The guard's detail about a match names it.
const GUARD_TABLE: &str = "killgate.protected_users";

/// A sentence about what to do next, if there is something to do.
pub(super) fn next_step(request: &Request, resolution: &Resolution) -> Option<String> {
    let is_unconfirmed = |ended: &BackendResolution| ended.outcome == Outcome::Unconfirmed;
    if resolution.outcome == Outcome::Unconfirmed || resolution.backends.iter().any(is_unconfirmed) {
        return Some(after_unconfirmed(&request.details));
    }
    let next = match resolution.outcome {
        Outcome::MovedOn => "Look at what it runs now. That may need another request.",
        Outcome::Gone | Outcome::Replaced | Outcome::NotABackend | Outcome::Lapsed => {
            "Use /sessions to see what runs now."
        }
        Outcome::Unreachable => {
            let first = resolution.backends.first();
            unreachable_cause::next_step(first.map_or(&resolution.detail, |backend| &backend.detail))
        }
        Outcome::Protected if resolution.detail.contains(GUARD_TABLE) => {
            "That table is the guard's own, in the target's database, and killgate may not read it. A database administrator can \
             change it there, or end the session with psql."
        }
        Outcome::Protected => {
            "A database administrator can end it with psql. If a rule of killgate protects it, an operator can change the rule."
        }
        // A person who withdrew it knows why.
        Outcome::Withdrawn if resolution.actor.is_none() => "Ask again if it is still needed.",
        Outcome::Mixed => "Check with /sessions what is left before you ask again.",
        Outcome::Unknown => "Look at it before you ask again.",
        Outcome::Expired => "Ask again if it is still needed.",
        Outcome::Refused => {
            "PostgreSQL's words say why. Operators of killgate: if a privilege is missing, `killgate check` names it."
        }
        Outcome::Limited => "Ask again later, or have `signals_per_hour` raised.",
        Outcome::Terminated | Outcome::Cancelled if are_some_waiting(request, resolution) => {
            "`/sessions view:blocking` shows whether anybody still waits, and for whom."
        }
        _ => return None,
    };
    Some(next.to_owned())
}

/// Whether fewer were released than waited at the time of the request.
fn are_some_waiting(request: &Request, resolution: &Resolution) -> bool {
    resolution.waiters_released.is_some_and(|released| released < request.details.waiters())
}

/// A terminate stays pending until the process can react, so another one hurries nothing. `SIGKILL` makes the server end
/// all sessions and recover (PostgreSQL documentation, "Shutting Down the Server").
fn after_unconfirmed(details: &RequestDetails) -> String {
    match (details.action, &details.backends[..]) {
        (Action::Cancel, _) => {
            "**What to do:** refresh, and see whether it still runs. If it does, ask to terminate: that disconnects the session, \
             and needs its own approval."
                .to_owned()
        }
        (Action::Terminate, [backend]) => format!(
            "**What to do:** refresh, and see whether it is still there. PostgreSQL keeps the terminate pending until the process \
             reacts. If it does not, look at it on the server: `ps -o pid,stat,wchan:32 -p {}`, where D in `stat` is a disk or \
             network file system that does not answer. Never `kill -9` it: that ends all sessions.",
            backend.identity.pid
        ),
        (Action::Terminate, _) => {
            "**What to do:** see which are still there. PostgreSQL keeps the terminate pending until a process reacts. If it does \
             not, look at it on the server. Never `kill -9` one: that ends all sessions."
                .to_owned()
        }
    }
}

/// Buttons to look at what may not have ended as asked, and to ask to terminate what was signalled and not seen to end.
pub(super) fn buttons(request: &Request, resolution: &Resolution) -> Vec<CreateActionRow> {
    let details = &request.details;
    if let [backend] = &details.backends[..] {
        return buttons_for_one(details, backend, resolution.outcome);
    }
    let backends = details.backends.iter().zip(&resolution.backends);
    let unconfirmed = backends.filter(|(_, ended)| ended.outcome == Outcome::Unconfirmed);
    let unconfirmed: Vec<_> = unconfirmed
        .map(|(backend, _)| SessionSelector {
            pid: backend.identity.pid,
            backend_start: Some(backend.identity.backend_start),
        })
        .collect();
    request_others_rows((Action::Terminate, None), &details.target, &unconfirmed)
}

fn buttons_for_one(
    details: &RequestDetails,
    backend: &RequestedBackend,
    outcome: Outcome,
) -> Vec<CreateActionRow> {
    if !matches!(outcome, Outcome::Unconfirmed | Outcome::Unknown | Outcome::MovedOn) {
        return Vec::new();
    }
    let choice = SessionChoice {
        target: details.target.clone(),
        pid: backend.identity.pid,
        backend_start: backend.identity.backend_start,
        is_locked: false,
    };
    let refresh = CreateButton::new(choice.details_id()).label("Refresh").style(ButtonStyle::Secondary);
    let terminate = CreateButton::new(choice.custom_id(Action::Terminate)).label("Ask to terminate");
    let terminate = (outcome == Outcome::Unconfirmed).then(|| terminate.style(ButtonStyle::Danger));
    vec![CreateActionRow::Buttons([refresh].into_iter().chain(terminate).collect())]
}
