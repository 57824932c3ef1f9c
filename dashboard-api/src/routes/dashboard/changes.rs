//! `GET /dashboard/v1/changes`: what was changed in the configuration, when and by whom.

use axum::Json;
use axum::extract::{RawQuery, State};
use chrono::{DateTime, Utc};
use limpid_domain::event::{ActorKind, ConfigEvent, StreamKind};
use limpid_domain::ids::TenantSeq;
use limpid_event_store::config_log::{self, StoredEvent};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::auth::Tenant;
use crate::error::{ApiError, ProblemBody};
use crate::query::Parameters;
use crate::router::ApiState;

/// Changes of a page where the request does not say, and at most.
const DEFAULT_PAGE: u16 = 50;
const MAX_PAGE: u16 = 200;

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list_changes))
}

/// One change.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Change {
    /// The configuration version that it made.
    config_version: i64,
    /// When.
    at: DateTime<Utc>,
    /// What happened.
    #[schema(example = "origin_replaced")]
    kind: &'static str,
    /// What kind of thing it happened to.
    #[schema(example = "origin")]
    resource: &'static str,
    /// Its id; of the account itself, null.
    resource_id: Option<Uuid>,
    /// The version of the thing that it made.
    version: i32,
    /// Who.
    actor: ChangeActor,
    /// With what: the user agent.
    source: Option<String>,
    /// The request it came in.
    request_id: Option<Uuid>,
    /// The thing as it was from then on, without secrets.
    #[schema(value_type = Object)]
    data: Value,
}

/// Who made a change.
#[derive(Debug, Serialize, ToSchema)]
struct ChangeActor {
    /// `api_key`, `operator` or `system`.
    kind: ActorName,
    /// How people recognise it, for example the public key.
    label: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ActorName {
    ApiKey,
    Operator,
    System,
}

/// A page of changes, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ChangePage {
    data: Vec<Change>,
    /// The next page's `cursor`; null at the end.
    next_cursor: Option<String>,
}

/// Lists what was changed in the account's configuration, newest first.
#[utoipa::path(get, path = "/dashboard/v1/changes", tag = "changes", operation_id = "listChanges",
    security(("privateKey" = [])),
    params(("limit" = Option<u16>, Query, description = "Changes of a page, 1 to 200; 50 where it is not given."),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before.")),
    responses((status = 200, description = "A page.", body = ChangePage),
        (status = 400, description = "A parameter cannot be read.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
async fn list_changes(
    tenant: Tenant,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<ChangePage>, ApiError> {
    let mut parameters = Parameters::parse(query.as_deref(), &["limit", "cursor"]);
    let limit = parameters.number("limit", (1, MAX_PAGE), DEFAULT_PAGE);
    let cursor = parameters.one("cursor");
    parameters.finish()?;
    let before = cursor.map(|text| text.parse::<i64>().map(TenantSeq));
    let before = before
        .transpose()
        .map_err(|_no_number| ApiError::CursorInvalid)?;
    let mut tx = state.database().tenant_tx(tenant.id).await?;
    let events = config_log::read_before(&mut tx, before, u32::from(limit)).await?;
    let oldest = events.last().map(|event| event.tenant_seq);
    Ok(Json(ChangePage {
        // Positions are dense from 1: below 1 there is nothing.
        next_cursor: oldest.filter(|seq| seq.0 > 1).map(|seq| seq.to_string()),
        data: events.into_iter().map(Change::from).collect(),
    }))
}

impl From<StoredEvent> for Change {
    fn from(stored: StoredEvent) -> Self {
        let (resource, resource_id) = match stored.event.stream_kind() {
            StreamKind::Tenant => ("tenant", None),
            StreamKind::KeyPair => ("key_pair", Some(stored.stream_id.0)),
            StreamKind::Origin => ("origin", Some(stored.stream_id.0)),
            StreamKind::UrlEndpoint => ("url_endpoint", Some(stored.stream_id.0)),
            StreamKind::NamedTransformation => ("named_transformation", Some(stored.stream_id.0)),
        };
        Self {
            config_version: stored.tenant_seq.0,
            at: stored.recorded_at,
            kind: stored.event.kind(),
            resource,
            resource_id,
            version: stored.version.0,
            actor: ChangeActor {
                kind: match stored.meta.actor.kind {
                    ActorKind::ApiKey => ActorName::ApiKey,
                    ActorKind::Operator => ActorName::Operator,
                    ActorKind::System => ActorName::System,
                },
                label: stored.meta.actor.label,
            },
            source: stored.meta.source,
            request_id: stored.meta.request_id.map(|id| id.0),
            data: shown(&stored.event),
        }
    }
}

/// The event's data without what only the program needs: hashes of keys and where secrets are kept.
fn shown(event: &ConfigEvent) -> Value {
    if let ConfigEvent::KeyPairCreated {
        name, public_key, ..
    } = event
    {
        return json!({ "name": name, "publicKey": public_key });
    }
    let mut data = event.to_data();
    if let Some(members) = data.as_object_mut() {
        members.remove("credentials");
    }
    data
}
