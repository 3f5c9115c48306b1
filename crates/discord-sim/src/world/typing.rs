//! A command line as text: `/terminate pid:4711 reason: blocks the checkout`.

use serde_json::Value;

use super::World;
use super::invoking::Typed;

impl World {
    /// Reads a typed command. A word that ends in `:` opens an option only if the command has one of that
    /// name; otherwise it belongs to the value before it.
    pub(crate) fn read_typed(&self, text: &str) -> Typed {
        let mut typed = Typed::default();
        let mut words = text.trim().trim_start_matches('/').split_whitespace();
        let Some(first) = words.next() else { return typed };
        typed.words.push(first.into());
        let mut names = Vec::new();
        for command in self.commands.iter().filter(|command| command.name() == first) {
            gather_names(&command.data, &mut names);
        }
        for word in words {
            let option = word.split_once(':').filter(|(name, _)| names.contains(name));
            match (option, typed.options.last_mut()) {
                (Some((name, value)), _) => typed.options.push((name.into(), value.into())),
                (None, Some((_, Value::String(value)))) => {
                    if !value.is_empty() {
                        value.push(' ');
                    }
                    value.push_str(word);
                }
                (None, _) => typed.words.push(word.into()),
            }
        }
        typed
    }
}

fn gather_names<'a>(level: &'a Value, names: &mut Vec<&'a str>) {
    for option in level["options"].as_array().into_iter().flatten() {
        names.extend(option["name"].as_str());
        gather_names(option, names);
    }
}
