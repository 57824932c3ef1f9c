//! The one set of filters that every question about failures understands.
//!
//! | module | holds |
//! |---|---|
//! | `conditions` | the filter as SQL, per table |
//! | `packed` | the same for counts in memory |
//! | `sources` | which tables answer a window: events, hours, days |

mod conditions;
mod packed;
mod sources;

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::failure::reason::{Stage, TABLE};
use limpid_domain::failure::{FailureCode, Outcome, Reason};
use limpid_domain::ids::{GroupId, NodeId, OriginNo, TenantSeq, UrlEndpointNo};
use sha2::{Digest, Sha256};

use crate::retention::Kept;

pub(crate) use conditions::{push_conditions, push_events_where};
pub(crate) use packed::KeyFilter;
pub(crate) use sources::{
    AfterPack, Detail, Source, Table, hour_at_or_before, hours_table, sources, whole,
};

/// Which failures. AND across fields, OR within one; an empty list means all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureFilter {
    /// Half-open: `from` is in, `to` is not.
    pub window: Window,
    /// What a failure must be one of.
    pub include: Facets,
    /// What it must be none of.
    pub exclude: Facets,
    /// The path contains one of these texts, exactly as written.
    pub path_contains: Vec<String>,
    /// The path contains none of these texts.
    pub path_lacks: Vec<String>,
    /// Single failures, and paths, before this moment are not to be seen, whatever the window is.
    pub events_from: DateTime<Utc>,
}

/// Values of the fields that failures are filtered by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facets {
    /// Public codes.
    pub codes: Vec<FailureCode>,
    /// Reasons.
    pub reasons: Vec<Reason>,
    /// Stages on the way from socket to bytes.
    pub stages: Vec<Stage>,
    /// Origins; [`OriginNo::NONE`] is "no origin was asked".
    pub origins: Vec<OriginNo>,
    /// URL endpoints.
    pub endpoints: Vec<UrlEndpointNo>,
    /// What became of the requests.
    pub outcomes: Vec<Outcome>,
    /// The origin's HTTP status; 0 is "no answer came".
    pub upstream_statuses: Vec<i16>,
    /// The configuration version in force.
    pub config_versions: Vec<TenantSeq>,
    /// The serving node.
    pub nodes: Vec<NodeId>,
    /// Groups.
    pub groups: Vec<GroupId>,
}

/// A half-open stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First moment.
    pub from: DateTime<Utc>,
    /// First moment after it.
    pub to: DateTime<Utc>,
}

impl Window {
    /// The stretch of the same length that ends where this one begins.
    #[must_use]
    pub fn previous(self) -> Self {
        let length = self.to - self.from;
        Self {
            from: self.from.checked_sub_signed(length).unwrap_or(self.from),
            to: self.from,
        }
    }
}

impl FailureFilter {
    /// Everything in a window.
    pub fn all(window: Window) -> Self {
        Self {
            window,
            include: Facets::default(),
            exclude: Facets::default(),
            path_contains: Vec::new(),
            path_lacks: Vec::new(),
            events_from: DateTime::UNIX_EPOCH,
        }
    }

    /// The same question about another window.
    #[must_use]
    pub fn over(&self, window: Window) -> Self {
        Self {
            window,
            ..self.clone()
        }
    }

    /// Hash of everything but the window: a cursor made for one filter is refused with another.
    pub(crate) fn fingerprint(&self) -> [u8; 8] {
        let Self {
            window: _,
            include,
            exclude,
            path_contains,
            path_lacks,
            events_from: _,
        } = self;
        let text = format!("{include:?}|{exclude:?}|{path_contains:?}|{path_lacks:?}");
        let digest = Sha256::digest(text.as_bytes());
        digest.first_chunk::<8>().copied().unwrap_or_default()
    }

    /// The same question, blind for single failures that are not kept.
    #[must_use]
    pub fn within(self, kept: Kept) -> Self {
        Self {
            events_from: kept.events_from,
            ..self
        }
    }

    /// The part of the window whose single failures may be seen; empty where `to` is not after `from`.
    pub(crate) fn events_window(&self, window: Window) -> Window {
        Window {
            from: window.from.max(self.events_from),
            to: window.to,
        }
    }

