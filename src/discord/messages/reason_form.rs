//! The form that asks for the reason of a request made with a button.

use serenity::all::{
    ActionRow, ActionRowComponent, CreateActionRow, CreateInputText, CreateModal, InputTextStyle,
};

use super::component_id::SessionChoice;
use crate::discord::sanitize;
use crate::domain::event::Action;

/// Discord's limit for the title of a form.
const TITLE_LENGTH: usize = 45;
/// As much as a card shows.
const REASON_LENGTH: u16 = 500;
const FIELD: &str = "reason";

/// The form for a request of `action` on the session.
pub fn reason_form(action: Action, session: &SessionChoice, is_required: bool) -> CreateModal {
    let verb = match action {
        Action::Cancel => "Cancel the query of",
        Action::Terminate => "Terminate",
    };
    let title = format!("{verb} {} on {}?", session.pid, session.target);
    let title = sanitize::plain(&title, TITLE_LENGTH);
    let field = CreateInputText::new(InputTextStyle::Paragraph, "Reason (approvers see it)", FIELD)
        .required(is_required)
        .max_length(REASON_LENGTH);
    CreateModal::new(session.custom_id(action), title).components(vec![CreateActionRow::InputText(field)])
}

/// The reason in a submitted form.
pub fn submitted_reason(rows: &[ActionRow]) -> Option<String> {
    let fields = rows.iter().flat_map(|row| &row.components);
    let mut reasons = fields.filter_map(|field| match field {
        ActionRowComponent::InputText(input) if input.custom_id == FIELD => input.value.clone(),
        _ => None,
    });
    reasons.next()
}
