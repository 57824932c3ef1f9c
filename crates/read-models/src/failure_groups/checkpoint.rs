//! Which batches are counted: those up to a node's checkpoint, and those that the ledger says are. The checkpoint is where counting
//! goes on; the ledger is what a checkpoint that was set back or lost is held against.

use limpid_event_store::StoreError;
use sqlx::PgConnection;

use super::PROJECTION;

/// For every node the last batch that is counted: nodes, and batches in the same order. What lies before it and is in no count was lost.
pub(crate) async fn counted_batches(
    connection: &mut PgConnection,
) -> Result<(Vec<i64>, Vec<i64>), StoreError> {
    // The recursion jumps from node to node in the index, however many batches each has.
    let counted: Vec<(i64, i64)> = sqlx::query_as(
        "with recursive n as (
           (select node_id from ingest_batch order by node_id limit 1)
           union all
           select (select b.node_id from ingest_batch b where b.node_id > n.node_id order by b.node_id limit 1) from n
           where n.node_id is not null
         )
         select node_id, max(batch_seq) from (
           select node_id, batch_seq from projection_checkpoint where projection = $1
           union all
           select n.node_id, marked.batch_seq from n join lateral (
             select b.batch_seq from ingest_batch b where b.node_id = n.node_id and b.grouped order by b.batch_seq desc limit 1
           ) marked on true
         ) known group by 1",
    )
    .bind(PROJECTION)
    .fetch_all(connection)
    .await?;
    Ok(counted.into_iter().unzip())
}

/// Brings checkpoints and ledger together, where hours are about to be derived from all batches up to the checkpoints: those go on from
/// the last batch that is counted, never from one that is not there yet, and what lies before them counts.
pub(super) async fn settle(connection: &mut PgConnection) -> Result<(), StoreError> {
    let (nodes, batches) = counted_batches(connection).await?;
    sqlx::query(
        "insert into projection_checkpoint as c (projection, node_id, batch_seq)
         select $1, k.node_id, least(k.batch_seq, coalesce(stored.batch_seq, k.batch_seq))
         from unnest($2::bigint[], $3::bigint[]) k(node_id, batch_seq)
         left join lateral (
           select b.batch_seq from ingest_batch b where b.node_id = k.node_id order by b.batch_seq desc limit 1
         ) stored on true
         on conflict (projection, node_id) do update set batch_seq = excluded.batch_seq where c.batch_seq <> excluded.batch_seq",
    )
    .bind(PROJECTION)
    .bind(nodes)
    .bind(batches)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "update ingest_batch b set grouped = true from projection_checkpoint c
         where c.projection = $1 and c.node_id = b.node_id and b.batch_seq <= c.batch_seq and not b.grouped",
    )
    .bind(PROJECTION)
    .execute(connection)
    .await?;
    Ok(())
}
