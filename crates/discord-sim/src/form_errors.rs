//! Collects every error in a form, so that one response reports them all.

use serde_json::{Map, Value, json};

use crate::api_error::ApiError;

/// All errors found in a form.
#[derive(Debug, Default)]
pub(crate) struct FormErrors {
    errors: Map<String, Value>,
}

impl FormErrors {
    /// The response for a form with one error.
    pub(crate) fn single(path: &str, code: &str, message: impl Into<String>) -> ApiError {
        let mut form = Self::default();
        form.fault(path, code, message);
        form.into_error()
    }

    /// Adds an error at a dotted path such as `embeds.0.title`. An empty path means the form itself.
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

    /// Checks a length in characters, and adds Discord's message if it is too long or too short.
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

    pub(crate) fn finish(self) -> Result<(), ApiError> {
        if self.errors.is_empty() { Ok(()) } else { Err(self.into_error()) }
    }

    fn into_error(self) -> ApiError {
        let errors = Some(Value::Object(self.errors));
        ApiError { status: 400, code: 50035, message: "Invalid Form Body".into(), errors }
    }
}
