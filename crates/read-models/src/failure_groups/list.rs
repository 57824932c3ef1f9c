//! Groups of a window with their numbers and trend.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::failure::Reason;
use limpid_domain::failure_group::{GroupLife, GroupState};
use limpid_domain::ids::{GroupId, OriginNo, TenantSeq, UrlEndpointNo};
use limpid_event_store::{StoreError, TenantTx};
use sqlx::FromRow;

use crate::breakdown::{GroupBy, Measures, count};
use crate::failure_packs::Cell;
use crate::failure_timeseries::{INTERVALS_SECONDS, bucket_count};
use crate::filter::{FailureFilter, Window};

use super::life::LifeRow;

/// The most buckets of a trend.
pub const TREND_BUCKETS: i64 = 32;

/// A group spikes when the last quarter of the window has more than this many times what a quarter had before, on average.
const SPIKE_FACTOR: i64 = 2;

/// Fewer occurrences than this in the last quarter are no spike.
const LEAST_SPIKE: i64 = 10;

/// What comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GroupOrder {
    /// New and regressed ones, then escalating ones, then by what clients saw; resolved ones last. Source: `dashboard.md` 1.1, the
    /// order people triage in.
    #[default]
    Attention,
    /// Most occurrences.
    Count,
    /// Latest occurrence.
    LastSeen,
}

/// A group as stored, over its whole life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureGroup {
    /// Its id.
    pub id: GroupId,
    /// The URL endpoint.
    pub endpoint_no: UrlEndpointNo,
    /// The origin.
    pub origin_no: OriginNo,
    /// The reason.
    pub reason: Reason,
    /// The paths, folded; `**` for paths of any shape.
    pub path_template: String,
    /// One of the paths, the first.
    pub sample_path: String,
    /// Stored events since it began.
    pub events: i64,
    /// Failures since it began.
    pub occurrences: i64,
    /// The first failure ever.
    pub first_at: DateTime<Utc>,
    /// The latest failure.
    pub last_at: DateTime<Utc>,
    /// The account's configuration version at its first failure.
    pub first_config_version: TenantSeq,
    /// What it is, since when, and whether it is muted.
    pub life: GroupLife,
}

/// A group's numbers in a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupTotals {
    /// The group.
    pub group: FailureGroup,
    /// Failed attempts in the window.
    pub attempts: i64,
    /// Of them, requests whose client saw the error.
    pub client_visible: i64,
    /// The first failure in the window.
    pub first_at: DateTime<Utc>,
    /// The last failure in the window.
    pub last_at: DateTime<Utc>,
    /// Whether the group began in the window.
    pub is_new: bool,
    /// Whether the last quarter of the window has far more than those before.
    pub is_spiking: bool,
    /// Attempts per bucket.
    pub trend: Vec<i64>,
}

/// Groups of a window, in order, and what their trends mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupList {
    /// The groups.
    pub groups: Vec<GroupTotals>,
    /// Start of the first bucket of every trend.
    pub trend_start: DateTime<Utc>,
    /// Width of a bucket.
    pub trend_interval: TimeDelta,
}

/// Every group with failures that match, in order. The number of groups of a tenant is bounded, so it is read as a whole.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn groups(
    tx: &mut TenantTx,
    filter: &FailureFilter,
    order: GroupOrder,
) -> Result<GroupList, StoreError> {
    let interval = trend_interval(filter.window);
    let by = (GroupBy::Group, Some(interval));
    let cells = count(tx, filter, by, Measures::Lifetimes).await?;
    let mut ids: Vec<i64> = cells.iter().map(|cell| cell.label).collect();
    ids.sort_unstable();
    ids.dedup();
    let known = known_groups(tx, ids).await?;
    let width = interval.num_seconds().max(1);
    let first = filter.window.from.timestamp().div_euclid(width);
    let mut groups = totals(&cells, known, (filter.window, interval));
    sort(&mut groups, order);
    Ok(GroupList {
        groups,
        trend_start: DateTime::from_timestamp(first * width, 0).unwrap_or(filter.window.from),
        trend_interval: interval,
    })
}

/// One group over its whole life, or `None` if this tenant has none with this id.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn group(tx: &mut TenantTx, id: GroupId) -> Result<Option<FailureGroup>, StoreError> {
    let mut known = known_groups(tx, vec![id.0]).await?;
    Ok(known.remove(&id.0))
}

/// The narrowest interval that needs at most [`TREND_BUCKETS`] buckets.
pub fn trend_interval(window: Window) -> TimeDelta {
    let fits =
        |seconds: &&i64| bucket_count(window, TimeDelta::seconds(**seconds)) <= TREND_BUCKETS;
    let [.., longest] = INTERVALS_SECONDS;
    let seconds = INTERVALS_SECONDS.iter().find(fits).copied();
    TimeDelta::seconds(seconds.unwrap_or(longest))
}

