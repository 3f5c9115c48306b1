//! `[privacy]`: how much of a query's text people see.

use super::fault::Noted;
use super::section::Section;
use crate::postgres::redaction::Privacy;

pub(super) fn read(section: &Section<'_>) -> Result<Privacy, Noted> {
    let given = section.optional("query_text", |value| {
        value.parsed(|text| match text {
            "redacted" => Ok(Privacy::Redacted),
            "hidden" => Ok(Privacy::Hidden),
            "full" => Ok(Privacy::Full),
            _ => Err(format!("{text:?} is none of them")),
        })
    })?;
    Ok(given.unwrap_or_default())
}
