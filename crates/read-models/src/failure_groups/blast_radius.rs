//! How far a group reaches: all paths or one, all transformations or one, all referrers or one.

use limpid_event_store::{StoreError, TenantTx};
use sqlx::{FromRow, Postgres, QueryBuilder};

use crate::filter::{FailureFilter, push_events_where};

/// Events among which distinct paths are counted, the latest; beyond, the number is a lower bound.
const MAX_EVENTS: i64 = 20_000;

/// Events with details that are looked at, the latest.
const MAX_DETAILS: i64 = 1_000;

/// How many different values there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spread {
    /// Different values.
    pub distinct: i64,
    /// The only value, where there is one.
    pub only: Option<String>,
    /// Events that have no value.
    pub without: i64,
    /// Events that were looked at.
    pub of_events: i64,
}

/// How far the failures that match reach.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlastRadius {
    /// Paths.
    pub paths: Spread,
    /// Whether every event was looked at for its path.
    pub paths_are_complete: bool,
    /// Transformations, of the events that kept their details.
    pub transformations: Spread,
    /// Pages that show the image, of the events that kept their details.
    pub referrers: Spread,
}

#[derive(Debug, FromRow)]
struct Row {
    distinct_values: i64,
    only: Option<String>,
    without: i64,
    of_events: i64,
}

/// Counts the different paths, transformations and referrers of the failures that match.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn blast_radius(
    tx: &mut TenantTx,
    filter: &FailureFilter,
) -> Result<BlastRadius, StoreError> {
    let paths = spread(tx, filter, ("path", "", MAX_EVENTS)).await?;
    let of_details = |field| (field, " and detail is not null", MAX_DETAILS);
    let transformations = spread(tx, filter, of_details("detail->>'transformation'")).await?;
    let referrers = spread(tx, filter, of_details("detail->>'referrer'")).await?;
    Ok(BlastRadius {
        paths_are_complete: paths.of_events < MAX_EVENTS,
        paths,
        transformations,
        referrers,
    })
}

async fn spread(
    tx: &mut TenantTx,
    filter: &FailureFilter,
    (expression, condition, limit): (&'static str, &'static str, i64),
) -> Result<Spread, StoreError> {
    let mut query: QueryBuilder<Postgres> = QueryBuilder::new(
        "select count(distinct value) as distinct_values, case when min(value) = max(value) then min(value) end as only,
           count(*) - count(value) as without, count(*) as of_events
         from (select ",
    );
    query
        .push(expression)
        .push(" as value from origin_failure where ");
    push_events_where(&mut query, tx.tenant_id(), filter);
    query
        .push(condition)
        .push(" order by occurred_at desc limit ")
        .push_bind(limit)
        .push(") latest");
    let row: Row = query.build_query_as().fetch_one(tx.as_conn()).await?;
    Ok(Spread {
        distinct: row.distinct_values,
        only: row.only,
        without: row.without,
        of_events: row.of_events,
    })
}
