//! What can be done with a page: turn it, look again, pick a session.

use std::collections::HashSet;

use serenity::all::{
    ButtonStyle, CreateActionRow, CreateButton, CreateSelectMenu, CreateSelectMenuKind,
    CreateSelectMenuOption,
};

use crate::domain::inert;
use crate::domain::view::Row;

use super::{Answer, Wanted};
use crate::discord::render::choices;
use crate::discord::render::press::{Chosen, PICK, Step, Turn};

/// Discord's limit for the options of a menu (Discord documentation, "String Select").
const OPTIONS: usize = 25;
const DESCRIPTION: usize = 100;

/// Buttons to the pages before and after this one, and to this one as it is now; `None` when what is wanted does
/// not fit in a button.
pub(super) fn turning(wanted: &Wanted, number: usize, of: usize) -> Option<CreateActionRow> {
    let button = |step, label| {
        let wanted = wanted.clone();
        let turn = Turn {
            step,
            from: number,
            wanted,
        };
        let button = CreateButton::new(turn.id()?);
        Some(button.label(label).style(ButtonStyle::Secondary))
    };
    let refresh = button(Step::Stay, "Refresh")?;
    if of == 1 {
        return Some(CreateActionRow::Buttons(vec![refresh]));
    }
    let back = button(Step::Back, "◀ Back")?.disabled(number == 0);
    let forward = button(Step::Forward, "More ▶")?.disabled(number + 1 == of);
    Some(CreateActionRow::Buttons(vec![back, refresh, forward]))
}

/// A menu of the sessions shown, if there are any; with their target's name unless it is `alone`.
pub(super) fn picking<'a>(
    shown: impl Iterator<Item = (&'a Answer, Row<'a>)>,
    alone: bool,
) -> Option<CreateActionRow> {
    // Who waits for two is shown twice, but Discord takes each value once.
    let mut offered = HashSet::new();
    let options: Vec<_> = shown
        .filter_map(|(answer, row)| {
            let at = answer.seen.as_ref().ok()?.at;
            let session = row.session;
            let chosen = Chosen {
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
            let query = inert::plain(query, DESCRIPTION);
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
