//! `…/groups/{id}/resolve`, `/reopen`, `/mute`, `/unmute`, `/events`: the life of a group, and what people do about it.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use chrono::{DateTime, Utc};
use limpid_domain::failure_group::{
    GroupCommand, GroupLife, GroupRefusal, Mute, TimedGroupEvent, command,
};
use limpid_domain::ids::GroupId;
use limpid_domain::refusal::Refusal;
use limpid_domain::request_body::Fields;
use limpid_event_store::TenantTx;
use limpid_read_models::failure_groups::{
    self, NewGroupEvent, StoredGroupEvent, life_events, locked_life, record,
};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::groups::not_found;
use crate::auth::Tenant;
use crate::error::{ApiError, ProblemBody};
use crate::idempotency;
use crate::json_body::OptionalJsonObject;
use crate::query::{Listing, Parameters, parse_moment};
use crate::router::ApiState;
use crate::routes::dashboard::changes::ChangeActor;

/// Longest note. Units: characters.
const MAX_NOTE_CHARS: usize = 500;

/// Events of a page where the request does not say, and at most.
const DEFAULT_PAGE: u16 = 50;
const MAX_PAGE: u16 = 200;

/// What a group is.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OriginErrorGroupState)]
pub(super) struct StateAnswer {
    /// new (began less than a day ago), ongoing, escalating (far more in an hour than the day before), regressed (fails again after it
    /// was resolved) or resolved.
    #[schema(example = "ongoing")]
    state: &'static str,
    /// Since when.
    state_since: DateTime<Utc>,
    /// Whether it is muted now.
    muted: bool,
    /// Until when it is muted; null where it is not, or for ever.
    muted_until: Option<DateTime<Utc>>,
}

/// A group after something was done to it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OriginErrorGroupAction)]
pub(super) struct ActionAnswer {
    /// The group.
    id: String,
    #[serde(flatten)]
    state: StateAnswer,
}

/// What to say about it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described, never built")]
struct ActionRequest {
    /// Why, 500 characters at most.
    #[schema(example = "The bucket policy was repaired")]
    note: Option<String>,
}

/// Until when not to be shown.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described, never built")]
struct MuteRequest {
    /// RFC 3339; for ever where it is not given.
    #[schema(example = "2026-12-01T08:00:00Z")]
    until: Option<String>,
    /// Why, 500 characters at most.
    note: Option<String>,
}

/// One event of a group's life.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OriginErrorGroupEvent)]
struct GroupEventAnswer {
    /// Its number in the group's life, from 1, without gaps.
    seq: i64,
    /// When it happened.
    at: DateTime<Utc>,
    /// began, continued, escalated, calmed, regressed, resolved, reopened, muted, unmuted or `verification_failed`.
    #[schema(example = "resolved")]
    kind: &'static str,
    /// What goes with it: `by` (hand, verified, silence) of resolved, `until` of muted, `hour` and `hourlyMean` of escalated,
    /// `served` and `asked` of `verification_failed`.
    #[schema(value_type = Object)]
    data: Map<String, Value>,
    /// Who did it; `system` for what follows from failures and from time.
    actor: ChangeActor,
    /// What they said about it.
    note: Option<String>,
}

/// A page of a group's life.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OriginErrorGroupEventPage)]
pub(super) struct GroupEventPage {
    /// Newest first.
    data: Vec<GroupEventAnswer>,
    /// The next page's `cursor`; null at the end.
    next_cursor: Option<String>,
}

/// Says that a group is over. A failure that occurs after it makes it regressed.
#[utoipa::path(post, path = "/dashboard/v1/origin-errors/groups/{id}/resolve", tag = "origin errors",
    operation_id = "resolveOriginErrorGroup", security(("privateKey" = [])), request_body = Option<ActionRequest>,
    params(("id" = String, Path, description = "The group's id.")),
    responses((status = 200, description = "The group's state.", body = ActionAnswer),
        (status = 400, description = "A field breaks a rule.", body = ProblemBody),
        (status = 404, description = "The account has no such group.", body = ProblemBody),
        (status = 409, description = "It is resolved already.", body = ProblemBody)))]
