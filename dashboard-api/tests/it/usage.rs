//! What was delivered, in ImageKit's shape and in ours.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use limpid_domain::failure::{FailureEvent, Outcome, Reason};
use limpid_domain::ids::{NodeId, OriginNo, RunId, TenantId, UrlEndpointNo};
use limpid_domain::usage::{CacheResult, DeliveredFormat, UsageCounts, UsageDimension};
use limpid_event_store::usage_append::{UsageBatch, UsageCell, UsageTop, append_usage};
use serde_json::{Value, json};

use crate::dashboard::Dashboard;
use crate::origin_errors::failures::{DEFAULT_ENDPOINT, a_minute_ago, failure, store};

fn counts(requests: i64, bytes: i64) -> UsageCounts {
    UsageCounts { requests, bytes }
}

fn hour_of(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(TimeDelta::hours(1)).unwrap()
}

/// What a node counted in one hour: hits and misses of one image, 404s, one refusal.
#[expect(clippy::too_many_lines, reason = "a batch is as long as it is")]
fn batch(tenant_id: TenantId, at: DateTime<Utc>) -> UsageBatch {
    let hour = hour_of(at);
    let cell = |status, cache, format, counts| UsageCell {
        tenant_id,
        hour,
        endpoint_no: DEFAULT_ENDPOINT,
        status,
        cache,
        format,
        counts,
    };
    let top = |dimension, key: &str, counts| UsageTop {
        tenant_id,
        hour,
        dimension,
        key: key.to_owned(),
        counts,
    };
    UsageBatch {
        node: NodeId(77),
        run: RunId::mint(),
        began_at: at,
        seq: 1,
        counted_to: at,
        stopped: false,
        cells: vec![
            cell(200, CacheResult::Hit, DeliveredFormat::WebP, counts(6, 600)),
            cell(304, CacheResult::Hit, DeliveredFormat::WebP, counts(1, 0)),
            cell(
                200,
                CacheResult::Miss,
                DeliveredFormat::Jpeg,
                counts(2, 900),
            ),
            cell(
                404,
                CacheResult::Miss,
                DeliveredFormat::PlainText,
                counts(1, 9),
            ),
            cell(
                404,
                CacheResult::Negative,
                DeliveredFormat::PlainText,
                counts(2, 18),
            ),
            cell(
                503,
                CacheResult::Busy,
                DeliveredFormat::PlainText,
                counts(1, 5),
            ),
            UsageCell {
                endpoint_no: UrlEndpointNo::NONE,
                ..cell(
                    400,
                    CacheResult::NotAsked,
                    DeliveredFormat::PlainText,
                    counts(3, 33),
                )
            },
        ],
        tops: vec![
            top(UsageDimension::Image, "/small.jpg", counts(7, 600)),
            top(UsageDimension::Image, "/big.jpg", counts(2, 900)),
            top(UsageDimension::Image, "", counts(5, 1)),
            top(
                UsageDimension::ImageTransformation,
                "w-400,h-400",
                counts(7, 600),
            ),
            top(UsageDimension::Referrer, "shop.example", counts(9, 1_500)),
            top(
                UsageDimension::Device,
                "Desktop - Apple Mac",
                counts(9, 1_500),
            ),
        ],
    }
}

async fn append(dashboard: &Dashboard, batch: &UsageBatch) -> bool {
    let mut connection = dashboard.database.service().await.unwrap();
    append_usage(&mut connection, batch).await.unwrap()
}

/// Both ends of the day of a moment, as parameters.
fn day_of(at: DateTime<Utc>) -> (String, String) {
    let next = at + TimeDelta::days(1);
    (at.date_naive().to_string(), next.date_naive().to_string())
}

