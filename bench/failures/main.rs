//! What the failure path costs: the spool, the ingest statement, and the time from a failure to its row.
//!
//! `cargo bench -p limpid-event-store --bench failures` prints JSON and writes it to the file that `BENCH_RESULT` names.
//! PostgreSQL is a durable private cluster; its CPU time is what its processes used, from `/proc`, checkpoints included.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]
#![expect(clippy::print_stdout, reason = "the result goes to standard output")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

use std::path::Path;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use limpid_domain::failure::{FailureEvent, Outcome, Reason};
use limpid_domain::ids::{BatchSeq, NodeId, OriginNo, TenantId, UrlEndpointNo};
use limpid_event_store::drainer::FailureDrainer;
use limpid_event_store::failure_append::{Batch, append_batches};
use limpid_event_store::failure_partitions::maintain;
use limpid_event_store::spool::{self, FsyncPolicy, SpoolConfig};
use limpid_event_store::{Database, DatabaseOptions};
use limpid_testkit::database::TestCluster;
use limpid_testkit::failures::FailureGenerator;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const EVENTS: usize = 200_000;
const TICKS_PER_SECOND: f64 = 100.0; // USER_HZ, fixed on every Linux we run on

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let result = runtime.block_on(measure());
    let text = serde_json::to_string_pretty(&result).unwrap();
    println!("{text}");
    if let Some(path) = std::env::var_os("BENCH_RESULT") {
        std::fs::write(path, text + "\n").unwrap();
    }
}

async fn measure() -> Value {
    let cluster = TestCluster::start();
    Database::migrate(cluster.url()).await.unwrap();
    let options = DatabaseOptions {
        statement_timeout: Duration::from_mins(1),
        ..DatabaseOptions::default()
    };
    let database = Database::lazy(cluster.url(), &options).unwrap();
    let start = "2026-11-22T06:00:00Z".parse().unwrap();
    maintain(&database, start, start - TimeDelta::days(1))
        .await
        .unwrap();
    let mut generator = FailureGenerator::new(1, start, TimeDelta::minutes(10));
    generator.tenants = 1_000;
    let mixed = generator.take(EVENTS);
    let bare: Vec<_> = mixed.iter().map(without_detail).collect();
    let burst: Vec<_> = bare.iter().map(of_one_origin).collect();
    let mut results = serde_json::Map::new();
    for (name, events, batch) in [
        ("diffuse, no detail, 1000 a statement", &bare, 1_000),
        ("diffuse, no detail, 5000 a statement", &bare, 5_000),
        (
            "diffuse, detail on a quarter, 5000 a statement",
            &mixed,
            5_000,
        ),
        (
            "burst of one origin, no detail, 5000 a statement",
            &burst,
            5_000,
        ),
    ] {
        let figures = ingest(&database, cluster.pid(), events, batch).await;
        results.insert(name.to_owned(), figures);
    }
    json!({
        "load_average": std::fs::read_to_string("/proc/loadavg").unwrap().trim(),
        "events_per_case": EVENTS,
        "ingest": results,
        "spool": { "sync_every_50ms_frames_of_100": spool_rate(&mixed) },
        "visible_after_ms": time_to_visible(&database, &bare).await,
    })
}

/// One case, on empty tables.
async fn ingest(database: &Database, server: u32, events: &[FailureEvent], size: usize) -> Value {
    let mut owner = database.owner_tx().await.unwrap();
    sqlx::raw_sql("truncate origin_failure, failure_1h, ingest_batch")
        .execute(&mut *owner)
        .await
        .unwrap();
    owner.commit().await.unwrap();
    let mut connection = database.service().await.unwrap();
    let batches: Vec<Batch> = (1..)
        .zip(events.chunks(1_000))
        .map(|(seq, events)| Batch {
            seq: BatchSeq(seq),
            events: events.to_vec(),
            refused: 0,
        })
        .collect();
    let wal = wal_bytes(database).await;
    let (own_cpu, server_cpu) = (cpu_seconds_of("self"), server_cpu_seconds(server));
    let started = Instant::now();
    for batches in batches.chunks(size / 1_000) {
        append_batches(&mut connection, NodeId(1), batches)
            .await
            .unwrap();
    }
    let elapsed = started.elapsed().as_secs_f64();
    let (own_cpu, server_cpu) = (
        cpu_seconds_of("self") - own_cpu,
        server_cpu_seconds(server) - server_cpu,
    );
    let wal = wal_bytes(database).await - wal;
    let (heap, total, counts): (i64, i64, i64) = sqlx::query_as(
        "select sum(pg_table_size(inhrelid))::bigint, sum(pg_total_relation_size(inhrelid))::bigint, (select count(*) from failure_1h)
         from pg_inherits where inhparent = 'origin_failure'::regclass",
    )
    .fetch_one(&mut *connection)
    .await
    .unwrap();
    let per_event = |value: f64| round(value / events.len() as f64);
    json!({
        "events_per_second": round(events.len() as f64 / elapsed),
        "client_cpu_us_per_event": per_event(own_cpu * 1e6),
        "postgres_cpu_us_per_event": per_event(server_cpu * 1e6),
        "wal_bytes_per_event": per_event(wal as f64),
        "heap_bytes_per_event": per_event(heap as f64),
        "disk_bytes_per_event": per_event(total as f64),
        "hourly_counts": counts,
    })
}

