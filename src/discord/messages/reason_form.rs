//! The form that asks for the reason of a request made with a button.

use serenity::all::{
    ActionRow, ActionRowComponent, CreateActionRow, CreateInputText, CreateModal, InputTextStyle,
};

use super::component_id::SessionChoice;
use super::format::count;
use crate::discord::sanitize;
use crate::domain::event::Action;

/// Discord's limit for the title of a form.
const TITLE_LENGTH: usize = 45;
/// As much as a card shows.
const REASON_LENGTH: u16 = 500;
const FIELD: &str = "reason";

/// The form for a request of `action` on these sessions of one target: at least one. `id` says which.
pub fn reason_form(id: &str, action: Action, sessions: &[SessionChoice], is_required: bool) -> CreateModal {
    let verb = match action {
        Action::Cancel => "Cancel the query of",
        Action::Terminate => "Terminate",
    };
    let subject = match sessions {
        [session] => session.pid.to_string(),
        several => count(several.len(), "session"),
    };
    let target = &sessions[0].target;
    let title = sanitize::plain(&format!("{verb} {subject} on {target}?"), TITLE_LENGTH);
    let label = if is_required { "Reason (approvers see it)" } else { "Reason (optional; approvers see it)" };
    let field = CreateInputText::new(InputTextStyle::Paragraph, label, FIELD)
        .required(is_required)
        .max_length(REASON_LENGTH);
    CreateModal::new(id, title).components(vec![CreateActionRow::InputText(field)])
}

pub fn submitted_reason(rows: &[ActionRow]) -> Option<String> {
    let fields = rows.iter().flat_map(|row| &row.components);
    let mut reasons = fields.filter_map(|field| match field {
        ActionRowComponent::InputText(input) if input.custom_id == FIELD => input.value.clone(),
        _ => None,
    });
    reasons.next().and_then(|reason| visible_reason(&reason))
}

/// The reason, unless there is nothing in it that people could read.
pub fn visible_reason(text: &str) -> Option<String> {
    let shown = sanitize::line(text, usize::MAX).to_string();
    shown.chars().any(|c| !c.is_whitespace()).then(|| text.to_owned())
}
