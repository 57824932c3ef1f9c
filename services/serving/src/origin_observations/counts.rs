//! The counts of one origin since the last flush.

use chrono::{DateTime, Utc};
use limpid_domain::failure::Reason;
use limpid_domain::ids::StreamVersion;
use limpid_domain::origin_health::{FetchVerdict, LatencyHistogram};
use limpid_origins::credentials_end;

use super::EndedFetch;
use crate::config_snapshot::Origin;

const SECONDS_PER_HOUR: i64 = 3_600;
/// Hours held at once. There are more than two only while the database is away; after a day of that the rest is counted in the last one held.
const MAX_HOURS: usize = 24;

/// What was seen of one origin.
#[derive(Debug, Clone)]
pub(super) struct OriginCounts {
    pub(super) version: StreamVersion,
    /// When the credentials of that version end.
    pub(super) credential_ends_at: Option<DateTime<Utc>>,
    /// Since the last answer.
    pub(super) consecutive_failures: i32,
    pub(super) last_success_at: Option<DateTime<Utc>>,
    pub(super) last_answer_at: Option<DateTime<Utc>>,
    pub(super) last_failure: Option<(DateTime<Utc>, Reason)>,
    /// Hours as numbers since 1970, in the order they were met.
    pub(super) hours: Vec<(i64, HourCounts)>,
}

/// Fetches of one hour.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct HourCounts {
    pub(super) successes: i64,
    pub(super) file_faults: i64,
    pub(super) failures: i64,
    pub(super) latency: LatencyHistogram,
}

impl OriginCounts {
    /// Nothing counted yet.
    pub(super) fn new(origin: &Origin) -> Self {
        Self {
            version: origin.version,
            credential_ends_at: credentials_end(&origin.credentials),
            consecutive_failures: 0,
            last_success_at: None,
            last_answer_at: None,
            last_failure: None,
            hours: Vec::new(),
        }
    }

    /// The origin was changed; fetches are those of one origin all the same.
    pub(super) fn change_version(&mut self, origin: &Origin) {
        self.version = origin.version;
        self.credential_ends_at = credentials_end(&origin.credentials);
    }

    /// Counts one fetch; `reason` is read where it failed.
    pub(super) fn count(&mut self, verdict: FetchVerdict, ended: EndedFetch<'_>, reason: Reason) {
        let at = Some(ended.at);
        let hour = ended.at.timestamp().div_euclid(SECONDS_PER_HOUR);
        let Some(counts) = hour_of(&mut self.hours, hour) else {
            return;
        };
        match verdict {
            FetchVerdict::Served => {
                counts.successes += 1;
                counts.latency.count(ended.took);
                self.last_success_at = self.last_success_at.max(at);
                self.last_answer_at = self.last_answer_at.max(at);
                self.consecutive_failures = 0;
            }
            FetchVerdict::FileAtFault => {
                counts.file_faults += 1;
                self.last_answer_at = self.last_answer_at.max(at);
                self.consecutive_failures = 0;
            }
            FetchVerdict::Failed => {
                counts.failures += 1;
                self.consecutive_failures = self.consecutive_failures.saturating_add(1);
                if self.last_failure.is_none_or(|(last, _)| last <= ended.at) {
                    self.last_failure = Some((ended.at, reason));
                }
            }
            FetchVerdict::NotAsked => {}
        }
    }
}

fn hour_of(hours: &mut Vec<(i64, HourCounts)>, hour: i64) -> Option<&mut HourCounts> {
    let known = hours.iter().rposition(|(known, _)| *known == hour);
    if known.is_none() && hours.len() < MAX_HOURS {
        hours.push((hour, HourCounts::default()));
    }
    let place = known.unwrap_or(hours.len().saturating_sub(1));
    hours.get_mut(place).map(|(_, counts)| counts)
}
