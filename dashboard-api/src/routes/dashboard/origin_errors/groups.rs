//! `GET /dashboard/v1/origin-errors/groups` and `…/groups/{id}`: failures alike, as one line each.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use chrono::{DateTime, Utc};
use limpid_domain::failure::advice::{AdviceContext, Snippet, advice, snippet};
use limpid_domain::ids::GroupId;
use limpid_read_models::delivery_config::UrlEndpointConfig;
use limpid_read_models::failure_groups::{
    self, FailureGroup, GroupCursor, GroupList, GroupOrder, GroupTotals, blast_radius,
};
use limpid_read_models::failure_log::events;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Question;
use super::blast_radius::BlastRadiusAnswer;
use super::event_answer::EventAnswer;
use super::filter::{FILTER_NAMES, FilterParameters, FilterRequest};
use super::group_life::StateAnswer;
use super::life_choice::LifeChoice;
use super::meta::MetaAnswer;
use super::names::Names;
use super::suspects::{SuspectAnswer, Suspects};
use crate::auth::Tenant;
use crate::error::{ApiError, ProblemBody};
use crate::query::{Listing, Parameters};
use crate::router::ApiState;
use crate::routes::dashboard::changes::Change;

/// Groups of a page where the request does not say, and at most.
const DEFAULT_PAGE: u16 = 50;
const MAX_PAGE: u16 = 200;

const ORDERS: [(&str, GroupOrder); 3] = [
    ("attention", GroupOrder::Attention),
    ("count", GroupOrder::Count),
    ("lastSeen", GroupOrder::LastSeen),
];

/// Failures alike: the same endpoint, origin, reason and path template.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OriginErrorGroup)]
struct GroupAnswer {
    /// The value of the filter `group`.
    id: String,
    /// The public code.
    #[schema(example = "ENOENT")]
    code: &'static str,
    /// The reason, a row of the table of failures.
    #[schema(example = "object_not_found")]
    reason: &'static str,
    /// The reason in two to four words.
    title: &'static str,
    /// Where on the way it arises.
    stage: &'static str,
    /// Who has to act.
    blame: &'static str,
    /// The origin, also if it is deleted by now; null where none was asked.
    origin_id: Option<Uuid>,
    /// Its name.
    origin_name: Option<String>,
    /// The URL endpoint: its id, or `default`.
    url_endpoint_id: Option<String>,
    /// The paths with their variable pieces folded; `**` for paths of very many shapes.
    #[schema(example = "/products/*/*.jpg")]
    path_template: String,
    /// One of the paths.
    sample_path: String,
    /// The first failure ever.
    first_seen: DateTime<Utc>,
    /// The latest failure ever.
    last_seen: DateTime<Utc>,
    /// Failed attempts since it began.
    lifetime_attempts: i64,
    /// The account's configuration version at its first failure.
    first_config_version: i64,
    #[serde(flatten)]
    state: StateAnswer,
}

/// A group with its numbers in the period.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OriginErrorGroupWithCounts)]
pub(super) struct GroupWithCountsAnswer {
    #[serde(flatten)]
    group: GroupAnswer,
    /// Failed attempts in the period.
    attempts: i64,
    /// Of them, requests whose client saw the error.
    client_visible: i64,
    /// The first failure in the period.
    first_in_period: DateTime<Utc>,
    /// The last failure in the period.
    last_in_period: DateTime<Utc>,
    /// `new` (began in the period), `spiking` (far more in its last quarter than before).
    badges: Vec<&'static str>,
    /// Attempts per bucket of the trend.
    trend: Vec<i64>,
    /// The configuration change after which it began, or failed again, if there is one.
    suspect: Option<SuspectAnswer>,
}

/// A page of groups.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OriginErrorGroupPage)]
pub(super) struct GroupPageAnswer {
    data: Vec<GroupWithCountsAnswer>,
    /// How many groups there are in all.
    total: usize,
    /// How many muted groups are left out: by attention, muted ones are listed only if `muted=true` asks for them.
    muted_hidden: usize,
    /// Start of the first bucket of every trend.
    trend_start: DateTime<Utc>,
    /// Width of a bucket of every trend. Units: ms.
    trend_interval_ms: i64,
    /// The next page's `cursor`; null at the end.
    next_cursor: Option<String>,
    meta: MetaAnswer,
}

/// One group with what helps to end it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OriginErrorGroupDetail)]
pub(super) struct GroupDetailAnswer {
    #[serde(flatten)]
    group: GroupAnswer,
    /// Its numbers in the period; null where it has none.
    in_period: Option<GroupWithCountsAnswer>,
    /// When a file of its path template was last served from its origin; null where none was since it began (or in the last 15 days), and of
    /// groups of `**` and of failures before an origin was asked.
    last_served: Option<DateTime<Utc>>,
    /// Start of the first bucket of the trend.
    trend_start: DateTime<Utc>,
    /// Width of a bucket of the trend. Units: ms.
    trend_interval_ms: i64,
    /// What happened, for people who never heard of it.
    meaning: &'static str,
    /// What to do about it, with the account's own values.
    advice: String,
    /// The policy or command that goes with the advice.
    #[schema(value_type = Option<Object>)]
    snippet: Option<Snippet>,
    /// The configuration change after which it began, or failed again, if there is one, with what it changed.
    suspect: Option<Change>,
    /// The event to look at first: the latest of the period that has details, or else the latest.
    recommended_event: Option<EventAnswer>,
    /// How far it reaches in the period.
    blast_radius: BlastRadiusAnswer,
    meta: MetaAnswer,
}

