//! `GET /dashboard/v1/origin-errors/events` and `…/events/{id}`: single failures.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use limpid_domain::ids::EventId;
use limpid_read_models::failure_log::{Cursor, MAX_PAGE, attempts, event, events};
use serde::Serialize;
use utoipa::ToSchema;

use super::Question;
use super::event_answer::{EventAnswer, EventWithDetailAnswer};
use super::filter::{FILTER_NAMES, FilterParameters, FilterRequest};
use super::meta::MetaAnswer;
use super::names::Names;
use crate::auth::Tenant;
use crate::error::{ApiError, ProblemBody};
use crate::query::{Listing, Parameters};
use crate::router::ApiState;

/// Events of a page where the request does not say. Source: `dashboard.md` 2.5.
const DEFAULT_PAGE: u16 = 50;

/// A page of failures, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OriginErrorPage)]
pub(super) struct PageAnswer {
    data: Vec<EventAnswer>,
    /// The next page's `cursor`; null at the end.
    next_cursor: Option<String>,
    meta: MetaAnswer,
}

/// Lists failures, newest first.
#[utoipa::path(get, path = "/dashboard/v1/origin-errors/events", tag = "origin errors",
    operation_id = "listOriginErrors", security(("privateKey" = [])),
    params(FilterParameters,
        ("limit" = Option<u16>, Query, description = "Events of a page, 1 to 200; 50 where it is not given."),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before, with the same filter. It brings its own period: `from` and `to` may be left out, and may not be others.")),
    responses((status = 200, description = "A page.", body = PageAnswer),
        (status = 400, description = "A parameter cannot be read.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
pub(super) async fn list_events(
    tenant: Tenant,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<PageAnswer>, ApiError> {
    let known = [FILTER_NAMES.as_slice(), &["limit", "cursor"]].concat();
    let mut parameters = Parameters::parse(query.as_deref(), &known);
    let request = FilterRequest::read(&mut parameters, state.config().clock.now());
    let limit = parameters.number("limit", (1, MAX_PAGE), DEFAULT_PAGE);
    let cursor = parameters.one("cursor");
    let listing = Listing::with_period("/dashboard/v1/origin-errors/events", &parameters);
    parameters.finish()?;
    let cursor: Option<String> = listing.position(cursor)?;
    let mut question = Question::open(&state, &tenant, request).await?;
    let cursor = cursor.map(|text| Cursor::parse(&text, &question.filter));
    let cursor = cursor
        .transpose()
        .map_err(|_invalid| ApiError::CursorInvalid)?;
    let window = cursor
        .as_ref()
        .map_or(question.filter.window, Cursor::window);
    // Read before the events: what it promises must be among them.
    let meta = question.meta_of_events(window).await?;
    let page = events(&mut question.tx, &question.filter, cursor.as_ref(), limit).await?;
    let rows = page.events.iter();
    let occurrences = rows.map(|stored| i64::from(stored.event.occurrences));
    let meta = meta.of_rows(occurrences);
    let answers = page.events.iter();
    Ok(Json(PageAnswer {
        data: answers
            .map(|stored| EventAnswer::new(&stored.event, &question.names))
            .collect(),
        next_cursor: page.next.map(|position| listing.cursor(position)),
        meta,
    }))
}

/// Reads one failure with everything that is known about it.
#[utoipa::path(get, path = "/dashboard/v1/origin-errors/events/{id}", tag = "origin errors",
    operation_id = "getOriginError", security(("privateKey" = [])),
    params(("id" = String, Path, description = "The event's id, as `ik-event-id` names it; or its request's, as `ik-request-id` names it, for the failure that the client saw.")),
    responses((status = 200, description = "The event.", body = EventWithDetailAnswer),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody),
        (status = 404, description = "The account has no such event.", body = ProblemBody)))]
pub(super) async fn get_event(
    tenant: Tenant,
    State(state): State<ApiState>,
    Path(id): Path<String>,
) -> Result<Json<EventWithDetailAnswer>, ApiError> {
    let id: EventId = id.parse().map_err(|_no_uuid| not_found())?;
    let mut tx = state.question(tenant.id).await?;
    let stored = event(&mut tx, id).await?.ok_or_else(not_found)?;
    let siblings = attempts(&mut tx, &stored.event).await?;
    let names = Names::load(&mut tx).await?;
    Ok(Json(EventWithDetailAnswer::new(&stored, &siblings, &names)))
}

fn not_found() -> ApiError {
    ApiError::NotFound("Event not found.".to_owned())
}
