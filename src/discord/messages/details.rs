//! The details of one session, with the buttons to request a cancel or a terminate.

use serenity::all::{ButtonStyle, CreateActionRow, CreateButton, CreateEmbed};

use super::body::MessageBody;
use super::component_id::SessionChoice;
use super::format::{age, name, session_name};
use super::lock_text::progress_text;
use super::session_facts::{
    ON_STANDBY, obstacle_warning, origin_besides_title, prepared_lines, state_with_ages, wait_text,
    waiters_heading,
};
use super::waiters_text::groups_text;
use crate::discord::sanitize;
use crate::domain::event::Action;
use crate::domain::lock_graph::LockGraph;
use crate::domain::protection::{ProtectionRule, ProtectionRules};
use crate::domain::protection_advice::advice;
use crate::domain::session::{BackendType, CancelObstacle, Session, Snapshot};
use crate::domain::waiters::WaiterSummary;

const QUERY_LENGTH: usize = 2_000;
const RULE_LENGTH: usize = 300;

/// The session as `snapshot` shows it, with `waiters` behind it. Only the person who selected it sees the message.
pub fn session_details(
    target: &str,
    session: &Session,
    waiters: usize,
    snapshot: &Snapshot,
    protection: &ProtectionRules,
) -> MessageBody {
    let now = snapshot.taken_at;
    let mut lines = Vec::new();
    lines.extend(snapshot.is_standby.then(|| ON_STANDBY.to_owned()));
    lines.push(state_with_ages(session, now));
    lines.extend(wait_text(session, |since| format!("for {}", age(now.duration_since(since)))));
    lines.extend(prepared_lines(session, |at| format!("{} ago", age(now.duration_since(at)))));
    if waiters > 0 {
        let queue = WaiterSummary::of(session.pid, snapshot, &LockGraph::from_snapshot(snapshot));
        let groups = Some(groups_text(&queue)).filter(|groups| !groups.is_empty());
        let groups = groups.map_or(String::new(), |groups| format!(": {groups}"));
        lines.push(format!("{}{groups}", waiters_heading(session, waiters)));
    }
    lines.extend(session.progress.as_ref().map(|progress| format!("{}.", progress_text(progress))));
    lines.push(origin_besides_title(session));
    lines.push(format!("Connected {} ago", age(now.duration_since(session.backend_start))));
    let obstacle = session.cancel_obstacle();
    let no_signal_reason = no_signal_reason(session, snapshot, protection);
    let may_signal = no_signal_reason.is_none();
    if let (BackendType::ParallelWorker, Some(leader), true) =
        (&session.backend_type, session.leader_pid, may_signal)
    {
        lines.push(format!("This is a parallel worker of {leader}. A request is about the leader."));
    }
    if let Some(obstacle) = obstacle.filter(|_| may_signal) {
        lines.push(format!("⚠️ {}", obstacle_warning(obstacle)));
    }
    lines.extend(no_signal_reason);
    if session.query.is_some() && !session.state.is_running() {
        lines.push("Its last query, which has finished:".to_owned());
    }
    lines.extend(session.query.as_deref().map(|query| sanitize::block(query, QUERY_LENGTH).into()));
    lines.retain(|line| !line.is_empty());
    let title = format!("{} on {}", session_name(session), name(target));
    let body = MessageBody::embed(CreateEmbed::new().title(title).description(lines.join("\n"))).ephemeral();
    if !may_signal {
        return body;
    }
    let choice = SessionChoice {
        target: target.to_owned(),
        pid: session.pid,
        backend_start: session.backend_start,
        is_locked: false,
    };
    body.with_components(vec![CreateActionRow::Buttons(buttons(&choice, obstacle))])
}

/// Why the session cannot be signalled; `None` if it can.
fn no_signal_reason(session: &Session, snapshot: &Snapshot, protection: &ProtectionRules) -> Option<String> {
    if session.is_own {
        return Some("This is a connection of killgate itself. It cannot be signalled.".to_owned());
    }
    let protected = |what: &str| {
        let matching = protection.rule_against_request(session, snapshot)?;
        let rule = sanitize::line(&matching.to_string(), RULE_LENGTH);
        Some(format!("🔒 {what} is protected: {rule}. {}", advice(&matching)))
    };
    match (&session.backend_type, session.leader_pid) {
        (BackendType::ParallelWorker, Some(leader)) => {
            protected(&format!("Its leader {leader}, which a request would be about,"))
        }
        (BackendType::Client, _) => protected("It"),
        (kind, _) => {
            let rule = ProtectionRule::NotAClient { kind: kind.name().to_owned() };
            let advice = advice(&rule);
            Some(format!(
                "🔒 It serves no client ({}), so no request can be about it. {advice}",
                name(kind.name())
            ))
        }
    }
}

/// A cancel that may fail can still be requested, but its button does not stand out. Without a query it would be refused.
fn buttons(choice: &SessionChoice, obstacle: Option<CancelObstacle>) -> Vec<CreateButton> {
    let cancel = match obstacle {
        Some(CancelObstacle::Idle | CancelObstacle::IdleInTransaction) => None,
        Some(CancelObstacle::ClientWrite | CancelObstacle::CopyData) => Some(ButtonStyle::Secondary),
        None => Some(ButtonStyle::Primary),
    };
    let button = |action, label, style| CreateButton::new(choice.custom_id(action)).label(label).style(style);
    let cancel = cancel.map(|style| button(Action::Cancel, "Ask to cancel", style));
    let terminate = button(Action::Terminate, "Ask to terminate", ButtonStyle::Danger);
    cancel.into_iter().chain([terminate]).collect()
}
