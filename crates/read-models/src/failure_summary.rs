//! How many failures, by code, reason and origin.
//!
//! All numbers are made of the same counts, so they add up.

use std::collections::BTreeMap;
use std::hash::Hash;

use limpid_domain::failure::{FailureCode, Outcome, Reason};
use limpid_domain::ids::{OriginNo, TenantId};
use limpid_event_store::{StoreError, TenantTx};
use sqlx::{Postgres, QueryBuilder};

use crate::failure_packs::{Cell, CellKey, Labels, Question, sums};
use crate::filter::{Detail, FailureFilter, Source, push_conditions};

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
    let question = Question {
        filter,
        detail: Detail::default(),
        with_moments: false,
    };
    let kinds = Kinds {
        tenant_id: tx.tenant_id(),
        filter,
    };
    Ok(fold(&sums(tx, question, &kinds).await?))
}

/// Failures told apart by what the numbers of a summary are made of.
struct Kinds<'f> {
    tenant_id: TenantId,
    filter: &'f FailureFilter,
}

/// What they differ in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Kind {
    reason: i16,
    origin_no: i32,
    outcome: i16,
    headline: bool,
}

impl Labels for Kinds<'_> {
    type Label = Kind;

    fn of_key(&self, key: &CellKey) -> Kind {
        Kind {
            reason: key.reason,
            origin_no: key.origin_no,
            outcome: key.outcome,
            headline: key.headline,
        }
    }

    fn of_numbers(&self, [reason, origin_no, outcome, headline]: [i64; 4]) -> Kind {
        Kind {
            reason: i16::try_from(reason).unwrap_or_default(),
            origin_no: i32::try_from(origin_no).unwrap_or_default(),
            outcome: i16::try_from(outcome).unwrap_or_default(),
            headline: headline == 1,
        }
    }

    fn push_sums(&self, query: &mut QueryBuilder<Postgres>, parts: &[Source]) {
        query.push(
            "select 0::bigint as bucket, reason::bigint as a, origin_no::bigint as b, outcome::bigint as c, headline::integer::bigint as d,
               sum(occurrences)::bigint as occurrences, 0::bigint as visible, null::timestamptz as first_at, null::timestamptz as last_at from (",
        );
        let mut separator = "";
        for source in parts {
            query.push(separator).push(
                "select reason, origin_no, outcome, headline, occurrences::bigint as occurrences",
            );
            push_conditions(query, self.tenant_id, source, self.filter);
            separator = " union all ";
        }
        query.push(") f group by reason, origin_no, outcome, headline");
    }
}

fn fold(cells: &[Cell<Kind>]) -> Summary {
    let mut summary = Summary::default();
    let mut by_code = BTreeMap::new();
    let mut visible_by_code = BTreeMap::new();
    let mut by_reason = BTreeMap::new();
    let mut by_origin = BTreeMap::new();
    for cell in cells {
        let (kind, count) = (cell.label, cell.occurrences);
        summary.attempts += count;
        let outcome = Outcome::from_number(kind.outcome);
        let is_visible = outcome == Some(Outcome::Failed) && kind.headline;
        if is_visible {
            summary.client_visible += count;
        }
        if outcome == Some(Outcome::Rescued) {
            summary.rescued += count;
        }
        *by_origin.entry(OriginNo(kind.origin_no)).or_default() += count;
        // A newer version's reason is counted above and has no name here.
        if let Some(reason) = Reason::from_number(kind.reason) {
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
