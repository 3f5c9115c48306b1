//! `[privacy]`: how much of a query's text is shown.

use super::fault::Reported;
use super::section::ConfigSection;
use crate::postgres::redaction::QueryVisibility;

pub(super) fn read(section: &ConfigSection<'_>) -> Result<QueryVisibility, Reported> {
    let given = section.optional("query_text", |value| {
        value.parsed(|text| {
            QueryVisibility::from_name(text).ok_or_else(|| format!("{text:?} is not an allowed value"))
        })
    })?;
    Ok(given.unwrap_or_default())
}
