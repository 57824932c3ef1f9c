//! Failures by the million, and every read model derived from them.

use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use limpid_event_store::Database;
use limpid_event_store::failure_partitions::maintain;
use limpid_read_models::{
    delivery_usage, failure_counts, failure_groups, failure_packs, failure_paths,
};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

/// The end of what is generated.
pub(crate) fn end() -> DateTime<Utc> {
    "2026-11-22T12:34:56Z".parse().unwrap()
}

/// Whether a run before has left its failures here.
pub(crate) async fn is_loaded(database: &Database) -> bool {
    let mut connection = database.service().await.unwrap();
    sqlx::query_scalar("select exists (select from origin_failure)")
        .fetch_one(&mut *connection)
        .await
        .unwrap()
}

/// Makes the failures and derives everything, and says how long each took.
pub(crate) async fn load(database: &Database, events: i64) -> Value {
    let start = end() - TimeDelta::days(30);
    for day in 0..=30 {
        maintain(database, start + TimeDelta::days(day), start)
            .await
            .unwrap();
    }
    let generated = timed("events", || generate(database, start, events)).await;
    let hours = timed("hourly counts", || async {
        failure_counts::rebuild(database, |_, _| ()).await.unwrap();
    })
    .await;
    let groups = timed("groups", || async {
        failure_groups::project(database).await.unwrap();
    })
    .await;
    let again = timed("groups again", || async {
        let report = failure_groups::rebuild(database, |_, _| ()).await.unwrap();
        assert_eq!(report.replaced, 0);
    })
    .await;
    timed("usage keys", || use_keys(database, start)).await;
    let packed = pack(database).await;
    execute(database, "analyze".to_owned()).await;
    let rate = |seconds: f64| (events as f64 / seconds).round();
    let rows: (i64, i64, i64, i64, i64) = {
        let mut connection = database.service().await.unwrap();
        sqlx::query_as(
            "select (select count(*) from failure_1h), (select count(*) from failure_group), (select count(*) from failure_group_1h),
               (select count(*) from failure_group_1d), (select count(*) from failure_path_pack)",
        )
        .fetch_one(&mut *connection)
        .await
        .unwrap()
    };
    json!({
        "generated_seconds": generated,
        "hourly_counts_events_per_second": rate(hours),
        "groups_events_per_second": rate(groups),
        "groups_rebuilt_events_per_second": rate(again),
        "packed": packed,
        "rows": {"failure_1h": rows.0, "failure_group": rows.1, "failure_group_1h": rows.2, "failure_group_1d": rows.3, "failure_path_pack": rows.4},
    })
}

/// What the projector packs of hours and days that are over; what is packed already stays.
pub(crate) async fn pack(database: &Database) -> Value {
    let start = end() - TimeDelta::days(30);
    let paths = timed("top paths", || async {
        failure_paths::refresh(database, start, end())
            .await
            .unwrap();
    })
    .await;
    let counts = timed("packs", || async {
        failure_packs::claim(database, start, end()).await.unwrap();
        failure_packs::refresh(database).await.unwrap();
    })
    .await;
    let parts = timed("packs of hours", || async {
        failure_packs::claim_parts(database, start, end())
            .await
            .unwrap();
        failure_packs::refresh_parts(database).await.unwrap();
    })
    .await;
    let usage = timed("usage keys thinned", || async {
        delivery_usage::thin(database, start, end()).await.unwrap();
    })
    .await;
    json!({"top_paths_seconds": paths, "counts_seconds": counts, "hour_packs_seconds": parts, "usage_keys_seconds": usage})
}

async fn timed<F: Future<Output = ()>>(what: &str, work: impl FnOnce() -> F) -> f64 {
    let started = Instant::now();
    work().await;
    let seconds = started.elapsed().as_secs_f64();
    eprintln!("{what}: {seconds:.1} s");
    (seconds * 10.0).round() / 10.0
}

