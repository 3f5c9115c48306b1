//! Reads an embed in a test.

use serde_json::Value;

/// An embed as it was when it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    json: Value,
}

impl Card {
    pub(crate) fn new(json: Value) -> Self {
        Self { json }
    }

    pub fn title(&self) -> &str {
        self.json["title"].as_str().unwrap_or_default()
    }

    pub fn description(&self) -> &str {
        self.json["description"].as_str().unwrap_or_default()
    }

    pub fn footer(&self) -> &str {
        self.json["footer"]["text"].as_str().unwrap_or_default()
    }

    pub fn color(&self) -> Option<u64> {
        self.json["color"].as_u64()
    }

    /// The value of a field by its name.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields().find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    /// Names and values of all fields.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let fields = self.json["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
        fields
            .iter()
            .map(|f| (f["name"].as_str().unwrap_or_default(), f["value"].as_str().unwrap_or_default()))
    }

    /// All text on the embed.
    pub fn text(&self) -> String {
        let fields: Vec<String> = self.fields().map(|(name, value)| format!("{name}: {value}")).collect();
        let parts = [self.title(), self.description(), &fields.join("\n"), self.footer()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
    }

    pub fn json(&self) -> &Value {
        &self.json
    }
}
