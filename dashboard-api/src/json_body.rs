//! A request's JSON body, read within limits and whatever its `Content-Type` says.

mod strict;

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Map, Value};

use crate::error::ApiError;

/// Longest body that is read. The largest request, a GCS origin with its PEM key, has 5 KB.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// How long a body may take to arrive.
const BODY_READ_TIMEOUT: Duration = Duration::from_secs(30);

/// A JSON object; its members are for the command's parser to check.
///
/// The media type is not looked at: the official SDKs send JSON under several, and browsers cannot send a private key
/// cross-origin without a preflight, which is not answered.
#[derive(Debug)]
pub(crate) struct JsonObject(pub(crate) Value);

impl<S: Send + Sync> FromRequest<S> for JsonObject {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Self::Rejection> {
        parse(&read_in_time(request.into_body()).await?).map(Self)
    }
}

/// A JSON object, of which no member is required: an empty body is one without members.
#[derive(Debug)]
pub(crate) struct OptionalJsonObject(pub(crate) Value);

impl<S: Send + Sync> FromRequest<S> for OptionalJsonObject {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Self::Rejection> {
        let bytes = read_in_time(request.into_body()).await?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(Value::Object(Map::new())));
        }
        parse(&bytes).map(Self)
    }
}

/// A body, read within limits whatever it is.
pub(crate) async fn read_in_time(body: Body) -> Result<Bytes, ApiError> {
    tokio::time::timeout(BODY_READ_TIMEOUT, read(body))
        .await
        .map_err(|_elapsed| ApiError::BodyTimeout(BODY_READ_TIMEOUT.as_secs()))?
}

async fn read(body: Body) -> Result<Bytes, ApiError> {
    let body = Limited::new(body, MAX_BODY_BYTES);
    match body.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(ApiError::BodyTooLarge(MAX_BODY_BYTES)),
        Err(_cut_off) => Err(ApiError::BodyInvalid(
            "The request body ended before it was complete.".to_owned(),
        )),
    }
}

fn parse(bytes: &[u8]) -> Result<Value, ApiError> {
    let invalid = |text: String| Err(ApiError::BodyInvalid(text));
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return invalid("The request body is empty; send a JSON object.".to_owned());
    }
    match strict::from_slice(bytes) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(other) => invalid(format!(
            "The request body is {}; send a JSON object.",
            describe(&other)
        )),
        // serde_json's text names the line and column and never repeats the input.
        Err(error) => invalid(format!("The request body is not valid JSON: {error}.")),
    }
}

fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message_of(body: &[u8]) -> String {
        parse(body).unwrap_err().to_string()
    }

    #[test]
    fn an_error_names_the_position() {
        assert_eq!(
            message_of(b"{\"a\": }"),
            "The request body is not valid JSON: expected value at line 1 column 7."
        );
    }

    #[test]
    fn only_objects_are_bodies() {
        assert_eq!(
            message_of(b"[1]"),
            "The request body is an array; send a JSON object."
        );
        assert_eq!(
            message_of(b" \n"),
            "The request body is empty; send a JSON object."
        );
    }

    #[test]
    fn a_member_given_twice_is_refused() {
        let text = message_of(b"{\"a\": 1, \"a\": 2}");
        assert!(text.contains("duplicate member at line 1 column"), "{text}");
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = "[".repeat(10_000);
        assert!(message_of(deep.as_bytes()).contains("recursion limit"));
    }

    #[test]
    fn secrets_do_not_come_back_in_error_texts() {
        let text = message_of(br#"{"secretKey": "hunter2" "x": 1}"#);
        assert!(!text.contains("hunter2"), "{text}");
    }
}
