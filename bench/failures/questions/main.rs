//! What the dashboard's questions cost over very many failures, and what deriving the read models again costs.
//!
//! `cargo bench -p limpid-read-models --bench questions` prints JSON and writes it to the file that `BENCH_RESULT` names. `EVENTS`
//! failures (10 million) of 1 000 tenants over 30 days are made by PostgreSQL itself, in the order of time; the largest tenant
//! has about 13 % of them. Questions are of that tenant, over 24 hours, 7 and 30 days that end in the middle of an hour, and are asked
//! `ROUNDS` times (20) after one that is not counted. With `EVENTS_CSV` the columns that other engines need are written there,
//! which PostgreSQL's user must be able to do. With `BENCH_DATABASE_URL` an existing server is used, which keeps what was made: a run that finds
//! failures there makes none.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]
#![expect(clippy::print_stdout, reason = "the result goes to standard output")]
#![expect(clippy::print_stderr, reason = "progress goes to standard error")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

mod load;
mod questions;

use std::time::Duration;

use limpid_event_store::{Database, DatabaseOptions};
use limpid_testkit::database::TestCluster;
use serde_json::json;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let result = runtime.block_on(async {
        let given = std::env::var_os("BENCH_DATABASE_URL").and_then(|url| url.into_string().ok());
        let cluster = given.is_none().then(TestCluster::start);
        let url = given.or_else(|| Some(cluster.as_ref()?.url().to_owned()));
        let url = url.unwrap();
        Database::migrate(&url).await.unwrap();
        let options = DatabaseOptions {
            statement_timeout: Duration::from_hours(1),
            ..DatabaseOptions::default()
        };
        let database = Database::lazy(&url, &options).unwrap();
        let events = number("EVENTS", 10_000_000);
        let loaded = if load::is_loaded(&database).await {
            json!({"packed": load::pack(&database).await})
        } else {
            load::load(&database, events).await
        };
        let asked = questions::ask(&database, number("ROUNDS", 20)).await;
        json!({
            "load_average": std::fs::read_to_string("/proc/loadavg").unwrap().trim(),
            "events": events,
            "derived": loaded,
            "questions_ms": asked,
        })
    });
    let text = serde_json::to_string_pretty(&result).unwrap();
    println!("{text}");
    if let Some(path) = std::env::var_os("BENCH_RESULT") {
        std::fs::write(path, text + "\n").unwrap();
    }
}

fn number(name: &str, default: i64) -> i64 {
    std::env::var_os(name).map_or(default, |text| text.to_str().unwrap().parse().unwrap())
}
