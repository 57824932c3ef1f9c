//! What is observed of origins: how fetches ended, how long they took. Numbers are stored and so only ever added to.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::failure::{Blame, Reason};

/// What a fetch says about its origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FetchVerdict {
    /// It gave the file.
    Served,
    /// It answered, and what is wrong is this one file or the URL that asked for it: missing, archived, empty, too large.
    FileAtFault,
    /// It, the way to it, or how it is configured failed.
    Failed,
    /// Nothing: it was not asked, or the fault was ours.
    NotAsked,
}

impl FetchVerdict {
    /// What a fetch that failed for this reason says.
    pub fn of_failure(reason: Reason) -> Self {
        // Nobody asked the origin: what was observed before is repeated.
        if matches!(reason, Reason::CircuitOpen | Reason::OriginConcurrencyLimit) {
            return Self::NotAsked;
        }
        match reason.row().blame {
            Blame::Platform => Self::NotAsked,
            Blame::TenantContent | Blame::Client => Self::FileAtFault,
            Blame::TenantConfig | Blame::Origin | Blame::Network => Self::Failed,
        }
    }
}

/// What the breaker of an origin does at a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum OriginBreaker {
    /// Everything goes through.
    Closed,
    /// One fetch goes through, to see.
    HalfOpen,
    /// Nothing goes through.
    Open,
}

impl OriginBreaker {
    /// Its number in the tables.
    pub fn number(self) -> i16 {
        match self {
            Self::Closed => 0,
            Self::HalfOpen => 1,
            Self::Open => 2,
        }
    }

    /// The state of this number; `None` for a newer version's.
    pub fn from_number(number: i16) -> Option<Self> {
        [Self::Closed, Self::HalfOpen, Self::Open]
            .into_iter()
            .find(|state| state.number() == number)
    }

    /// Its name in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }
}

/// Buckets of a [`LatencyHistogram`]: bounds are a factor of √2 apart, from 1 ms to 65.5 s; the last takes what took longer.
pub const LATENCY_BUCKETS: usize = 34;

/// Shortest time that is told from shorter ones. Units: µs.
const FIRST_BOUND_US: u64 = 1_000;

/// How long successful fetches took.
///
/// Quantiles are the geometric middle of their bucket, so at most 19 % off; below 1 ms they are 1 ms, above 65.5 s they are 65.5 s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<u32>", into = "Vec<u32>")]
pub struct LatencyHistogram([u32; LATENCY_BUCKETS]);

impl From<Vec<u32>> for LatencyHistogram {
    /// Missing counts are 0, further ones are left out.
    fn from(counts: Vec<u32>) -> Self {
        let mut histogram = Self::default();
        for (count, given) in histogram.0.iter_mut().zip(counts) {
            *count = given;
        }
        histogram
    }
}

impl From<LatencyHistogram> for Vec<u32> {
    fn from(histogram: LatencyHistogram) -> Self {
        histogram.0.to_vec()
    }
}

impl Default for LatencyHistogram {
    fn default() -> Self {
        Self([0; LATENCY_BUCKETS])
    }
}

impl LatencyHistogram {
    /// The histogram with these counts, as stored: missing ones are 0, further ones are left out.
    pub fn from_stored(counts: &[i32]) -> Self {
        let mut histogram = Self::default();
        for (count, stored) in histogram.0.iter_mut().zip(counts) {
            *count = u32::try_from(*stored).unwrap_or(0);
        }
        histogram
    }

    /// Counts one fetch.
    pub fn count(&mut self, took: Duration) {
        if let Some(count) = self.0.get_mut(bucket_of(took)) {
            *count = count.saturating_add(1);
        }
    }

    /// Adds the counts of another.
    pub fn add(&mut self, other: &Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count = count.saturating_add(more);
        }
    }

    /// The counts, shortest first.
    pub fn counts(&self) -> &[u32] {
        &self.0
    }

    /// Up to how long a fetch of each bucket took, but of the last, which has no bound. Units: ms.
    pub fn bounds_ms() -> Vec<f64> {
        let bounds = (0..LATENCY_BUCKETS - 1).map(upper_bound_us);
        // Below 2^53 by far.
        bounds
            .map(|us| f64::from(u32::try_from(us).unwrap_or(u32::MAX)) / 1_000.0)
            .collect()
    }

    /// How long `percent` of the fetches took at most, about; `None` where there were none. Units: µs.
    pub fn quantile_us(&self, percent: u64) -> Option<u64> {
        let total: u64 = self.0.iter().copied().map(u64::from).sum();
        if total == 0 {
            return None;
        }
        let rank = (total * percent.min(100)).div_ceil(100).max(1);
        let mut seen = 0;
        let bucket = self.0.iter().position(|count| {
            seen += u64::from(*count);
            seen >= rank
        });
        bucket.map(middle_us)
    }
}

