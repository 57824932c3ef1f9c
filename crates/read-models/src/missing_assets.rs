//! The paths whose requests were most often answered with 404.

use limpid_domain::failure::reason::TABLE;
use limpid_domain::ids::UrlEndpointNo;
use limpid_event_store::{StoreError, TenantTx};
use sqlx::QueryBuilder;

use crate::filter::{FailureFilter, Window, push_events_where};
use crate::retention::kept;

/// A path that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingAsset {
    /// URL endpoint; none where no endpoint was found.
    pub endpoint_no: UrlEndpointNo,
    /// After the endpoint's prefix.
    pub path: String,
    /// Requests answered with 404.
    pub requests: i64,
}

/// The `limit` paths with most requests answered with 404 in a window, most first; counted from single failures.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn missing_assets(
    tx: &mut TenantTx,
    window: Window,
    limit: i64,
) -> Result<Vec<MissingAsset>, StoreError> {
    let answered_404 = TABLE.iter().filter(|row| row.code.http_status() == 404);
    let reasons: Vec<i16> = answered_404.map(|row| row.number).collect();
    let filter = FailureFilter::all(window).within(kept(tx).await?);
    let mut query = QueryBuilder::new(
        "select endpoint_no, path, sum(occurrences)::bigint from origin_failure where ",
    );
    push_events_where(&mut query, tx.tenant_id(), &filter);
    query
        .push(" and headline and reason = any(")
        .push_bind(reasons)
        .push(") group by 1, 2 order by 3 desc, 2, 1 limit ")
        .push_bind(limit);
    let rows: Vec<(i32, String, i64)> = query.build_query_as().fetch_all(tx.as_conn()).await?;
    let assets = rows
        .into_iter()
        .map(|(endpoint, path, requests)| MissingAsset {
            endpoint_no: UrlEndpointNo(endpoint),
            path,
            requests,
        });
    Ok(assets.collect())
}
