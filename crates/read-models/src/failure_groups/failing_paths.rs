//! The paths of a group that failed last, to ask for them again.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_event_store::{StoreError, TenantTx};
use sqlx::{FromRow, Postgres, QueryBuilder};

use super::list::FailureGroup;
use crate::filter::{FailureFilter, Window, push_events_where};
use crate::retention::kept;

/// Events among which distinct paths are looked for, the latest.
const LOOKED_THROUGH: i64 = 5_000;

/// How far before its latest failure a group's paths are looked for.
const LOOKED_BACK: TimeDelta = TimeDelta::days(7);

/// A path that failed.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct FailingPath {
    /// The file path, without transformation and query.
    pub path: String,
    /// When it failed last.
    pub failed_at: DateTime<Utc>,
    /// Path and query of the latest of its requests that kept its details, without signature.
    pub url: Option<String>,
}

/// The paths of a group that failed last, newest first.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn failing_paths(
    tx: &mut TenantTx,
    group: &FailureGroup,
    limit: u16,
) -> Result<Vec<FailingPath>, StoreError> {
    let mut filter = FailureFilter::all(Window {
        from: group.last_at - LOOKED_BACK,
        to: group.last_at + TimeDelta::microseconds(1),
    });
    filter = filter.within(kept(tx).await?);
    filter.include.groups = vec![group.id];
    let mut query: QueryBuilder<Postgres> = QueryBuilder::new(
        "select path, max(occurred_at) as failed_at,
           (array_agg(url order by occurred_at desc) filter (where url is not null))[1] as url
         from (select path, occurred_at, detail->>'url' as url from origin_failure where ",
    );
    push_events_where(&mut query, tx.tenant_id(), &filter);
    query
        .push(" order by occurred_at desc limit ")
        .push_bind(LOOKED_THROUGH)
        .push(") latest group by path order by 2 desc, 1 limit ")
        .push_bind(i64::from(limit));
    Ok(query.build_query_as().fetch_all(tx.as_conn()).await?)
}
