//! The buttons and the menu under a page: turn it, refresh it, pick a session.

use std::collections::HashSet;

use serenity::all::{ButtonStyle, CreateActionRow, CreateButton};

use super::page::SessionQuery;
use super::paging::{ListEntry, ListSection, PageContent};
use super::{SessionRow, SessionView};
use crate::discord::messages::choices;
use crate::discord::messages::component_id::{PageNavigation, PageStep, SessionChoice};
use crate::discord::messages::session_menu::{MAX_OPTIONS, MenuSession, select_all_row, session_menu};
use crate::discord::sanitize;
use crate::domain::session::{BackendType, Session};

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

/// A menu of sessions, and the button that asks for all of them. If it has room for all sessions of the list that may be
/// signalled, they are in it, so that the button is about them; else those on the page are. Each option names its target
/// unless there is only one.
pub(super) fn menu_rows(
    sections: &[ListSection<'_>],
    page: &PageContent<'_>,
    is_only_target: bool,
) -> Vec<CreateActionRow> {
    let all = || {
        sections.iter().flat_map(|section| {
            section.entries.iter().flat_map(ListEntry::all_rows).map(move |row| (section, row))
        })
    };
    let most = sections.iter().map(|section| section.rules.sessions_per_request).min().unwrap_or(0) as usize;
    let most = most.min(MAX_OPTIONS);
    // A list may have hundreds of sessions. One more than can be asked for is enough to know.
    let mut requestable = HashSet::new();
    for (section, row) in all().filter(|(section, row)| !is_excluded(section, row.session)) {
        requestable.insert((section.target, row.session.pid));
        if requestable.len() > most {
            break;
        }
    }
    let targets: HashSet<_> = requestable.iter().map(|(target, _)| target).collect();
    let are_all_offered = targets.len() == 1 && (2..=most).contains(&requestable.len());
    let sessions = if are_all_offered {
        let mut sessions = menu_sessions(all(), is_only_target);
        // Those that may be signalled come first, so that none of them is left out.
        sessions.sort_by_key(|session| session.choice.is_locked);
        sessions
    } else {
        menu_sessions(page.rows(), is_only_target)
    };
    let menu = session_menu(&sessions, "Pick one for details, or several for one request…");
    let select_all = are_all_offered.then(|| select_all_row(requestable.len()));
    menu.into_iter().chain(select_all).collect()
}

/// Whether *Ask for all* is not about the session. A parallel worker's leader may be in the list itself.
fn is_excluded(section: &ListSection<'_>, session: &Session) -> bool {
    session.backend_type == BackendType::ParallelWorker || section.is_locked(session)
}

/// A session that waits for two others is shown twice, but Discord accepts each value once.
fn menu_sessions<'a, 'b: 'a>(
    rows: impl Iterator<Item = (&'a ListSection<'b>, SessionRow<'b>)>,
    is_only_target: bool,
) -> Vec<MenuSession> {
    let mut values = HashSet::new();
    rows.map(|(section, row)| menu_session(section, &row, is_only_target))
        .filter(|session| values.insert(session.choice.value()))
        .collect()
}

fn menu_session(section: &ListSection<'_>, row: &SessionRow<'_>, is_only_target: bool) -> MenuSession {
    let session = row.session;
    let target = (!is_only_target).then_some(section.target);
    let query = session.query.as_deref().unwrap_or_default();
    let query = sanitize::plain(query, DESCRIPTION_LENGTH).to_string();
    MenuSession {
        choice: SessionChoice {
            target: section.target.to_owned(),
            pid: session.pid,
            backend_start: session.backend_start,
            is_locked: is_excluded(section, session),
        },
        label: choices::label(row, target, section.snapshot.taken_at, section.is_locked(session)),
        description: Some(query).filter(|query| !query.is_empty()),
    }
}
