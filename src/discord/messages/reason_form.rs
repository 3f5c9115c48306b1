//! The form that asks for a reason before somebody's wish goes the way of a command.

use serenity::all::{
    ActionRow, ActionRowComponent, CreateActionRow, CreateInputText, CreateModal, InputTextStyle,
};

use super::component_id::SessionChoice;
use crate::discord::sanitize;
use crate::domain::event::Action;

/// Discord's limit for a form's title is 45 characters.
const TITLE: usize = 45;
/// As much as a card shows of it.
const REASON: u16 = 500;
const FIELD: &str = "reason";

/// The form to ask for `action` on the session.
pub fn reason(action: Action, chosen: &SessionChoice, is_required: bool) -> CreateModal {
    let verb = match action {
        Action::Cancel => "Cancel the query of",
        Action::Terminate => "Terminate",
    };
    let title = sanitize::plain(&format!("{verb} {} on {}?", chosen.pid, chosen.target), TITLE);
    let field = CreateInputText::new(InputTextStyle::Paragraph, "Why? Those who approve see it.", FIELD)
        .required(is_required)
        .max_length(REASON);
    CreateModal::new(chosen.id(action), title).components(vec![CreateActionRow::InputText(field)])
}

/// The reason that was filled in, if there is one.
pub fn filled_in(rows: &[ActionRow]) -> Option<String> {
    let fields = rows.iter().flat_map(|row| &row.components);
    let mut reasons = fields.filter_map(|field| match field {
        ActionRowComponent::InputText(input) if input.custom_id == FIELD => input.value.clone(),
        _ => None,
    });
    reasons.next()
}
