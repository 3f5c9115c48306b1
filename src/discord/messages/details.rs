//! One session that somebody picked, and what can be asked about it.

use serenity::all::{ButtonStyle, CreateActionRow, CreateButton, CreateEmbed};

use super::body::MessageBody;
use super::component_id::SessionChoice;
use super::format::{TimestampStyle, count, name, timestamp};
use super::session_facts::{obstacle_warning, origin_text, state_with_ages, wait_text};
use crate::discord::sanitize;
use crate::domain::event::Action;
use crate::domain::session::{BackendType, CancelObstacle, Session};
use crate::domain::timestamp::Timestamp;

const QUERY: usize = 2_000;

/// The session as it was seen at `now`, with `waiters` behind it, for nobody but the person who picked it.
pub fn details(target: &str, session: &Session, waiters: usize, now: Timestamp) -> MessageBody {
    let mut lines = vec![state_with_ages(session, now)];
    lines.extend(wait_text(session));
    if waiters > 0 {
        lines.push(format!("**Blocks {}**", count(waiters, "session")));
    }
    lines.push(origin_text(session));
    lines.push(format!(
        "Connected {}",
        timestamp(session.backend_start, TimestampStyle::Relative)
    ));
    let asks = match (&session.backend_type, session.leader_pid) {
        _ if session.is_own => Err("This is a connection of killgate itself.".to_owned()),
        (BackendType::Client, _) => Ok(()),
        (BackendType::ParallelWorker, Some(leader)) => {
            lines.push(format!(
                "A parallel worker of {leader}: what is asked is about its leader."
            ));
            Ok(())
        }
        (kind, _) => Err(format!(
            "It serves no client ({}), so it can be neither cancelled nor terminated here.",
            name(kind.name())
        )),
    };
    let futility = session.cancel_obstacle();
    if let Some(futility) = futility.filter(|_| asks.is_ok()) {
        lines.push(format!("⚠️ {}", obstacle_warning(futility)));
    }
    let is_askable = asks.is_ok();
    lines.extend(asks.err());
    if session.query.is_some() && !session.state.is_running() {
        lines.push("Its last query, which has ended:".to_owned());
    }
    lines.extend(
        session
            .query
            .as_deref()
            .map(|query| sanitize::block(query, QUERY).into()),
    );
    lines.retain(|line| !line.is_empty());
    let title = format!("{} on {}", session.pid, name(target));
    let body = MessageBody::embed(CreateEmbed::new().title(title).description(lines.join("\n"))).ephemeral();
    if !is_askable {
        return body;
    }
    let chosen = SessionChoice {
        target: target.to_owned(),
        pid: session.pid,
        backend_start: session.backend_start,
    };
    body.with_components(vec![CreateActionRow::Buttons(buttons(&chosen, futility))])
}

/// A cancel that would not do can be asked for all the same, and is not what the eye falls on.
fn buttons(chosen: &SessionChoice, futility: Option<CancelObstacle>) -> Vec<CreateButton> {
    let cancel = match futility {
        Some(_) => ButtonStyle::Secondary,
        None => ButtonStyle::Primary,
    };
    let button = |action, label, style| CreateButton::new(chosen.id(action)).label(label).style(style);
    vec![
        button(Action::Cancel, "Ask to cancel", cancel),
        button(Action::Terminate, "Ask to terminate", ButtonStyle::Danger),
    ]
}