#[tokio::test]
async fn a_batch_is_added_once_and_later_ones_to_the_same_rows() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let at = a_minute_ago();
    let (today, tomorrow) = day_of(at);
    let path = format!("/v1/accounts/usage?startDate={today}&endDate={tomorrow}");
    let first = batch(account.id, at);
    assert!(append(&dashboard, &first).await);
    assert!(!append(&dashboard, &first).await);
    let usage = account.get(&path).await.expect(200);
    assert_eq!(
        usage,
        json!({
            "bandwidthBytes": 1_565, "mediaLibraryStorageBytes": 0, "videoProcessingUnitsCount": 0,
            "extensionUnitsCount": 0, "originalCacheStorageBytes": 0
        })
    );
    let second = UsageBatch {
        seq: 2,
        ..first.clone()
    };
    assert!(append(&dashboard, &second).await);
    assert!(!append(&dashboard, &first).await);
    let other_node = UsageBatch {
        node: NodeId(78),
        run: RunId::mint(),
        ..first
    };
    assert!(append(&dashboard, &other_node).await);
    let usage = account.get(&path).await.expect(200);
    assert_eq!(usage["bandwidthBytes"], 3 * 1_565);
    let stranger = dashboard.account("stranger").await;
    let usage = stranger.get(&path).await.expect(200);
    assert_eq!(usage["bandwidthBytes"], 0);
}

#[tokio::test]
async fn days_are_read_as_imagekit_reads_them() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let at: DateTime<Utc> = "2026-11-10T23:59:59Z".parse().unwrap();
    append(&dashboard, &batch(account.id, at)).await;
    let usage = |query: &'static str| account.get(query);
    let excluded = usage("/v1/accounts/usage?startDate=2026-11-09&endDate=2026-11-10").await;
    assert_eq!(excluded.expect(200)["bandwidthBytes"], 0);
    let included = usage("/v1/accounts/usage?startDate=2026-11-10&endDate=2026-11-11").await;
    assert_eq!(included.expect(200)["bandwidthBytes"], 1_565);
    let included =
        usage("/v1/accounts/usage-analytics?startDate=2026-11-10&endDate=2026-11-10").await;
    assert_eq!(included.expect(200)["requestCount"], 16);
    let after = usage("/v1/accounts/usage-analytics?startDate=2026-11-11&endDate=2026-11-11").await;
    assert_eq!(after.expect(200)["requestCount"], 0);
    for path in ["/v1/accounts/usage", "/v1/accounts/usage-analytics"] {
        for (query, sentence) in [
            (
                "",
                "startDate and endDate are required in query parameters.",
            ),
            (
                "?startDate=01.11.2026&endDate=2026-11-02",
                "startDate and endDate should be in format YYYY-MM-DD.",
            ),
            (
                "?startDate=2026-11-03&endDate=2026-11-02",
                "startDate should be before endDate.",
            ),
            (
                "?startDate=2026-01-01&endDate=2026-11-02",
                "startDate and endDate should be within 90 days.",
            ),
        ] {
            let answer = account.get(&format!("{path}{query}")).await;
            assert_eq!(answer.refusal(400), sentence, "{path}{query}");
        }
    }
}

