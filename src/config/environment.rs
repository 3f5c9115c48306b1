//! The environment variables of the process, and which of them hold secrets of killgate.

use toml::de::{DeTable, DeValue};

/// Looks up environment variables. Only `main` reads the environment of the process.
#[derive(Clone, Copy)]
pub(super) struct Environment<'e> {
    pub(super) variables: &'e dyn Fn(&str) -> Option<String>,
    /// The names of those with a secret. No program that killgate runs gets them.
    pub(super) secret_names: &'e [String],
}

impl Environment<'_> {
    pub(super) fn get(&self, name: &str) -> Option<String> {
        (self.variables)(name)
    }
}

/// The variables that `document` names as holding a password, in whichever section, and the one with the token.
pub(super) fn secret_names(document: &DeTable<'_>) -> Vec<String> {
    let mut names = vec!["DISCORD_TOKEN".to_owned()];
    add_names(document, &mut names);
    names
}

fn add_names(table: &DeTable<'_>, names: &mut Vec<String>) {
    for (key, value) in table {
        match value.get_ref() {
            DeValue::String(name) if key.get_ref() == "password_env" => names.push(name.to_string()),
            DeValue::Table(table) => add_names(table, names),
            DeValue::Array(values) => {
                let tables = values.iter().filter_map(|value| value.get_ref().as_table());
                tables.for_each(|table| add_names(table, names));
            }
            _ => {}
        }
    }
}
