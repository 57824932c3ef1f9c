//! `/dashboard/v1/purge` and `/dashboard/v1/purges`: many URLs at once, and what became of purges. Source: `imagekit.md` 2 and 4.7.

use std::time::Instant;

use axum::Json;
use axum::extract::{RawQuery, State};
use chrono::{DateTime, Utc};
use http::StatusCode;
use limpid_domain::ids::{PurgeId, TenantSeq};
use limpid_domain::purge::NotPurged;
use limpid_domain::refusal::Refusal;
use limpid_domain::request_body::Fields;
use limpid_read_models::purges::{Purge, purges_before};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::changes::ChangeActor;
use crate::auth::Tenant;
use crate::commands;
use crate::error::{ApiError, ProblemBody};
use crate::json_body::JsonObject;
use crate::query::{Listing, Parameters};
use crate::router::ApiState;
use crate::routes::purges::PurgeState;
use crate::throttle::TooOften;

/// URLs of one request. Source: `imagekit.md` 2.
const MAX_URLS: usize = 100;

/// Purges of a page where the request does not say, and at most.
const DEFAULT_PAGE: u16 = 50;
const MAX_PAGE: u16 = 200;

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(purge_many))
        .routes(routes!(list_purges))
}

/// What is to be purged. Read by `limpid_domain::purge`; this only describes it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described, never built")]
struct PurgesRequest {
    /// 1 to 100 URLs, each as `POST /v1/files/purge` takes one.
    #[schema(example = json!(["https://images.example.com/acme/tr:w-300/photo.jpg", "https://images.example.com/acme/images/old*"]))]
    urls: Vec<String>,
}

/// What became of each URL, in the order they were given.
#[derive(Debug, Serialize, ToSchema)]
struct PurgesResponse {
    data: Vec<PurgeAnswer>,
    /// Only where every URL is refused: that, and why the first one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        example = "None of the 2 URLs is purged; data says why. The first: The URL is not purged: it is no delivery URL of this account."
    )]
    message: Option<String>,
}

/// A URL with the id of its purge, or why there is none.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PurgeAnswer {
    url: String,
    /// The purge's id; null where it was refused.
    #[schema(example = "01890a5d-ac96-774b-bcce-b302099a8057")]
    request_id: Option<String>,
    /// Why the URL is not purged; null where it is.
    #[schema(example = "The URL is not purged: it is no delivery URL of this account.")]
    error: Option<String>,
}

impl PurgeAnswer {
    fn new(url: String, answer: Result<PurgeId, NotPurged>) -> Self {
        let error = answer.err().map(NotPurged::explanation);
        Self {
            url,
            request_id: answer.ok().map(|id| id.to_string()),
            error,
        }
    }
}

/// Makes every cache of the installation forget delivered URLs, each on its own: a URL that is refused stops none of the others. One
/// request counts as one of the 60 a minute, every accepted URL as one of the 1000 a calendar month.
#[utoipa::path(post, path = "/dashboard/v1/purge", tag = "cache", operation_id = "purgeCaches", security(("privateKey" = [])),
    request_body = PurgesRequest,
    responses((status = 201, description = "At least one purge is recorded and on its way.", body = PurgesResponse),
        (status = 400, description = "Not 1 to 100 URLs; or every URL is refused, and `data` says why.", body = PurgesResponse),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody),
        (status = 429, description = "Asked too often.", body = ProblemBody)))]
async fn purge_many(
    tenant: Tenant,
    State(state): State<ApiState>,
    JsonObject(body): JsonObject,
) -> Result<(StatusCode, Json<PurgesResponse>), ApiError> {
    let mut fields = Fields::of(body)?;
    let urls = fields.texts("urls")?;
    fields.finish()?;
    check(&urls)?;
    state
        .purges()
        .count(tenant.id, Instant::now())
        .map_err(|TooOften(wait)| ApiError::TooOften(wait.as_secs() + 1))?;
    let context = state.command_context(tenant.event_meta());
    let answers = commands::purge_caches(&context, tenant.id, &urls).await?;
    let status = if answers.iter().any(Result::is_ok) {
        StatusCode::CREATED
    } else {
        StatusCode::BAD_REQUEST
    };
    let answers = urls.into_iter().zip(answers);
    let data = answers.map(|(url, answer)| PurgeAnswer::new(url, answer));
    let data: Vec<PurgeAnswer> = data.collect();
    let message = (status == StatusCode::BAD_REQUEST).then(|| {
        let why = data.first().and_then(|first| first.error.as_deref());
        let (urls, why) = (data.len(), why.unwrap_or_default());
        format!("None of the {urls} URLs is purged; data says why. The first: {why}")
    });
    Ok((status, Json(PurgesResponse { data, message })))
}

fn check(urls: &[String]) -> Result<(), Refusal> {
    match urls.len() {
        0 => Err(Refusal::invalid(format!(
            "urls must have 1 to {MAX_URLS} URLs"
        ))),
        1..=MAX_URLS => Ok(()),
        given => Err(Refusal::invalid(format!(
            "urls must have 1 to {MAX_URLS} URLs, not {given}; send the others in another request"
        ))),
    }
}

/// A purge and what has become of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PurgeEntry {
    #[schema(example = "01890a5d-ac96-774b-bcce-b302099a8057")]
    request_id: String,
    /// As it was written; a `*` at its end means every URL that begins so.
    #[schema(example = "https://images.example.com/acme/tr:w-300/photo.jpg")]
    url: String,
    status: PurgeState,
    requested_at: DateTime<Utc>,
    requested_by: ChangeActor,
}

impl From<Purge> for PurgeEntry {
    fn from(purge: Purge) -> Self {
        Self {
            request_id: purge.id.to_string(),
            url: purge.url,
            status: PurgeState::from(purge.status),
            requested_at: purge.requested_at,
            requested_by: ChangeActor::new(purge.requested_by),
        }
    }
}

/// A page of purges, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PurgePage {
    data: Vec<PurgeEntry>,
    /// The next page's `cursor`; null at the end.
    next_cursor: Option<String>,
}

/// Lists the account's purges, newest first, and whether every serving node has applied them.
#[utoipa::path(get, path = "/dashboard/v1/purges", tag = "cache", operation_id = "listPurges",
    security(("privateKey" = [])),
    params(("limit" = Option<u16>, Query, description = "Purges of a page, 1 to 200; 50 where it is not given."),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before.")),
    responses((status = 200, description = "A page.", body = PurgePage),
        (status = 400, description = "A parameter cannot be read.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
async fn list_purges(
    tenant: Tenant,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<PurgePage>, ApiError> {
    let mut parameters = Parameters::parse(query.as_deref(), &["limit", "cursor"]);
    let limit = parameters.number("limit", (1, MAX_PAGE), DEFAULT_PAGE);
    let cursor = parameters.one("cursor");
    let listing = Listing::of("/dashboard/v1/purges", &parameters);
    parameters.finish()?;
    let before = listing.position(cursor)?.map(TenantSeq);
    let mut tx = state.configuration_question(tenant.id).await?;
    let mut purges = purges_before(&mut tx, before, limit + 1).await?;
    let has_more = purges.len() > usize::from(limit);
    purges.truncate(usize::from(limit));
    let last = purges.last().filter(|_| has_more);
    Ok(Json(PurgePage {
        next_cursor: last.map(|purge| listing.cursor(purge.seq)),
        data: purges.into_iter().map(PurgeEntry::from).collect(),
    }))
}
