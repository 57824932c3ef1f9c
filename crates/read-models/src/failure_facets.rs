//! The values of each filter with their counts. A facet ignores its own selection and obeys all others, so that the alternatives to
//! what is chosen stay visible.

use std::collections::BTreeMap;

use limpid_domain::ids::TenantId;
use limpid_event_store::{StoreError, TenantTx};
use sqlx::{Postgres, QueryBuilder};

use crate::breakdown::{GroupBy, Measures, SeriesKey, count};
use crate::failure_packs::{Cell, CellKey, Labels, Question, sums};
use crate::filter::{Detail, Facets, FailureFilter, Source, push_conditions};

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

/// Counts the values of several fields. One statement answers for all fields that nothing is selected of; nodes, groups, and each field with a
/// selection, which asks a question of its own, need one more.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn facets(
    tx: &mut TenantTx,
    filter: &FailureFilter,
    fields: &[GroupBy],
) -> Result<Vec<Facet>, StoreError> {
    let is_shared = |field: GroupBy| {
        // Nodes together with what only groups know are known to single failures alone.
        let costs_more = filter.asks_nodes() && knows_group_fields(field);
        place(field).is_some() && !costs_more && without_own_selection(filter, field) == *filter
    };
    let shared: Vec<GroupBy> = fields.iter().copied().filter(|f| is_shared(*f)).collect();
    let cells = if shared.is_empty() {
        Vec::new()
    } else {
        count_together(tx, filter, &shared).await?
    };
    let mut facets = Vec::with_capacity(fields.len());
    for field in fields.iter().copied() {
        facets.push(match place(field).filter(|_| shared.contains(&field)) {
            Some(place) => {
                let number = |numbers: &Numbers| numbers.get(place).copied().unwrap_or_default();
                let cells = cells.iter();
                Facet::of(
                    field,
                    cells.map(|cell| (number(&cell.label), cell.occurrences)),
                )
            }
            None => facet(tx, filter, field).await?,
        });
    }
    Ok(facets)
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
    let cells = cells.iter();
    Ok(Facet::of(
        field,
        cells.map(|cell| (cell.label, cell.occurrences)),
    ))
}

impl Facet {
    /// Adds up what was counted, by the field's number.
    fn of(field: GroupBy, counted: impl Iterator<Item = (i64, i64)>) -> Self {
        let mut sums: BTreeMap<i64, (SeriesKey, i64)> = BTreeMap::new();
        for (number, occurrences) in counted {
            // A newer version's number has no name here.
            if let Some((place, key)) = field.key(number) {
                sums.entry(place).or_insert((key, 0)).1 += occurrences;
            }
        }
        let mut values: Vec<(SeriesKey, i64)> = sums.into_values().collect();
        // Equals stay in the order of their places.
        values.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let rest = values.split_off(values.len().min(MAX_VALUES));
        Self {
            field,
            values,
            others: rest.into_iter().map(|(_, count)| count).sum(),
        }
    }
}

/// What failures are told apart by where several fields are counted at once.
const TOLD_APART: [GroupBy; 6] = [
    GroupBy::Reason,
    GroupBy::Outcome,
    GroupBy::UpstreamStatus,
    GroupBy::Origin,
    GroupBy::Endpoint,
    GroupBy::ConfigVersion,
];

/// Numbers in the order of [`TOLD_APART`]; 0 where nobody asked.
type Numbers = [i64; TOLD_APART.len()];

/// Which of [`TOLD_APART`] tells the values of a field.
fn place(field: GroupBy) -> Option<usize> {
    let told_by = match field {
        GroupBy::Code | GroupBy::Stage => GroupBy::Reason,
        other => other,
    };
    TOLD_APART.iter().position(|known| *known == told_by)
}

fn knows_group_fields(field: GroupBy) -> bool {
    matches!(field, GroupBy::UpstreamStatus | GroupBy::ConfigVersion)
}

async fn count_together(
    tx: &mut TenantTx,
    filter: &FailureFilter,
    fields: &[GroupBy],
) -> Result<Vec<Cell<Numbers>>, StoreError> {
    let mut is_asked = [false; TOLD_APART.len()];
    for place in fields.iter().filter_map(|field| place(*field)) {
        if let Some(is_asked) = is_asked.get_mut(place) {
            *is_asked = true;
        }
    }
    let question = Question {
        filter,
        detail: Detail {
            group_fields: fields.iter().any(|field| knows_group_fields(*field)),
            ..Detail::default()
        },
        with_moments: false,
    };
    let fields = Fields {
        tenant_id: tx.tenant_id(),
        filter,
        is_asked,
    };
    sums(tx, question, &fields).await
}

/// Failures told apart by several fields at once.
struct Fields<'f> {
    tenant_id: TenantId,
    filter: &'f FailureFilter,
    is_asked: [bool; TOLD_APART.len()],
}

/// Three small numbers, none of them negative, as one.
const SMALL_BITS: u32 = 16;

impl Labels for Fields<'_> {
    type Label = Numbers;

    fn of_key(&self, key: &CellKey) -> Numbers {
        let mut numbers = TOLD_APART.map(|by| by.number(key));
        for (number, is_asked) in numbers.iter_mut().zip(self.is_asked) {
            *number *= i64::from(is_asked);
        }
        numbers
    }

    fn of_numbers(&self, [small, origin, endpoint, version]: [i64; 4]) -> Numbers {
        let nth = |nth: u32| small >> (nth * SMALL_BITS) & ((1 << SMALL_BITS) - 1);
        [nth(2), nth(1), nth(0), origin, endpoint, version]
    }

    fn push_sums(&self, query: &mut QueryBuilder<Postgres>, parts: &[Source]) {
        query.push(
            "select 0::bigint as bucket, a, b, c, d, sum(occurrences)::bigint as occurrences, 0::bigint as visible,
               null::timestamptz as first_at, null::timestamptz as last_at from (",
        );
        let mut separator = "";
        for source in parts {
            let asked = TOLD_APART.iter().zip(self.is_asked);
            let columns = asked.map(|(by, is_asked)| {
                if is_asked {
                    format!("coalesce({}, 0)::bigint", by.column(source.table))
                } else {
                    "0::bigint".to_owned()
                }
            });
            let columns: Vec<String> = columns.collect();
            if let [reason, outcome, status, origin, endpoint, version] = columns.as_slice() {
                query.push(separator).push(format_args!(
                    "select ({reason} << {}) + ({outcome} << {SMALL_BITS}) + {status} as a, {origin} as b, {endpoint} as c, {version} as d,
                       occurrences::bigint as occurrences",
                    2 * SMALL_BITS
                ));
            }
            push_conditions(query, self.tenant_id, source, self.filter);
            separator = " union all ";
        }
        query.push(") f group by a, b, c, d");
    }
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
