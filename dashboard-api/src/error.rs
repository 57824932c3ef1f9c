//! Every problem the API can answer. The only place that chooses a status.
//!
//! A handler returns an [`ApiError`]; it travels as a [`Problem`] in the response's extensions and `exchange` writes the
//! body, which needs the request id.

mod problem;

use std::error::Error;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

pub(crate) use problem::{FieldError, Problem, ProblemBody};

type BoxError = Box<dyn Error + Send + Sync>;

/// Why a request is not answered as asked. Display texts are public: they become `message` and `detail`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// No HTTP Basic user name; the client's fault.
    #[error("Your request does not contain private API key.")]
    PrivateKeyMissing,
    /// The key is nobody's; the client's fault.
    #[error("Your account cannot be authenticated.")]
    PrivateKeyUnknown,
    /// The key was revoked; the client's fault.
    #[error("Your request contains expired private API key.")]
    PrivateKeyExpired,
    /// The operator disabled the account.
    #[error("Your account is disabled.")]
    AccountDisabled,
    /// No bearer token on an operator route.
    #[error("This request needs the operator key as bearer token.")]
    OperatorKeyMissing,
    /// Another bearer token than the operator's.
    #[error("The operator key is not the one of this installation.")]
    OperatorKeyWrong,
    /// No such route.
    #[error("There is nothing at this address.")]
    RouteNotFound,
    /// No such thing, or another tenant's: the answer is the same.
    #[error("{0}")]
    NotFound(&'static str),
    /// The route exists with other methods; `Allow` names them.
    #[error("This address does not answer the method of your request.")]
    MethodNotAllowed,
    /// A part of ImageKit's API that Limpid does not have.
    #[error(
        "Limpid does not support this call of ImageKit's API: it delivers images from your own origins and has no media library."
    )]
    NotSupported,
    /// The body is too long to be read.
    #[error("The request body exceeds {0} bytes.")]
    BodyTooLarge(usize),
    /// The body did not arrive in time.
    #[error("The request body did not arrive within {0} seconds.")]
    BodyTimeout(u64),
    /// The body is not the JSON we read; says where.
    #[error("{0}")]
    BodyInvalid(String),
    /// Query parameters that cannot be read, each with its own text. Never empty.
    #[error("{}", .0.first().map_or("A query parameter is invalid.", |first| first.detail.as_str()))]
    ParametersInvalid(Vec<FieldError>),
    /// A rule of the domain refuses the command; the text says which.
    #[error("{0}")]
    Refused(String),
    /// Something else has the name or changed the object first.
    #[error("{0}")]
    Conflict(String),
    /// The database or another dependency is away; worth a retry.
    #[error("Limpid cannot reach its database at the moment.")]
    Unavailable(#[source] BoxError),
    /// Our fault. The source is logged, never sent.
    #[error("Something went wrong on our side.")]
    Internal(#[source] BoxError),
}

/// Kind of an error: what stays the same for every instance of it.
struct Kind {
    status: StatusCode,
    /// Stable, kebab-case; the last segment of `type`.
    code: &'static str,
    title: &'static str,
}

impl ApiError {
    fn kind(&self) -> Kind {
        use StatusCode as S;
        let (status, code, title) = match self {
            Self::PrivateKeyMissing => (
                S::UNAUTHORIZED,
                "private-key-missing",
                "Private key missing",
            ),
            Self::PrivateKeyUnknown => (S::FORBIDDEN, "private-key-unknown", "Private key unknown"),
            Self::PrivateKeyExpired => (S::FORBIDDEN, "private-key-expired", "Private key expired"),
            Self::AccountDisabled => (S::FORBIDDEN, "account-disabled", "Account disabled"),
            Self::OperatorKeyMissing => (
                S::UNAUTHORIZED,
                "operator-key-missing",
                "Operator key missing",
            ),
            Self::OperatorKeyWrong => (S::FORBIDDEN, "operator-key-wrong", "Operator key wrong"),
            Self::RouteNotFound => (S::NOT_FOUND, "route-not-found", "Nothing at this address"),
            Self::NotFound(_) => (S::NOT_FOUND, "not-found", "Not found"),
            Self::MethodNotAllowed => (
                S::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "Method not allowed",
            ),
            Self::NotSupported => (S::NOT_IMPLEMENTED, "not-supported", "Not supported"),
            Self::BodyTooLarge(_) => (
                S::PAYLOAD_TOO_LARGE,
                "body-too-large",
                "Request body too large",
            ),
            Self::BodyTimeout(_) => (S::REQUEST_TIMEOUT, "body-timeout", "Request body too slow"),
            Self::BodyInvalid(_) => (S::BAD_REQUEST, "body-invalid", "Request body invalid"),
            Self::ParametersInvalid(_) => (
                S::BAD_REQUEST,
                "parameter-invalid",
                "Query parameter invalid",
            ),
            Self::Refused(_) => (S::BAD_REQUEST, "refused", "Refused by a rule"),
            Self::Conflict(_) => (S::CONFLICT, "conflict", "Conflict"),
            Self::Unavailable(_) => (
                S::SERVICE_UNAVAILABLE,
                "unavailable",
                "Temporarily unavailable",
            ),
            Self::Internal(_) => (S::INTERNAL_SERVER_ERROR, "internal", "Internal error"),
        };
        Kind {
            status,
            code,
            title,
        }
    }

    /// What `x-should-retry` says, where the official SDKs' own rule (retry 408, 409, 429 and every 5xx) is wrong.
    fn should_retry(&self) -> Option<bool> {
        match self {
            Self::NotSupported | Self::Conflict(_) => Some(false),
            _ => None,
        }
    }

    /// Written once, here, where the error is handled: what the client did at debug, what we did as an error.
    fn log(&self) {
        match self {
            Self::Unavailable(source) | Self::Internal(source) => {
                let chain = chain_of(source.as_ref());
                tracing::error!(error.chain = %chain, "{self}");
            }
            _ => tracing::debug!(error.code = self.kind().code, "{self}"),
        }
    }
}

/// The error and its sources in one line, outermost first.
fn chain_of(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.log();
        let Kind {
            status,
            code,
            title,
        } = self.kind();
        let mut response = status.into_response();
        let headers = response.headers_mut();
        if let Some(retry) = self.should_retry() {
            let value = if retry { "true" } else { "false" };
            headers.insert("x-should-retry", HeaderValue::from_static(value));
        }
        match self {
            Self::PrivateKeyMissing => {
                let scheme = HeaderValue::from_static("Basic realm=\"private API key\"");
                headers.insert(header::WWW_AUTHENTICATE, scheme);
            }
            Self::OperatorKeyMissing => {
                let scheme = HeaderValue::from_static("Bearer realm=\"operator\"");
                headers.insert(header::WWW_AUTHENTICATE, scheme);
            }
            Self::Unavailable(_) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        let message = self.to_string();
        let errors = match self {
            Self::ParametersInvalid(errors) => errors,
            _ => Vec::new(),
        };
        response.extensions_mut().insert(Problem {
            status,
            code,
            title,
            message,
            errors,
        });
        response
    }
}
