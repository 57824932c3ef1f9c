//! One number with what it was before and how it went.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::usage::CacheResult;
use limpid_read_models::delivery_usage::UsageBucket;
use limpid_read_models::failure_timeseries::bucket_count;
use limpid_read_models::filter::Window;
use limpid_read_models::origin_health::Fetches;
use serde::Serialize;
use utoipa::ToSchema;

use crate::routes::dashboard::usage::{is_hit, share};

/// A sum.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OverviewCount)]
pub(super) struct CountTile {
    /// In the period.
    value: i64,
    /// In the period before.
    previous: i64,
    /// The difference.
    delta: i64,
    /// By bucket, zeros included.
    series: Vec<i64>,
}

/// A part of a whole; null where there is no whole.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OverviewShare)]
pub(super) struct ShareTile {
    /// In the period.
    value: Option<f64>,
    /// In the period before.
    previous: Option<f64>,
    /// The difference, where both are there.
    delta: Option<f64>,
    /// By bucket.
    series: Vec<Option<f64>>,
}

/// A time, at most 19 % off; null where nothing took any. Units: ms.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OverviewTime)]
pub(super) struct TimeTile {
    /// In the period.
    value: Option<u64>,
    /// In the period before.
    previous: Option<u64>,
    /// The difference, where both are there.
    delta: Option<i64>,
    /// By bucket.
    series: Vec<Option<u64>>,
}

/// What is added up.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    requests: i64,
    bytes: i64,
    cache_asked: i64,
    cache_hits: i64,
    fetches: Fetches,
}

/// Sums over time.
#[derive(Debug)]
pub(super) struct Buckets {
    first: i64,
    width: i64,
    sums: Vec<Sums>,
}

impl Sums {
    pub(super) fn add_usage(&mut self, cell: &UsageBucket) {
        let requests = cell.counts.requests;
        self.requests += requests;
        self.bytes += cell.counts.bytes;
        if cell.cache != CacheResult::NotAsked {
            self.cache_asked += requests;
        }
        if is_hit(cell.cache) {
            self.cache_hits += requests;
        }
    }

    pub(super) fn add_fetches(&mut self, fetches: &Fetches) {
        self.fetches.add(fetches);
    }

    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.bytes += other.bytes;
        self.cache_asked += other.cache_asked;
        self.cache_hits += other.cache_hits;
        self.fetches.add(&other.fetches);
    }

    pub(super) fn requests(&self) -> i64 {
        self.requests
    }

    pub(super) fn bytes(&self) -> i64 {
        self.bytes
    }

    pub(super) fn fetches(&self) -> i64 {
        self.fetches.total()
    }

    pub(super) fn failing_share(&self) -> Option<f64> {
        share(self.fetches.failures, self.fetches.total())
    }

    pub(super) fn cache_hit_ratio(&self) -> Option<f64> {
        share(self.cache_hits, self.cache_asked)
    }

    /// How long so many percent of the successful fetches took at most.
    pub(super) fn milliseconds(&self, percent: u64) -> Option<u64> {
        let us = self.fetches.latency.quantile_us(percent);
        us.map(|us| us.div_ceil(1_000))
    }
}

impl Buckets {
    pub(super) fn new(window: Window, interval: TimeDelta) -> Self {
        let width = interval.num_seconds().max(1);
        let length = usize::try_from(bucket_count(window, interval)).unwrap_or_default();
        Self {
            first: window.from.timestamp().div_euclid(width),
            width,
            sums: vec![Sums::default(); length],
        }
    }

    /// Start of the first one.
    pub(super) fn start(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.first * self.width, 0).unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// The bucket of a moment.
    pub(super) fn at(&mut self, moment: DateTime<Utc>) -> Option<&mut Sums> {
        let place = moment.timestamp().div_euclid(self.width) - self.first;
        self.sums.get_mut(usize::try_from(place).ok()?)
    }

    fn total(&self) -> Sums {
        let mut total = Sums::default();
        for sums in &self.sums {
            total.add(sums);
        }
        total
    }

    fn each<T>(&self, measure: fn(&Sums) -> T) -> Vec<T> {
        self.sums.iter().map(measure).collect()
    }
}

impl CountTile {
    pub(super) fn new(buckets: &Buckets, before: &Sums, measure: fn(&Sums) -> i64) -> Self {
        let (value, previous) = (measure(&buckets.total()), measure(before));
        Self {
            value,
            previous,
            delta: value - previous,
            series: buckets.each(measure),
        }
    }
}

impl ShareTile {
    pub(super) fn new(buckets: &Buckets, before: &Sums, measure: fn(&Sums) -> Option<f64>) -> Self {
        let (value, previous) = (measure(&buckets.total()), measure(before));
        let delta = value.zip(previous);
        Self {
            value,
            previous,
            delta: delta.map(|(value, previous)| value - previous),
            series: buckets.each(measure),
        }
    }
}

impl TimeTile {
    pub(super) fn new(buckets: &Buckets, before: &Sums, measure: fn(&Sums) -> Option<u64>) -> Self {
        let (value, previous) = (measure(&buckets.total()), measure(before));
        let delta = value.zip(previous);
        Self {
            value,
            previous,
            delta: delta.and_then(|(value, previous)| {
                let value = i64::try_from(value).ok()?;
                value.checked_sub(i64::try_from(previous).ok()?)
            }),
            series: buckets.each(measure),
        }
    }
}
