//! The form that asks for the reason of a request made with a button.

use serenity::all::{
    ActionRow, ActionRowComponent, CreateActionRow, CreateInputText, CreateModal, InputTextStyle,
};

use super::component_id::{SessionChoice, request_all_id};
use super::format::count;
use crate::discord::sanitize;
use crate::domain::event::{Action, Binding};

/// Discord's limit for the title of a form.
const TITLE_LENGTH: usize = 45;
/// As much as a card shows.
const REASON_LENGTH: u16 = 500;
const FIELD: &str = "reason";

/// The form for a request of `action` on the session.
pub fn reason_form(action: Action, session: &SessionChoice, is_required: bool) -> CreateModal {
    form(session.custom_id(action), action, &format!("{} on {}", session.pid, session.target), is_required)
}

/// The form for a request of `action` on so many sessions of the target: those in the menu of the message.
pub fn reason_form_for_all(
    (action, bound_to): (Action, Option<Binding>),
    sessions: usize,
    target: &str,
    is_required: bool,
) -> CreateModal {
    let subject = format!("{} on {target}", count(sessions, "session"));
    form(request_all_id(action, bound_to), action, &subject, is_required)
}

fn form(id: String, action: Action, subject: &str, is_required: bool) -> CreateModal {
    let verb = match action {
        Action::Cancel => "Cancel the query of",
        Action::Terminate => "Terminate",
    };
    let title = sanitize::plain(&format!("{verb} {subject}?"), TITLE_LENGTH);
    let field = CreateInputText::new(InputTextStyle::Paragraph, "Reason (approvers see it)", FIELD)
        .required(is_required)
        .max_length(REASON_LENGTH);
    CreateModal::new(id, title).components(vec![CreateActionRow::InputText(field)])
}

/// The reason in a submitted form.
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
