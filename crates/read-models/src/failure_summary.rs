//! How many failures, by code, reason and origin.
//!
//! One statement reads the hourly counts and the events of the ragged edges, so all numbers are of one moment and add up.

use std::collections::BTreeMap;
use std::hash::Hash;

use limpid_domain::failure::{FailureCode, Outcome, Reason};
use limpid_domain::ids::OriginNo;
use limpid_event_store::{StoreError, TenantTx};
use sqlx::{Postgres, QueryBuilder};

use crate::filter::{Detail, FailureFilter, push_conditions, sources};

/// The numbers of a window. All count failed requests or attempts (occurrences), not stored rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Requests whose client saw the error.
    pub client_visible: i64,
    /// Failed attempts at origins, whatever became of the requests.
    pub attempts: i64,
    /// Of these, the ones after which a later origin served the file.
    pub rescued: i64,
    /// Attempts by code, most first; codes without any are left out.
    pub by_code: Vec<(FailureCode, i64)>,
    /// Requests whose client saw the error, by code, most first; they add up to `client_visible`.
    pub visible_by_code: Vec<(FailureCode, i64)>,
    /// Attempts by reason, most first.
    pub by_reason: Vec<(Reason, i64)>,
    /// Attempts by origin, most first.
    pub by_origin: Vec<(OriginNo, i64)>,
}

/// Counts the failures that match.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn summary(tx: &mut TenantTx, filter: &FailureFilter) -> Result<Summary, StoreError> {
    let mut query = statement(tx, filter);
    let cells: Vec<Cell> = query.build_query_as().fetch_all(tx.as_conn()).await?;
    Ok(fold(&cells))
}

/// reason, origin, outcome, headline, occurrences.
type Cell = (i16, i32, i16, bool, i64);

fn statement(tx: &TenantTx, filter: &FailureFilter) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(
        "select reason, origin_no, outcome, headline, sum(occurrences)::bigint from (",
    );
    let mut separator = "";
    for source in sources(filter, Detail::default()) {
        query.push(separator).push(
            "select reason, origin_no, outcome, headline, occurrences::bigint as occurrences",
        );
        push_conditions(&mut query, tx.tenant_id(), source, filter);
        separator = " union all ";
    }
    query.push(") f group by 1, 2, 3, 4");
    query
}

fn fold(cells: &[Cell]) -> Summary {
    let mut summary = Summary::default();
    let mut by_code = BTreeMap::new();
    let mut visible_by_code = BTreeMap::new();
    let mut by_reason = BTreeMap::new();
    let mut by_origin = BTreeMap::new();
    for (reason, origin_no, outcome, headline, count) in cells {
        summary.attempts += count;
        let outcome = Outcome::from_number(*outcome);
        let is_visible = outcome == Some(Outcome::Failed) && *headline;
        if is_visible {
            summary.client_visible += count;
        }
        if outcome == Some(Outcome::Rescued) {
            summary.rescued += count;
        }
        *by_origin.entry(OriginNo(*origin_no)).or_default() += count;
        // A newer version's reason is counted above and has no name here.
        if let Some(reason) = Reason::from_number(*reason) {
            *by_reason.entry(reason).or_default() += count;
            let code: &mut i64 = by_code.entry(reason.code().as_str()).or_default();
            *code += count;
            if is_visible {
                let code: &mut i64 = visible_by_code.entry(reason.code().as_str()).or_default();
                *code += count;
            }
        }
    }
    summary.by_code = codes(by_code);
    summary.visible_by_code = codes(visible_by_code);
    summary.by_reason = most_first(by_reason);
    summary.by_origin = most_first(by_origin);
    summary
}

/// By name, so that equals stand in the order of the alphabet.
fn codes(counts: BTreeMap<&'static str, i64>) -> Vec<(FailureCode, i64)> {
    let named = most_first(counts).into_iter();
    named
        .filter_map(|(name, count)| Some((FailureCode::from_name(name)?, count)))
        .collect()
}

/// Largest first; equals in the key's order, so that an answer is the same every time.
fn most_first<K: Eq + Hash + Ord>(counts: BTreeMap<K, i64>) -> Vec<(K, i64)> {
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|(_, a), (_, b)| b.cmp(a));
    counts
}