fn totals(
    cells: &[Cell<i64>],
    mut known: BTreeMap<i64, FailureGroup>,
    (window, interval): (Window, TimeDelta),
) -> Vec<GroupTotals> {
    let buckets = usize::try_from(bucket_count(window, interval)).unwrap_or(0);
    let width = interval.num_seconds().max(1);
    let first_bucket = window.from.timestamp().div_euclid(width);
    let mut totals: BTreeMap<i64, GroupTotals> = BTreeMap::new();
    for cell in cells {
        let moment = |micros| DateTime::from_timestamp_micros(micros).unwrap_or(window.from);
        let (first_at, last_at) = (moment(cell.first_at), moment(cell.last_at));
        let total = match totals.entry(cell.label) {
            Entry::Occupied(total) => total.into_mut(),
            Entry::Vacant(place) => {
                // Not registered yet: the projector is a moment behind, as the answer's `asOf` says.
                let Some(group) = known.remove(&cell.label) else {
                    continue;
                };
                place.insert(GroupTotals {
                    is_new: group.first_at >= window.from,
                    group,
                    attempts: 0,
                    client_visible: 0,
                    first_at,
                    last_at,
                    is_spiking: false,
                    trend: vec![0; buckets],
                })
            }
        };
        total.attempts += cell.occurrences;
        total.client_visible += cell.visible;
        total.first_at = total.first_at.min(first_at);
        total.last_at = total.last_at.max(last_at);
        let column = usize::try_from(cell.bucket - first_bucket).ok();
        if let Some(sum) = column.and_then(|column| total.trend.get_mut(column)) {
            *sum += cell.occurrences;
        }
    }
    let mut totals: Vec<GroupTotals> = totals.into_values().collect();
    for total in &mut totals {
        total.is_spiking = spikes(&total.trend);
    }
    totals
}

fn spikes(trend: &[i64]) -> bool {
    let quarter = trend.len() / 4;
    if quarter == 0 {
        return false;
    }
    let (before, last) = trend.split_at(trend.len() - quarter);
    let before: i64 = before.iter().sum();
    let last: i64 = last.iter().sum();
    last >= LEAST_SPIKE && last * 3 > before * SPIKE_FACTOR
}

fn urgency(state: GroupState) -> u8 {
    match state {
        GroupState::New | GroupState::Regressed => 3,
        GroupState::Escalating => 2,
        GroupState::Ongoing => 1,
        GroupState::Resolved => 0,
    }
}

fn sort(groups: &mut [GroupTotals], order: GroupOrder) {
    match order {
        GroupOrder::Attention => groups.sort_by_key(|total| {
            let place = (
                urgency(total.group.life.state),
                total.client_visible,
                total.attempts,
            );
            (Reverse(place), total.group.id)
        }),
        GroupOrder::Count => {
            groups.sort_by_key(|total| (Reverse(total.attempts), total.group.id));
        }
        GroupOrder::LastSeen => {
            groups.sort_by_key(|total| (Reverse(total.last_at), total.group.id));
        }
    }
}

#[derive(Debug, FromRow)]
struct GroupRow {
    group_id: i64,
    endpoint_no: i32,
    origin_no: i32,
    reason: i16,
    path_template: String,
    sample_path: String,
    events: i64,
    occurrences: i64,
    first_at: DateTime<Utc>,
    last_at: DateTime<Utc>,
    first_config_version: i64,
    #[sqlx(flatten)]
    life: LifeRow,
}

/// The groups with these ids; without those whose reason only a newer version can name.
async fn known_groups(
    tx: &mut TenantTx,
    ids: Vec<i64>,
) -> Result<BTreeMap<i64, FailureGroup>, StoreError> {
    let query = format!(
        "select g.group_id, g.endpoint_no, g.origin_no, g.reason, g.path_template, g.sample_path, g.events, g.occurrences, g.first_at,
           g.last_at, g.first_config_version, {}
         from failure_group g left join failure_group_life l on l.tenant_id = g.tenant_id and l.group_id = g.group_id
         where g.tenant_id = $1 and g.group_id = any($2)",
        LifeRow::COLUMNS
    );
    let rows: Vec<GroupRow> = sqlx::query_as(sqlx::AssertSqlSafe(query))
        .bind(tx.tenant_id().0)
        .bind(ids)
        .fetch_all(tx.as_conn())
        .await?;
    let known = rows.into_iter().filter_map(|row| {
        let group = FailureGroup {
            id: GroupId(row.group_id),
            endpoint_no: UrlEndpointNo(row.endpoint_no),
            origin_no: OriginNo(row.origin_no),
            reason: Reason::from_number(row.reason)?,
            path_template: row.path_template,
            sample_path: row.sample_path,
            events: row.events,
            occurrences: row.occurrences,
            first_at: row.first_at,
            last_at: row.last_at,
            first_config_version: TenantSeq(row.first_config_version),
            // A group of before there were lives, which the projector has not come to yet.
            life: row
                .life
                .into_life()
                .unwrap_or_else(|| GroupLife::begun(row.first_at)),
        };
        Some((row.group_id, group))
    });
    Ok(known.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spike_is_far_more_at_the_end_than_before() {
        for (trend, expected) in [
            (vec![0; 8], false),
            (vec![5, 5, 5, 5, 5, 5, 5, 5], false),
            (vec![5, 5, 5, 5, 5, 5, 11, 11], true),
            (vec![0, 0, 0, 0, 0, 0, 0, 9], false),
            (vec![0, 0, 0, 0, 0, 0, 0, 10], true),
            (vec![100, 100], false),
        ] {
            assert_eq!(spikes(&trend), expected, "{trend:?}");
        }
    }
}
