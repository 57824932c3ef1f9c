//! Adds counts of answered requests to PostgreSQL: each batch once, however often it is sent.

use chrono::{DateTime, Utc};
use limpid_domain::ids::{NodeId, RunId, TenantId, UrlEndpointNo};
use limpid_domain::usage::{CacheResult, DeliveredFormat, UsageCounts, UsageDimension};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use crate::error::StoreError;
use crate::flusher::{BatchHead, BatchRows, middle};

/// What a serving node counted since its last batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageBatch {
    /// The node.
    pub node: NodeId,
    /// Its present run.
    pub run: RunId,
    /// When that began.
    pub began_at: DateTime<Utc>,
    /// Position among the run's batches, dense from 1. A run sends them in order.
    pub seq: i64,
    /// Everything the run answered before this moment is in this batch or an earlier one.
    pub counted_to: DateTime<Utc>,
    /// Whether it is the run's last.
    pub stopped: bool,
    /// Counts in full dimensions.
    pub cells: Vec<UsageCell>,
    /// Counts of the most used.
    pub tops: Vec<UsageTop>,
}

/// Requests of a tenant's hour that are alike in everything that is counted exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageCell {
    /// Whose.
    pub tenant_id: TenantId,
    /// When it began.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub hour: DateTime<Utc>,
    /// URL endpoint; none where the request was refused before one was found.
    pub endpoint_no: UrlEndpointNo,
    /// HTTP status of the answer.
    pub status: i16,
    /// What the cache had.
    pub cache: CacheResult,
    /// Media type of the answer.
    pub format: DeliveredFormat,
    /// How many, how much.
    pub counts: UsageCounts,
}

/// Requests of a tenant's hour with one path, referrer or the like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageTop {
    /// Whose.
    pub tenant_id: TenantId,
    /// When it began.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub hour: DateTime<Utc>,
    /// What the key is.
    pub dimension: UsageDimension,
    /// The path, referrer or the like; empty for all that are not listed.
    pub key: String,
    /// How many, how much.
    pub counts: UsageCounts,
}

/// Rows of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageRows {
    /// Counts in full dimensions.
    pub cells: Vec<UsageCell>,
    /// Counts of the most used.
    pub tops: Vec<UsageTop>,
}

impl BatchRows for UsageRows {
    async fn append(
        &self,
        connection: &mut PgConnection,
        head: BatchHead,
    ) -> Result<(), StoreError> {
        let batch = UsageBatch {
            node: head.node,
            run: head.run,
            began_at: head.began_at,
            seq: head.seq,
            counted_to: head.counted_to,
            stopped: head.stopped,
            cells: self.cells.clone(),
            tops: self.tops.clone(),
        };
        append_usage(connection, &batch).await.map(drop)
    }

    fn halves(mut self) -> Result<[Self; 2], Self> {
        let Some([cells, tops]) = middle([self.cells.len(), self.tops.len()]) else {
            return Err(self);
        };
        let rest = Self {
            cells: self.cells.split_off(cells),
            tops: self.tops.split_off(tops),
        };
        Ok([self, rest])
    }

    fn count(&self) -> usize {
        self.cells.len() + self.tops.len()
    }

    fn joined(mut self, others: Self) -> Self {
        self.cells.extend(others.cells);
        self.tops.extend(others.tops);
        self
    }
}

/// Adds the batch unless it has been added already; whether it was new.
///
/// # Errors
/// [`StoreError::Unavailable`]: try again with the same batch. Other errors: the database refuses some value; nothing was stored.
pub async fn append_usage(
    connection: &mut PgConnection,
    batch: &UsageBatch,
) -> Result<bool, StoreError> {
    let (cells, tops) = (&batch.cells, &batch.tops);
    let cell = |number: fn(&UsageCell) -> i16| cells.iter().map(number).collect::<Vec<_>>();
    let query = sqlx::query_scalar::<_, i64>(include_str!("usage_append/append.sql"))
        .bind(batch.node.0)
        .bind(batch.run.0)
        .bind(batch.seq)
        .bind(batch.counted_to)
        .bind(batch.stopped)
        .bind(cells.iter().map(|c| c.tenant_id.0).collect::<Vec<_>>())
        .bind(cells.iter().map(|c| c.hour).collect::<Vec<_>>())
        .bind(cells.iter().map(|c| c.endpoint_no.0).collect::<Vec<_>>())
        .bind(cell(|c| c.status))
        .bind(cell(|c| c.cache.number()))
        .bind(cell(|c| c.format.number()))
        .bind(cells.iter().map(|c| c.counts.requests).collect::<Vec<_>>())
        .bind(cells.iter().map(|c| c.counts.bytes).collect::<Vec<_>>())
        .bind(tops.iter().map(|t| t.tenant_id.0).collect::<Vec<_>>())
        .bind(tops.iter().map(|t| t.hour).collect::<Vec<_>>())
        .bind(
            tops.iter()
                .map(|t| t.dimension.number())
                .collect::<Vec<_>>(),
        )
        .bind(tops.iter().map(|t| key_hash(&t.key)).collect::<Vec<_>>())
        .bind(tops.iter().map(|t| text(&t.key)).collect::<Vec<_>>())
        .bind(tops.iter().map(|t| t.counts.requests).collect::<Vec<_>>())
        .bind(tops.iter().map(|t| t.counts.bytes).collect::<Vec<_>>())
        .bind(batch.began_at);
    Ok(query.fetch_one(connection).await? > 0)
}

/// The first eight bytes of SHA-256: short enough for an index, the same on every node. 0 is "all others".
fn key_hash(key: &str) -> i64 {
    if key.is_empty() {
        return 0;
    }
    let digest = Sha256::digest(key.as_bytes());
    i64::from_be_bytes(digest.first_chunk::<8>().copied().unwrap_or_default())
}

/// `text` refuses NUL.
fn text(key: &str) -> String {
    key.replace('\0', "%00")
}