pub(super) async fn resolve_group(
    tenant: Tenant,
    Path(id): Path<String>,
    State(state): State<ApiState>,
    OptionalJsonObject(body): OptionalJsonObject,
) -> Result<Json<ActionAnswer>, ApiError> {
    act(&state, &tenant, (&id, body), |_| Ok(GroupCommand::Resolve)).await
}

/// Says that a resolved group is not over.
#[utoipa::path(post, path = "/dashboard/v1/origin-errors/groups/{id}/reopen", tag = "origin errors",
    operation_id = "reopenOriginErrorGroup", security(("privateKey" = [])), request_body = Option<ActionRequest>,
    params(("id" = String, Path, description = "The group's id.")),
    responses((status = 200, description = "The group's state.", body = ActionAnswer),
        (status = 400, description = "A field breaks a rule.", body = ProblemBody),
        (status = 404, description = "The account has no such group.", body = ProblemBody),
        (status = 409, description = "It is not resolved.", body = ProblemBody)))]
pub(super) async fn reopen_group(
    tenant: Tenant,
    Path(id): Path<String>,
    State(state): State<ApiState>,
    OptionalJsonObject(body): OptionalJsonObject,
) -> Result<Json<ActionAnswer>, ApiError> {
    act(&state, &tenant, (&id, body), |_| Ok(GroupCommand::Reopen)).await
}

/// Hides a group from the list by attention, until a moment or for ever. It is counted all the same, and its state goes on.
#[utoipa::path(post, path = "/dashboard/v1/origin-errors/groups/{id}/mute", tag = "origin errors",
    operation_id = "muteOriginErrorGroup", security(("privateKey" = [])), request_body = Option<MuteRequest>,
    params(("id" = String, Path, description = "The group's id.")),
    responses((status = 200, description = "The group's state.", body = ActionAnswer),
        (status = 400, description = "until is no time, or past.", body = ProblemBody),
        (status = 404, description = "The account has no such group.", body = ProblemBody)))]
pub(super) async fn mute_group(
    tenant: Tenant,
    Path(id): Path<String>,
    State(state): State<ApiState>,
    OptionalJsonObject(body): OptionalJsonObject,
) -> Result<Json<ActionAnswer>, ApiError> {
    let now = state.config().clock.now();
    act(&state, &tenant, (&id, body), |fields| {
        let until = fields.optional_text("until", 40)?;
        let moment = |text: String| {
            let refusal = "until is a time like 2026-12-01T08:00:00Z.";
            parse_moment(&text, now).ok_or_else(|| Refusal::invalid(refusal))
        };
        Ok(GroupCommand::Mute(until.map(moment).transpose()?))
    })
    .await
}

/// Shows a muted group again.
#[utoipa::path(post, path = "/dashboard/v1/origin-errors/groups/{id}/unmute", tag = "origin errors",
    operation_id = "unmuteOriginErrorGroup", security(("privateKey" = [])), request_body = Option<ActionRequest>,
    params(("id" = String, Path, description = "The group's id.")),
    responses((status = 200, description = "The group's state.", body = ActionAnswer),
        (status = 400, description = "A field breaks a rule.", body = ProblemBody),
        (status = 404, description = "The account has no such group.", body = ProblemBody),
        (status = 409, description = "It is not muted.", body = ProblemBody)))]
pub(super) async fn unmute_group(
    tenant: Tenant,
    Path(id): Path<String>,
    State(state): State<ApiState>,
    OptionalJsonObject(body): OptionalJsonObject,
) -> Result<Json<ActionAnswer>, ApiError> {
    act(&state, &tenant, (&id, body), |_| Ok(GroupCommand::Unmute)).await
}

/// Lists what happened in a group's life, newest first.
#[utoipa::path(get, path = "/dashboard/v1/origin-errors/groups/{id}/events", tag = "origin errors",
    operation_id = "listOriginErrorGroupEvents", security(("privateKey" = [])),
    params(("id" = String, Path, description = "The group's id."),
        ("limit" = Option<u16>, Query, description = "Events of a page, 1 to 200; 50 where it is not given."),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before.")),
    responses((status = 200, description = "A page.", body = GroupEventPage),
        (status = 400, description = "A parameter cannot be read.", body = ProblemBody),
        (status = 404, description = "The account has no such group.", body = ProblemBody)))]
