//! The buttons and the menu under a page: turn it, refresh it, pick a session.

use std::collections::HashSet;

use serenity::all::{
    ButtonStyle, CreateActionRow, CreateButton, CreateSelectMenu, CreateSelectMenuKind,
    CreateSelectMenuOption,
};

use super::page::SessionQuery;
use super::paging::{ListSection, PageContent};
use super::{SessionRow, SessionView};
use crate::discord::messages::choices;
use crate::discord::messages::component_id::{PageNavigation, PageStep, SELECT_SESSION_ID, SessionChoice};
use crate::discord::sanitize;

/// Discord's limit for the options of a menu (Discord documentation, "String Select").
const MAX_OPTIONS: usize = 25;
const DESCRIPTION_LENGTH: usize = 100;

/// Buttons to the pages before and after this one, to refresh it, and to the other view that matters when sessions are
/// blocked. `None` if the query does not fit in the `custom_id` of a button.
pub(super) fn navigation_row(
    query: &SessionQuery,
    page_number: usize,
    page_count: usize,
    has_blocked_sessions: bool,
) -> Option<CreateActionRow> {
    let button = |step, from_page, view, label| {
        let query = SessionQuery { view, ..query.clone() };
        let navigation = PageNavigation { step, from_page, query };
        let button = CreateButton::new(navigation.custom_id()?);
        Some(button.label(label).style(ButtonStyle::Secondary))
    };
    let mut buttons = vec![button(PageStep::Stay, page_number, query.view, "Refresh")?];
    if page_count > 1 {
        let back = button(PageStep::Back, page_number, query.view, "◀ Back")?;
        let forward = button(PageStep::Forward, page_number, query.view, "More ▶")?;
        buttons.insert(0, back.disabled(page_number == 0));
        buttons.push(forward.disabled(page_number + 1 == page_count));
    }
    if query.view == SessionView::Blocking {
        buttons.push(button(PageStep::Stay, 0, SessionView::Busy, "Busy sessions")?);
    } else if has_blocked_sessions {
        buttons.push(button(PageStep::Stay, 0, SessionView::Blocking, "Who blocks whom")?);
    }
    Some(CreateActionRow::Buttons(buttons))
}

/// A menu of the sessions on the page, if there are any. Each option names its target unless there is only one.
pub(super) fn session_menu(page: &PageContent<'_>, is_only_target: bool) -> Option<CreateActionRow> {
    // A session that waits for two others is shown twice, but Discord accepts each value once.
    let mut values = HashSet::new();
    let options: Vec<_> = page
        .rows()
        .map(|(section, row)| (session_choice(section, &row).value(), section, row))
        .filter(|(value, ..)| values.insert(value.clone()))
        .map(|(value, section, row)| menu_option(value, section, &row, is_only_target))
        .take(MAX_OPTIONS)
        .collect();
    if options.is_empty() {
        return None;
    }
    let menu = CreateSelectMenu::new(SELECT_SESSION_ID, CreateSelectMenuKind::String { options });
    Some(CreateActionRow::SelectMenu(menu.placeholder("Show details, cancel or terminate…")))
}

fn session_choice(section: &ListSection<'_>, row: &SessionRow<'_>) -> SessionChoice {
    SessionChoice {
        target: section.target.to_owned(),
        pid: row.session.pid,
        backend_start: row.session.backend_start,
    }
}

fn menu_option(
    value: String,
    section: &ListSection<'_>,
    row: &SessionRow<'_>,
    is_only_target: bool,
) -> CreateSelectMenuOption {
    let target = (!is_only_target).then_some(section.target);
    let option = CreateSelectMenuOption::new(choices::label(row, target, section.taken_at), value);
    let query = row.session.query.as_deref().unwrap_or_default();
    let query = sanitize::plain(query, DESCRIPTION_LENGTH);
    if query.as_str().is_empty() { option } else { option.description(query) }
}
