//! A registered application command.

use serde_json::Value;

use crate::ids::Id;

#[derive(Clone, Debug)]
pub(crate) struct RegisteredCommand {
    pub(crate) id: Id,
    /// `None` for a global command.
    pub(crate) guild: Option<Id>,
    pub(crate) data: Value,
}

impl RegisteredCommand {
    pub(crate) fn name(&self) -> &str {
        self.data["name"].as_str().unwrap_or_default()
    }

    pub(super) fn kind(&self) -> i64 {
        self.data["type"].as_i64().unwrap_or(1)
    }

    /// The command as Discord returns it, with localizations only if requested.
    pub(crate) fn json(&self, localizations: bool) -> Value {
        let mut json = self.data.clone();
        if !localizations {
            strip_localizations(&mut json);
        }
        json
    }
}

fn strip_localizations(value: &mut Value) {
    let Some(fields) = value.as_object_mut() else {
        return;
    };
    fields.retain(|name, _| !name.ends_with("_localizations"));
    for list in ["options", "choices"] {
        if let Some(inner) = fields.get_mut(list).and_then(Value::as_array_mut) {
            inner.iter_mut().for_each(strip_localizations);
        }
    }
}
