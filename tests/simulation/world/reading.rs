//! A message as its readers meet it: does it notify, format or hide anything that it must not?

use serde_json::Value;

use super::cast::{DBA, HOSTILE};

/// What is wrong with the body of a message, if anything is.
pub fn problem_with(message: &Value) -> Option<String> {
    let mentions = &message["allowed_mentions"];
    let notified = |kind: &str| mentions[kind].as_array().map_or(&[][..], Vec::as_slice);
    if !mentions["parse"].is_array() || !notified("parse").is_empty() || !notified("users").is_empty() {
        return Some(format!("notifies more than it says: {mentions}"));
    }
    let dba = DBA.to_string();
    if notified("roles").iter().any(|role| role.as_str() != Some(&dba)) {
        return Some(format!("notifies other roles than the approvers': {mentions}"));
    }
    problem_within(message)
}

fn problem_within(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => problem_in(text),
        Value::Array(values) => values.iter().find_map(problem_within),
        Value::Object(fields) => fields.values().find_map(problem_within),
        _ => None,
    }
}

fn problem_in(text: &str) -> Option<String> {
    if let Some(hidden) = text.chars().find(|c| is_hidden(*c)) {
        return Some(format!("has {hidden:?} in {text:?}"));
    }
    if text.encode_utf16().count() > 4_096 {
        return Some(format!("is too long: {text:?}"));
    }
    let raw = HOSTILE.iter().filter(|hostile| **hostile != "plain").find(|hostile| text.contains(**hostile));
    raw.map(|hostile| format!("says {hostile:?} as it was given"))
}

/// Controls, characters without width, and those that turn the direction of writing (Unicode, "Bidirectional
/// Algorithm", section 2).
fn is_hidden(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
