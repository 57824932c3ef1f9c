//! Single failures: newest first by page, one by its id, all attempts of one request, as they arrive.

mod arrivals;
mod cursor;
mod row;

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::failure::FailureEvent;
use limpid_domain::ids::{BatchSeq, EventId, NodeId, RequestId};
use limpid_event_store::{StoreError, TenantTx};
use sqlx::{Postgres, QueryBuilder};

use crate::filter::{FailureFilter, Window, push_events_where};
use crate::retention::{Kept, kept};
pub use arrivals::{Arrivals, InvalidPosition, Position, arrivals, latest_position};
pub use cursor::{Cursor, InvalidCursor};
use row::{COLUMNS, EventRow};

/// The most events of a page.
pub const MAX_PAGE: u16 = 200;

/// An event's id was minted when it was recorded, moments after it occurred; how far around that to look, nearest first.
/// Each step that finds nothing costs an index range, so the first one is narrow.
const NEIGHBOURHOODS: [TimeDelta; 3] = [
    TimeDelta::seconds(5),
    TimeDelta::minutes(5),
    TimeDelta::hours(26),
];

/// A failure as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFailure {
    /// The event.
    pub event: FailureEvent,
    /// The node that recorded it.
    pub node: NodeId,
    /// The batch it came with.
    pub batch: BatchSeq,
}

/// Some events, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPage {
    /// The events.
    pub events: Vec<StoredFailure>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Cursor>,
    /// The window that was read: the cursor's, or else the filter's.
    pub window: Window,
}

/// Reads a page of the failures that match. A `cursor` brings its own window, so that paging through "the last 24 hours" does not
/// shift under the reader.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn events(
    tx: &mut TenantTx,
    filter: &FailureFilter,
    cursor: Option<&Cursor>,
    limit: u16,
) -> Result<EventPage, StoreError> {
    let limit = limit.clamp(1, MAX_PAGE);
    let window = cursor.map_or(filter.window, |cursor| cursor.window);
    let mut query = select();
    push_events_where(&mut query, tx.tenant_id(), &filter.over(window));
    if let Some(cursor) = cursor {
        // The first condition repeats half of the second for the planner's sake: it is what the index can do.
        query
            .push(" and occurred_at <= ")
            .push_bind(cursor.occurred_at);
        query
            .push(" and (occurred_at, event_id) < (")
            .push_bind(cursor.occurred_at);
        query.push(", ").push_bind(cursor.event_id.0).push(")");
    }
    query.push(" order by occurred_at desc, event_id desc limit ");
    query.push_bind(i64::from(limit) + 1);
    let mut rows: Vec<EventRow> = query.build_query_as().fetch_all(tx.as_conn()).await?;
    let has_more = rows.len() > usize::from(limit);
    rows.truncate(usize::from(limit));
    let next = rows
        .last()
        .filter(|_| has_more)
        .map(|last| Cursor::after(last.occurred_at(), last.event_id(), window, filter));
    Ok(EventPage {
        events: rows
            .into_iter()
            .filter_map(EventRow::into_failure)
            .collect(),
        next,
        window,
    })
}

/// Reads one failure, or `None` if this tenant has none with this id. The id of a request stands for the failure that its client saw.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn event(tx: &mut TenantTx, id: EventId) -> Result<Option<StoredFailure>, StoreError> {
    let Some(minted_at) = minted_at(id) else {
        return Ok(None);
    };
    let kept = kept(tx).await?;
    for neighbourhood in NEIGHBOURHOODS {
        let mut query = around(tx, (minted_at, neighbourhood), kept);
        query
            .push(" and ")
            .push_bind(id.0)
            .push(" in (event_id, request_id) order by headline desc, attempt desc limit 1");
        let row: Option<EventRow> = query.build_query_as().fetch_optional(tx.as_conn()).await?;
        if let Some(row) = row {
            return Ok(row.into_failure());
        }
    }
    Ok(None)
}

/// Reads every recorded attempt of the request that `failure` belongs to, first attempt first, itself included.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn attempts(
    tx: &mut TenantTx,
    failure: &FailureEvent,
) -> Result<Vec<StoredFailure>, StoreError> {
    let request: RequestId = failure.request_id;
    // Source: the time-outs of one request allow it 30 seconds in all.
    let kept = kept(tx).await?;
    let mut query = around(tx, (failure.occurred_at, TimeDelta::minutes(1)), kept);
    query.push(" and request_id = ").push_bind(request.0);
    query.push(" order by attempt, event_id limit 100");
    let rows: Vec<EventRow> = query.build_query_as().fetch_all(tx.as_conn()).await?;
    Ok(rows
        .into_iter()
        .filter_map(EventRow::into_failure)
        .collect())
}

fn select() -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new("select ");
    query.push(COLUMNS).push(" from origin_failure where ");
    query
}

fn around(
    tx: &TenantTx,
    (at, radius): (DateTime<Utc>, TimeDelta),
    kept: Kept,
) -> QueryBuilder<Postgres> {
    let window = Window {
        from: at.checked_sub_signed(radius).unwrap_or(at),
        to: at.checked_add_signed(radius).unwrap_or(at),
    };
    let mut query = select();
    let filter = FailureFilter::all(window).within(kept);
    push_events_where(&mut query, tx.tenant_id(), &filter);
    query
}

/// The moment in a version 7 UUID.
fn minted_at(id: EventId) -> Option<DateTime<Utc>> {
    let (seconds, nanos) = id.0.get_timestamp()?.to_unix();
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanos)
}
