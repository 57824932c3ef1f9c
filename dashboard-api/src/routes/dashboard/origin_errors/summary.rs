//! `GET /dashboard/v1/origin-errors/summary`: how many, by code, reason and origin.

use axum::Json;
use axum::extract::{RawQuery, State};
use chrono::{DateTime, Utc};
use limpid_domain::failure::FailureCode;
use limpid_domain::failure_group::GroupState;
use limpid_domain::ids::OriginNo;
use limpid_read_models::delivery_usage::{counted_to, hours_around, requests, uncounted};
use limpid_read_models::failure_groups::{GroupList, GroupOrder, GroupTotals, groups};
use limpid_read_models::failure_summary::{Summary, summary};
use limpid_read_models::filter::{Facets, FailureFilter, Window};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Question;
use super::filter::{FILTER_NAMES, FilterParameters, FilterRequest};
use super::meta::MetaAnswer;
use super::names::Names;
use crate::auth::Tenant;
use crate::error::{ApiError, ProblemBody};
use crate::query::Parameters;
use crate::router::ApiState;
use crate::routes::dashboard::usage::{freshness, share};

/// How many images failed, and why. Counts requests and attempts, not stored rows.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OriginErrorSummary)]
pub(super) struct SummaryAnswer {
    /// Requests whose client saw the error.
    client_visible: i64,
    /// Failed attempts at origins, whatever became of the requests.
    attempts: i64,
    /// Attempts after which a later origin served the file.
    rescued: i64,
    /// `clientVisible` as a share of all requests, over the whole hours that the period touches; null where there were none, and where the
    /// filter names more than time and URL endpoints: requests are not counted by anything else.
    failing_share: Option<f64>,
    /// Whether all requests of those hours are counted, apart from the last seconds; null where there is no share. Requests of a serving node
    /// that was killed may be missing, and the share is too high then.
    failing_share_complete: Option<bool>,
    /// The same numbers of the period of the same length just before.
    previous: PeriodCounts,
    /// This period's numbers less the previous one's.
    delta: PeriodCounts,
    /// Groups of failures with attempts in the period.
    groups: GroupCounts,
    /// Origins with failed attempts in the period.
    origins_affected: usize,
    /// Origins that the account has now.
    origins: usize,
    /// Attempts by code, most first.
    by_code: Vec<CodeCount>,
    /// Attempts by reason, most first.
    by_reason: Vec<ReasonCount>,
    /// Attempts by origin, most first.
    by_origin: Vec<OriginCount>,
    meta: MetaAnswer,
}

/// Numbers of a period, or how they differ between two.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PeriodCounts {
    client_visible: i64,
    attempts: i64,
    rescued: i64,
    /// Null where there is no share, or none to compare with.
    failing_share: Option<f64>,
}

/// How many groups there are in the period.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OriginErrorGroupCounts)]
pub(super) struct GroupCounts {
    /// With attempts in the period.
    active: usize,
    /// Of them, those that began in it.
    new: usize,
    /// Of them, those with far more in the period's last quarter than before.
    spiking: usize,
    /// Of them, those that are muted now.
    muted: usize,
    /// Of them, those in each state now.
    by_state: StateCounts,
}

/// How many groups are in each state.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = OriginErrorGroupStateCounts)]
pub(super) struct StateCounts {
    new: usize,
    ongoing: usize,
    escalating: usize,
    regressed: usize,
    resolved: usize,
}

/// Attempts with one code.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CodeCount {
    #[schema(example = "ENOENT")]
    code: &'static str,
    count: i64,
    /// Requests whose client saw it.
    client_visible: i64,
}

/// Attempts with one reason.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReasonCount {
    #[schema(example = "object_not_found")]
    reason: &'static str,
    /// Its code.
    code: &'static str,
    /// The reason in two to four words.
    title: &'static str,
    count: i64,
}

/// Attempts at one origin.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct OriginCount {
    /// The origin, also if it is deleted by now; null where none was asked.
    origin_id: Option<Uuid>,
    /// Its name, the last one if it is deleted.
    origin_name: Option<String>,
    count: i64,
}

