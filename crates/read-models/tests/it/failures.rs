//! A database with failures in it, and the same failures in memory to compare with.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::failure::FailureEvent;
use limpid_domain::ids::{BatchSeq, NodeId, TenantId};
use limpid_event_store::failure_append::{Batch, append_batches};
use limpid_event_store::failure_partitions::maintain;
use limpid_event_store::{Database, DatabaseOptions};
use limpid_read_models::filter::{FailureFilter, Window};
use limpid_testkit::database::TestDatabase;
use limpid_testkit::failures::FailureGenerator;

pub(crate) const TENANT: TenantId = TenantId(1);

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub(crate) fn window(from: &str, to: &str) -> Window {
    Window {
        from: at(from),
        to: at(to),
    }
}

pub(crate) async fn database() -> Database {
    let test = TestDatabase::migrated(|url| async move {
        Database::migrate(&url).await.unwrap();
    })
    .await;
    let options = DatabaseOptions {
        max_connections: 3,
        ..DatabaseOptions::default()
    };
    Database::lazy(test.url(), &options).unwrap()
}

/// Two thousand failures of two tenants over three days, with partitions for the last two.
pub(crate) async fn with_failures(seed: u64) -> (Database, Vec<FailureEvent>) {
    let database = database().await;
    let start = at("2026-11-20T05:00:00Z");
    maintain(
        &database,
        start + TimeDelta::days(1),
        start - TimeDelta::days(30),
    )
    .await
    .unwrap();
    let events = FailureGenerator::new(seed, start, TimeDelta::days(3)).take(2_000);
    store(&database, NodeId(1), &events).await;
    (database, events)
}

pub(crate) async fn store(database: &Database, node: NodeId, events: &[FailureEvent]) {
    let mut connection = database.service().await.unwrap();
    for (seq, events) in (1..).zip(events.chunks(300)) {
        let batch = Batch {
            seq: BatchSeq(seq),
            events: events.to_vec(),
            refused: 0,
        };
        append_batches(&mut connection, node, &[batch])
            .await
            .unwrap();
    }
}

/// What the filter means, said in the plainest way.
pub(crate) fn matching<'a>(
    events: &'a [FailureEvent],
    filter: &'a FailureFilter,
) -> impl Iterator<Item = &'a FailureEvent> {
    fn allows<T: PartialEq>(wanted: &[T], value: &T) -> bool {
        wanted.is_empty() || wanted.contains(value)
    }
    events.iter().filter(move |event| {
        event.tenant_id == TENANT
            && event.occurred_at >= filter.window.from
            && event.occurred_at < filter.window.to
            && allows(&filter.codes, &event.reason.code())
            && allows(&filter.reasons, &event.reason)
            && allows(&filter.origins, &event.origin_no)
            && allows(&filter.endpoints, &event.endpoint_no)
            && allows(&filter.outcomes, &event.outcome)
            && filter
                .path_contains
                .as_ref()
                .is_none_or(|text| event.path.contains(text))
    })
}

/// Filters of every kind over windows of every shape.
pub(crate) fn filters() -> Vec<FailureFilter> {
    use limpid_domain::failure::{FailureCode, Outcome, Reason};
    use limpid_domain::ids::{OriginNo, UrlEndpointNo};

    let windows = [
        window("2026-11-20T05:00:00Z", "2026-11-23T05:00:00Z"),
        window("2026-11-20T09:17:03Z", "2026-11-22T21:44:59.5Z"),
        window("2026-11-21T10:00:00Z", "2026-11-21T11:00:00Z"),
        window("2026-11-21T10:59:00Z", "2026-11-21T11:01:00Z"),
        window("2026-11-21T10:30:00Z", "2026-11-21T16:00:00Z"),
        window("2026-11-25T00:00:00Z", "2026-11-26T00:00:00Z"),
    ];
    let mut filters = Vec::new();
    for window in windows {
        let all = FailureFilter::all(window);
        filters.extend([
            all.clone(),
            FailureFilter {
                codes: vec![FailureCode::Enoent, FailureCode::Eacces],
                ..all.clone()
            },
            FailureFilter {
                reasons: vec![Reason::ObjectNotFound],
                codes: vec![FailureCode::Eacces],
                ..all.clone()
            },
            FailureFilter {
                origins: vec![OriginNo(1), OriginNo::NONE],
                outcomes: vec![Outcome::Failed],
                ..all.clone()
            },
            FailureFilter {
                endpoints: vec![UrlEndpointNo(2)],
                ..all.clone()
            },
            FailureFilter {
                path_contains: Some("image-1".to_owned()),
                outcomes: vec![Outcome::Rescued],
                ..all.clone()
            },
            FailureFilter {
                path_contains: Some("%".to_owned()),
                ..all
            },
        ]);
    }
    filters
}
