//! What can be done with a page: turn it, look again, pick a session.

use std::collections::HashSet;

use serenity::all::{
    ButtonStyle, CreateActionRow, CreateButton, CreateSelectMenu, CreateSelectMenuKind,
    CreateSelectMenuOption,
};

use super::page::{SessionQuery, TargetAnswer};
use crate::discord::messages::choices;
use crate::discord::messages::component_id::{PICK, PageNavigation, PageStep, SessionChoice};
use crate::discord::sanitize;
use crate::discord::session_list::{SessionRow, SessionView};

/// Discord's limit for the options of a menu (Discord documentation, "String Select").
const OPTIONS: usize = 25;
const DESCRIPTION: usize = 100;

/// Buttons to the pages before and after this one, to this one as it is now, and to the other view that matters where
/// somebody is `blocked`; `None` when what is wanted does not fit in a button.
pub(super) fn turning(
    wanted: &SessionQuery,
    number: usize,
    of: usize,
    blocked: bool,
) -> Option<CreateActionRow> {
    let button = |step, from, view, label| {
        let wanted = SessionQuery {
            view,
            ..wanted.clone()
        };
        let button = CreateButton::new(PageNavigation { step, from, wanted }.id()?);
        Some(button.label(label).style(ButtonStyle::Secondary))
    };
    let mut buttons = vec![button(PageStep::Stay, number, wanted.view, "Refresh")?];
    if of > 1 {
        let back = button(PageStep::Back, number, wanted.view, "◀ Back")?;
        let forward = button(PageStep::Forward, number, wanted.view, "More ▶")?;
        buttons.insert(0, back.disabled(number == 0));
        buttons.push(forward.disabled(number + 1 == of));
    }
    match wanted.view {
        SessionView::Blocking => {
            buttons.push(button(PageStep::Stay, 0, SessionView::Busy, "All that is busy")?)
        }
        _ if blocked => buttons.push(button(
            PageStep::Stay,
            0,
            SessionView::Blocking,
            "Who blocks whom",
        )?),
        _ => {}
    }
    Some(CreateActionRow::Buttons(buttons))
}

/// A menu of the sessions shown, if there are any; with their target's name unless it is `alone`.
pub(super) fn picking<'a>(
    shown: impl Iterator<Item = (&'a TargetAnswer, SessionRow<'a>)>,
    alone: bool,
) -> Option<CreateActionRow> {
    // Who waits for two is shown twice, but Discord takes each value once.
    let mut offered = HashSet::new();
    let options: Vec<_> = shown
        .filter_map(|(answer, row)| {
            let at = answer.snapshot.as_ref().ok()?.taken_at;
            let session = row.session;
            let chosen = SessionChoice {
                target: answer.target.clone(),
                pid: session.pid,
                backend_start: session.backend_start,
            };
            let value = chosen.value();
            if !offered.insert(value.clone()) {
                return None;
            }
            let target = (!alone).then_some(answer.target.as_str());
            let option = CreateSelectMenuOption::new(choices::label(&row, target, at), value);
            let query = session.query.as_deref().unwrap_or_default();
            let query = sanitize::plain(query, DESCRIPTION);
            Some(if query.as_str().is_empty() {
                option
            } else {
                option.description(query)
            })
        })
        .take(OPTIONS)
        .collect();
    if options.is_empty() {
        return None;
    }
    let menu = CreateSelectMenu::new(PICK, CreateSelectMenuKind::String { options });
    Some(CreateActionRow::SelectMenu(
        menu.placeholder("Look closer, cancel or terminate…"),
    ))
}
