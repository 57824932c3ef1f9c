//! `/dashboard/v1/trace`, `/dashboard/v1/origins/test`: what serving does with one URL or one origin, step by step. A serving node
//! walks the steps; nothing is recorded and nothing is kept.

mod schema;

use std::time::Instant;

use axum::Json;
use axum::extract::{Path, State};
use limpid_domain::diagnosis::{DiagnosisAnswer, DiagnosisRequest, Question};
use limpid_domain::ids::OriginId;
use limpid_domain::origin::OriginDraft;
use limpid_domain::refusal::Refusal;
use limpid_domain::request_body::Fields;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Tenant;
use crate::error::{ApiError, ProblemBody};
use crate::json_body::JsonObject;
use crate::router::ApiState;
use crate::serving_node;
use crate::throttle::TooOften;
use schema::{DiagnosisResponse, OriginTestRequest, StoredOriginTestRequest, TraceRequest};

/// Longest URL or path.
const MAX_URL_CHARS: usize = 16_384;
/// Longest value of a header field, and how many there may be.
const MAX_FIELD_CHARS: usize = 1024;
const MAX_FIELDS: usize = 32;

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(trace))
        .routes(routes!(test_origin))
        .routes(routes!(test_stored_origin))
}

/// Walks one delivery URL of the account the way a request would go, origins and pixels included, and says at each step what was
/// found and how long it took. 30 a minute.
#[utoipa::path(post, path = "/dashboard/v1/trace", tag = "diagnosis", operation_id = "trace",
    security(("privateKey" = [])), request_body = TraceRequest,
    responses((status = 200, description = "The steps, also where the URL fails.", body = DiagnosisResponse),
        (status = 400, description = "No URL.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 404, description = "The URL is not one of this account's.", body = ProblemBody),
        (status = 429, description = "Asked too often.", body = ProblemBody),
        (status = 503, description = "No serving node answers.", body = ProblemBody)))]
async fn trace(
    tenant: Tenant,
    State(state): State<ApiState>,
    JsonObject(body): JsonObject,
) -> Result<Json<DiagnosisResponse>, ApiError> {
    let mut fields = Fields::of(body)?;
    let url = fields.required_text("url", MAX_URL_CHARS)?;
    let headers = fields.any("headers").map(header_fields).transpose()?;
    fields.finish()?;
    let fields = headers.unwrap_or_default();
    ask(&state, &tenant, Question::Trace { url, fields }).await
}

/// Tries an origin that is not saved: its fields as for creating one, and the path of a file that should be there. Without a path
/// only reaching it and being let in is tried. 10 a minute.
#[utoipa::path(post, path = "/dashboard/v1/origins/test", tag = "diagnosis", operation_id = "testOrigin",
    security(("privateKey" = [])), request_body = OriginTestRequest,
    responses((status = 200, description = "The steps, also where one fails.", body = DiagnosisResponse),
        (status = 400, description = "A field is missing or breaks a rule.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 429, description = "Asked too often.", body = ProblemBody),
        (status = 503, description = "No serving node answers.", body = ProblemBody)))]
async fn test_origin(
    tenant: Tenant,
    State(state): State<ApiState>,
    JsonObject(mut body): JsonObject,
) -> Result<Json<DiagnosisResponse>, ApiError> {
    let path = body
        .as_object_mut()
        .and_then(|fields| fields.remove("path"));
    let path = path.map(path_of).transpose()?;
    OriginDraft::parse(body.clone())?;
    ask(&state, &tenant, Question::TestDraft { origin: body, path }).await
}

/// Tries a saved origin. 10 a minute, with the tests of unsaved ones.
#[utoipa::path(post, path = "/dashboard/v1/origins/{id}/test", tag = "diagnosis", operation_id = "testStoredOrigin",
    security(("privateKey" = [])), request_body = StoredOriginTestRequest,
    params(("id" = String, Path, description = "The origin's id.")),
    responses((status = 200, description = "The steps, also where one fails.", body = DiagnosisResponse),
        (status = 400, description = "A field breaks a rule.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 404, description = "The account has no such origin.", body = ProblemBody),
        (status = 429, description = "Asked too often.", body = ProblemBody),
        (status = 503, description = "No serving node answers.", body = ProblemBody)))]
async fn test_stored_origin(
    tenant: Tenant,
    Path(id): Path<String>,
    State(state): State<ApiState>,
    JsonObject(body): JsonObject,
) -> Result<Json<DiagnosisResponse>, ApiError> {
    let origin_id: OriginId = id
        .parse()
        .map_err(|_no_uuid| ApiError::NotFound("Origin not found.".to_owned()))?;
    let mut fields = Fields::of(body)?;
    let path = fields.optional_text("path", MAX_URL_CHARS)?;
    fields.finish()?;
    ask(&state, &tenant, Question::TestStored { origin_id, path }).await
}

async fn ask(
    state: &ApiState,
    tenant: &Tenant,
    question: Question,
) -> Result<Json<DiagnosisResponse>, ApiError> {
    let throttle = match &question {
        Question::Trace { .. } | Question::Verify { .. } => state.traces(),
        Question::TestDraft { .. } | Question::TestStored { .. } => state.origin_tests(),
    };
    throttle
        .count(tenant.id, Instant::now())
        .map_err(|TooOften(wait)| ApiError::TooOften(wait.as_secs() + 1))?;
    let is_trace = matches!(question, Question::Trace { .. });
    let request = DiagnosisRequest {
        asked_at: state.config().clock.now(),
        tenant_id: Some(tenant.id),
        question,
    };
    let config = state.config();
    let answer = serving_node::diagnose(config.serving_node, &config.vault, &request)
        .await
        .map_err(|error| ApiError::NoServingNode(error.into()))?;
    match answer {
        DiagnosisAnswer::Explained(explanation) => Ok(Json((*explanation).into())),
        DiagnosisAnswer::NotYours => Err(ApiError::NotFound(
            "This URL is not one of this account's.".to_owned(),
        )),
        DiagnosisAnswer::Unknown if is_trace => Err(ApiError::NotFound(
            "The serving node does not know this account yet; try again in a second.".to_owned(),
        )),
        DiagnosisAnswer::Unknown => Err(ApiError::NotFound("Origin not found.".to_owned())),
        DiagnosisAnswer::Busy => Err(ApiError::TooOften(1)),
    }
}

fn path_of(value: Value) -> Result<String, Refusal> {
    match value {
        Value::String(path) if (1..=MAX_URL_CHARS).contains(&path.chars().count()) => Ok(path),
        _ => Err(Refusal::invalid(format!(
            "path must be a string of 1 to {MAX_URL_CHARS} characters"
        ))),
    }
}

fn header_fields(value: Value) -> Result<Vec<(String, String)>, Refusal> {
    let invalid = || {
        Refusal::invalid(format!(
            "headers must be an object of at most {MAX_FIELDS} strings of at most {MAX_FIELD_CHARS} characters"
        ))
    };
    let Value::Object(members) = value else {
        return Err(invalid());
    };
    if members.len() > MAX_FIELDS {
        return Err(invalid());
    }
    members
        .into_iter()
        .map(|(name, value)| match value {
            Value::String(text) if text.len() <= MAX_FIELD_CHARS => Ok((name, text)),
            _ => Err(invalid()),
        })
        .collect()
}
