//! What the jobs report. No tenant in any label.

use limpid_read_models::failure_counts::Reconciliation;
use limpid_read_models::retention::DroppedCounts;
use opentelemetry::metrics::{Counter, Gauge};

/// The projector's instruments.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    drift: Gauge<i64>,
    group_drift: Gauge<i64>,
    missing_batches: Gauge<i64>,
    refused: Gauge<i64>,
    default_partition: Gauge<u64>,
    dropped_counts: Counter<u64>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let meter = opentelemetry::global::meter("limpid");
        let gauge = |name: &'static str, unit: &'static str, description: &'static str| {
            meter
                .i64_gauge(name)
                .with_description(description)
                .with_unit(unit)
                .build()
        };
        Self {
            drift: gauge(
                "limpid.failure_counts.drift",
                "{row}",
                "Hourly counts and batches that disagree with the failure events; must be 0",
            ),
            group_drift: gauge(
                "limpid.failure_groups.drift",
                "{row}",
                "Counts of groups that disagree with the failure events; must be 0",
            ),
            missing_batches: gauge(
                "limpid.failure_ledger.missing_batches",
                "{batch}",
                "Batch numbers missing in the ledger: spool frames that were lost",
            ),
            refused: gauge(
                "limpid.failure_ledger.refused_events",
                "{event}",
                "Failure events in dead-letter files",
            ),
            default_partition: meter
                .u64_gauge("limpid.failure_partitions.default_events")
                .with_description("Failure events outside every day's partition; more than a few mean a wrong clock")
                .with_unit("{event}")
                .build(),
            dropped_counts: meter
                .u64_counter("limpid.retention.dropped_counts")
                .with_description("Counts and groups deleted because they are older than they are kept")
                .with_unit("{row}")
                .build(),
        }
    }

    pub(crate) fn report_reconciliation(&self, found: &Reconciliation) {
        self.drift.record(found.drift(), &[]);
        self.missing_batches.record(found.missing_batches, &[]);
        self.refused.record(found.refused, &[]);
    }

    pub(crate) fn report_group_drift(&self, drift: i64) {
        self.group_drift.record(drift, &[]);
    }

    pub(crate) fn report_dropped_counts(&self, dropped: &DroppedCounts) {
        let rows = dropped.counts + dropped.groups + dropped.aliases;
        self.dropped_counts.add(rows, &[]);
    }

    pub(crate) fn report_default_partition(&self, events: u64) {
        self.default_partition.record(events, &[]);
    }
}
