//! Checks modals: a title and one to five text inputs, each in a row or under a label.

use std::collections::HashSet;

use serde_json::Value;

use super::components::ACTION_ROW;
use super::form_part::FormPart;
use crate::form_errors::FormErrors;

const TEXT_INPUT: i64 = 4;
const LABEL: i64 = 18;

/// Checks the `data` of a modal response and collects every error.
pub(crate) fn check(data: &Value, form: &mut FormErrors) {
    let Some(part) = FormPart::of(data, "data", form) else {
        return;
    };
    part.sized("custom_id", 1, 100, form);
    part.sized("title", 1, 45, form);
    let rows = part.list("components", form).unwrap_or_default();
    form.length(&part.at("components"), rows.len(), 1, 5);
    let mut seen = HashSet::new();
    for (index, row) in rows.iter().enumerate() {
        let path = part.at(&format!("components.{index}"));
        let Some(row_part) = FormPart::of(row, &path, form) else {
            continue;
        };
        match row_part.int("type", form) {
            Some(ACTION_ROW) => {
                let inside = row_part.list("components", form).unwrap_or_default();
                form.length(&row_part.at("components"), inside.len(), 1, 1);
                if let Some(input) = inside.first() {
                    text_input(input, &row_part.at("components.0"), true, &mut seen, form);
                }
            }
            Some(LABEL) => {
                row_part.sized("label", 1, 45, form);
                text_input(&row["component"], &row_part.at("component"), false, &mut seen, form);
            }
            _ => form.fault(&row_part.at("type"), "BASE_TYPE_CHOICES", "Value must be one of (1, 18)."),
        }
    }
}

fn text_input<'a>(
    value: &'a Value,
    path: &str,
    labelled: bool,
    seen: &mut HashSet<&'a str>,
    form: &mut FormErrors,
) {
    let Some(part) = FormPart::of(value, path, form) else {
        return;
    };
    if part.int("type", form) != Some(TEXT_INPUT) {
        form.fault(&part.at("type"), "BASE_TYPE_CHOICES", "Value must be one of (4,).");
    }
    if let Some(id) = part.sized("custom_id", 1, 100, form)
        && !seen.insert(id)
    {
        let message = "Component custom id cannot be duplicated";
        form.fault(&part.at("custom_id"), "COMPONENT_CUSTOM_ID_DUPLICATED", message);
    }
    if labelled {
        part.sized("label", 1, 45, form);
    }
    if part.int_within("style", 1, 2, 0, form) == 0 {
        form.required(&part.at("style"));
    }
    part.int_within("min_length", 0, 4000, 0, form);
    part.int_within("max_length", 1, 4000, 4000, form);
    part.sized("value", 0, 4000, form);
    part.sized("placeholder", 0, 100, form);
}

/// The text inputs of a modal, in order.
pub(crate) fn inputs(data: &Value) -> impl Iterator<Item = &Value> {
    let rows = data["components"].as_array().map(Vec::as_slice).unwrap_or_default();
    rows.iter().map(|row| if row["type"] == LABEL { &row["component"] } else { &row["components"][0] })
}
