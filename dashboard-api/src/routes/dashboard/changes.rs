//! `GET /dashboard/v1/changes` and `…/origins/{id}/history`: what was changed in the configuration, when and by whom.

mod filter;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use chrono::{DateTime, Utc};
use limpid_domain::event::{Actor, ActorKind, ConfigEvent, StreamKind};
use limpid_domain::ids::{OriginId, StreamId, TenantSeq};
use limpid_event_store::TenantTx;
use limpid_event_store::config_log::{self, StoredEvent};
use limpid_read_models::config_history::{ConfigState, FieldChange, Until, config_at, differences};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use filter::PageRequest;

use crate::auth::Tenant;
use crate::error::{ApiError, ProblemBody};
use crate::router::ApiState;

/// Events between two changes of a page that are read at once.
const CAUGHT_UP: u32 = 1_000;

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_changes))
        .routes(routes!(list_origin_history))
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
    /// The command it was part of: every change of one command has the same.
    command_id: Option<Uuid>,
    /// The version of the thing that its author had seen (`If-Match`); null where the last write won.
    expected_version: Option<i32>,
    /// Why, where whoever did it said so.
    note: Option<String>,
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
    params(("resource" = Option<String>, Query, description = "A kind of thing, as changes name it: `origin`, `url_endpoint`, `tenant`, …"),
        ("resourceId" = Option<String>, Query, description = "The id of a thing, as changes name it."),
        ("kind" = Option<String>, Query, description = "What happened, as changes name it: `origin_replaced`, …"),
        ("actor" = Option<String>, Query, description = "`api_key`, `operator`, `system`, or the label of an actor."),
        ("from" = Option<String>, Query, description = "RFC 3339, `now`, `now-6h`; from the beginning where it is not given."),
        ("to" = Option<String>, Query, description = "The same; itself not included."),
        ("limit" = Option<u16>, Query, description = "Changes of a page, 1 to 200; 50 where it is not given."),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before, with the same filter.")),
    responses((status = 200, description = "A page.", body = ChangePage),
        (status = 400, description = "A parameter cannot be read.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
async fn list_changes(
    tenant: Tenant,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<ChangePage>, ApiError> {
    let request = PageRequest::read(query.as_deref(), state.config().clock.now())?;
    let mut tx = state.configuration_question(tenant.id).await?;
    Ok(Json(page(&mut tx, request).await?))
}

/// Lists what was changed of one origin, newest first, also where it is deleted by now.
#[utoipa::path(get, path = "/dashboard/v1/origins/{id}/history", tag = "changes", operation_id = "listOriginHistory",
    security(("privateKey" = [])),
    params(("id" = String, Path, description = "The origin's id."),
        ("limit" = Option<u16>, Query, description = "Changes of a page, 1 to 200; 50 where it is not given."),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before.")),
    responses((status = 200, description = "A page.", body = ChangePage),
        (status = 400, description = "A parameter cannot be read.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody),
        (status = 404, description = "The account never had such an origin.", body = ProblemBody)))]
async fn list_origin_history(
    tenant: Tenant,
    Path(id): Path<String>,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<ChangePage>, ApiError> {
    let not_found = || ApiError::NotFound("Origin not found.".to_owned());
    let id: OriginId = id.parse().map_err(|_no_uuid| not_found())?;
    let stream_id = StreamId(id.0);
    let path = format!("/dashboard/v1/origins/{id}/history");
    let request = PageRequest::of_one(query.as_deref(), (stream_id, &path))?;
    let mut tx = state.configuration_question(tenant.id).await?;
    let events = config_log::load(&mut tx, stream_id).await?;
    let first = events.first().map(|stored| stored.event.stream_kind());
    if first != Some(StreamKind::Origin) {
        return Err(not_found());
    }
    Ok(Json(page(&mut tx, request).await?))
}

async fn page(tx: &mut TenantTx, request: PageRequest) -> Result<ChangePage, ApiError> {
    let found = request.find(tx).await?;
    let mut data = with_diffs(tx, found.events).await?;
    data.reverse();
    Ok(ChangePage {
        next_cursor: found.next_cursor,
        data,
    })
}

/// Changes, newest first, as answers, oldest first.
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
        catch_up(tx, &mut state, event.tenant_seq).await?;
        let before = state.fields(event.stream_id);
        state.apply(&event);
        let diff = differences(&before, &state.fields(event.stream_id));
        changes.push(Change::new(event, diff));
    }
    Ok(changes)
}

/// Brings a configuration up to the change before this one.
async fn catch_up(
    tx: &mut TenantTx,
    state: &mut ConfigState,
    next: TenantSeq,
) -> Result<(), ApiError> {
    loop {
        // Positions are dense.
        let missing = next.0.saturating_sub(state.version.0).saturating_sub(1);
        let Ok(missing @ 1..) = u32::try_from(missing) else {
            return Ok(());
        };
        let events = config_log::read_since(tx, state.version, missing.min(CAUGHT_UP)).await?;
        if events.is_empty() {
            return Ok(());
        }
        for event in &events {
            state.apply(event);
        }
    }
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
            command_id: stored.meta.command_id.map(|id| id.0),
            expected_version: stored.meta.expected_version.map(|version| version.0),
            note: stored.meta.note,
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