pub(super) async fn list_group_events(
    tenant: Tenant,
    Path(id): Path<String>,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<GroupEventPage>, ApiError> {
    let id: GroupId = id.parse().map_err(|_no_id| not_found())?;
    let mut parameters = Parameters::parse(query.as_deref(), &["limit", "cursor"]);
    let limit = parameters.number("limit", (1, MAX_PAGE), DEFAULT_PAGE);
    let cursor = parameters.one("cursor");
    let path = format!("/dashboard/v1/origin-errors/groups/{id}/events");
    let listing = Listing::of(&path, &parameters);
    parameters.finish()?;
    let before: Option<i64> = listing.position(cursor)?;
    let mut tx = state.question(tenant.id).await?;
    failure_groups::group(&mut tx, id)
        .await?
        .ok_or_else(not_found)?;
    let events = life_events(&mut tx, id, (before, limit)).await?;
    let oldest = events.last().map(|event| event.seq);
    Ok(Json(GroupEventPage {
        next_cursor: oldest.filter(|seq| *seq > 1).map(|seq| listing.cursor(seq)),
        data: events.into_iter().map(GroupEventAnswer::from).collect(),
    }))
}

/// Reads a note and what else `read` takes out of the body, and does what that says.
async fn act(
    state: &ApiState,
    tenant: &Tenant,
    (id, body): (&str, Value),
    read: impl FnOnce(&mut Fields) -> Result<GroupCommand, Refusal>,
) -> Result<Json<ActionAnswer>, ApiError> {
    let id: GroupId = id.parse().map_err(|_no_id| not_found())?;
    let mut fields = Fields::of(body)?;
    let note = fields.optional_text("note", MAX_NOTE_CHARS)?;
    let asked = read(&mut fields)?;
    fields.finish()?;
    let mut tx = state.failures_tx(tenant.id).await?;
    idempotency::enter(&mut tx).await?;
    let now = state.config().clock.now();
    let life = command_group(&mut tx, tenant, id, (asked, note, now)).await?;
    idempotency::commit(tx).await?;
    Ok(Json(ActionAnswer {
        id: id.to_string(),
        state: StateAnswer::new(&life, now),
    }))
}

/// Decides a command and appends what follows; the life after it.
pub(super) async fn command_group(
    tx: &mut TenantTx,
    tenant: &Tenant,
    id: GroupId,
    (asked, note, now): (GroupCommand, Option<String>, DateTime<Utc>),
) -> Result<GroupLife, ApiError> {
    let life = locked_life(tx, id).await?.ok_or_else(not_found)?;
    let Some(event) = command(&life, asked, now)? else {
        return Ok(life);
    };
    let event = NewGroupEvent {
        timed: TimedGroupEvent { at: now, event },
        actor: tenant.event_meta().actor,
        note,
    };
    Ok(record(tx, id, (Some(life), event)).await?)
}

impl From<GroupRefusal> for ApiError {
    fn from(refusal: GroupRefusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            GroupRefusal::AlreadyResolved | GroupRefusal::NotResolved | GroupRefusal::NotMuted => {
                Self::Conflict(message)
            }
            GroupRefusal::MuteEnded => Self::Refused(message),
        }
    }
}

impl StateAnswer {
    pub(super) fn new(life: &GroupLife, now: DateTime<Utc>) -> Self {
        let muted = life.is_muted(now);
        let until = match life.muted {
            Some(Mute::Until(until)) => Some(until),
            Some(Mute::ForEver) | None => None,
        };
        Self {
            state: life.state.as_str(),
            state_since: life.since,
            muted,
            muted_until: until.filter(|_| muted),
        }
    }
}

impl From<StoredGroupEvent> for GroupEventAnswer {
    fn from(stored: StoredGroupEvent) -> Self {
        let data = serde_json::to_value(&stored.event).unwrap_or_default();
        let data = match data.get("data") {
            Some(Value::Object(members)) => members.clone(),
            _ => Map::new(),
        };
        Self {
            seq: stored.seq,
            at: stored.at,
            kind: stored.event.kind(),
            data,
            actor: ChangeActor::new(stored.actor),
            note: stored.note,
        }
    }
}
