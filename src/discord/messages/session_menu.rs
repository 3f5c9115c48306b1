//! The menu of sessions under a message, and what can be asked for all of them. The menu is also where the list is kept: a
//! button has no room for it, and what its message shows is exactly what people chose from.

use serenity::all::{
    ActionRow, ActionRowComponent, ButtonStyle, CreateActionRow, CreateButton, CreateEmbed, CreateSelectMenu,
    CreateSelectMenuKind, CreateSelectMenuOption,
};

use super::body::MessageBody;
use super::component_id::{
    ComponentIdError, SELECT_ALL_ID, SELECT_IDLE_ID, SELECT_SESSION_ID, SessionChoice, TERMINATE_IDLE_ID,
    request_all_id,
};
use super::format::{count, name};
use crate::discord::sanitize;
use crate::domain::creation::SessionSelector;
use crate::domain::event::{Action, Binding};

/// Discord's limit for the options of a menu (Discord documentation, "String Select").
pub const MAX_OPTIONS: usize = 25;
const LABEL_LENGTH: usize = 100;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MenuSession {
    pub choice: SessionChoice,
    pub label: String,
    pub description: Option<String>,
}

/// A menu of at most [`MAX_OPTIONS`] sessions, of which several can be picked. `None` without any.
pub fn session_menu(sessions: &[MenuSession], placeholder: &str) -> Option<CreateActionRow> {
    menu(SELECT_SESSION_ID, sessions, placeholder)
}

fn menu(id: &str, sessions: &[MenuSession], placeholder: &str) -> Option<CreateActionRow> {
    let options: Vec<_> = sessions
        .iter()
        .take(MAX_OPTIONS)
        .map(|session| {
            let option = CreateSelectMenuOption::new(session.label.clone(), session.choice.value());
            match &session.description {
                Some(description) => option.description(description.clone()),
                None => option,
            }
        })
        .collect();
    let most = u8::try_from(options.len()).ok().filter(|most| *most > 0)?;
    let menu = CreateSelectMenu::new(id, CreateSelectMenuKind::String { options });
    Some(CreateActionRow::SelectMenu(menu.max_values(most).placeholder(placeholder)))
}

/// The button that chooses all sessions in the menu.
pub fn select_all_row(sessions: usize) -> CreateActionRow {
    let button = CreateButton::new(SELECT_ALL_ID).label(format!("Ask for all {sessions}"));
    CreateActionRow::Buttons(vec![button.style(ButtonStyle::Secondary)])
}

/// The sessions in the menu `menu_id` of a message.
pub fn listed_sessions(
    rows: &[ActionRow],
    menu_id: &str,
    targets: &[&str],
) -> Result<Vec<MenuSession>, ComponentIdError> {
    let components = rows.iter().flat_map(|row| &row.components);
    let menus = components.filter_map(|component| match component {
        ActionRowComponent::SelectMenu(menu) if menu.custom_id.as_deref() == Some(menu_id) => {
            Some(&menu.options)
        }
        _ => None,
    });
    menus
        .flatten()
        .map(|option| {
            Ok(MenuSession {
                choice: SessionChoice::parse(&option.value, targets.iter().copied())?,
                label: option.label.clone(),
                description: option.description.clone(),
            })
        })
        .collect()
}

/// What can be asked for these sessions of one target, with the buttons for it. Only the person who chose them sees it.
pub fn chosen_sessions(target: &str, sessions: &[MenuSession]) -> MessageBody {
    let (locked, requestable): (Vec<_>, Vec<_>) =
        sessions.iter().cloned().partition(|session| session.choice.is_locked);
    let line = |session: &MenuSession| sanitize::line(&session.label, LABEL_LENGTH).to_string();
    let mut lines: Vec<_> = requestable.iter().map(line).collect();
    if !locked.is_empty() {
        // A protected one, or a parallel worker; a menu does not keep by which rule.
        let heading = "cannot be part of a request. Pick one alone, and its details say why:";
        lines.push(format!("{} {heading}", count(locked.len(), "session")));
        lines.extend(locked.iter().map(line));
    }
    let title = match requestable.len() {
        0 => format!("Nothing can be asked for these sessions on {}", name(target)),
        some => format!("{} on {}", count(some, "session"), name(target)),
    };
    let embed = CreateEmbed::new().title(title).description(lines.join("\n"));
    let buttons = [
        request_all_button(Action::Cancel, None, "Ask to cancel"),
        request_all_button(Action::Terminate, None, "Ask to terminate"),
    ];
    let menu = session_menu(&requestable, "Ask for some of them, or show one…");
    let components = menu.into_iter().flat_map(|menu| [menu, CreateActionRow::Buttons(buttons.to_vec())]);
    MessageBody::embed(embed).with_components(components.collect()).ephemeral()
}

/// The button that asks for those of several sessions that can be asked for, and their menu.
pub fn request_others_rows(
    (action, bound_to): (Action, Option<Binding>),
    target: &str,
    others: &[SessionSelector],
) -> Vec<CreateActionRow> {
    let sessions = menu_sessions(target, others);
    let verb = action.name();
    let label = match sessions.len() {
        1 => format!("Ask to {verb} {}", sessions[0].choice.pid),
        several => format!("Ask to {verb} the other {several}"),
    };
    let button = request_all_button(action, bound_to, &label);
    let menu = session_menu(&sessions, "Ask for some of them, or show one…");
    menu.into_iter().flat_map(|menu| [menu, CreateActionRow::Buttons(vec![button.clone()])]).collect()
}

/// The button that asks to terminate the sessions that cannot be cancelled because they run no query, and their menu.
pub fn terminate_idle_rows(target: &str, idle: &[SessionSelector]) -> Vec<CreateActionRow> {
    let sessions = menu_sessions(target, idle);
    let label = match &sessions[..] {
        [one] => format!("Ask to terminate {}", one.choice.pid),
        several => format!("Ask to terminate the {} that run no query", several.len()),
    };
    let button = CreateButton::new(TERMINATE_IDLE_ID).label(label).style(ButtonStyle::Danger);
    let menu = menu(SELECT_IDLE_ID, &sessions, "Ask to terminate some of them, or show one…");
    menu.into_iter().flat_map(|menu| [menu, CreateActionRow::Buttons(vec![button.clone()])]).collect()
}

/// Each session once: Discord accepts no value twice.
fn menu_sessions(target: &str, selectors: &[SessionSelector]) -> Vec<MenuSession> {
    let mut sessions: Vec<MenuSession> = Vec::new();
    for selector in selectors {
        let Some(backend_start) = selector.backend_start else { continue };
        let (target, pid) = (target.to_owned(), selector.pid);
        let choice = SessionChoice { target, pid, backend_start, is_locked: false };
        if sessions.iter().all(|known| known.choice != choice) {
            sessions.push(MenuSession { choice, label: pid.to_string(), description: None });
        }
    }
    sessions
}

fn request_all_button(action: Action, bound_to: Option<Binding>, label: &str) -> CreateButton {
    let style = match action {
        Action::Cancel => ButtonStyle::Primary,
        Action::Terminate => ButtonStyle::Danger,
    };
    CreateButton::new(request_all_id(action, bound_to)).label(label).style(style)
}
