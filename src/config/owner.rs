//! `[[owner]]`: who looks after which sessions.

use toml::de::DeValue;

use super::fault::{FileSpan, Reported};
use super::ids::id;
use super::protect::pattern;
use super::reference;
use super::section::ConfigSection;
use super::value::ConfigValue;
use crate::domain::ids::RoleId;
use crate::domain::owner::{OwnerRule, SessionOwner};

/// Reads all rules, in the order of the file.
pub(super) fn read(root: &ConfigSection<'_>) -> Result<Vec<OwnerRule>, Reported> {
    let Some(list) = root.value("owner")? else { return Ok(Vec::new()) };
    let DeValue::Array(tables) = list.content else { return Err(list.wrong_type("[[owner]] sections")) };
    let rules: Vec<_> = tables
        .iter()
        .enumerate()
        .map(|(index, table)| {
            let span =
                FileSpan { offset: Some(table.span().start), key: format!("[[owner]] #{}", index + 1) };
            read_one(&ConfigValue { content: table.get_ref(), span, ..list.clone() })
        })
        .collect();
    rules.into_iter().collect()
}

fn read_one(value: &ConfigValue<'_>) -> Result<OwnerRule, Reported> {
    let section = ConfigSection::of(value, &reference::OWNER, format!("{} ", value.span.key));
    let application = section.optional("application", pattern);
    let user = section.optional("user", pattern);
    let name = section.optional("name", |value| match value.string()? {
        "" => Err(value.refuse("empty")),
        name => Ok(name.to_owned()),
    });
    let role = section.optional("role", |value| id(value).map(RoleId));
    let is_of_sessions = match (&application, &user) {
        (Ok(None), Ok(None)) => Err(value.refuse("it names no application and no user")),
        _ => Ok(()),
    };
    if let (Ok(None), Ok(None)) = (&name, &role) {
        return Err(value.refuse("it names no owner: give a name or a role"));
    }
    is_of_sessions?;
    Ok(OwnerRule { application: application?, user: user?, owner: SessionOwner { name: name?, role: role? } })
}