    /// Whether single failures from before `events_from` would be needed to count by buckets of `interval`, or as a whole.
    pub fn misses_events(&self, interval: Option<TimeDelta>) -> bool {
        let detail = Detail {
            interval,
            ..Detail::default()
        };
        let parts = sources(self, detail);
        parts
            .iter()
            .any(|part| part.table == Table::Events && part.window.from < self.events_from)
    }

    /// Whether a question about paths is asked, which only the events can answer.
    pub(crate) fn asks_paths(&self) -> bool {
        !self.path_contains.is_empty() || !self.path_lacks.is_empty()
    }

    fn facets(&self) -> [&Facets; 2] {
        [&self.include, &self.exclude]
    }

    /// Whether reasons (codes, stages) or origins matter.
    pub(crate) fn asks_reasons_or_origins(&self) -> bool {
        let reasons = self.include.reason_numbers();
        reasons.or(self.exclude.any_reason_numbers()).is_some()
            || self
                .facets()
                .iter()
                .any(|facets| !facets.origins.is_empty())
    }

    /// Whether nodes matter, which the counts of groups do not know.
    pub(crate) fn asks_nodes(&self) -> bool {
        self.facets().iter().any(|facets| !facets.nodes.is_empty())
    }

    /// Whether something matters that the hourly counts do not know and those of groups do.
    pub(crate) fn asks_group_fields(&self) -> bool {
        self.facets().iter().any(|facets| {
            !facets.groups.is_empty()
                || !facets.upstream_statuses.is_empty()
                || !facets.config_versions.is_empty()
        })
    }
}

impl Facets {
    /// Numbers of the reasons that match codes, reasons and stages, or `None` when all do.
    fn reason_numbers(&self) -> Option<Vec<i16>> {
        if self.codes.is_empty() && self.reasons.is_empty() && self.stages.is_empty() {
            return None;
        }
        let rows = TABLE.iter().filter(|row| {
            (self.codes.is_empty() || self.codes.contains(&row.code))
                && (self.reasons.is_empty() || self.reasons.contains(&row.reason))
                && (self.stages.is_empty() || self.stages.contains(&row.stage))
        });
        Some(rows.map(|row| row.number).collect())
    }

    /// Numbers of the reasons that match any of codes, reasons and stages, or `None` where nothing is named.
    fn any_reason_numbers(&self) -> Option<Vec<i16>> {
        if self.codes.is_empty() && self.reasons.is_empty() && self.stages.is_empty() {
            return None;
        }
        let rows = TABLE.iter().filter(|row| {
            self.codes.contains(&row.code)
                || self.reasons.contains(&row.reason)
                || self.stages.contains(&row.stage)
        });
        Some(rows.map(|row| row.number).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_reasons_and_stages_narrow_each_other() {
        let mut facets = Facets::default();
        assert_eq!(facets.reason_numbers(), None);
        facets.codes = vec![FailureCode::Eacces];
        facets.reasons = vec![Reason::AccessDenied, Reason::ObjectNotFound];
        let access_denied = vec![Reason::AccessDenied.number()];
        assert_eq!(facets.reason_numbers(), Some(access_denied));
        facets.stages = vec![Stage::Dns];
        assert_eq!(facets.reason_numbers(), Some(Vec::new()));
    }

    #[test]
    fn what_is_excluded_is_excluded_for_any_of_its_fields() {
        let facets = Facets {
            codes: vec![FailureCode::Eacces],
            stages: vec![Stage::Dns],
            ..Facets::default()
        };
        let numbers = facets.any_reason_numbers().unwrap();
        assert!(numbers.contains(&Reason::AccessDenied.number()));
        assert!(numbers.contains(&Reason::DnsNotFound.number()));
        assert!(!numbers.contains(&Reason::ObjectNotFound.number()));
    }

    #[test]
    fn the_previous_window_is_as_long_and_ends_where_this_one_begins() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let window = Window {
            from: at("2026-11-22T09:00:00Z"),
            to: at("2026-11-22T12:30:00Z"),
        };
        assert_eq!(
            window.previous(),
            Window {
                from: at("2026-11-22T05:30:00Z"),
                to: at("2026-11-22T09:00:00Z"),
            }
        );
    }
}
