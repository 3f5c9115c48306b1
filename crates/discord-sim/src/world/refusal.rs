//! What Discord answers when it refuses: a status, a code, a sentence, and for a bad form where it is bad.
//!
//! Source: Discord's page "Opcodes and Status Codes", section "JSON Error Codes".

use serde_json::{Map, Value, json};

/// A refusal. The code is Discord's own; 0 stands for a general one.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    pub status: u16,
    pub code: u32,
    pub message: String,
    /// The nested `errors` object of 50035.
    pub errors: Option<Value>,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: u32, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            errors: None,
        }
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(401, 0, "401: Unauthorized")
    }

    pub(crate) fn no_such_route() -> Self {
        Self::new(404, 0, "404: Not Found")
    }

    pub(crate) fn unknown_channel() -> Self {
        Self::new(404, 10003, "Unknown Channel")
    }

    pub(crate) fn unknown_guild() -> Self {
        Self::new(404, 10004, "Unknown Guild")
    }

    pub(crate) fn unknown_member() -> Self {
        Self::new(404, 10007, "Unknown Member")
    }

    pub(crate) fn unknown_message() -> Self {
        Self::new(404, 10008, "Unknown Message")
    }

    pub(crate) fn unknown_role() -> Self {
        Self::new(404, 10011, "Unknown Role")
    }

    pub(crate) fn unknown_user() -> Self {
        Self::new(404, 10013, "Unknown User")
    }

    pub(crate) fn unknown_emoji() -> Self {
        Self::new(400, 10014, "Unknown Emoji")
    }

    pub(crate) fn unknown_webhook() -> Self {
        Self::new(404, 10015, "Unknown Webhook")
    }

    pub(crate) fn unknown_interaction() -> Self {
        Self::new(404, 10062, "Unknown interaction")
    }

    pub(crate) fn unknown_command() -> Self {
        Self::new(404, 10063, "Unknown application command")
    }

    pub(crate) fn too_many_reactions() -> Self {
        Self::new(400, 30010, "Maximum number of reactions reached (20)")
    }

    pub(crate) fn already_answered() -> Self {
        Self::new(400, 40060, "Interaction has already been acknowledged.")
    }

    pub(crate) fn missing_access() -> Self {
        Self::new(403, 50001, "Missing Access")
    }

    pub(crate) fn not_your_message() -> Self {
        Self::new(403, 50005, "Cannot edit a message authored by another user")
    }

    pub(crate) fn empty_message() -> Self {
        Self::new(400, 50006, "Cannot send an empty message")
    }

    pub(crate) fn missing_permissions() -> Self {
        Self::new(403, 50013, "Missing Permissions")
    }

    pub(crate) fn expired_token() -> Self {
        Self::new(401, 50027, "Invalid Webhook Token")
    }

    pub(crate) fn invalid_json() -> Self {
        Self::new(400, 50109, "The request body contains invalid JSON.")
    }

    /// A form that is bad in one place.
    pub(crate) fn bad_form(path: &str, code: &str, message: impl Into<String>) -> Self {
        let mut form = Form::default();
        form.fault(path, code, message);
        form.refusal()
    }

    /// The same, for a form that was a part of the whole.
    pub(crate) fn within(mut self, field: &str) -> Self {
        self.errors = self.errors.map(|errors| json!({ field: errors }));
        self
    }

    pub(crate) fn json(&self) -> Value {
        let mut json = json!({ "message": self.message, "code": self.code });
        if let Some(errors) = &self.errors {
            json["errors"] = errors.clone();
        }
        json
    }
}

/// Gathers everything wrong with a form, so that all of it is told in one answer.
#[derive(Debug, Default)]
pub(crate) struct Form {
    errors: Map<String, Value>,
}

impl Form {
    /// Notes a fault at a dotted path such as `embeds.0.title`; an empty path means the form itself.
    pub(crate) fn fault(&mut self, path: &str, code: &str, message: impl Into<String>) {
        let mut place = &mut self.errors;
        for step in path.split('.').filter(|step| !step.is_empty()) {
            let next = place.entry(step).or_insert_with(|| json!({}));
            place = next.as_object_mut().expect("only objects are put into the tree");
        }
        let list = place.entry("_errors").or_insert_with(|| json!([]));
        let list = list.as_array_mut().expect("`_errors` is only ever a list");
        list.push(json!({ "code": code, "message": message.into() }));
    }

    pub(crate) fn required(&mut self, path: &str) {
        self.fault(path, "BASE_TYPE_REQUIRED", "This field is required");
    }

    /// Checks a length in characters, with Discord's words for what is too long or too short.
    pub(crate) fn length(&mut self, path: &str, length: usize, least: usize, most: usize) {
        if (least..=most).contains(&length) {
            return;
        }
        if least == 0 {
            let message = format!("Must be {most} or fewer in length.");
            self.fault(path, "BASE_TYPE_MAX_LENGTH", message);
        } else if length == 0 && least == 1 {
            self.required(path);
        } else {
            let message = format!("Must be between {least} and {most} in length.");
            self.fault(path, "BASE_TYPE_BAD_LENGTH", message);
        }
    }

    pub(crate) fn finish(self) -> Result<(), Refusal> {
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(self.refusal())
        }
    }

    fn refusal(self) -> Refusal {
        let errors = Some(Value::Object(self.errors));
        Refusal {
            status: 400,
            code: 50035,
            message: "Invalid Form Body".into(),
            errors,
        }
    }
}
