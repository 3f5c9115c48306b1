//! Embeds: their limits, and the form in which Discord returns them.
//!
//! Source: Discord's page "Message Resource", section "Embed Limits".

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::form_part::FormPart;
use crate::form_errors::FormErrors;
use crate::ids::iso;

const MAX_EMBEDS: usize = 10;
const MAX_FIELDS: usize = 25;
/// The total characters of all embeds of a message.
const MAX_CHARACTERS: usize = 6000;

/// Reads the `embeds` of a message and collects every error.
pub(crate) fn read(list: &[Value], form: &mut FormErrors) -> Vec<Value> {
    form.length("embeds", list.len(), 0, MAX_EMBEDS);
    let mut total = 0;
    let mut embeds = Vec::with_capacity(list.len());
    for (index, value) in list.iter().enumerate() {
        let path = format!("embeds.{index}");
        if let Some(part) = FormPart::of(value, &path, form) {
            embeds.push(embed(&part, &mut total, form));
        }
    }
    if total > MAX_CHARACTERS {
        let message = format!("Embed size exceeds maximum size of {MAX_CHARACTERS}");
        form.fault("embeds", "MAX_EMBED_SIZE_EXCEEDED", message);
    }
    embeds
}

fn embed(part: &FormPart<'_>, total: &mut usize, form: &mut FormErrors) -> Value {
    let mut out = Map::new();
    out.insert("type".into(), "rich".into());
    for (field, most) in [("title", 256), ("description", 4096)] {
        if let Some(text) = part.sized(field, 0, most, form) {
            *total += text.chars().count();
            out.insert(field.into(), text.trim().into());
        }
    }
    web_address(part, "url", &mut out, form);
    if part.value("color").is_some() {
        out.insert("color".into(), part.int_within("color", 0, 0xFF_FFFF, 0, form).into());
    }
    if let Some(text) = part.text("timestamp", form) {
        match text.parse::<Timestamp>() {
            Ok(at) => _ = out.insert("timestamp".into(), iso(at).into()),
            Err(_) => form.fault(
                &part.at("timestamp"),
                "DATETIME_TYPE_PARSE",
                format!("Could not parse {text}. Should be ISO8601."),
            ),
        }
    }
    for (field, inner, most) in [("footer", "text", 2048), ("author", "name", 256)] {
        let Some(value) = part.value(field) else { continue };
        let path = part.at(field);
        let Some(part) = FormPart::of(value, &path, form) else {
            continue;
        };
        let mut inside = Map::new();
        if let Some(text) = part.sized(inner, 1, most, form) {
            *total += text.chars().count();
            inside.insert(inner.into(), text.into());
        }
        web_address(&part, "icon_url", &mut inside, form);
        web_address(&part, "url", &mut inside, form);
        out.insert(field.into(), inside.into());
    }
    for field in ["image", "thumbnail"] {
        let Some(value) = part.value(field) else { continue };
        let path = part.at(field);
        let Some(part) = FormPart::of(value, &path, form) else {
            continue;
        };
        let mut inside = Map::new();
        web_address(&part, "url", &mut inside, form);
        out.insert(field.into(), inside.into());
    }
    if let Some(list) = part.list("fields", form) {
        out.insert("fields".into(), fields(part, list, total, form));
    }
    out.into()
}

fn fields(part: &FormPart<'_>, list: &[Value], total: &mut usize, form: &mut FormErrors) -> Value {
    form.length(&part.at("fields"), list.len(), 0, MAX_FIELDS);
    let mut fields = Vec::with_capacity(list.len());
    for (index, value) in list.iter().enumerate() {
        let path = part.at(&format!("fields.{index}"));
        let Some(part) = FormPart::of(value, &path, form) else {
            continue;
        };
        let name = part.sized("name", 1, 256, form).unwrap_or_default();
        let value = part.sized("value", 1, 1024, form).unwrap_or_default();
        let inline = part.flag("inline", form).unwrap_or(false);
        *total += name.chars().count() + value.chars().count();
        fields.push(json!({ "name": name.trim(), "value": value.trim(), "inline": inline }));
    }
    fields.into()
}

fn web_address(part: &FormPart<'_>, field: &str, out: &mut Map<String, Value>, form: &mut FormErrors) {
    let Some(text) = part.text(field, form) else {
        return;
    };
    if !["http://", "https://", "attachment://"].iter().any(|scheme| text.starts_with(scheme)) {
        let message =
            format!("Scheme \"{}\" is not supported. Scheme must be one of ('http', 'https').", scheme(text));
        form.fault(&part.at(field), "URL_TYPE_INVALID_SCHEME", message);
    }
    out.insert(field.into(), text.into());
}

fn scheme(text: &str) -> &str {
    text.split_once(':').map_or("none", |(scheme, _)| scheme)
}