/// Lists groups of failures.
#[utoipa::path(get, path = "/dashboard/v1/origin-errors/groups", tag = "origin errors",
    operation_id = "listOriginErrorGroups", security(("privateKey" = [])),
    params(FilterParameters,
        ("sort" = Option<String>, Query, description = "attention (default: new and regressed, then escalating, then most seen by clients, resolved last), count or lastSeen."),
        ("state" = Option<Vec<String>>, Query, description = "Any of new, ongoing, escalating, regressed, resolved."),
        ("muted" = Option<bool>, Query, description = "Only muted ones, or none; by attention none where it is not given."),
        ("limit" = Option<u16>, Query, description = "Groups of a page, 1 to 200; 50 where it is not given."),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before, with the same filter, order, `state` and `muted`. It brings its own period: `from` and `to` may be left out, and may not be others.")),
    responses((status = 200, description = "A page.", body = GroupPageAnswer),
        (status = 400, description = "A parameter cannot be read.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
pub(super) async fn list_groups(
    tenant: Tenant,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<GroupPageAnswer>, ApiError> {
    let own = ["sort", "state", "muted", "limit", "cursor"];
    let known = [FILTER_NAMES.as_slice(), &own].concat();
    let mut parameters = Parameters::parse(query.as_deref(), &known);
    let now = state.config().clock.now();
    let request = FilterRequest::read(&mut parameters, now);
    let choice = LifeChoice::read(&mut parameters);
    let order = parameters.choice("sort", &ORDERS);
    let limit = parameters.number("limit", (1, MAX_PAGE), DEFAULT_PAGE);
    let cursor = parameters.one("cursor");
    let listing = Listing::with_period("/dashboard/v1/origin-errors/groups", &parameters);
    parameters.finish()?;
    let cursor: Option<String> = listing.position(cursor)?;
    let order = order.map_or(GroupOrder::Attention, |(_, order)| order);
    let selection = format!("{order:?} {choice:?}");
    let mut question = Question::open(&state, &tenant, request).await?;
    let cursor = cursor
        .map(|text| GroupCursor::parse(&text, (&question.filter, &selection)))
        .transpose()
        .map_err(|_invalid| ApiError::CursorInvalid)?;
    if let Some(cursor) = &cursor {
        question.filter.window = cursor.window();
    }
    let interval = failure_groups::trend_interval(question.filter.window);
    let meta = question.meta(Some(interval)).await?;
    let mut list = failure_groups::groups(&mut question.tx, &question.filter, order).await?;
    let muted_hidden = choice.narrow(&mut list, order, now);
    let total = list.groups.len();
    let start = cursor.map_or(0, |cursor| cursor.start_in(&list.groups));
    let end = start.saturating_add(usize::from(limit));
    let next = GroupCursor::after((&list.groups, end), (&question.filter, &selection));
    list.groups.truncate(end);
    list.groups.drain(..start.min(list.groups.len()));
    let groups = list.groups.iter().map(|totals| &totals.group);
    let suspects = Suspects::load(&mut question.tx, groups).await?;
    let mut page = GroupPageAnswer::new(list, (&question.names, &suspects, now), meta);
    page.total = total;
    page.muted_hidden = muted_hidden;
    page.next_cursor = next.map(|position| listing.cursor(position));
    Ok(Json(page))
}

/// Reads one group with what helps to end it.
#[utoipa::path(get, path = "/dashboard/v1/origin-errors/groups/{id}", tag = "origin errors",
    operation_id = "getOriginErrorGroup", security(("privateKey" = [])),
    params(("id" = String, Path, description = "The group's id."), FilterParameters),
    responses((status = 200, description = "The group.", body = GroupDetailAnswer),
        (status = 400, description = "A parameter cannot be read.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody),
        (status = 404, description = "The account has no such group.", body = ProblemBody)))]
pub(super) async fn get_group(
    tenant: Tenant,
    State(state): State<ApiState>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<GroupDetailAnswer>, ApiError> {
    let id: GroupId = id.parse().map_err(|_no_id| not_found())?;
    let mut parameters = Parameters::parse(query.as_deref(), &FILTER_NAMES);
    let now = state.config().clock.now();
    let request = FilterRequest::read(&mut parameters, now);
    parameters.finish()?;
    let mut question = Question::open(&state, &tenant, request).await?;
    question.filter.include.groups = vec![id];
    let interval = failure_groups::trend_interval(question.filter.window);
    let meta = question.meta(Some(interval)).await?;
    let group = failure_groups::group(&mut question.tx, id).await?;
    let group = group.ok_or_else(not_found)?;
    let order = GroupOrder::Attention;
    let list = failure_groups::groups(&mut question.tx, &question.filter, order).await?;
    let latest = events(&mut question.tx, &question.filter, None, LOOKED_THROUGH).await?;
    let with_detail = latest
        .events
        .iter()
        .find(|stored| stored.event.detail.is_some());
    let recommended = with_detail.or_else(|| latest.events.first());
    let reach = blast_radius(&mut question.tx, &question.filter).await?;
    let last_served = failure_groups::last_served(&mut question.tx, id).await?;
    let names = &question.names;
    let suspects = Suspects::load(&mut question.tx, std::iter::once(&group)).await?;
    let whose = (&group, names);
    let suspect = suspects.described(&mut question.tx, whose).await?;
    let recommended_event = recommended.map(|stored| EventAnswer::new(&stored.event, names));
    Ok(Json(GroupDetailAnswer {
        last_served,
        ..GroupDetailAnswer::new(
            &group,
            list,
            (recommended_event, suspect, reach.into(), meta),
            (names, &suspects, now),
        )
    }))
}

/// Events among which one with details is looked for.
const LOOKED_THROUGH: u16 = 100;

pub(super) fn not_found() -> ApiError {
    ApiError::NotFound("Group not found.".to_owned())
}

impl GroupAnswer {
    fn new(group: &FailureGroup, names: &Names, now: DateTime<Utc>) -> Self {
        let row = group.reason.row();
        let origin = names.origin(group.origin_no);
        Self {
            id: group.id.to_string(),
            code: row.code.as_str(),
            reason: row.name,
            title: row.title,
            stage: row.stage.as_str(),
            blame: row.blame.as_str(),
            origin_id: origin.map(|origin| origin.id.0),
            origin_name: origin.map(|origin| origin.settings.name.clone()),
            url_endpoint_id: names
                .endpoint(group.endpoint_no)
                .map(UrlEndpointConfig::api_id),
            path_template: group.path_template.clone(),
            sample_path: group.sample_path.clone(),
            first_seen: group.first_at,
            last_seen: group.last_at,
            lifetime_attempts: group.occurrences,
            first_config_version: group.first_config_version.0,
            state: StateAnswer::new(&group.life, now),
        }
    }
}

impl GroupWithCountsAnswer {
    fn new(
        totals: GroupTotals,
        (names, suspects, now): (&Names, &Suspects, DateTime<Utc>),
    ) -> Self {
        let badges = [(totals.is_new, "new"), (totals.is_spiking, "spiking")];
        Self {
            group: GroupAnswer::new(&totals.group, names, now),
            attempts: totals.attempts,
            client_visible: totals.client_visible,
            first_in_period: totals.first_at,
            last_in_period: totals.last_at,
            badges: badges
                .into_iter()
                .filter_map(|(holds, badge)| holds.then_some(badge))
                .collect(),
            suspect: suspects.of(&totals.group, names),
            trend: totals.trend,
        }
    }
}

impl GroupPageAnswer {
    fn new(
        list: GroupList,
        (names, suspects, now): (&Names, &Suspects, DateTime<Utc>),
        meta: MetaAnswer,
    ) -> Self {
        let total = list.groups.len();
        let page = list.groups.into_iter();
        Self {
            data: page
                .map(|totals| GroupWithCountsAnswer::new(totals, (names, suspects, now)))
                .collect(),
            total,
            muted_hidden: 0,
            trend_start: list.trend_start,
            trend_interval_ms: list.trend_interval.num_milliseconds(),
            next_cursor: None,
            meta,
        }
    }
}

impl GroupDetailAnswer {
    fn new(
        group: &FailureGroup,
        list: GroupList,
        (recommended_event, suspect, blast_radius, meta): (
            Option<EventAnswer>,
            Option<Change>,
            BlastRadiusAnswer,
            MetaAnswer,
        ),
        (names, suspects, now): (&Names, &Suspects, DateTime<Utc>),
    ) -> Self {
        let answer = GroupAnswer::new(group, names, now);
        let endpoint = names.endpoint(group.endpoint_no);
        let context = AdviceContext {
            origin: names.origin(group.origin_no).map(|origin| &origin.settings),
            location: None,
            endpoint: endpoint.map(|endpoint| endpoint.settings.description.as_str()),
            endpoint_id: answer.url_endpoint_id.as_deref(),
            note: None,
        };
        let in_period = list.groups.into_iter().next();
        Self {
            meaning: group.reason.row().meaning,
            advice: advice(group.reason, &context),
            snippet: snippet(group.reason, &context),
            in_period: in_period
                .map(|totals| GroupWithCountsAnswer::new(totals, (names, suspects, now))),
            last_served: None,
            trend_start: list.trend_start,
            trend_interval_ms: list.trend_interval.num_milliseconds(),
            suspect,
            recommended_event,
            blast_radius,
            meta,
            group: answer,
        }
    }
}
