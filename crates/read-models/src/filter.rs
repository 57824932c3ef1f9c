//! The one set of filters that every question about failures understands.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use limpid_domain::failure::reason::TABLE;
use limpid_domain::failure::{FailureCode, Outcome, Reason};
use limpid_domain::ids::{OriginNo, TenantId, UrlEndpointNo};
use sha2::{Digest, Sha256};
use sqlx::{Postgres, QueryBuilder};

/// Which failures. AND across fields, OR within one; an empty list means all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureFilter {
    /// Half-open: `from` is in, `to` is not.
    pub window: Window,
    /// Public codes.
    pub codes: Vec<FailureCode>,
    /// Reasons.
    pub reasons: Vec<Reason>,
    /// Origins; [`OriginNo::NONE`] is "no origin was asked".
    pub origins: Vec<OriginNo>,
    /// URL endpoints.
    pub endpoints: Vec<UrlEndpointNo>,
    /// What became of the requests.
    pub outcomes: Vec<Outcome>,
    /// The path contains this text, exactly as written.
    pub path_contains: Option<String>,
}

/// A half-open stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First moment.
    pub from: DateTime<Utc>,
    /// First moment after it.
    pub to: DateTime<Utc>,
}

impl FailureFilter {
    /// Everything in a window.
    pub fn all(window: Window) -> Self {
        Self {
            window,
            codes: Vec::new(),
            reasons: Vec::new(),
            origins: Vec::new(),
            endpoints: Vec::new(),
            outcomes: Vec::new(),
            path_contains: None,
        }
    }

    /// Hash of everything but the window: a cursor made for one filter is refused with another.
    pub(crate) fn fingerprint(&self) -> [u8; 8] {
        let Self {
            window: _,
            codes,
            reasons,
            origins,
            endpoints,
            outcomes,
            path_contains,
        } = self;
        let text = format!(
            "{codes:?}|{reasons:?}|{origins:?}|{endpoints:?}|{outcomes:?}|{path_contains:?}"
        );
        let digest = Sha256::digest(text.as_bytes());
        digest.first_chunk::<8>().copied().unwrap_or_default()
    }

    /// Numbers of the reasons that match, or `None` when all do.
    fn reason_numbers(&self) -> Option<Vec<i16>> {
        if self.codes.is_empty() && self.reasons.is_empty() {
            return None;
        }
        let matches = |reason: Reason| {
            (self.codes.is_empty() || self.codes.contains(&reason.code()))
                && (self.reasons.is_empty() || self.reasons.contains(&reason))
        };
        let rows = TABLE.iter().filter(|row| matches(row.reason));
        Some(rows.map(|row| row.number).collect())
    }
}

/// Where a window is answered from: whole hours from the counts, ragged edges from the events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sources {
    pub(crate) raw: Vec<Window>,
    pub(crate) hours: Option<Window>,
}

impl Sources {
    /// Cuts the filter's window.
    pub(crate) fn of(filter: &FailureFilter) -> Self {
        let whole = filter.window;
        let hours = Window {
            from: hour_at_or_after(whole.from),
            to: hour_at_or_before(whole.to),
        };
        // The counts know no paths.
        if filter.path_contains.is_some() || hours.from >= hours.to {
            return Self {
                raw: vec![whole],
                hours: None,
            };
        }
        let before = Window {
            from: whole.from,
            to: hours.from,
        };
        let after = Window {
            from: hours.to,
            to: whole.to,
        };
        Self {
            raw: [before, after]
                .into_iter()
                .filter(|edge| edge.from < edge.to)
                .collect(),
            hours: Some(hours),
        }
    }
}

