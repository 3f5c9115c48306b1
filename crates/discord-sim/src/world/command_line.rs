//! Parses a typed command: `/terminate pid:4711 reason: blocks the checkout`.

use serde_json::Value;

use super::state::World;

/// A typed command: `/words… name:value…`.
#[derive(Clone, Debug, Default)]
pub(crate) struct CommandLine {
    /// The command's name and its subcommands.
    pub(crate) words: Vec<String>,
    pub(crate) options: Vec<(String, Value)>,
    /// Values are sent to the bot unchanged, whatever the option's type.
    pub(crate) raw: bool,
    /// The option being completed.
    pub(crate) focused: Option<String>,
}

impl World {
    /// Parses a typed command. `name:` starts an option only if the command has an option of that
    /// name; otherwise it belongs to the previous value.
    pub(crate) fn parse_command_line(&self, text: &str) -> CommandLine {
        let mut typed = CommandLine::default();
        let mut words = text.trim().trim_start_matches('/').split_whitespace();
        let Some(first) = words.next() else { return typed };
        typed.words.push(first.into());
        let mut names = Vec::new();
        for command in self.commands.iter().filter(|command| command.name() == first) {
            collect_names(&command.data, &mut names);
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

fn collect_names<'a>(level: &'a Value, names: &mut Vec<&'a str>) {
    for option in level["options"].as_array().into_iter().flatten() {
        names.extend(option["name"].as_str());
        collect_names(option, names);
    }
}
