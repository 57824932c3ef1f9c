//! `GET /dashboard/v1/changes`: what was changed in the configuration, when and by whom.

use axum::Json;
use axum::extract::{RawQuery, State};
use chrono::{DateTime, Utc};
use limpid_domain::event::{Actor, ActorKind, ConfigEvent, StreamKind};
use limpid_domain::ids::{StreamId, TenantSeq};
use limpid_event_store::TenantTx;
use limpid_event_store::config_log::{self, StoredEvent};
use limpid_read_models::config_history::{FieldChange, Until, config_at, differences};
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
pub(super) struct Change {
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
    /// What differs from before, field by field; credentials as `v<version> #<fingerprint>`.
    diff: Vec<FieldDiff>,
}

/// A field that differs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FieldDiff {
    /// Its name; of a field within a field, joined by dots.
    #[schema(example = "bucket")]
    field: String,
    /// Its value before; null where it was not there.
    #[schema(value_type = Object)]
    from: Value,
    /// Its value after; null where it is not there.
    #[schema(value_type = Object)]
    to: Value,
}

/// Who made a change.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChangeActor {
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
    let (limit, before) = page_of(query.as_deref())?;
    let mut tx = state.question(tenant.id).await?;
    let events = config_log::read_before(&mut tx, before, u32::from(limit)).await?;
    let oldest = events.last().map(|event| event.tenant_seq);
    let mut data = with_diffs(&mut tx, events).await?;
    data.reverse();
    Ok(Json(ChangePage {
        // Positions are dense from 1: below 1 there is nothing.
        next_cursor: oldest.filter(|seq| seq.0 > 1).map(|seq| seq.to_string()),
        data,
    }))
}

/// How many entries of the account's log a page has, and before which place.
pub(super) fn page_of(query: Option<&str>) -> Result<(u16, Option<TenantSeq>), ApiError> {
    let mut parameters = Parameters::parse(query, &["limit", "cursor"]);
    let limit = parameters.number("limit", (1, MAX_PAGE), DEFAULT_PAGE);
    let cursor = parameters.one("cursor");
    parameters.finish()?;
    let before = cursor.map(|text| text.parse::<i64>().map(TenantSeq));
    let before = before
        .transpose()
        .map_err(|_no_number| ApiError::CursorInvalid)?;
    Ok((limit, before))
}

/// Changes that follow each other without a gap, newest first, as answers, oldest first.
async fn with_diffs(
    tx: &mut TenantTx,
    newest_first: Vec<StoredEvent>,
) -> Result<Vec<Change>, ApiError> {
    let Some(oldest) = newest_first.last() else {
        return Ok(Vec::new());
    };
    let before_all = Until::Version(TenantSeq(oldest.tenant_seq.0 - 1));
    let mut state = config_at(tx, before_all).await?;
    let mut changes = Vec::with_capacity(newest_first.len());
    for event in newest_first.into_iter().rev() {
        let before = state.fields(event.stream_id);
        state.apply(&event);
        let diff = differences(&before, &state.fields(event.stream_id));
        changes.push(Change::new(event, diff));
    }
    Ok(changes)
}

/// One change with what it changed.
pub(super) async fn described(tx: &mut TenantTx, event: StoredEvent) -> Result<Change, ApiError> {
    let mut changes = with_diffs(tx, vec![event]).await?;
    changes
        .pop()
        .ok_or_else(|| ApiError::Internal("a change is gone".into()))
}

/// What a stream is about, as the API names it, and its id; the account itself has none.
pub(super) fn resource_of(kind: StreamKind, stream_id: StreamId) -> (&'static str, Option<Uuid>) {
    match kind {
        StreamKind::Tenant => ("tenant", None),
        StreamKind::KeyPair => ("key_pair", Some(stream_id.0)),
        StreamKind::Origin => ("origin", Some(stream_id.0)),
        StreamKind::UrlEndpoint => ("url_endpoint", Some(stream_id.0)),
        StreamKind::NamedTransformation => ("named_transformation", Some(stream_id.0)),
        StreamKind::Purge => ("purge", Some(stream_id.0)),
        StreamKind::AlertRule => ("alert_rule", Some(stream_id.0)),
        StreamKind::Webhook => ("webhook", Some(stream_id.0)),
    }
}

impl From<FieldChange> for FieldDiff {
    fn from(change: FieldChange) -> Self {
        Self {
            field: change.field,
            from: change.from,
            to: change.to,
        }
    }
}

impl ChangeActor {
    pub(super) fn new(actor: Actor) -> Self {
        Self {
            kind: match actor.kind {
                ActorKind::ApiKey => ActorName::ApiKey,
                ActorKind::Operator => ActorName::Operator,
                ActorKind::System => ActorName::System,
            },
            label: actor.label,
        }
    }
}

impl Change {
    fn new(stored: StoredEvent, diff: Vec<FieldChange>) -> Self {
        let (resource, resource_id) = resource_of(stored.event.stream_kind(), stored.stream_id);
        Self {
            config_version: stored.tenant_seq.0,
            at: stored.recorded_at,
            kind: stored.event.kind(),
            resource,
            resource_id,
            version: stored.version.0,
            actor: ChangeActor::new(stored.meta.actor),
            source: stored.meta.source,
            request_id: stored.meta.request_id.map(|id| id.0),
            data: shown(&stored.event),
            diff: diff.into_iter().map(FieldDiff::from).collect(),
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
        members.remove("secret");
    }
    data
}
