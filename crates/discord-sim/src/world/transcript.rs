//! The channels as text, for test output and snapshots.

use std::fmt::Write;

use serde_json::Value;

use super::channel::StoredChannel;
use super::message::StoredMessage;
use super::state::World;
use crate::ids::Id;

impl World {
    /// All messages in all channels, oldest first, with who sees each.
    pub(crate) fn transcript(&self) -> String {
        let mut out = String::new();
        for channel in self.channels.values() {
            _ = writeln!(out, "#{}", channel.name);
            for message in channel.messages.values() {
                self.transcribe(channel, message, &mut out);
            }
        }
        out
    }

    fn transcribe(&self, channel: &StoredChannel, message: &StoredMessage, out: &mut String) {
        _ = write!(out, "  {}", self.name(message.author));
        if let Some(origin) = &message.origin {
            let command = origin.command.as_ref().map_or_else(String::new, |command| format!(" /{command}"));
            _ = write!(out, " (answers {}{command})", self.name(origin.user));
        }
        if let Some(target) = message.reply_to {
            let whose = channel.messages.get(&target).map_or("a deleted message", |m| self.name(m.author));
            _ = write!(out, " (replies to {whose})");
        }
        if let Some(only) = message.only_for {
            _ = write!(out, " (only {} sees this)", self.name(only));
        }
        if message.edited.is_some() {
            out.push_str(" (edited)");
        }
        out.push_str(":\n");
        if message.is_loading() {
            out.push_str("    … is thinking\n");
        }
        indent(&message.content, "    ", out);
        for embed in &message.embeds {
            transcribe_embed(embed, out);
        }
        for component in message.components.iter().filter_map(|row| row["components"].as_array()).flatten() {
            let label = component["label"].as_str().or_else(|| component["placeholder"].as_str());
            let id =
                component["custom_id"].as_str().or_else(|| component["url"].as_str()).unwrap_or_default();
            let off = if component["disabled"] == true { ", disabled" } else { "" };
            _ = writeln!(out, "    [{}] ({id}{off})", label.unwrap_or_default());
        }
        for reaction in &message.reactions {
            let who: Vec<&str> = reaction.everybody().iter().map(|user| self.name(*user)).collect();
            _ = writeln!(out, "    {} {}", reaction.emoji, who.join(", "));
        }
        let notified: Vec<&str> = self.notified(message).into_iter().map(|user| self.name(user)).collect();
        if !notified.is_empty() {
            _ = writeln!(out, "    pings {}", notified.join(", "));
        }
    }

    pub(crate) fn name(&self, user: Id) -> &str {
        self.users.get(&user).map_or("somebody unknown", |user| user.name.as_str())
    }
}

fn transcribe_embed(embed: &Value, out: &mut String) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if let Some(author) = embed["author"]["name"].as_str() {
        indent(author, "    | ", out);
    }
    indent(&text(&embed["title"]), "    | # ", out);
    indent(&text(&embed["description"]), "    | ", out);
    for field in embed["fields"].as_array().into_iter().flatten() {
        let value = text(&field["value"]);
        if value.contains('\n') {
            _ = writeln!(out, "    | {}:", text(&field["name"]));
            indent(&value, "    |   ", out);
        } else {
            _ = writeln!(out, "    | {}: {value}", text(&field["name"]));
        }
    }
    if let Some(footer) = embed["footer"]["text"].as_str() {
        indent(footer, "    | -- ", out);
    }
}

fn indent(text: &str, by: &str, out: &mut String) {
    for line in text.lines() {
        _ = writeln!(out, "{by}{line}");
    }
}
