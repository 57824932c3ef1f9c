//! Failures as they arrive: everything stored since a position, whenever it occurred.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::ids::{BatchSeq, NodeId};
use limpid_event_store::{StoreError, TenantTx};
use sqlx::{Postgres, QueryBuilder};

use super::StoredFailure;
use super::row::{COLUMNS, EventRow};
use crate::filter::{FailureFilter, Window, push_events_where};
use crate::retention::kept;

/// How far a reader has come: the last batch of every node that was heard of lately.
///
/// Shape: `<node>-<batch>` per node, hexadecimal, joined by dots; opaque to callers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Position(BTreeMap<NodeId, BatchSeq>);

/// The text is no position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a position of this stream")]
pub struct InvalidPosition;

/// What arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrivals {
    /// The failures, oldest first.
    pub failures: Vec<StoredFailure>,
    /// How many more arrived than are in `failures`.
    pub left_out: i64,
    /// Where to go on.
    pub position: Position,
}

/// New batches of one node.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
struct NewBatches {
    node_id: i64,
    after: i64,
    upto: i64,
    min_at: Option<DateTime<Utc>>,
    max_at: Option<DateTime<Utc>>,
}

/// The position after everything that is stored.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn latest_position(tx: &mut TenantTx) -> Result<Position, StoreError> {
    let rows: Vec<(i64, i64)> = sqlx::query_as(
        "select n.node_id, last.batch_seq from serving_node n
         join lateral (
           select b.batch_seq from ingest_batch b where b.node_id = n.node_id order by b.batch_seq desc limit 1
         ) last on true
         where n.heartbeat_at > now() - interval '1 day'",
    )
    .fetch_all(tx.as_conn())
    .await?;
    let nodes = rows.into_iter();
    Ok(Position(
        nodes
            .map(|(node, seq)| (NodeId(node), BatchSeq(seq)))
            .collect(),
    ))
}

/// What arrived since `position` and matches, `limit` at most. The filter's window does not matter.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn arrivals(
    tx: &mut TenantTx,
    filter: &FailureFilter,
    position: &Position,
    limit: u16,
) -> Result<Arrivals, StoreError> {
    let new = new_batches(tx, position).await?;
    let mut next = position.clone();
    for batches in &new {
        next.0
            .insert(NodeId(batches.node_id), BatchSeq(batches.upto));
    }
    let first = new.iter().filter_map(|batches| batches.min_at).min();
    let last = new.iter().filter_map(|batches| batches.max_at).max();
    let Some((first, last)) = first.zip(last) else {
        return Ok(Arrivals {
            failures: Vec::new(),
            left_out: 0,
            position: next,
        });
    };
    let window = Window {
        from: first,
        to: last + TimeDelta::microseconds(1),
    };
    // Read again each time: a stream lasts for hours.
    let filter = filter.over(window).within(kept(tx).await?);
    let mut query = QueryBuilder::new("select ");
    query.push(COLUMNS).push(" from origin_failure where ");
    push_arrived(&mut query, tx, &filter, &new);
    query.push(" order by occurred_at, event_id limit ");
    query.push_bind(i64::from(limit));
    let rows: Vec<EventRow> = query.build_query_as().fetch_all(tx.as_conn()).await?;
    let shown = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let left_out = if shown < i64::from(limit) {
        0
    } else {
        let mut count = QueryBuilder::new("select count(*) from origin_failure where ");
        push_arrived(&mut count, tx, &filter, &new);
        let all: i64 = count.build_query_scalar().fetch_one(tx.as_conn()).await?;
        all - shown
    };
    Ok(Arrivals {
        failures: rows
            .into_iter()
            .filter_map(EventRow::into_failure)
            .collect(),
        left_out,
        position: next,
    })
}

async fn new_batches(
    tx: &mut TenantTx,
    position: &Position,
) -> Result<Vec<NewBatches>, StoreError> {
    let (nodes, seqs): (Vec<i64>, Vec<i64>) =
        position.0.iter().map(|(node, seq)| (node.0, seq.0)).unzip();
    Ok(sqlx::query_as(
        "select n.node_id, coalesce(p.seq, 0) as after, max(b.batch_seq) as upto, min(b.min_at) as min_at, max(b.max_at) as max_at
         from serving_node n left join unnest($1::bigint[], $2::bigint[]) as p (node_id, seq) using (node_id)
         join ingest_batch b on b.node_id = n.node_id and b.batch_seq > coalesce(p.seq, 0)
         where n.heartbeat_at > now() - interval '1 day'
         group by 1, 2",
    )
    .bind(nodes)
    .bind(seqs)
    .fetch_all(tx.as_conn())
    .await?)
}

fn push_arrived(
    query: &mut QueryBuilder<Postgres>,
    tx: &TenantTx,
    filter: &FailureFilter,
    new: &[NewBatches],
) {
    push_events_where(query, tx.tenant_id(), filter);
    let mut separator = " and (";
    for batches in new {
        query
            .push(separator)
            .push("(node_id = ")
            .push_bind(batches.node_id);
        query.push(" and batch_seq > ").push_bind(batches.after);
        query
            .push(" and batch_seq <= ")
            .push_bind(batches.upto)
            .push(")");
        separator = " or ";
    }
    query.push(")");
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (node, seq) in &self.0 {
            write!(f, "{separator}{:x}-{:x}", node.0, seq.0)?;
            separator = ".";
        }
        Ok(())
    }
}

impl FromStr for Position {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |text: &str| {
            i64::from_str_radix(text, 16)
                .ok()
                .filter(|number| *number >= 0)
                .ok_or(InvalidPosition)
        };
        let parts = text.split('.').filter(|part| !part.is_empty());
        let nodes = parts.map(|part| {
            let (node, seq) = part.split_once('-').ok_or(InvalidPosition)?;
            Ok((NodeId(number(node)?), BatchSeq(number(seq)?)))
        });
        nodes.collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_the_round_trip_and_garbage_is_refused() {
        let position = Position(BTreeMap::from([
            (NodeId(255), BatchSeq(16)),
            (NodeId(i64::MAX), BatchSeq(1)),
        ]));
        assert_eq!(position.to_string(), "ff-10.7fffffffffffffff-1");
        assert_eq!(position.to_string().parse(), Ok(position));
        assert_eq!("".parse(), Ok(Position::default()));
        for text in ["x", "1", "1-", "-1-1", "1-2-3", "1-2;drop", "1-é"] {
            assert_eq!(text.parse::<Position>(), Err(InvalidPosition), "{text}");
        }
    }
}
