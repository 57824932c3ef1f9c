//! What resources with a version have in common: `If-Match` and `ETag`.

use std::convert::Infallible;
use std::str::FromStr;

use axum::Json;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::header::{ETAG, IF_MATCH};
use http::request::Parts;
use http::{HeaderName, HeaderValue};
use limpid_domain::ids::StreamVersion;
use limpid_domain::origin::OriginWarning;
use serde::Serialize;

use crate::error::ApiError;

/// The version a change is meant for: `If-Match: "7"`. Without it the last write wins, as with ImageKit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// No condition.
    Any,
    /// Only this version.
    Version(StreamVersion),
    /// A tag that no version of ours has.
    Nothing,
}

impl IfMatch {
    /// The version to insist on, if any.
    ///
    /// # Errors
    ///
    /// [`ApiError::VersionStale`] where no version can match.
    pub(crate) fn expected(self) -> Result<Option<StreamVersion>, ApiError> {
        match self {
            Self::Any => Ok(None),
            Self::Version(version) => Ok(Some(version)),
            Self::Nothing => Err(ApiError::VersionStale),
        }
    }

    fn parse(value: &HeaderValue) -> Self {
        let Ok(text) = value.to_str() else {
            return Self::Nothing;
        };
        if text.trim() == "*" {
            return Self::Any;
        }
        let tag = text
            .trim()
            .strip_prefix('"')
            .and_then(|tag| tag.strip_suffix('"'));
        match tag.and_then(|tag| i32::from_str(tag).ok()) {
            Some(version) => Self::Version(StreamVersion(version)),
            None => Self::Nothing,
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.headers.get(IF_MATCH).map_or(Self::Any, Self::parse))
    }
}

/// The same where a change must say which version it is meant for: 428 without it. `If-Match: *` overwrites whatever is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MustMatch(IfMatch);

impl MustMatch {
    /// The version to insist on, if any.
    ///
    /// # Errors
    ///
    /// [`ApiError::VersionStale`] where no version can match.
    pub(crate) fn expected(self) -> Result<Option<StreamVersion>, ApiError> {
        self.0.expected()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for MustMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let condition = parts.headers.get(IF_MATCH);
        let condition = condition.ok_or(ApiError::ConditionMissing)?;
        Ok(Self(IfMatch::parse(condition)))
    }
}

/// A JSON answer with its version as `ETag`.
#[derive(Debug)]
pub(crate) struct Versioned<T> {
    version: StreamVersion,
    body: T,
    warnings: Vec<OriginWarning>,
}

/// What is likely wrong with what was saved. A header field of its own, so that bodies stay as ImageKit's SDKs know them.
const IK_WARNING: HeaderName = HeaderName::from_static("ik-warning");

impl<T> Versioned<T> {
    /// This version of the body.
    pub(crate) fn new(version: StreamVersion, body: T) -> Self {
        Self {
            version,
            body,
            warnings: Vec::new(),
        }
    }

    /// The same, with what is likely wrong with it.
    pub(crate) fn with_warnings(self, warnings: Vec<OriginWarning>) -> Self {
        Self { warnings, ..self }
    }
}

impl<T: Serialize> IntoResponse for Versioned<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.body).into_response();
        if let Ok(tag) = HeaderValue::try_from(format!("\"{}\"", self.version)) {
            response.headers_mut().insert(ETAG, tag);
        }
        for warning in &self.warnings {
            if let Ok(text) = HeaderValue::try_from(warning.to_string()) {
                response.headers_mut().append(IK_WARNING, text);
            }
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_strong_tag_of_ours_names_a_version() {
        for (text, expected) in [
            ("\"7\"", IfMatch::Version(StreamVersion(7))),
            (" \"7\" ", IfMatch::Version(StreamVersion(7))),
            ("*", IfMatch::Any),
            ("7", IfMatch::Nothing),
            ("W/\"7\"", IfMatch::Nothing),
            ("\"abc\"", IfMatch::Nothing),
            ("\"99999999999\"", IfMatch::Nothing),
        ] {
            assert_eq!(
                IfMatch::parse(&HeaderValue::from_static(text)),
                expected,
                "{text}"
            );
        }
    }
}
