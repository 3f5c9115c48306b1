//! Checks buttons and select menus of a message: limits and unique custom ids.
//!
//! Source: Discord's page "Component Reference". Version 2 components are refused.

use std::collections::HashSet;

use serde_json::Value;

use super::form_part::FormPart;
use crate::form_errors::FormErrors;

pub(crate) const ACTION_ROW: i64 = 1;
pub(crate) const BUTTON: i64 = 2;
pub(crate) const STRING_SELECT: i64 = 3;
pub(crate) const USER_SELECT: i64 = 5;
pub(crate) const ROLE_SELECT: i64 = 6;
pub(crate) const MENTIONABLE_SELECT: i64 = 7;
pub(crate) const CHANNEL_SELECT: i64 = 8;
const MAX_ROWS: usize = 5;
const MAX_BUTTONS: usize = 5;
const LINK: i64 = 5;

/// Checks the `components` of a message and collects every error.
pub(crate) fn check(rows: &[Value], form: &mut FormErrors) {
    form.length("components", rows.len(), 0, MAX_ROWS);
    let mut seen = HashSet::new();
    for (index, row) in rows.iter().enumerate() {
        let path = format!("components.{index}");
        let Some(part) = FormPart::of(row, &path, form) else {
            continue;
        };
        if part.int("type", form) != Some(ACTION_ROW) {
            form.fault(&part.at("type"), "BASE_TYPE_CHOICES", "Value must be one of (1,).");
            continue;
        }
        let inside = part.list("components", form).unwrap_or_default();
        form.length(&part.at("components"), inside.len(), 1, MAX_BUTTONS);
        let selects = inside.iter().filter(|c| c["type"] != BUTTON).count();
        if selects > 0 && inside.len() > 1 {
            let message = "A select menu takes the whole row";
            form.fault(&part.at("components"), "COMPONENT_LAYOUT_WIDTH_EXCEEDED", message);
        }
        for (index, component) in inside.iter().enumerate() {
            let path = part.at(&format!("components.{index}"));
            let Some(part) = FormPart::of(component, &path, form) else {
                continue;
            };
            match part.int("type", form) {
                Some(BUTTON) => button(&part, &mut seen, form),
                Some(STRING_SELECT) => string_select(&part, &mut seen, form),
                Some(USER_SELECT..=CHANNEL_SELECT) => select(&part, &mut seen, form),
                _ => form.fault(
                    &part.at("type"),
                    "BASE_TYPE_CHOICES",
                    "Value must be one of (2, 3, 5, 6, 7, 8).",
                ),
            }
        }
    }
}

/// Checks a custom id: 1 to 100 characters, unique in the message.
pub(crate) fn custom_id<'a>(part: &FormPart<'a>, seen: &mut HashSet<&'a str>, form: &mut FormErrors) {
    if let Some(id) = part.sized("custom_id", 1, 100, form)
        && !seen.insert(id)
    {
        let message = "Component custom id cannot be duplicated";
        form.fault(&part.at("custom_id"), "COMPONENT_CUSTOM_ID_DUPLICATED", message);
    }
}

fn button<'a>(part: &FormPart<'a>, seen: &mut HashSet<&'a str>, form: &mut FormErrors) {
    let style = part.int_within("style", 1, 6, 0, form);
    if style == 0 {
        form.required(&part.at("style"));
    }
    part.sized("label", 0, 80, form);
    if part.text("label", form).is_none_or(str::is_empty) && part.value("emoji").is_none() {
        let message = "A button needs a label or an emoji";
        form.fault(part.at("label").as_str(), "BUTTON_COMPONENT_LABEL_REQUIRED", message);
    }
    match (style == LINK, part.value("custom_id").is_some(), part.value("url").is_some()) {
        (_, true, true) => form.fault(
            &part.at("custom_id"),
            "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE",
            "A custom id and url cannot both be specified",
        ),
        (true, _, false) => {
            form.fault(&part.at("url"), "BUTTON_COMPONENT_URL_REQUIRED", "A url is required");
        }
        (true, false, true) => _ = part.sized("url", 1, 512, form),
        (false, _, _) => custom_id(part, seen, form),
    }
}

fn select<'a>(part: &FormPart<'a>, seen: &mut HashSet<&'a str>, form: &mut FormErrors) {
    custom_id(part, seen, form);
    part.sized("placeholder", 0, 150, form);
    let least = part.int_within("min_values", 0, 25, 1, form);
    let most = part.int_within("max_values", 1, 25, 1, form);
    if least > most {
        let message = "min_values is above max_values";
        form.fault(&part.at("min_values"), "SELECT_COMPONENT_MIN_VALUES_TOO_LARGE", message);
    }
}

fn string_select<'a>(part: &FormPart<'a>, seen: &mut HashSet<&'a str>, form: &mut FormErrors) {
    select(part, seen, form);
    let options = part.list("options", form).unwrap_or_default();
    form.length(&part.at("options"), options.len(), 1, 25);
    let mut values = HashSet::new();
    for (index, option) in options.iter().enumerate() {
        let path = part.at(&format!("options.{index}"));
        let Some(part) = FormPart::of(option, &path, form) else {
            continue;
        };
        part.sized("label", 1, 100, form);
        part.sized("description", 0, 100, form);
        if let Some(value) = part.sized("value", 1, 100, form)
            && !values.insert(value)
        {
            let message = "The specified option value is already used";
            form.fault(&part.at("value"), "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", message);
        }
    }
}
