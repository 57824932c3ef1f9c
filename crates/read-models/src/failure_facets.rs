//! The values of each filter with their counts. A facet ignores its own selection and obeys all others, so that the alternatives to
//! what is chosen stay visible.

use limpid_event_store::{StoreError, TenantTx};

use crate::breakdown::{GroupBy, Measures, SeriesKey, cells};
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
    let mut query = cells(tx, &filter, (field, None), Measures::Occurrences);
    let rows: Vec<(i64, i64, i64)> = query.build_query_as().fetch_all(tx.as_conn()).await?;
    let mut values: Vec<(i64, SeriesKey, i64)> = Vec::new();
    for (_, number, count) in rows {
        let Some((place, key)) = field.key(number) else {
            continue; // a newer version's
        };
        match values.iter_mut().find(|(other, ..)| *other == place) {
            Some((.., sum)) => *sum += count,
            None => values.push((place, key, count)),
        }
    }
    values.sort_by_key(|(place, _, count)| (std::cmp::Reverse(*count), *place));
    let rest = values.split_off(values.len().min(MAX_VALUES));
    Ok(Facet {
        field,
        values: values
            .into_iter()
            .map(|(_, key, count)| (key, count))
            .collect(),
        others: rest.into_iter().map(|(.., count)| count).sum(),
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