#[tokio::test]
async fn analytics_have_every_field_and_sorted_lists() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let at = a_minute_ago();
    append(&dashboard, &batch(account.id, at)).await;
    let (today, _) = day_of(at);
    let path = format!("/v1/accounts/usage-analytics?startDate={today}&endDate={today}");
    let analytics = account.get(&path).await.expect(200);
    let (requests, bytes) = (&analytics["requestCount"], &analytics["bandwidthBytes"]);
    assert_eq!((requests, bytes), (&json!(16), &json!(1_565)));
    assert_eq!(analytics["startDate"], json!(today));
    assert_eq!(analytics["endDate"], json!(today));
    assert!(analytics["generatedAt"].is_string());
    assert_eq!(
        analytics["cache"],
        json!({"hitCount": 9, "missCount": 3, "errorCount": 1})
    );
    let codes = analytics["statusCodes"].as_array().unwrap();
    assert_eq!(codes[0], json!({"name": "200", "requestCount": 8}));
    assert_eq!(codes.len(), 5);
    let images = &analytics["topImages"];
    let url = |path: &str| format!("http://127.0.0.1:8080/acme{path}");
    let small = json!({"name": url("/small.jpg"), "bandwidthBytes": 600, "requestCount": 7});
    let big = json!({"name": url("/big.jpg"), "bandwidthBytes": 900, "requestCount": 2});
    assert_eq!(images["byRequests"], json!([small, big]));
    assert_eq!(images["byBandwidth"], json!([big, small]));
    let transforms = &analytics["topImageTransforms"]["byRequests"];
    assert_eq!(transforms[0]["name"], "tr:w-400,h-400");
    let endpoints = &analytics["urlEndpoints"]["byRequests"];
    assert_eq!(
        endpoints,
        &json!([{"name": "Default", "bandwidthBytes": 1_565, "requestCount": 16}])
    );
    assert_eq!(analytics["format"]["byBandwidth"][0]["name"], "image/jpeg");
    assert_eq!(
        analytics["device"]["byRequests"][0]["name"],
        "Desktop - Apple Mac"
    );
    for list in [
        "country",
        "browser",
        "topVideos",
        "topOtherAssets",
        "topVideoTransforms",
        "topUserAgents",
    ] {
        assert_eq!(
            analytics[list],
            json!({"byBandwidth": [], "byRequests": []}),
            "{list}"
        );
    }
    for list in [
        "extensions",
        "videoProcessing",
        "errorReasons",
        "top404Assets",
    ] {
        assert_eq!(analytics[list], json!([]), "{list}");
    }
}

fn failures(tenant_id: TenantId) -> Vec<FailureEvent> {
    let of = |reason, path: &str| FailureEvent {
        path: path.to_owned(),
        ..failure(tenant_id, reason)
    };
    vec![
        of(Reason::ObjectNotFound, "/b.jpg"),
        FailureEvent {
            occurrences: 3,
            ..of(Reason::ObjectNotFound, "/a.jpg")
        },
        of(Reason::AccessDenied, "/a.jpg"),
        of(Reason::SourceTooLarge, "/huge.jpg"),
        FailureEvent {
            headline: false,
            origin_no: OriginNo(9),
            ..of(Reason::ObjectNotFound, "/a.jpg")
        },
        FailureEvent {
            headline: false,
            outcome: Outcome::Stale,
            ..of(Reason::ConnectionTimeout, "/kept.jpg")
        },
    ]
}

#[tokio::test]
async fn analytics_of_failures_agree_with_the_dashboard() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let at = a_minute_ago();
    store(&dashboard, 1, failures(account.id)).await;
    append(&dashboard, &batch(account.id, at)).await;
    let (today, tomorrow) = day_of(at);
    let path = format!("/v1/accounts/usage-analytics?startDate={today}&endDate={today}");
    let analytics = account.get(&path).await.expect(200);
    let period = format!("from={today}T00:00:00Z&to={tomorrow}T00:00:00Z");
    let path = format!("/dashboard/v1/origin-errors/summary?{period}");
    let summary = account.get(&path).await.expect(200);

    let mut visible: Vec<Value> = summary["byCode"].as_array().unwrap().clone();
    visible.retain(|code| code["clientVisible"] != 0);
    visible.sort_by_key(|code| -code["clientVisible"].as_i64().unwrap());
    let told = visible.iter();
    let told: Vec<Value> = told
        .map(|code| json!({"name": code["code"], "requestCount": code["clientVisible"]}))
        .collect();
    assert_eq!(analytics["errorReasons"], json!(told));
    let reasons = analytics["errorReasons"].as_array().unwrap();
    let sum: i64 = reasons
        .iter()
        .map(|reason| reason["requestCount"].as_i64().unwrap())
        .sum();
    assert_eq!(summary["clientVisible"], sum);
    let url = |path: &str| format!("http://127.0.0.1:8080/acme{path}");
    assert_eq!(
        analytics["top404Assets"],
        json!([
            {"name": url("/a.jpg"), "requestCount": 4},
            {"name": url("/b.jpg"), "requestCount": 1}
        ])
    );
    let path = format!("/dashboard/v1/origin-errors/events?{period}&q=/a.jpg&outcome=failed");
    let events = account.get(&path).await.expect(200);
    let headlines = events["data"].as_array().unwrap().iter();
    let headlines = headlines.filter(|event| event["headline"] == true);
    let occurrences: i64 = headlines
        .map(|event| event["occurrences"].as_i64().unwrap())
        .sum();
    assert_eq!(occurrences, 4);
}

