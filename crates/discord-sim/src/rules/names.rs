//! Names of commands and options, and their localizations.

use super::form_part::FormPart;
use crate::form_errors::FormErrors;

/// Checks a name: 1 to 32 characters. If it is typed after a slash, only lower-case letters, digits, `-`, `_` and `'`.
pub(crate) fn name(part: &FormPart<'_>, typed: bool, form: &mut FormErrors) {
    let Some(name) = part.sized("name", 1, 32, form) else {
        return;
    };
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '\'');
    if typed && !name.is_empty() && (!name.chars().all(fits) || name.to_lowercase() != name) {
        let message = "Command name is invalid";
        form.fault(&part.at("name"), "APPLICATION_COMMAND_INVALID_NAME", message);
    }
}

pub(crate) fn localizations(part: &FormPart<'_>, field: &str, most: usize, form: &mut FormErrors) {
    let Some(value) = part.value(field) else { return };
    let path = part.at(field);
    if let Some(part) = FormPart::of(value, &path, form) {
        for locale in value.as_object().into_iter().flat_map(|map| map.keys()) {
            part.sized(locale, 1, most, form);
        }
    }
}
