//! The fixed questions of the dashboard, of the largest tenant.

use std::time::Instant;

use chrono::TimeDelta;
use limpid_domain::failure::FailureCode;
use limpid_domain::ids::{OriginNo, TenantId};
use limpid_event_store::{Database, TenantTx};
use limpid_read_models::breakdown::GroupBy;
use limpid_read_models::delivery_usage::{hours_around, tops};
use limpid_read_models::failure_facets::facet;
use limpid_read_models::failure_groups::{GroupOrder, groups};
use limpid_read_models::failure_log::events;
use limpid_read_models::failure_paths::failing_paths;
use limpid_read_models::failure_summary::summary;
use limpid_read_models::failure_timeseries::{interval_for, timeseries};
use limpid_read_models::filter::{FailureFilter, Window};
use serde_json::{Map, Value, json};

use crate::load::end;

const LARGEST: TenantId = TenantId(1);

#[derive(Debug, Clone, Copy)]
enum Question {
    Summary,
    SummaryOfOneOrigin,
    TimeseriesByCode,
    TimeseriesByOrigin,
    TimeseriesByStatus,
    FacetOfCodes,
    FacetOfStatuses,
    Groups,
    GroupsOfOneCode,
    LatestEvents,
    Paths,
    EventsByText,
    MostUsed,
}

const QUESTIONS: [(&str, Question); 13] = [
    ("summary", Question::Summary),
    ("summary of one origin", Question::SummaryOfOneOrigin),
    ("timeseries by code", Question::TimeseriesByCode),
    ("timeseries by origin", Question::TimeseriesByOrigin),
    ("timeseries by status", Question::TimeseriesByStatus),
    ("facet of codes", Question::FacetOfCodes),
    ("facet of statuses", Question::FacetOfStatuses),
    ("groups", Question::Groups),
    ("groups of one code", Question::GroupsOfOneCode),
    ("latest events", Question::LatestEvents),
    ("paths", Question::Paths),
    ("events by text", Question::EventsByText),
    ("most used", Question::MostUsed),
];

/// Median and 95th percentile of each question over each period. Units: ms.
pub(crate) async fn ask(database: &Database, rounds: i64) -> Value {
    let mut answers = Map::new();
    for (period, length) in [
        ("24 h", TimeDelta::hours(24)),
        ("7 d", TimeDelta::days(7)),
        ("30 d", TimeDelta::days(30)),
    ] {
        let filter = FailureFilter::all(Window {
            from: end() - length,
            to: end(),
        });
        for (name, question) in QUESTIONS {
            put(database, question, &filter).await;
            let mut millis = Vec::new();
            for _ in 0..rounds {
                let started = Instant::now();
                put(database, question, &filter).await;
                millis.push(started.elapsed().as_secs_f64() * 1e3);
            }
            millis.sort_by(f64::total_cmp);
            let at = |percent: usize| {
                let index = (millis.len() * percent).div_ceil(100).max(1) - 1;
                let value = millis.get(index).copied().unwrap_or_default();
                (value * 100.0).round() / 100.0
            };
            eprintln!("{period} {name}: p50 {} p95 {}", at(50), at(95));
            let figures = json!({"p50": at(50), "p95": at(95)});
            answers.insert(format!("{period}, {name}"), figures);
        }
    }
    Value::Object(answers)
}

async fn put(database: &Database, question: Question, filter: &FailureFilter) {
    let mut tx = database.tenant_tx(LARGEST).await.unwrap();
    let mut narrowed = filter.clone();
    match question {
        Question::SummaryOfOneOrigin => narrowed.include.origins = vec![OriginNo(4)],
        Question::GroupsOfOneCode => narrowed.include.codes = vec![FailureCode::Eacces],
        Question::EventsByText => narrowed.path_contains = vec!["image-4444".to_owned()],
        _ => {}
    }
    answer(&mut tx, question, &narrowed).await;
}

async fn answer(tx: &mut TenantTx, question: Question, filter: &FailureFilter) {
    let interval = interval_for(filter.window);
    match question {
        Question::Summary | Question::SummaryOfOneOrigin => {
            assert!(summary(tx, filter).await.unwrap().attempts > 0);
        }
        Question::TimeseriesByCode => lines(tx, filter, GroupBy::Code, interval).await,
        Question::TimeseriesByOrigin => lines(tx, filter, GroupBy::Origin, interval).await,
        Question::TimeseriesByStatus => lines(tx, filter, GroupBy::UpstreamStatus, interval).await,
        Question::FacetOfCodes => {
            assert!(
                !facet(tx, filter, GroupBy::Code)
                    .await
                    .unwrap()
                    .values
                    .is_empty()
            );
        }
        Question::FacetOfStatuses => {
            let statuses = facet(tx, filter, GroupBy::UpstreamStatus).await.unwrap();
            assert_eq!(statuses.values.len(), 6);
        }
        Question::Groups | Question::GroupsOfOneCode => {
            let list = groups(tx, filter, GroupOrder::Attention).await.unwrap();
            assert!(!list.groups.is_empty());
        }
        Question::LatestEvents | Question::EventsByText => {
            events(tx, filter, None, 50).await.unwrap();
        }
        Question::MostUsed => {
            let hours = hours_around(filter.window);
            assert!(tops(tx, hours, 20).await.unwrap().len() >= 100);
        }
        Question::Paths => {
            assert!(
                !failing_paths(tx, filter, 20)
                    .await
                    .unwrap()
                    .paths
                    .is_empty()
            );
        }
    }
}

async fn lines(tx: &mut TenantTx, filter: &FailureFilter, by: GroupBy, interval: TimeDelta) {
    let series = timeseries(tx, filter, by, interval).await.unwrap();
    assert!(!series.keys.is_empty());
}
