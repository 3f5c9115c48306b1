//! Checks the options of a slash command: types, order, choices, limits.

use std::collections::HashSet;

use serde_json::Value;

use super::form_part::FormPart;
use super::names::{localizations, name};
use crate::form_errors::FormErrors;

pub(crate) const SUBCOMMAND: i64 = 1;
pub(crate) const GROUP: i64 = 2;
pub(crate) const STRING: i64 = 3;
pub(crate) const INTEGER: i64 = 4;
pub(crate) const USER: i64 = 6;
pub(crate) const CHANNEL: i64 = 7;
pub(crate) const ROLE: i64 = 8;
pub(crate) const MENTIONABLE: i64 = 9;
pub(crate) const NUMBER: i64 = 10;
const MAX_OPTIONS: usize = 25;

/// Checks a list of options and collects every error. `depth` is the nesting level of subcommands.
pub(crate) fn check(list: &[Value], path: &str, depth: usize, form: &mut FormErrors) {
    form.length(path, list.len(), 0, MAX_OPTIONS);
    let mut names = HashSet::new();
    let mut optional_seen = false;
    let nested = |option: &Value| matches!(option["type"].as_i64(), Some(SUBCOMMAND | GROUP));
    let mixed = list.iter().any(nested) && !list.iter().all(nested);
    for (index, option) in list.iter().enumerate() {
        let path = format!("{path}.{index}");
        let Some(part) = FormPart::of(option, &path, form) else {
            continue;
        };
        name(&part, true, form);
        part.sized("description", 1, 100, form);
        localizations(&part, "name_localizations", 32, form);
        localizations(&part, "description_localizations", 100, form);
        if !names.insert(option["name"].as_str()) {
            let message = "Option name already used";
            form.fault(&path, "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_USED", message);
        }
        let kind = part.int_within("type", 1, 11, 0, form);
        if kind == 0 {
            form.required(&part.at("type"));
        }
        if mixed || (kind == SUBCOMMAND && depth > 1) || (kind == GROUP && depth > 0) {
            let message =
                "Sub-command and sub-command group option types are mutually exclusive to all other types";
            form.fault(&path, "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", message);
        }
        if matches!(kind, SUBCOMMAND | GROUP) {
            let inner = part.list("options", form).unwrap_or_default();
            check(inner, &part.at("options"), depth + 1, form);
            continue;
        }
        let required = part.flag("required", form).unwrap_or(false);
        if required && optional_seen {
            let message = "Required options must be placed before non-required options";
            form.fault(&path, "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", message);
        }
        optional_seen |= !required;
        leaf(&part, kind, form);
    }
}

fn leaf(part: &FormPart<'_>, kind: i64, form: &mut FormErrors) {
    let choices = part.list("choices", form).unwrap_or_default();
    let takes_choices = matches!(kind, STRING | INTEGER | NUMBER);
    let autocomplete = part.flag("autocomplete", form).unwrap_or(false);
    if !choices.is_empty() && autocomplete {
        let message = "Autocomplete cannot be set to true if choices are present";
        form.fault(&part.at("autocomplete"), "APPLICATION_COMMAND_OPTIONS_AUTOCOMPLETE_CHOICES", message);
    }
    if !takes_choices && (autocomplete || !choices.is_empty()) {
        let message = "Option type does not take choices or autocomplete";
        form.fault(&part.at("type"), "APPLICATION_COMMAND_OPTIONS_CHOICES_TYPE", message);
    }
    self::choices(choices, &part.at("choices"), Some(kind), form);
    for bound in ["min_value", "max_value"] {
        if part.has(bound) && !matches!(kind, INTEGER | NUMBER) && part.value(bound).is_some() {
            let message = "Only valid for integer and number options";
            form.fault(&part.at(bound), "APPLICATION_COMMAND_OPTIONS_MIN_MAX_TYPE", message);
        }
    }
    part.int_within("min_length", 0, 6000, 0, form);
    part.int_within("max_length", 1, 6000, 6000, form);
}

/// Checks a list of choices, of a registered option or of an autocomplete response.
pub(crate) fn choices(list: &[Value], path: &str, kind: Option<i64>, form: &mut FormErrors) {
    form.length(path, list.len(), 0, MAX_OPTIONS);
    let mut names = HashSet::new();
    for (index, choice) in list.iter().enumerate() {
        let path = format!("{path}.{index}");
        let Some(part) = FormPart::of(choice, &path, form) else {
            continue;
        };
        if let Some(name) = part.sized("name", 1, 100, form)
            && !names.insert(name)
            && kind.is_some()
        {
            let message = "Option choice name already used";
            form.fault(&path, "APPLICATION_COMMAND_OPTIONS_CHOICE_NAME_ALREADY_USED", message);
        }
        let at = part.at("value");
        match (part.value("value"), kind) {
            (None, _) => form.required(&at),
            (Some(Value::String(text)), Some(STRING) | None) => {
                form.length(&at, text.chars().count(), 1, 100);
            }
            (Some(value), Some(INTEGER)) if value.is_i64() => {}
            (Some(Value::Number(_)), Some(NUMBER) | None) => {}
            (Some(value), _) => {
                form.fault(&at, "UNION_TYPE_CHOICES", format!("Value {value} is not of the option's type."));
            }
        }
    }
}