fn spool_rate(events: &[FailureEvent]) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, reader) = spool::open(SpoolConfig::new(dir.path())).unwrap();
    let cpu = cpu_seconds_of("self");
    let started = Instant::now();
    let mut synced = Instant::now();
    for events in events.chunks(100) {
        writer.append(events).unwrap();
        if synced.elapsed() > Duration::from_millis(50) {
            writer.sync().unwrap();
            synced = Instant::now();
        }
    }
    writer.sync().unwrap();
    let elapsed = started.elapsed().as_secs_f64();
    json!({
        "events_per_second": round(events.len() as f64 / elapsed),
        "cpu_us_per_event": round((cpu_seconds_of("self") - cpu) * 1e6 / events.len() as f64),
        "bytes_per_event": round(reader.backlog().bytes as f64 / events.len() as f64),
    })
}

/// From `append` to the row, with the sync that the recorder does every 50 ms left out: one event at a time.
async fn time_to_visible(database: &Database, events: &[FailureEvent]) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let config = SpoolConfig {
        fsync: FsyncPolicy::Always,
        ..SpoolConfig::new(dir.path())
    };
    let (mut writer, reader) = spool::open(config).unwrap();
    let drainer = FailureDrainer::new(reader, database.clone());
    let mut status = drainer.status();
    let stop = CancellationToken::new();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(drainer.run(stop.clone()));
    let mut times = Vec::new();
    for event in events.iter().take(500) {
        let started = Instant::now();
        let seq = writer.append(std::slice::from_ref(event)).unwrap();
        status
            .wait_for(|status| status.backlog.acked >= seq.0)
            .await
            .unwrap();
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    stop.cancel();
    while tasks.join_next().await.is_some() {}
    times.sort_by(f64::total_cmp);
    let at = |share: usize| times.get(times.len() * share / 100).map(|ms| round(*ms));
    json!({ "p50": at(50), "p95": at(95), "p99": at(99) })
}

fn without_detail(event: &FailureEvent) -> FailureEvent {
    FailureEvent {
        detail: None,
        ..event.clone()
    }
}

fn of_one_origin(event: &FailureEvent) -> FailureEvent {
    FailureEvent {
        tenant_id: TenantId(7),
        endpoint_no: UrlEndpointNo(1),
        origin_no: OriginNo(2),
        reason: Reason::OriginOverloaded,
        outcome: Outcome::Failed,
        headline: true,
        ..event.clone()
    }
}

async fn wal_bytes(database: &Database) -> i64 {
    let mut connection = database.service().await.unwrap();
    sqlx::query_scalar("select (pg_current_wal_lsn() - '0/0')::bigint")
        .fetch_one(&mut *connection)
        .await
        .unwrap()
}

/// CPU time of the server and of every process it started.
fn server_cpu_seconds(server: u32) -> f64 {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        .filter(|name| {
            *name == server.to_string() || stat_field(name, 3) == Some(u64::from(server))
        })
        .map(|name| cpu_seconds_of(&name))
        .sum()
}

fn cpu_seconds_of(process: &str) -> f64 {
    let ticks = [13, 14].map(|field| stat_field(process, field).unwrap_or(0));
    ticks.iter().sum::<u64>() as f64 / TICKS_PER_SECOND
}

/// A field of `/proc/<process>/stat`, counted from 0. Source: proc(5).
fn stat_field(process: &str, field: usize) -> Option<u64> {
    let text = std::fs::read_to_string(Path::new("/proc").join(process).join("stat")).ok()?;
    let (_, after_name) = text.rsplit_once(") ")?;
    after_name.split(' ').nth(field - 2)?.parse().ok()
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
