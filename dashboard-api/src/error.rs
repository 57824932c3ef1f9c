//! Every problem the API can answer. The only place that chooses a status.
//!
//! A handler returns an [`ApiError`]; it travels as a [`Problem`] in the response's extensions and `exchange` writes the
//! body, which needs the request id.

mod kind;
mod problem;

use std::error::Error;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use limpid_domain::refusal::Refusal;
use limpid_event_store::StoreError;

use crate::commands::CommandError;
use crate::routes::health::Readiness;

pub(crate) use kind::{Kind, kind_named};
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
    /// The stream token is none of ours, was used, or is too old; the client's fault.
    #[error("The stream token opens nothing: it is good for one minute and one stream.")]
    StreamTokenInvalid,
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
    NotFound(String),
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
    /// The cursor is none, or was made for another filter.
    #[error("The cursor does not belong to this question; begin without one.")]
    CursorInvalid,
    /// A rule of the domain refuses the command; the text says which.
    #[error("{0}")]
    Refused(String),
    /// Something else has the name or changed the object first.
    #[error("{0}")]
    Conflict(String),
    /// `Idempotency-Key` is none; says why. The client's fault.
    #[error("{0}")]
    IdempotencyKeyInvalid(String),
    /// The key was given with another request before.
    #[error(
        "This Idempotency-Key was sent with another request; send the same request again, or a new key."
    )]
    IdempotencyKeyReused,
    /// A request with the same key is being worked on.
    #[error(
        "A request with this Idempotency-Key is being worked on; send the same request again in a second to get its answer."
    )]
    IdempotencyKeyInUse,
    /// A change that must name the version it is meant for does not.
    #[error(
        "This change needs If-Match: read the object and send the ETag of the answer, so that nobody's change is lost."
    )]
    ConditionMissing,
    /// `If-Match` names an older version.
    #[error("The object was changed in the meantime.")]
    VersionStale,
    /// Something that costs more than a query was asked for too often; seconds to wait.
    #[error("Asked too often; ask again in {0} seconds.")]
    TooOften(u64),
    /// The account has as many streams open as it may; seconds to wait.
    #[error("Your account has too many open streams; close one, or try again in {0} seconds.")]
    TooManyStreams(u64),
    /// The account has as many questions in work and waiting as it may; seconds to wait.
    #[error("Your account asks too many questions at once; ask again when some are answered.")]
    TooManyQuestions(u64),
    /// The database worked on the question for longer than it may.
    #[error(
        "The question took too long. Ask for a shorter period, leave out q and not.q, or choose a code, origin or group."
    )]
    QuestionTooLarge(#[source] BoxError),
    /// No serving node could be asked; worth a retry.
    #[error("No serving node answers at the moment.")]
    NoServingNode(#[source] BoxError),
    /// The database or another dependency is away; worth a retry.
    #[error("Limpid cannot reach its database at the moment.")]
    Unavailable(#[source] BoxError),
    /// Our fault. The source is logged, never sent.
    #[error("Something went wrong on our side.")]
    Internal(#[source] BoxError),
}

impl ApiError {
    fn kind(&self) -> &'static Kind {
        match self {
            Self::PrivateKeyMissing => &kind::PRIVATE_KEY_MISSING,
            Self::PrivateKeyUnknown => &kind::PRIVATE_KEY_UNKNOWN,
            Self::PrivateKeyExpired => &kind::PRIVATE_KEY_EXPIRED,
            Self::AccountDisabled => &kind::ACCOUNT_DISABLED,
            Self::StreamTokenInvalid => &kind::STREAM_TOKEN_INVALID,
            Self::OperatorKeyMissing => &kind::OPERATOR_KEY_MISSING,
            Self::OperatorKeyWrong => &kind::OPERATOR_KEY_WRONG,
            Self::RouteNotFound => &kind::ROUTE_NOT_FOUND,
            Self::NotFound(_) => &kind::NOT_FOUND,
            Self::MethodNotAllowed => &kind::METHOD_NOT_ALLOWED,
            Self::NotSupported => &kind::NOT_SUPPORTED,
            Self::BodyTooLarge(_) => &kind::BODY_TOO_LARGE,
            Self::BodyTimeout(_) => &kind::BODY_TIMEOUT,
            Self::BodyInvalid(_) => &kind::BODY_INVALID,
            Self::ParametersInvalid(_) => &kind::PARAMETER_INVALID,
            Self::CursorInvalid => &kind::CURSOR_INVALID,
            Self::Refused(_) => &kind::REFUSED,
            Self::Conflict(_) => &kind::CONFLICT,
            Self::IdempotencyKeyInvalid(_) => &kind::IDEMPOTENCY_KEY_INVALID,
            Self::IdempotencyKeyReused => &kind::IDEMPOTENCY_KEY_REUSED,
            Self::IdempotencyKeyInUse => &kind::IDEMPOTENCY_KEY_IN_USE,
            Self::ConditionMissing => &kind::CONDITION_MISSING,
            Self::VersionStale => &kind::VERSION_STALE,
            Self::TooOften(_) => &kind::TOO_OFTEN,
            Self::TooManyStreams(_) => &kind::TOO_MANY_STREAMS,
            Self::TooManyQuestions(_) => &kind::TOO_MANY_QUESTIONS,
            Self::QuestionTooLarge(_) => &kind::QUESTION_TOO_LARGE,
            Self::NoServingNode(_) => &kind::NO_SERVING_NODE,
            Self::Unavailable(_) => &kind::UNAVAILABLE,
            Self::Internal(_) => &kind::INTERNAL,
        }
    }

    /// What `x-should-retry` says, where the official SDKs' own rule (retry 408, 409, 429 and every 5xx) is wrong.
    fn should_retry(&self) -> Option<bool> {
        match self {
            Self::NotSupported | Self::Conflict(_) | Self::QuestionTooLarge(_) => Some(false),
            Self::IdempotencyKeyInUse => Some(true),
            _ => None,
        }
    }

    /// Written once, here, where the error is handled: what the client did at debug, what we did as an error.
    fn log(&self) {
        match self {
            Self::NoServingNode(source) | Self::Unavailable(source) | Self::Internal(source) => {
                let chain = chain_of(source.as_ref());
                tracing::error!(error.chain = %chain, "{self}");
            }
            _ => tracing::debug!(error.code = self.kind().code, "{self}"),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::TooSlow(source) => Self::QuestionTooLarge(source),
            error if error.is_transient() => Self::Unavailable(error.into()),
            error => Self::Internal(error.into()),
        }
    }
}

impl From<CommandError> for ApiError {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::NotFound { message } => Self::NotFound(message),
            CommandError::Refused { message } => Self::Refused(message),
            CommandError::Taken { message } => Self::Conflict(message),
            // Commands of one tenant run one after another, so this only happens to a version the caller named.
            CommandError::Conflict => Self::VersionStale,
            CommandError::InProgress => Self::IdempotencyKeyInUse,
            CommandError::Unavailable(source) => Self::Unavailable(source.into()),
            CommandError::Internal(source) => Self::Internal(source.into()),
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        CommandError::from(refusal).into()
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
        let kind = self.kind();
        let mut response = kind.status.into_response();
        let headers = response.headers_mut();
        if let Some(retry) = self.should_retry() {
            let value = if retry { "true" } else { "false" };
            headers.insert("x-should-retry", HeaderValue::from_static(value));
        }
        match &self {
            Self::PrivateKeyMissing => {
                let scheme = HeaderValue::from_static("Basic realm=\"private API key\"");
                headers.insert(header::WWW_AUTHENTICATE, scheme);
            }
            Self::OperatorKeyMissing => {
                let scheme = HeaderValue::from_static("Bearer realm=\"operator\"");
                headers.insert(header::WWW_AUTHENTICATE, scheme);
            }
            Self::TooOften(seconds)
            | Self::TooManyStreams(seconds)
            | Self::TooManyQuestions(seconds) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
            }
            Self::NoServingNode(_) | Self::Unavailable(_) | Self::IdempotencyKeyInUse => {
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
            kind,
            message,
            errors,
            current: None,
        });
        response
    }
}

/// `/readyz` when something is missing: 503 with the reasons instead of a problem.
#[derive(Debug)]
pub(crate) struct NotReady(pub(crate) Readiness);

impl IntoResponse for NotReady {
    fn into_response(self) -> Response {
        (StatusCode::SERVICE_UNAVAILABLE, Json(self.0)).into_response()
    }
}