/// Counts failures, by code, reason and origin.
#[utoipa::path(get, path = "/dashboard/v1/origin-errors/summary", tag = "origin errors",
    operation_id = "getOriginErrorSummary", security(("privateKey" = [])), params(FilterParameters),
    responses((status = 200, description = "The counts.", body = SummaryAnswer),
        (status = 400, description = "A parameter cannot be read.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
pub(super) async fn get_summary(
    tenant: Tenant,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<SummaryAnswer>, ApiError> {
    let mut parameters = Parameters::parse(query.as_deref(), &FILTER_NAMES);
    let now = state.config().clock.now();
    let request = FilterRequest::read(&mut parameters, now);
    parameters.finish()?;
    let mut question = Question::open(&state, &tenant, request).await?;
    // Read before the counts: what it promises must be in them.
    let window = question.filter.window;
    let meta = question.meta(None).await?;
    let counts = summary(&mut question.tx, &question.filter).await?;
    let before = question.filter.over(window.previous());
    let before = summary(&mut question.tx, &before).await?;
    let list = groups(&mut question.tx, &question.filter, GroupOrder::Count).await?;
    let groups = GroupCounts::of(&list, now);
    let shares = Shares::of(&mut question, now).await?;
    let counts = (&counts, &before, groups);
    Ok(Json(SummaryAnswer {
        failing_share_complete: shares.now.map(|_| shares.complete),
        ..SummaryAnswer::new(counts, shares, &question.names, meta)
    }))
}

/// Failing shares of the period and the one before, over whole hours on both sides because requests are counted by the hour; none where the
/// filter names what requests are not counted by.
#[derive(Debug, Clone, Copy, Default)]
struct Shares {
    now: Option<f64>,
    before: Option<f64>,
    /// Whether all requests of the period are counted.
    complete: bool,
}

impl Shares {
    async fn of(question: &mut Question, now: DateTime<Utc>) -> Result<Self, ApiError> {
        let filter = &question.filter;
        let only_by_endpoint = FailureFilter {
            include: Facets {
                endpoints: filter.include.endpoints.clone(),
                ..Facets::default()
            },
            events_from: filter.events_from,
            ..FailureFilter::all(filter.window)
        };
        if *filter != only_by_endpoint {
            return Ok(Self::default());
        }
        let window = filter.window;
        // Read before the counts: what is promised must be in them.
        let as_of = counted_to(&mut question.tx).await?;
        let gaps = uncounted(&mut question.tx, hours_around(window)).await?;
        Ok(Self {
            complete: freshness(as_of, now, window.to).complete && gaps.is_empty(),
            now: share_of(question, window).await?,
            before: share_of(question, window.previous()).await?,
        })
    }
}

async fn share_of(question: &mut Question, window: Window) -> Result<Option<f64>, ApiError> {
    let hours = hours_around(window);
    let failed = summary(&mut question.tx, &question.filter.over(hours)).await?;
    let endpoints = &question.filter.include.endpoints;
    let requests = requests(&mut question.tx, hours, endpoints).await?;
    Ok(share(failed.client_visible, requests))
}

impl PeriodCounts {
    fn of(counts: &Summary, failing_share: Option<f64>) -> Self {
        Self {
            client_visible: counts.client_visible,
            attempts: counts.attempts,
            rescued: counts.rescued,
            failing_share,
        }
    }

    fn less(self, other: Self) -> Self {
        Self {
            client_visible: self.client_visible - other.client_visible,
            attempts: self.attempts - other.attempts,
            rescued: self.rescued - other.rescued,
            failing_share: self
                .failing_share
                .zip(other.failing_share)
                .map(|(share, before)| share - before),
        }
    }
}

impl GroupCounts {
    fn of(list: &GroupList, now: DateTime<Utc>) -> Self {
        let count = |holds: &dyn Fn(&GroupTotals) -> bool| {
            list.groups.iter().filter(|totals| holds(totals)).count()
        };
        let in_state = |state| count(&|totals| totals.group.life.state == state);
        Self {
            active: list.groups.len(),
            new: count(&|totals| totals.is_new),
            spiking: count(&|totals| totals.is_spiking),
            muted: count(&|totals| totals.group.life.is_muted(now)),
            by_state: StateCounts {
                new: in_state(GroupState::New),
                ongoing: in_state(GroupState::Ongoing),
                escalating: in_state(GroupState::Escalating),
                regressed: in_state(GroupState::Regressed),
                resolved: in_state(GroupState::Resolved),
            },
        }
    }
}

impl SummaryAnswer {
    fn new(
        (counts, before, groups): (&Summary, &Summary, GroupCounts),
        shares: Shares,
        names: &Names,
        meta: MetaAnswer,
    ) -> Self {
        let previous = PeriodCounts::of(before, shares.before);
        let visible = |code: &FailureCode| {
            let mut visible = counts.visible_by_code.iter();
            visible
                .find(|(other, _)| other == code)
                .map_or(0, |(_, count)| *count)
        };
        let by_code = counts.by_code.iter().map(|(code, count)| CodeCount {
            code: code.as_str(),
            count: *count,
            client_visible: visible(code),
        });
        let by_reason = counts.by_reason.iter().map(|(reason, count)| ReasonCount {
            reason: reason.name(),
            code: reason.code().as_str(),
            title: reason.row().title,
            count: *count,
        });
        let by_origin = counts.by_origin.iter();
        Self {
            client_visible: counts.client_visible,
            attempts: counts.attempts,
            rescued: counts.rescued,
            failing_share: shares.now,
            failing_share_complete: None,
            delta: PeriodCounts::of(counts, shares.now).less(previous),
            previous,
            groups,
            origins_affected: counts
                .by_origin
                .iter()
                .filter(|(no, _)| *no != OriginNo::NONE)
                .count(),
            origins: names.present_origins(),
            by_code: by_code.collect(),
            by_reason: by_reason.collect(),
            by_origin: by_origin
                .map(|(no, count)| OriginCount::new(*no, *count, names))
                .collect(),
            meta,
        }
    }
}

impl OriginCount {
    fn new(no: OriginNo, count: i64, names: &Names) -> Self {
        let origin = names.origin(no);
        Self {
            origin_id: origin.map(|origin| origin.id.0),
            origin_name: origin.map(|origin| origin.settings.name.clone()),
            count,
        }
    }
}