/// Tenant n has a share in proportion to 1/n; its paths likewise, and the things that are broken (endpoint, origin, reason and folder together).
/// A batch has 1 000 events.
async fn generate(database: &Database, start: DateTime<Utc>, events: i64) {
    let span_us = TimeDelta::days(30).num_microseconds().unwrap();
    let setup = "create table cdf (shares double precision[]);
         insert into cdf select array_agg(share order by n) from (
           select n, sum(1.0 / n) over (order by n) / sum(1.0 / n) over () as share from generate_series(1, 1000) n) s;
         set statement_timeout = 0";
    execute(database, setup.to_owned()).await;
    // A part a transaction, so that memory and log stay small.
    let part = 500_000;
    for from in (0..events).step_by(part) {
        let to = (from + i64::try_from(part).unwrap()).min(events);
        let statement = format!(
            "insert into origin_failure (tenant_id, occurred_at, event_id, request_id, path_hash, fingerprint, node_id, batch_seq,
               config_version, endpoint_no, origin_no, endpoint_version, origin_version, duration_ms, occurrences, reason, outcome, attempt,
               upstream_status, origin_kind, headline, path)
             select t, '{start}'::timestamptz + ({span_us}::bigint / {events} * n) * interval '1 microsecond', gen_random_uuid(), gen_random_uuid(),
               hashtextextended(path, 0), hashtextextended(concat(t, e, o, r, folder), 0), 1, n / 1000 + 1, 1 + n * 5 / {events}, e, o, 1, 1, n % 3000, 1,
               r, case when n % 20 = 0 then 2 else 1 end, 1, s, 1, n % 20 <> 0, path
             from (
               select n, t, e, o, r, (array[404, 403, 403, 0, 0, 500, 200, 503])[1 + (hashint8(g * 5) & 7)] as s, folder, concat(folder, 'image-', p, '.jpg') as path from (
                 select n, t, g, 1 + (hashint8(g) & 1) as e, 4 + (hashint8(g * 3) & 3) as o, (array[11, 12, 13, 21, 22, 31, 32, 41])[1 + (hashint8(g * 5) & 7)] as r,
                   concat('media/', (array['shoes', 'hats', 'coats', 'bags'])[1 + (hashint8(g * 11) & 3)], '/') as folder, floor(exp(random() * 11))::bigint as p
                 from (
                   select n, t, t * 1000 + floor(exp(random() * 5.5))::bigint as g from (
                     select n, width_bucket(random(), (select shares from cdf)) + 1 as t from generate_series({from}, {to} - 1) n
                   ) z
                 ) a
               ) b
             ) c"
        );
        execute(database, statement).await;
    }
    let ledger = "insert into ingest_batch (node_id, batch_seq, events, occurrences, refused, min_at, max_at)
         select 1, batch_seq, count(*), sum(occurrences), 0, min(occurred_at), max(occurred_at) from origin_failure group by 2;
         insert into serving_node values (1, now(), 1, 0, 0, null, 0, 0, 0, false)";
    execute(database, ledger.to_owned()).await;
    if let Some(path) = std::env::var_os("EVENTS_CSV") {
        let copy = format!(
            "copy (select tenant_id, occurred_at, reason, outcome, headline, origin_no, endpoint_no, upstream_status, config_version, occurrences,
               fingerprint, path from origin_failure) to '{}' csv header",
            path.to_str().unwrap()
        );
        execute(database, copy).await;
    }
}

/// The most used of the largest tenant, as a serving node leaves them: 400 keys of a day and 200 of an hour in each of five dimensions,
/// then thinned as the projector does.
async fn use_keys(database: &Database, start: DateTime<Utc>) {
    for (table, column, keys, spans) in [
        ("delivery_usage_top_1h", "hour", 200, 30 * 24),
        ("delivery_usage_top_1d", "day", 400, 30),
    ] {
        let statement = format!(
            "insert into {table} (tenant_id, {column}, dimension, key_hash, key, requests, bytes)
             select 1, date_trunc('{column}', '{start}'::timestamptz, 'UTC') + s * interval '1 {column}', d, k, concat('/images/of/this/dimension/', k, '.jpg'),
               (1000000 / (k + s % 7))::bigint, (hashint8(k * 31) & 1048575)::bigint
             from generate_series(0, {spans}) s, unnest('{{1,3,4,6,7}}'::smallint[]) d,
               generate_series(1, {keys}) k"
        );
        execute(database, statement).await;
    }
}

async fn execute(database: &Database, statement: String) {
    let mut owner = database.owner_tx().await.unwrap();
    sqlx::raw_sql("set local statement_timeout = 0")
        .execute(&mut *owner)
        .await
        .unwrap();
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&mut *owner)
        .await
        .unwrap();
    owner.commit().await.unwrap();
}
