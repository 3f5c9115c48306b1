//! Checks the slash commands that a bot registers.
//!
//! Source: Discord's page "Application Commands", sections "Application Command Naming" and the
//! tables of the command and option structures.

use std::collections::HashSet;

use serde_json::Value;

use super::form_part::FormPart;
use super::names::{localizations, name};
use super::options;
use crate::form_errors::FormErrors;

const CHAT_INPUT: i64 = 1;
/// The total characters of names, descriptions and values of one command.
const MAX_CHARACTERS: usize = 8000;

/// Checks a command at `path` and collects every error. In an edit, missing fields are allowed.
pub(crate) fn check(command: &Value, path: &str, edit: bool, form: &mut FormErrors) {
    let Some(part) = FormPart::of(command, path, form) else {
        return;
    };
    let kind = part.int_within("type", 1, 3, CHAT_INPUT, form);
    if !edit || part.has("name") {
        name(&part, kind == CHAT_INPUT, form);
    }
    if kind == CHAT_INPUT && (!edit || part.has("description")) {
        part.sized("description", 1, 100, form);
    } else if kind != CHAT_INPUT && part.text("description", form).is_some_and(|text| !text.is_empty()) {
        let message = "Context menu commands cannot have description";
        form.fault(&part.at("description"), "APPLICATION_COMMAND_CONTEXT_MENU_DESCRIPTION", message);
    }
    localizations(&part, "name_localizations", 32, form);
    localizations(&part, "description_localizations", 100, form);
    if let Some(list) = part.list("options", form) {
        options::check(list, &part.at("options"), 0, form);
    }
    if character_count(command) > MAX_CHARACTERS {
        let message = format!("Command exceeds maximum size ({MAX_CHARACTERS})");
        form.fault(path, "APPLICATION_COMMAND_TOO_LARGE", message);
    }
}

/// Checks that no two commands of one type have the same name, as a bulk overwrite requires.
pub(crate) fn check_unique(commands: &[Value], form: &mut FormErrors) {
    let mut seen = HashSet::new();
    for (index, command) in commands.iter().enumerate() {
        let kind = command["type"].as_i64().unwrap_or(CHAT_INPUT);
        if !seen.insert((kind, command["name"].as_str())) {
            let message = "Application command names must be unique";
            form.fault(&index.to_string(), "APPLICATION_COMMANDS_DUPLICATE_NAME", message);
        }
    }
}

/// The number of characters that count against the limit of one command.
fn character_count(value: &Value) -> usize {
    let own: usize = ["name", "description", "value"]
        .iter()
        .filter_map(|field| value[field].as_str())
        .map(|text| text.chars().count())
        .sum();
    let inner = ["options", "choices"].iter().filter_map(|field| value[field].as_array()).flatten();
    own + inner.map(character_count).sum::<usize>()
}
