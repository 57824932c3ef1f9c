//! The body of an error answer: RFC 9457 members and ImageKit's `message` and `help` in one object.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::kind::Kind;

/// A problem before it is written; travels in the response's extensions.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) kind: &'static Kind,
    pub(crate) message: String,
    pub(crate) errors: Vec<FieldError>,
    /// What there is now, where a change was meant for something else.
    pub(crate) current: Option<Value>,
}

impl Problem {
    /// The body for the request with this id.
    pub(crate) fn body(self, request_id: String, help: String) -> ProblemBody {
        ProblemBody {
            kind: format!("/problems/{}", self.kind.code),
            title: self.kind.title,
            status: self.kind.status.as_u16(),
            detail: self.message.clone(),
            instance: format!("/requests/{request_id}"),
            code: self.kind.code,
            request_id,
            errors: self.errors,
            current: self.current,
            message: self.message,
            help,
        }
    }
}

/// An error answer.
///
/// Source: RFC 9457; `message` and `help` as ImageKit's API answers them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// Names the kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "/problems/not-found")]
    kind: String,
    /// The kind in a few words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What happened this time.
    #[schema(example = "Origin not found.")]
    detail: String,
    /// Names this very request.
    instance: String,
    /// The kind, as the last segment of `type`.
    #[schema(example = "not-found")]
    code: &'static str,
    /// The request's id, also in `X-Request-Id` and `x-ik-requestId`.
    request_id: String,
    /// Each wrong field or parameter.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// With 412: the object as it is now; `ETag` names its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    current: Option<Value>,
    /// The same as `detail`, under the name ImageKit's SDKs read.
    message: String,
    /// Whom to ask.
    help: String,
}

/// What is wrong with one query parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// The parameter's name.
    pub(crate) parameter: String,
    /// What is wrong and what would be right.
    pub(crate) detail: String,
}
