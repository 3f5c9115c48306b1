//! Reads single fields of a JSON form and collects type errors.

use serde_json::{Map, Value};

use crate::form_errors::FormErrors;
use crate::ids::Id;

/// An object in a form, and its path for error messages.
#[derive(Debug)]
pub(crate) struct FormPart<'a> {
    fields: &'a Map<String, Value>,
    path: String,
}

impl<'a> FormPart<'a> {
    /// `None` and an error if the value is not an object.
    pub(crate) fn of(value: &'a Value, path: &str, form: &mut FormErrors) -> Option<Self> {
        if let Some(fields) = value.as_object() {
            return Some(Self { fields, path: path.to_owned() });
        }
        form.fault(path, "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType");
        None
    }

    pub(crate) fn at(&self, field: &str) -> String {
        if self.path.is_empty() { field.into() } else { format!("{}.{field}", self.path) }
    }

    /// The field, unless it is missing or null.
    pub(crate) fn value(&self, field: &str) -> Option<&'a Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    /// Whether the field is present, even if null.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.fields.contains_key(field)
    }

    pub(crate) fn text(&self, field: &str, form: &mut FormErrors) -> Option<&'a str> {
        let value = self.value(field)?;
        let text = value.as_str();
        if text.is_none() {
            form.fault(&self.at(field), "BASE_TYPE_BAD_STRING", "Could not interpret value as string.");
        }
        text
    }

    /// A string with limits on its length in characters. If `least` is above 0, the field is required.
    pub(crate) fn sized(
        &self,
        field: &str,
        least: usize,
        most: usize,
        form: &mut FormErrors,
    ) -> Option<&'a str> {
        if least > 0 && self.value(field).is_none() {
            form.required(&self.at(field));
            return None;
        }
        let text = self.text(field, form)?;
        form.length(&self.at(field), text.trim().chars().count(), least, most);
        Some(text)
    }

    pub(crate) fn int(&self, field: &str, form: &mut FormErrors) -> Option<i64> {
        let value = self.value(field)?;
        let number = value.as_i64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
        if number.is_none() {
            form.fault(&self.at(field), "NUMBER_TYPE_COERCE", format!("Value {value} is not int."));
        }
        number
    }

    /// An integer within bounds, or the default if it is missing.
    pub(crate) fn int_within(
        &self,
        field: &str,
        least: i64,
        most: i64,
        default: i64,
        form: &mut FormErrors,
    ) -> i64 {
        let Some(number) = self.int(field, form) else {
            return default;
        };
        if number < least {
            let message = format!("int value should be greater than or equal to {least}.");
            form.fault(&self.at(field), "NUMBER_TYPE_MIN", message);
        } else if number > most {
            let message = format!("int value should be less than or equal to {most}.");
            form.fault(&self.at(field), "NUMBER_TYPE_MAX", message);
        }
        number
    }

    pub(crate) fn flag(&self, field: &str, form: &mut FormErrors) -> Option<bool> {
        let value = self.value(field)?;
        let flag = value.as_bool();
        if flag.is_none() {
            form.fault(&self.at(field), "BOOLEAN_TYPE_CONVERT", "Must be either true or false.");
        }
        flag
    }

    pub(crate) fn id(&self, field: &str, form: &mut FormErrors) -> Option<Id> {
        let value = self.value(field)?;
        let id = as_id(value);
        if id.is_none() {
            form.fault(&self.at(field), "NUMBER_TYPE_COERCE", format!("Value {value} is not snowflake."));
        }
        id
    }

    pub(crate) fn list(&self, field: &str, form: &mut FormErrors) -> Option<&'a [Value]> {
        let value = self.value(field)?;
        let list = value.as_array();
        if list.is_none() {
            form.fault(&self.at(field), "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType");
        }
        list.map(Vec::as_slice)
    }
}

pub(crate) fn as_id(value: &Value) -> Option<Id> {
    value.as_u64().map(Id).or_else(|| value.as_str().and_then(|text| text.parse().ok()))
}
