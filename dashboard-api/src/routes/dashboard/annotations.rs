//! `/dashboard/v1/annotations`: what charts mark on the time line: configuration changes, and notes that people write.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use chrono::{DateTime, Days, TimeZone, Utc};
use http::StatusCode;
use limpid_domain::event::StreamKind;
use limpid_domain::ids::{NoteId, StreamId};
use limpid_domain::refusal::Refusal;
use limpid_domain::request_body::Fields;
use limpid_event_store::TenantTx;
use limpid_event_store::config_log::{self, Changes};
use limpid_read_models::annotations::{Note, add_note, notes, remove_note};
use limpid_read_models::filter::Window;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::changes::{ChangeActor, resource_of};
use super::origin_errors::read_period;
use crate::auth::Tenant;
use crate::error::{ApiError, ProblemBody};
use crate::idempotency;
use crate::json_body::JsonObject;
use crate::query::{Parameters, parse_moment};
use crate::router::ApiState;

/// Longest note. Units: characters.
const MAX_NOTE_CHARS: usize = 500;

/// Year of the earliest moment that a note may be about, and how far ahead it may be.
const FIRST_YEAR: i32 = 2000;
const AHEAD: Days = Days::new(1);

/// Configuration changes of an answer, the newest: more are no longer marks but a colour.
const MAX_CHANGES: u32 = 200;

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_annotations, create_annotation))
        .routes(routes!(delete_annotation))
}

/// A mark on the time line.
#[derive(Debug, Serialize, ToSchema)]
#[serde(
    tag = "type",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub(super) enum Annotation {
    /// The configuration was changed.
    ConfigChange {
        /// When.
        at: DateTime<Utc>,
        /// The configuration version that it made.
        config_version: i64,
        /// What happened.
        kind: &'static str,
        /// What kind of thing it happened to.
        resource: &'static str,
        /// Its id; of the account itself, null.
        resource_id: Option<Uuid>,
        /// Who did it.
        actor: ChangeActor,
    },
    /// Somebody wrote a note.
    Note {
        /// The moment it is about.
        at: DateTime<Utc>,
        /// Its id.
        id: Uuid,
        /// What it says.
        note: String,
        /// Who wrote it.
        author: String,
    },
}

/// Marks of a period, oldest first.
#[derive(Debug, Serialize, ToSchema)]
struct AnnotationList {
    data: Vec<Annotation>,
}

/// A note to write.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described, never built")]
struct NoteRequest {
    /// What it says, 500 characters at most.
    #[schema(example = "Release 4.2 went out")]
    note: String,
    /// The moment it is about: RFC 3339, `now`, `now-10m`; from 2000 on and within a day from now. Now where it is not given.
    at: Option<String>,
}