/// Appends `tenant_id = … and <time column> in window and …` for the conditions that both tables can answer.
pub(crate) fn push_conditions(
    query: &mut QueryBuilder<Postgres>,
    tenant_id: TenantId,
    (time_column, window): (&'static str, Window),
    filter: &FailureFilter,
) {
    query.push("tenant_id = ").push_bind(tenant_id.0);
    query
        .push(" and ")
        .push(time_column)
        .push(" >= ")
        .push_bind(window.from);
    query
        .push(" and ")
        .push(time_column)
        .push(" < ")
        .push_bind(window.to);
    if let Some(reasons) = filter.reason_numbers() {
        query
            .push(" and reason = any(")
            .push_bind(reasons)
            .push(")");
    }
    if !filter.origins.is_empty() {
        let numbers: Vec<i32> = filter.origins.iter().map(|origin| origin.0).collect();
        query
            .push(" and origin_no = any(")
            .push_bind(numbers)
            .push(")");
    }
    if !filter.endpoints.is_empty() {
        let numbers: Vec<i32> = filter.endpoints.iter().map(|endpoint| endpoint.0).collect();
        query
            .push(" and endpoint_no = any(")
            .push_bind(numbers)
            .push(")");
    }
    if !filter.outcomes.is_empty() {
        let numbers: Vec<i16> = filter
            .outcomes
            .iter()
            .map(|outcome| outcome.number())
            .collect();
        query
            .push(" and outcome = any(")
            .push_bind(numbers)
            .push(")");
    }
}

/// Appends the condition that only the events can answer.
pub(crate) fn push_path_condition(query: &mut QueryBuilder<Postgres>, filter: &FailureFilter) {
    if let Some(text) = &filter.path_contains {
        // position(), not like: % and _ in the text mean themselves. NUL occurs in no stored path and in no parameter.
        query
            .push(" and position(")
            .push_bind(text.replace('\0', "%00"))
            .push(" in path) > 0");
    }
}

/// The last full hour at or before a moment.
pub(crate) fn hour_at_or_before(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(TimeDelta::hours(1)).unwrap_or(at)
}

fn hour_at_or_after(at: DateTime<Utc>) -> DateTime<Utc> {
    let before = hour_at_or_before(at);
    if before == at {
        at
    } else {
        before + TimeDelta::hours(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        format!("2026-11-22T{text}Z").parse().unwrap()
    }

    fn window(from: &str, to: &str) -> Window {
        Window {
            from: at(from),
            to: at(to),
        }
    }

    #[test]
    fn whole_hours_come_from_the_counts_and_edges_from_the_events() {
        let sources = |from, to| Sources::of(&FailureFilter::all(window(from, to)));
        let cut = sources("09:30:00", "12:15:00");
        assert_eq!(cut.hours, Some(window("10:00:00", "12:00:00")));
        assert_eq!(
            cut.raw,
            [
                window("09:30:00", "10:00:00"),
                window("12:00:00", "12:15:00")
            ]
        );
        let whole = sources("09:00:00", "12:00:00");
        assert_eq!(
            (whole.raw.len(), whole.hours),
            (0, Some(window("09:00:00", "12:00:00")))
        );
        for (from, to) in [
            ("09:10:00", "09:50:00"),
            ("09:10:00", "10:50:00"),
            ("09:59:59", "10:00:00"),
        ] {
            let short = sources(from, to);
            assert_eq!((short.raw, short.hours), (vec![window(from, to)], None));
        }
    }

    #[test]
    fn a_search_in_paths_is_answered_from_the_events_alone() {
        let mut filter = FailureFilter::all(window("09:00:00", "12:00:00"));
        filter.path_contains = Some("hero".to_owned());
        assert_eq!(Sources::of(&filter).hours, None);
    }

    #[test]
    fn codes_and_reasons_narrow_each_other() {
        let mut filter = FailureFilter::all(window("09:00:00", "12:00:00"));
        assert_eq!(filter.reason_numbers(), None);
        filter.codes = vec![FailureCode::Eacces];
        filter.reasons = vec![Reason::AccessDenied, Reason::ObjectNotFound];
        assert_eq!(
            filter.reason_numbers(),
            Some(vec![Reason::AccessDenied.number()])
        );
        filter.reasons = vec![Reason::ObjectNotFound];
        assert_eq!(filter.reason_numbers(), Some(Vec::new()));
    }
}