#[tokio::test]
async fn the_failing_share_is_told_where_requests_are_counted_by_what_is_asked() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let summary = async |query: &str| {
        let path = format!("/dashboard/v1/origin-errors/summary?{query}");
        account.get(&path).await.expect(200)["failingShare"].clone()
    };
    assert_eq!(summary("").await, Value::Null);
    store(&dashboard, 1, failures(account.id)).await;
    append(&dashboard, &batch(account.id, a_minute_ago())).await;
    assert_eq!(summary("").await, json!(6.0 / 16.0));
    let share = summary("endpoint=default").await.as_f64().unwrap();
    assert!((share - 6.0 / 13.0).abs() < 1e-9, "{share}");
    assert_eq!(summary("endpoint=none").await, json!(0.0));
    assert_eq!(summary("code=ENOENT").await, Value::Null);
    assert_eq!(summary("not.endpoint=default").await, Value::Null);
}

#[tokio::test]
async fn the_failing_share_is_compared_with_that_of_the_period_before() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let hour = TimeDelta::hours(1);
    let now = hour_of(a_minute_ago());
    store(&dashboard, 1, failures(account.id)).await;
    append(&dashboard, &batch(account.id, a_minute_ago())).await;
    let earlier = batch(account.id, now - hour * 3);
    append(&dashboard, &earlier).await;
    let stamp = |at: DateTime<Utc>| at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let (from, to) = (stamp(now - hour), stamp(now + hour));
    let path = format!("/dashboard/v1/origin-errors/summary?from={from}&to={to}");
    let summary = account.get(&path).await.expect(200);
    assert_eq!(summary["failingShare"], json!(6.0 / 16.0));
    assert_eq!(summary["previous"]["failingShare"], json!(0.0));
    assert_eq!(summary["delta"]["failingShare"], json!(6.0 / 16.0));
}

#[tokio::test]
async fn usage_as_a_table_has_every_entry_and_no_formula() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let at = a_minute_ago();
    let mut batch = batch(account.id, at);
    batch.tops.push(UsageTop {
        tenant_id: account.id,
        hour: hour_of(at),
        dimension: UsageDimension::UserAgent,
        key: "=HYPERLINK(\"x\")".to_owned(),
        counts: counts(4, 40),
    });
    append(&dashboard, &batch).await;
    let table = account
        .get("/dashboard/v1/usage?from=now-3h&format=csv")
        .await;
    assert_eq!(table.header("content-type"), "text/csv; charset=utf-8");
    assert!(table.header("content-disposition").ends_with(".csv\""));
    let meta: Value = serde_json::from_str(table.header("x-limpid-meta")).unwrap();
    assert_eq!(meta["intervalMs"], 3_600_000);
    let text = String::from_utf8(table.body.to_vec()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "by,value,label,requests,bytes");
    let of = |by: &str| {
        let lines = lines.iter().filter(|line| line.starts_with(by));
        lines.count()
    };
    assert_eq!((of("time,"), of("status,"), of("image,")), (4, 5, 2));
    assert!(
        text.contains("endpoint,default,Default URL-endpoint,13,1532"),
        "{text}"
    );
    assert!(
        text.contains("userAgent,\"'=HYPERLINK(\"\"x\"\")\",,4,40"),
        "{text}"
    );
    let refused = account.get("/dashboard/v1/usage?format=xml").await;
    assert_eq!(
        refused.refusal(400),
        "format is one of json, csv, not \"xml\"."
    );
}