fn bucket_of(took: Duration) -> usize {
    let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let last = LATENCY_BUCKETS - 1;
    (0..last)
        .find(|bucket| us <= upper_bound_us(*bucket))
        .unwrap_or(last)
}

/// 1 ms · √2^bucket.
fn upper_bound_us(bucket: usize) -> u64 {
    let even = FIRST_BOUND_US << (bucket / 2);
    if bucket.is_multiple_of(2) {
        even
    } else {
        even * 14_142 / 10_000
    }
}

/// The upper bound by the fourth root of 2.
fn middle_us(bucket: usize) -> u64 {
    let last = LATENCY_BUCKETS - 1;
    if bucket == 0 {
        FIRST_BOUND_US
    } else if bucket >= last {
        upper_bound_us(last - 1)
    } else {
        upper_bound_us(bucket) * 8_409 / 10_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(times: impl IntoIterator<Item = u64>) -> LatencyHistogram {
        let mut histogram = LatencyHistogram::default();
        for us in times {
            histogram.count(Duration::from_micros(us));
        }
        histogram
    }

    #[test]
    fn a_quantile_is_at_most_a_fifth_off() {
        assert_eq!(LatencyHistogram::default().quantile_us(50), None);
        for us in (1_001..60_000_000_u64).step_by(77_773) {
            let told = histogram([us]).quantile_us(95).unwrap();
            let (smaller, larger) = (us.min(told), us.max(told));
            assert!(larger * 100 <= smaller * 119, "{us} is told as {told}");
        }
        let many = histogram((1..=1_000).map(|ms| ms * 1_000));
        for (percent, exact) in [(1, 10_000), (50, 500_000), (95, 950_000), (100, 1_000_000)] {
            let told = many.quantile_us(percent).unwrap();
            assert!(
                told.abs_diff(exact) * 100 <= exact * 19,
                "{percent}: {told}"
            );
        }
    }

    #[test]
    fn the_shortest_and_the_longest_times_have_an_end() {
        assert_eq!(histogram([0, 3, 999]).quantile_us(50), Some(1_000));
        let long = histogram([u64::MAX, 70_000_000]);
        assert_eq!(long.quantile_us(50), Some(65_536_000));
        assert_eq!(long.counts().last(), Some(&2));
    }

    #[test]
    fn merged_histograms_are_the_histogram_of_all() {
        let (a, b) = (histogram([900, 5_000, 5_000]), histogram([5_100, 900_000]));
        let mut merged = a;
        merged.add(&b);
        assert_eq!(merged, histogram([900, 5_000, 5_000, 5_100, 900_000]));
        let stored: Vec<i32> = merged
            .counts()
            .iter()
            .map(|count| i32::try_from(*count).unwrap())
            .collect();
        assert_eq!(LatencyHistogram::from_stored(&stored), merged);
        assert_eq!(
            LatencyHistogram::from_stored(&[-1, 2]).counts().get(..2),
            Some([0, 2].as_slice())
        );
    }

    #[test]
    fn a_missing_file_says_nothing_against_its_origin_and_an_open_breaker_nothing_at_all() {
        for (reason, verdict) in [
            (Reason::ObjectNotFound, FetchVerdict::FileAtFault),
            (Reason::SourceTooLarge, FetchVerdict::FileAtFault),
            (Reason::KeyEncodingMismatch, FetchVerdict::FileAtFault),
            (Reason::BucketNotFound, FetchVerdict::Failed),
            (Reason::AccessDenied, FetchVerdict::Failed),
            (Reason::TlsCertificateExpired, FetchVerdict::Failed),
            (Reason::OriginOverloaded, FetchVerdict::Failed),
            (Reason::AddressProhibited, FetchVerdict::Failed),
            (Reason::CircuitOpen, FetchVerdict::NotAsked),
            (Reason::OriginConcurrencyLimit, FetchVerdict::NotAsked),
            (Reason::Internal, FetchVerdict::NotAsked),
        ] {
            assert_eq!(FetchVerdict::of_failure(reason), verdict, "{reason}");
        }
    }

    #[test]
    fn numbers_of_breakers_come_back() {
        for state in [
            OriginBreaker::Closed,
            OriginBreaker::HalfOpen,
            OriginBreaker::Open,
        ] {
            assert_eq!(OriginBreaker::from_number(state.number()), Some(state));
        }
        assert_eq!(OriginBreaker::from_number(9), None);
    }
}
