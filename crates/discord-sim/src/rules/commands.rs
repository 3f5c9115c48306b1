//! Slash commands as a bot registers them.
//!
//! Source: Discord's page "Application Commands", sections "Application Command Naming" and the
//! tables of the command and option structures.

use std::collections::HashSet;

use serde_json::Value;

use super::options;
use super::read::Part;
use crate::world::refusal::Form;

const CHAT_INPUT: i64 = 1;
/// Characters of names, descriptions and values of one command together.
const MOST_CHARACTERS: usize = 8000;

/// Checks a command form at `path`, noting every fault. In an edit what is left out is not asked for.
pub(crate) fn check(command: &Value, path: &str, edit: bool, form: &mut Form) {
    let Some(part) = Part::of(command, path, form) else {
        return;
    };
    let kind = part.int_within("type", 1, 3, CHAT_INPUT, form);
    if !edit || part.has("name") {
        name(&part, kind == CHAT_INPUT, form);
    }
    if kind == CHAT_INPUT && (!edit || part.has("description")) {
        part.sized("description", 1, 100, form);
    } else if kind != CHAT_INPUT
        && part
            .text("description", form)
            .is_some_and(|text| !text.is_empty())
    {
        let message = "Context menu commands cannot have description";
        form.fault(
            &part.at("description"),
            "APPLICATION_COMMAND_CONTEXT_MENU_DESCRIPTION",
            message,
        );
    }
    localizations(&part, "name_localizations", 32, form);
    localizations(&part, "description_localizations", 100, form);
    if let Some(list) = part.list("options", form) {
        options::check(list, &part.at("options"), 0, form);
    }
    if weight(command) > MOST_CHARACTERS {
        let message = format!("Command exceeds maximum size ({MOST_CHARACTERS})");
        form.fault(path, "APPLICATION_COMMAND_TOO_LARGE", message);
    }
}

/// Checks that no two commands of one kind have the same name, as a bulk overwrite must.
pub(crate) fn check_unique(commands: &[Value], form: &mut Form) {
    let mut seen = HashSet::new();
    for (index, command) in commands.iter().enumerate() {
        let kind = command["type"].as_i64().unwrap_or(CHAT_INPUT);
        if !seen.insert((kind, command["name"].as_str())) {
            let message = "Application command names must be unique";
            form.fault(&index.to_string(), "APPLICATION_COMMANDS_DUPLICATE_NAME", message);
        }
    }
}

/// 1 to 32 characters; for what is typed after a slash only lower-case letters, digits, `-`, `_` and `'`.
pub(crate) fn name(part: &Part<'_>, typed: bool, form: &mut Form) {
    let Some(name) = part.sized("name", 1, 32, form) else {
        return;
    };
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '\'');
    if typed && !name.is_empty() && (!name.chars().all(fits) || name.to_lowercase() != name) {
        let message = "Command name is invalid";
        form.fault(&part.at("name"), "APPLICATION_COMMAND_INVALID_NAME", message);
    }
}

pub(crate) fn localizations(part: &Part<'_>, field: &str, most: usize, form: &mut Form) {
    let Some(value) = part.value(field) else { return };
    let path = part.at(field);
    if let Some(part) = Part::of(value, &path, form) {
        for locale in value.as_object().into_iter().flat_map(|map| map.keys()) {
            part.sized(locale, 1, most, form);
        }
    }
}

/// The characters that count against the limit of one command.
fn weight(value: &Value) -> usize {
    let own: usize = ["name", "description", "value"]
        .iter()
        .filter_map(|field| value[field].as_str())
        .map(|text| text.chars().count())
        .sum();
    let inner = ["options", "choices"]
        .iter()
        .filter_map(|field| value[field].as_array())
        .flatten();
    own + inner.map(weight).sum::<usize>()
}
