//! A database with failures in it, and the same failures in memory to compare with.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::failure::reason::Stage;
use limpid_domain::failure::{FailureCode, FailureEvent, Outcome, Reason};
use limpid_domain::ids::{BatchSeq, GroupId, NodeId, OriginNo, TenantId, TenantSeq, UrlEndpointNo};
use limpid_event_store::failure_append::{Batch, append_batches};
use limpid_event_store::failure_partitions::maintain;
use limpid_event_store::{Database, DatabaseOptions};
use limpid_read_models::failure_groups::project;
use limpid_read_models::failure_packs::{claim, refresh};
use limpid_read_models::filter::{Facets, FailureFilter, Window};
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

/// Runs a statement as the service.
pub(crate) async fn execute(database: &Database, statement: &'static str) {
    let mut connection = database.service().await.unwrap();
    sqlx::raw_sql(statement)
        .execute(&mut *connection)
        .await
        .unwrap();
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
    project(&database).await.unwrap();
    (database, events)
}

/// The same, with the counts of all hours but the last packed.
pub(crate) async fn with_packed_failures(seed: u64) -> (Database, Vec<FailureEvent>) {
    let (database, events) = with_failures(seed).await;
    claim(
        &database,
        at("2026-11-01T00:00:00Z"),
        at("2026-11-23T04:30:00Z"),
    )
    .await
    .unwrap();
    let done = refresh(&database).await.unwrap();
    assert!(done.packs >= 6 && done.missed == 0, "{done:?}");
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
    let (include, exclude) = (&filter.include, &filter.exclude);
    events.iter().filter(move |event| {
        let stage = event.reason.row().stage;
        event.tenant_id == TENANT
            && event.occurred_at >= filter.window.from
            && event.occurred_at < filter.window.to
            && allows(&include.codes, &event.reason.code())
            && allows(&include.reasons, &event.reason)
            && allows(&include.stages, &stage)
            && allows(&include.origins, &event.origin_no)
            && allows(&include.endpoints, &event.endpoint_no)
            && allows(&include.outcomes, &event.outcome)
            && allows(&include.upstream_statuses, &event.upstream_status)
            && allows(&include.config_versions, &event.config_version)
            && allows(&include.nodes, &NodeId(1))
            && allows(&include.groups, &GroupId(event.fingerprint()))
            && !exclude.codes.contains(&event.reason.code())
            && !exclude.reasons.contains(&event.reason)
            && !exclude.stages.contains(&stage)
            && !exclude.origins.contains(&event.origin_no)
            && !exclude.endpoints.contains(&event.endpoint_no)
            && !exclude.outcomes.contains(&event.outcome)
            && !exclude.upstream_statuses.contains(&event.upstream_status)
            && !exclude.config_versions.contains(&event.config_version)
            && !exclude.nodes.contains(&NodeId(1))
            && !exclude.groups.contains(&GroupId(event.fingerprint()))
            && (filter.path_contains.is_empty()
                || filter
                    .path_contains
                    .iter()
                    .any(|text| event.path.contains(text)))
            && !filter
                .path_lacks
                .iter()
                .any(|text| event.path.contains(text))
    })
}

/// Filters of every kind over windows of every shape. `events` lend values that occur.
pub(crate) fn filters(events: &[FailureEvent]) -> Vec<FailureFilter> {
    let windows = [
        window("2026-11-20T05:00:00Z", "2026-11-23T05:00:00Z"),
        window("2026-11-20T09:17:03Z", "2026-11-22T21:44:59.5Z"),
        window("2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z"),
        window("2026-11-21T10:00:00Z", "2026-11-21T11:00:00Z"),
        window("2026-11-21T10:59:00Z", "2026-11-21T11:01:00Z"),
        window("2026-11-21T10:30:00Z", "2026-11-21T16:00:00Z"),
        window("2026-11-25T00:00:00Z", "2026-11-26T00:00:00Z"),
    ];
    let groups: Vec<GroupId> = events.iter().step_by(40).map(group_of).collect();
    windows
        .into_iter()
        .flat_map(|window| {
            let all = FailureFilter::all(window);
            let mut filters: Vec<FailureFilter> = selections(&groups)
                .into_iter()
                .map(|(include, exclude)| FailureFilter {
                    include,
                    exclude,
                    ..all.clone()
                })
                .collect();
            let mut search = all.clone();
            search.path_contains = vec!["image-1".to_owned()];
            search.include.outcomes = vec![Outcome::Rescued];
            filters.push(search);
            for texts in [&["%"][..], &["image-1"], &["image-1", "image-2"]] {
                let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
                let mut lacks = all.clone();
                lacks.path_lacks.clone_from(&texts);
                filters.push(lacks);
                let mut contains = all.clone();
                contains.path_contains = texts;
                filters.push(contains);
            }
            filters
        })
        .collect()
}

/// The group that an event counts towards while its kind has few templates.
pub(crate) fn group_of(event: &FailureEvent) -> GroupId {
    GroupId(event.fingerprint())
}

/// What is included and what is excluded: every field, alone and with others.
fn selections(groups: &[GroupId]) -> Vec<(Facets, Facets)> {
    let none = Facets::default;
    let codes = Facets {
        codes: vec![FailureCode::Enoent, FailureCode::Eacces],
        ..none()
    };
    let contradiction = Facets {
        reasons: vec![Reason::ObjectNotFound],
        codes: vec![FailureCode::Eacces],
        ..none()
    };
    let origins = Facets {
        origins: vec![OriginNo(1), OriginNo::NONE],
        outcomes: vec![Outcome::Failed],
        ..none()
    };
    let endpoint = Facets {
        endpoints: vec![UrlEndpointNo(2)],
        ..none()
    };
    let stages = Facets {
        stages: vec![Stage::Dns, Stage::Headers],
        ..none()
    };
    let status = Facets {
        upstream_statuses: vec![404],
        ..none()
    };
    let versions = Facets {
        config_versions: (0..20).map(TenantSeq).collect(),
        ..none()
    };
    let one_node = Facets {
        nodes: vec![NodeId(1)],
        ..none()
    };
    let some_groups = Facets {
        groups: groups.to_vec(),
        ..none()
    };
    let node_and_groups = Facets {
        nodes: vec![NodeId(1), NodeId(2)],
        ..some_groups.clone()
    };
    let all = [
        codes,
        contradiction,
        origins,
        endpoint,
        stages,
        status,
        versions,
        one_node,
        some_groups,
        node_and_groups,
    ];
    let mut selections = vec![(none(), none())];
    for facets in all {
        selections.push((facets.clone(), none()));
        selections.push((none(), facets));
    }
    selections
}
