//! The values of each filter with their counts. A facet ignores its own selection and obeys all others, so that the alternatives to
//! what is chosen stay visible.

use std::collections::BTreeMap;

use limpid_event_store::{StoreError, TenantTx};

use crate::breakdown::{GroupBy, Measures, SeriesKey, count};
use crate::filter::{Facets, FailureFilter};

/// The most values of a facet; what is left of more is added up.
pub const MAX_VALUES: usize = 50;

/// The values of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facet {
    /// The field.
    pub field: GroupBy,
    /// Values and occurrences, most first.
    pub values: Vec<(SeriesKey, i64)>,
    /// Occurrences of the values beyond [`MAX_VALUES`].
    pub others: i64,
}

/// Counts the values of one field.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn facet(
    tx: &mut TenantTx,
    filter: &FailureFilter,
    field: GroupBy,
) -> Result<Facet, StoreError> {
    let filter = without_own_selection(filter, field);
    let cells = count(tx, &filter, (field, None), Measures::Occurrences).await?;
    let mut sums: BTreeMap<i64, (SeriesKey, i64)> = BTreeMap::new();
    for cell in cells {
        // A newer version's number has no name here.
        if let Some((place, key)) = field.key(cell.label) {
            sums.entry(place).or_insert((key, 0)).1 += cell.occurrences;
        }
    }
    let mut values: Vec<(SeriesKey, i64)> = sums.into_values().collect();
    // Equals stay in the order of their places.
    values.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let rest = values.split_off(values.len().min(MAX_VALUES));
    Ok(Facet {
        field,
        values,
        others: rest.into_iter().map(|(_, count)| count).sum(),
    })
}

fn without_own_selection(filter: &FailureFilter, field: GroupBy) -> FailureFilter {
    let mut filter = filter.clone();
    forget(&mut filter.include, field);
    forget(&mut filter.exclude, field);
    filter
}

fn forget(facets: &mut Facets, field: GroupBy) {
    match field {
        GroupBy::Code => facets.codes.clear(),
        GroupBy::Reason => facets.reasons.clear(),
        GroupBy::Stage => facets.stages.clear(),
        GroupBy::Origin => facets.origins.clear(),
        GroupBy::Endpoint => facets.endpoints.clear(),
        GroupBy::Outcome => facets.outcomes.clear(),
        GroupBy::UpstreamStatus => facets.upstream_statuses.clear(),
        GroupBy::ConfigVersion => facets.config_versions.clear(),
        GroupBy::Node => facets.nodes.clear(),
        GroupBy::Group => facets.groups.clear(),
    }
}