/// Lists configuration changes and notes of a period, oldest first; of very many the latest.
#[utoipa::path(get, path = "/dashboard/v1/annotations", tag = "changes", operation_id = "listAnnotations",
    security(("privateKey" = [])),
    params(("from" = Option<String>, Query, description = "As for failures; 24 hours before `to` where it is not given."),
        ("to" = Option<String>, Query, description = "As for failures; now where it is not given.")),
    responses((status = 200, description = "The marks.", body = AnnotationList),
        (status = 400, description = "A parameter cannot be read.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
async fn list_annotations(
    tenant: Tenant,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<AnnotationList>, ApiError> {
    let mut parameters = Parameters::parse(query.as_deref(), &["from", "to"]);
    let (from, to) = read_period(&mut parameters, state.config().clock.now());
    parameters.finish()?;
    let mut tx = state.failures_tx(tenant.id).await?;
    let data = annotations(&mut tx, Window { from, to }, None).await?;
    Ok(Json(AnnotationList { data }))
}

/// Writes a note on the time line.
#[utoipa::path(post, path = "/dashboard/v1/annotations", tag = "changes", operation_id = "createAnnotation",
    security(("privateKey" = [])), request_body = NoteRequest,
    responses((status = 201, description = "The note.", body = Annotation),
        (status = 400, description = "No text, or too long a one.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
async fn create_annotation(
    tenant: Tenant,
    State(state): State<ApiState>,
    JsonObject(body): JsonObject,
) -> Result<(StatusCode, Json<Annotation>), ApiError> {
    let now = state.config().clock.now();
    let mut fields = Fields::of(body)?;
    let note = fields.required_text("note", MAX_NOTE_CHARS)?;
    let at = fields.optional_text("at", 40)?;
    fields.finish()?;
    let at = at.map_or(Ok(now), |text| read_at(&text, now))?;
    let note = Note {
        id: NoteId::mint(),
        at,
        text: note,
        author: tenant.event_meta().actor.label,
    };
    let mut tx = state.failures_tx(tenant.id).await?;
    idempotency::enter(&mut tx).await?;
    add_note(&mut tx, &note).await?;
    idempotency::commit(tx).await?;
    Ok((StatusCode::CREATED, Json(Annotation::from(note))))
}

/// The moment a note is about: nothing is drawn before 2000 or after tomorrow, so a note there would be seen by nobody.
fn read_at(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, Refusal> {
    let refusal = "at is a time like 2026-11-22T08:00:00Z, or now, or now-10m.";
    let at = parse_moment(text, now).ok_or_else(|| Refusal::invalid(refusal))?;
    let is_early = Utc
        .with_ymd_and_hms(FIRST_YEAR, 1, 1, 0, 0, 0)
        .single()
        .is_some_and(|first| at < first);
    let is_late = now
        .checked_add_days(AHEAD)
        .is_some_and(|tomorrow| at > tomorrow);
    if is_early || is_late {
        return Err(Refusal::invalid(format!(
            "at must be from {FIRST_YEAR} on and within a day from now."
        )));
    }
    Ok(at)
}

/// Removes a note.
#[utoipa::path(delete, path = "/dashboard/v1/annotations/{id}", tag = "changes", operation_id = "deleteAnnotation",
    security(("privateKey" = [])), params(("id" = String, Path, description = "The note's id.")),
    responses((status = 204, description = "Removed."),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody),
        (status = 404, description = "The account has no such note.", body = ProblemBody)))]
async fn delete_annotation(
    tenant: Tenant,
    Path(id): Path<String>,
    State(state): State<ApiState>,
) -> Result<StatusCode, ApiError> {
    let not_found = || ApiError::NotFound("Note not found.".to_owned());
    let id: NoteId = id.parse().map_err(|_no_uuid| not_found())?;
    let mut tx = state.failures_tx(tenant.id).await?;
    idempotency::enter(&mut tx).await?;
    let removed = remove_note(&mut tx, id).await?;
    idempotency::commit(tx).await?;
    if removed {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(not_found())
    }
}

/// What breaks images, or mends them, when it is changed: no keys, nor purges, nor whom to tell of failures.
const MARKED: [StreamKind; 4] = [
    StreamKind::Tenant,
    StreamKind::Origin,
    StreamKind::UrlEndpoint,
    StreamKind::NamedTransformation,
];

/// Marks of a window, oldest first: changes, of one thing only where it is named, and notes.
pub(super) async fn annotations(
    tx: &mut TenantTx,
    window: Window,
    of: Option<StreamId>,
) -> Result<Vec<Annotation>, ApiError> {
    let changes = Changes {
        spans: &[(window.from, window.to)],
        kinds: &MARKED,
        of,
    };
    let changes = config_log::read_between(tx, changes, MAX_CHANGES).await?;
    let mut marks: Vec<Annotation> = changes
        .into_iter()
        .map(|event| {
            let (resource, resource_id) = resource_of(event.event.stream_kind(), event.stream_id);
            Annotation::ConfigChange {
                at: event.recorded_at,
                config_version: event.tenant_seq.0,
                kind: event.event.kind(),
                resource,
                resource_id,
                actor: ChangeActor::new(event.meta.actor),
            }
        })
        .collect();
    marks.extend(notes(tx, window).await?.into_iter().map(Annotation::from));
    marks.sort_by_key(Annotation::at);
    Ok(marks)
}

impl Annotation {
    fn at(&self) -> DateTime<Utc> {
        match self {
            Self::ConfigChange { at, .. } | Self::Note { at, .. } => *at,
        }
    }
}

impl From<Note> for Annotation {
    fn from(note: Note) -> Self {
        Self::Note {
            at: note.at,
            id: note.id.0,
            note: note.text,
            author: note.author,
        }
    }
}