#[tokio::test]
async fn our_own_usage_tells_totals_series_and_the_most_used() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let at = a_minute_ago();
    append(&dashboard, &batch(account.id, at)).await;
    let usage = account.get("/dashboard/v1/usage").await.expect(200);
    assert_eq!(
        (&usage["requests"], &usage["bytes"]),
        (&json!(16), &json!(1_565))
    );
    let ratio = usage["cacheHitRatio"].as_f64().unwrap();
    assert!((ratio - 9.0 / 13.0).abs() < 1e-9, "{ratio}");
    assert_eq!(usage["failingShare"], json!(0.0));
    let series = &usage["series"];
    assert_eq!(series["intervalMs"], 3_600_000);
    let sum = |name: &str| {
        let column = series[name].as_array().unwrap().iter();
        column.map(|value| value.as_i64().unwrap()).sum::<i64>()
    };
    assert_eq!(
        (
            sum("requests"),
            sum("bytes"),
            sum("cacheHits"),
            sum("errors")
        ),
        (16, 1_565, 9, 7)
    );
    let by = &usage["by"];
    assert_eq!(by["endpoint"][0]["value"], "default");
    assert_eq!(by["endpoint"][1]["value"], "none");
    assert_eq!(
        by["status"][0],
        json!({"value": "200", "label": null, "requests": 8, "bytes": 1_500})
    );
    assert_eq!(by["image"][0]["value"], "/small.jpg");
    assert_eq!(by["referrer"][0]["requests"], 9);
    assert_eq!(
        usage["meta"]["complete"], false,
        "the node was last heard of a minute ago"
    );
    let days = account
        .get("/dashboard/v1/usage?from=now-30d&interval=1d")
        .await;
    let days = days.expect(200);
    assert_eq!(days["series"]["requests"].as_array().unwrap().len(), 31);
    assert_eq!(days["by"]["image"], by["image"]);
    let refused = account
        .get("/dashboard/v1/usage?from=now-30d&interval=1h")
        .await;
    assert!(refused.refusal(400).contains("120 buckets"));
}

#[tokio::test]
async fn what_a_node_that_was_killed_may_not_have_counted_is_told() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let at = a_minute_ago();
    let killed = batch(account.id, at);
    append(&dashboard, &killed).await;
    let path = "/dashboard/v1/usage?from=now-2h&to=now-30s";
    let before = account.get(path).await.expect(200);
    assert_eq!(before["uncounted"], json!([]));
    let next = UsageBatch {
        run: RunId::mint(),
        began_at: at + TimeDelta::seconds(2),
        counted_to: at + TimeDelta::seconds(50),
        ..batch(account.id, at)
    };
    append(&dashboard, &next).await;
    let usage = account.get(path).await.expect(200);
    let stretch = json!([{"from": at, "to": at + TimeDelta::seconds(2)}]);
    assert_eq!(usage["uncounted"], stretch);
    assert_eq!(usage["meta"]["complete"], false);
    let later = account
        .get("/dashboard/v1/usage?from=now-30d&to=now-29d")
        .await
        .expect(200);
    assert_eq!(
        (&later["uncounted"], &later["meta"]["complete"]),
        (&json!([]), &json!(true))
    );
    let summary = "/dashboard/v1/origin-errors/summary?from=now-2h&to=now-30s";
    let summary = account.get(summary).await.expect(200);
    assert_eq!(summary["failingShareComplete"], false, "{summary}");
    assert_eq!(summary["meta"]["complete"], true, "no failure is missing");
    let summary = "/dashboard/v1/origin-errors/summary?from=now-2h&to=now-30s&code=ENOENT";
    let summary = account.get(summary).await.expect(200);
    assert_eq!(summary["failingShareComplete"], Value::Null);
}
