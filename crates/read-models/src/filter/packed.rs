//! The filter on counts in memory: the same conditions as in SQL, for what counts of groups know.

use super::{Facets, FailureFilter};
use crate::failure_packs::CellKey;

/// The conditions, prepared once for many keys. Nodes and paths are none of them: counts of groups know neither.
#[derive(Debug)]
pub(crate) struct KeyFilter<'f> {
    filter: &'f FailureFilter,
    reasons: Option<Vec<i16>>,
    excluded_reasons: Option<Vec<i16>>,
}

impl<'f> KeyFilter<'f> {
    pub(crate) fn new(filter: &'f FailureFilter) -> Self {
        Self {
            filter,
            reasons: filter.include.reason_numbers(),
            excluded_reasons: filter.exclude.any_reason_numbers(),
        }
    }

    /// Whether failures with this key are asked about.
    pub(crate) fn allows(&self, key: &CellKey) -> bool {
        let is_one_of = |reasons: &Vec<i16>| reasons.contains(&key.reason);
        let includes = |field: Named| field != Named::Other;
        let excludes = |field: Named| field == Named::This;
        self.reasons.as_ref().is_none_or(is_one_of)
            && !self.excluded_reasons.as_ref().is_some_and(is_one_of)
            && fields(&self.filter.include, key).into_iter().all(includes)
            && !fields(&self.filter.exclude, key).into_iter().any(excludes)
    }
}

impl KeyFilter<'_> {
    /// The same where a filter asks about nothing else.
    pub(crate) fn allows_reason_of_origin(&self, reason: i16, origin_no: i32) -> bool {
        self.allows(&CellKey {
            group_id: 0,
            upstream_status: 0,
            config_version: 0,
            outcome: 0,
            headline: false,
            endpoint_no: 0,
            origin_no,
            reason,
        })
    }
}

/// What a list says about a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    /// The list is empty: it asks nothing.
    Nothing,
    /// It has the value.
    This,
    /// It has others.
    Other,
}

fn fields(facets: &Facets, key: &CellKey) -> [Named; 6] {
    [
        named(&facets.origins, |no| no.0 == key.origin_no),
        named(&facets.endpoints, |no| no.0 == key.endpoint_no),
        named(&facets.outcomes, |outcome| outcome.number() == key.outcome),
        named(&facets.upstream_statuses, |status| {
            *status == key.upstream_status
        }),
        named(&facets.config_versions, |version| {
            version.0 == key.config_version
        }),
        named(&facets.groups, |group| group.0 == key.group_id),
    ]
}

fn named<T>(values: &[T], is_it: impl Fn(&T) -> bool) -> Named {
    if values.is_empty() {
        Named::Nothing
    } else if values.iter().any(is_it) {
        Named::This
    } else {
        Named::Other
    }
}
