//! Reads a JSON request body field by field: what is missing, of the wrong type, too long or unknown is refused in
//! `ImageKit`'s words. Source: `imagekit.md` 4.2 and 4.3.

use std::ops::RangeInclusive;

use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::refusal::Refusal;

/// The fields of a body that were not read yet. [`Fields::finish`] refuses what is left over.
pub struct Fields(Map<String, Value>);

impl std::fmt::Debug for Fields {
    /// Names only: values may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Fields").field(&self.0.keys()).finish()
    }
}

impl Fields {
    /// Takes a body apart.
    ///
    /// Errors: [`Refusal::Invalid`] unless it is a JSON object.
    pub fn of(body: Value) -> Result<Self, Refusal> {
        match body {
            Value::Object(fields) => Ok(Self(fields)),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => Err(Refusal::invalid("Request body must be a JSON object.")),
        }
    }

    /// A field that must be a text of 1 to `max_chars` characters.
    ///
    /// Errors: [`Refusal::Invalid`] naming the field.
    pub fn required_text(&mut self, field: &str, max_chars: usize) -> Result<String, Refusal> {
        let text = self.required_maybe_empty_text(field, max_chars)?;
        if text.is_empty() {
            return Err(Refusal::invalid(format!("{field} cannot be empty string.")));
        }
        Ok(text)
    }

    /// A field that must be a text of 0 to `max_chars` characters.
    ///
    /// Errors: [`Refusal::Invalid`] naming the field.
    pub fn required_maybe_empty_text(
        &mut self,
        field: &str,
        max_chars: usize,
    ) -> Result<String, Refusal> {
        match self.0.remove(field) {
            Some(Value::String(text)) => within(field, text, max_chars),
            _ => Err(Refusal::invalid(format!(
                "{field} is required and must be a string"
            ))),
        }
    }

    /// A field that may be absent and otherwise must be a text of 0 to `max_chars` characters.
    ///
    /// Errors: [`Refusal::Invalid`] naming the field.
    pub fn optional_text(
        &mut self,
        field: &str,
        max_chars: usize,
    ) -> Result<Option<String>, Refusal> {
        match self.0.remove(field) {
            None => Ok(None),
            Some(Value::String(text)) => within(field, text, max_chars).map(Some),
            Some(_) => Err(Refusal::invalid(format!("{field} must be a string"))),
        }
    }

    /// A field that must be a secret of 1 to `max_chars` characters.
    ///
    /// Errors: [`Refusal::Invalid`] naming the field, never its value.
    pub fn required_secret(
        &mut self,
        field: &str,
        max_chars: usize,
    ) -> Result<SecretString, Refusal> {
        self.required_text(field, max_chars).map(SecretString::from)
    }

    /// A flag that is `false` when absent.
    ///
    /// Errors: [`Refusal::Invalid`] naming the field.
    pub fn flag(&mut self, field: &str) -> Result<bool, Refusal> {
        Ok(self.optional_flag(field)?.unwrap_or(false))
    }

    /// A flag that may be absent.
    ///
    /// Errors: [`Refusal::Invalid`] naming the field.
    pub fn optional_flag(&mut self, field: &str) -> Result<Option<bool>, Refusal> {
        match self.0.remove(field) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(Refusal::invalid(format!("{field} must be a boolean"))),
        }
    }

    /// A whole number within `range` that may be absent.
    ///
    /// Errors: [`Refusal::Invalid`] naming the field and the range.
    pub fn optional_number(
        &mut self,
        field: &str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>, Refusal> {
        let Some(value) = self.0.remove(field) else {
            return Ok(None);
        };
        let number = value.as_u64().filter(|number| range.contains(number));
        match number {
            Some(number) => Ok(Some(number)),
            None => Err(Refusal::invalid(format!(
                "{field} must be an integer from {} to {}",
                range.start(),
                range.end()
            ))),
        }
    }

    /// A list of texts that is empty when absent.
    ///
    /// Errors: [`Refusal::Invalid`] naming the field.
    pub fn texts(&mut self, field: &str) -> Result<Vec<String>, Refusal> {
        let refused = || Refusal::invalid(format!("{field} must be an array of strings"));
        match self.0.remove(field) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .into_iter()
                .map(|item| serde_json::from_value(item).map_err(|_| refused()))
                .collect(),
            Some(_) => Err(refused()),
        }
    }

    /// A field of any type.
    pub fn any(&mut self, field: &str) -> Option<Value> {
        self.0.remove(field)
    }

    /// Refuses what nobody asked for: a misspelt field must not be ignored.
    ///
    /// Errors: [`Refusal::Invalid`] naming the first unknown field.
    pub fn finish(self) -> Result<(), Refusal> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(field) => {
                let shown: String = field.chars().take(100).collect();
                Err(Refusal::invalid(format!(
                    "\"{}\" is not allowed",
                    shown.escape_default()
                )))
            }
        }
    }
}

fn within(field: &str, text: String, max_chars: usize) -> Result<String, Refusal> {
    // NUL can't be stored; it would surface as a server fault much later.
    if text.contains('\0') {
        return Err(Refusal::invalid(format!(
            "{field} must not contain NUL characters"
        )));
    }
    if text.chars().nth(max_chars).is_some() {
        return Err(Refusal::invalid(format!(
            "{field} must be at most {max_chars} characters long"
        )));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message<T: std::fmt::Debug>(result: Result<T, Refusal>) -> String {
        result.unwrap_err().message().to_owned()
    }

    #[test]
    fn wrong_fields_are_refused_by_name() {
        let body = json!({"n": 1, "e": "", "long": "äöüß", "nul": "a\0", "b": "yes", "l": ["a", 1], "s": null});
        let mut fields = Fields::of(body).unwrap();
        assert_eq!(
            message(fields.required_text("gone", 9)),
            "gone is required and must be a string"
        );
        assert_eq!(
            message(fields.required_text("n", 9)),
            "n is required and must be a string"
        );
        assert_eq!(
            message(fields.required_text("e", 9)),
            "e cannot be empty string."
        );
        assert_eq!(
            message(fields.required_text("long", 3)),
            "long must be at most 3 characters long"
        );
        assert_eq!(
            message(fields.required_text("nul", 3)),
            "nul must not contain NUL characters"
        );
        assert_eq!(message(fields.flag("b")), "b must be a boolean");
        assert_eq!(message(fields.texts("l")), "l must be an array of strings");
        assert_eq!(message(fields.optional_text("s", 9)), "s must be a string");
    }

    #[test]
    fn length_counts_characters_not_bytes() {
        let mut fields = Fields::of(json!({"a": "äöüß"})).unwrap();
        assert_eq!(fields.required_text("a", 4).unwrap(), "äöüß");
    }

    #[test]
    fn leftover_fields_are_refused_and_values_never_shown() {
        let fields = Fields::of(json!({"secretKey": "hunter2"})).unwrap();
        assert!(!format!("{fields:?}").contains("hunter2"));
        assert_eq!(message(fields.finish()), "\"secretKey\" is not allowed");
        assert_eq!(
            message(Fields::of(json!([]))),
            "Request body must be a JSON object."
        );
    }
}
