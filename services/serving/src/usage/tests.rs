//! Counting is bounded, fair, and exact in its sums.

use std::collections::BTreeMap;

use limpid_domain::usage::{UsageCounts, UsageDimension};
use limpid_event_store::flusher::Gathered;
use limpid_event_store::usage_append::UsageRows;

use super::hour_counts::{GUARANTEED_KEYS, MAX_KEYS};
use super::ranking::{KEYS_PER_FLUSH, KEYS_PER_HOUR, Ranking};
use super::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn answered(bytes: u64) -> Answered {
    Answered {
        at: at("2026-11-27T09:59:59Z"),
        status: 200,
        bytes,
        format: DeliveredFormat::WebP,
    }
}

fn delivered(tenant: i64, path: &str) -> Delivered {
    Delivered {
        tenant_id: TenantId(tenant),
        endpoint_no: UrlEndpointNo(1),
        cache: CacheResult::Hit,
        endpoint: None,
        path: path.to_owned(),
        transformation: Some("w-400,h-400".to_owned()),
        referrer: Some("https://Shop.example/page".to_owned()),
        user_agent: Some("curl/8.5.0".to_owned()),
    }
}

fn rows_of(counter: &UsageCounter, ranking: &mut Ranking) -> UsageRows {
    ranking.rows(&counter.take())
}

/// Keys of a dimension; "" is what was counted together.
fn keys(rows: &UsageRows, tenant: i64, dimension: UsageDimension) -> BTreeMap<String, UsageCounts> {
    let tops = rows.tops.iter();
    tops.filter(|top| top.tenant_id == TenantId(tenant) && top.dimension == dimension)
        .map(|top| (top.key.clone(), top.counts))
        .collect()
}

fn requests(counts: &BTreeMap<String, UsageCounts>) -> i64 {
    counts.values().map(|counts| counts.requests).sum()
}

#[test]
fn an_answer_is_counted_once_in_every_dimension() {
    let counter = UsageCounter::default();
    counter.count(answered(100), &delivered(1, "/a.jpg"));
    counter.count(answered(50), &delivered(1, "/a.jpg"));
    let rows = rows_of(&counter, &mut Ranking::default());
    let expected = UsageCounts {
        requests: 2,
        bytes: 150,
    };
    assert_eq!(rows.cells.len(), 1);
    assert_eq!(rows.cells[0].counts, expected);
    assert_eq!(rows.cells[0].hour, at("2026-11-27T09:00:00Z"));
    for (dimension, key) in [
        (UsageDimension::Image, "/a.jpg"),
        (UsageDimension::ImageTransformation, "w-400,h-400"),
        (UsageDimension::Referrer, "shop.example"),
        (UsageDimension::UserAgent, "curl/8.5.0"),
        (UsageDimension::Browser, "curl"),
        (UsageDimension::Device, "Other"),
    ] {
        let expected = BTreeMap::from([(key.to_owned(), expected)]);
        assert_eq!(keys(&rows, 1, dimension), expected, "{dimension:?}");
    }
    let nothing = rows_of(&counter, &mut Ranking::default());
    assert!(nothing.cells.is_empty() && nothing.tops.is_empty());
}

#[test]
fn hours_and_tenants_are_counted_apart() {
    let counter = UsageCounter::default();
    let next_hour = Answered {
        at: at("2026-11-27T10:00:00Z"),
        ..answered(1)
    };
    counter.count(answered(1), &delivered(1, "/a.jpg"));
    counter.count(next_hour, &delivered(1, "/a.jpg"));
    counter.count(answered(1), &delivered(17, "/a.jpg"));
    let rows = rows_of(&counter, &mut Ranking::default());
    let mut cells: Vec<_> = rows
        .cells
        .iter()
        .map(|cell| (cell.tenant_id.0, cell.hour))
        .collect();
    cells.sort_unstable();
    let (nine, ten) = (at("2026-11-27T09:00:00Z"), at("2026-11-27T10:00:00Z"));
    assert_eq!(cells, [(1, nine), (1, ten), (17, nine)]);
}

#[test]
fn of_a_million_paths_the_most_used_are_named_and_the_sum_is_exact() {
    let counter = UsageCounter::default();
    let mut ranking = Ranking::default();
    for _ in 0..3 {
        counter.count(answered(10), &delivered(1, "/hero.jpg"));
    }
    counter.count(answered(5_000), &delivered(1, "/huge.jpg"));
    for number in 0..5_000 {
        counter.count(
            answered(1),
            &delivered(1, &format!("/crawled/{number}.jpg")),
        );
    }
    let rows = rows_of(&counter, &mut ranking);
    let images = keys(&rows, 1, UsageDimension::Image);
    assert_eq!(images["/hero.jpg"].requests, 3);
    assert_eq!(images["/huge.jpg"].bytes, 5_000);
    assert!(images.len() <= 2 * KEYS_PER_FLUSH + 1, "{}", images.len());
    assert_eq!(requests(&images), 5_004);
    assert!(images[""].requests > 4_000);
}

#[test]
fn a_crawler_does_not_make_more_rows_by_going_on() {
    let counter = UsageCounter::default();
    let mut ranking = Ranking::default();
    let mut named = std::collections::BTreeSet::new();
    let mut sum = 0;
    for flush in 0..20 {
        for number in 0..MAX_KEYS {
            let path = format!("/{flush}/{number}.jpg");
            counter.count(answered(1), &delivered(1, &path));
        }
        counter.count(answered(1), &delivered(1, "/0/0.jpg"));
        let images = keys(&rows_of(&counter, &mut ranking), 1, UsageDimension::Image);
        sum += requests(&images);
        named.extend(images.into_keys());
    }
    assert_eq!(named.len(), KEYS_PER_HOUR + 1);
    assert_eq!(sum, i64::try_from(20 * (MAX_KEYS + 1)).unwrap());
}

#[test]
fn a_flood_of_one_tenants_keys_leaves_room_for_anothers() {
    let counter = UsageCounter::default();
    let long = "x".repeat(900);
    for tenant in 1..=60 {
        for number in 0..MAX_KEYS {
            let path = format!("/{long}/{number}.jpg");
            counter.count(answered(1), &delivered(tenant, &path));
        }
    }
    assert!(counter.key_bytes.load(Ordering::Relaxed) <= MAX_KEY_BYTES);
    for number in 0..GUARANTEED_KEYS {
        counter.count(answered(1), &delivered(61, &format!("/{number}.jpg")));
    }
    let rows = rows_of(&counter, &mut Ranking::default());
    assert_eq!(counter.key_bytes.load(Ordering::Relaxed), 0);
    let images = keys(&rows, 61, UsageDimension::Image);
    assert_eq!(images.len(), GUARANTEED_KEYS);
    assert!(!images.contains_key(""));
    let crowded = keys(&rows, 60, UsageDimension::Image);
    assert_eq!(requests(&crowded), i64::try_from(MAX_KEYS).unwrap());
}

#[test]
fn an_outage_of_any_length_keeps_the_sum_and_bounds_the_hours() {
    let counter = UsageCounter::default();
    let hours = 3 * MAX_TENANT_HOURS / SHARDS;
    for hour in 0..hours {
        let later = chrono::TimeDelta::hours(i64::try_from(hour).unwrap());
        let answered = Answered {
            at: at("2026-11-27T09:00:00Z") + later,
            ..answered(2)
        };
        counter.count(answered, &delivered(1, "/a.jpg"));
    }
    let taken = counter.take();
    assert_eq!(taken.len(), MAX_TENANT_HOURS / SHARDS);
    let rows = Ranking::default().rows(&taken);
    let sum: i64 = rows.cells.iter().map(|cell| cell.counts.requests).sum();
    assert_eq!(sum, i64::try_from(hours).unwrap());
}

#[test]
fn what_is_no_image_is_listed_apart_and_credentials_nowhere() {
    let counter = UsageCounter::default();
    let pdf = Answered {
        format: DeliveredFormat::Pdf,
        ..answered(1)
    };
    let missing = Answered {
        status: 404,
        format: DeliveredFormat::PlainText,
        ..answered(9)
    };
    counter.count(pdf, &delivered(1, "/a.pdf"));
    counter.count(answered(1), &delivered(1, "/https://u:p@h.example/b.jpg"));
    counter.count(missing, &delivered(1, "/none.jpg"));
    let rows = rows_of(&counter, &mut Ranking::default());
    let names = |dimension| {
        keys(&rows, 1, dimension)
            .into_keys()
            .collect::<Vec<String>>()
    };
    assert_eq!(names(UsageDimension::OtherAsset), ["/a.pdf"]);
    assert_eq!(
        names(UsageDimension::Image),
        ["/https://REDACTED@h.example/b.jpg"]
    );
    let agents = keys(&rows, 1, UsageDimension::UserAgent);
    assert_eq!(requests(&agents), 3);
}

/// Prints what one request costs, for `docs/PERFORMANCE.md`: run it alone with `--nocapture`.
#[test]
fn a_million_requests_with_known_keys_are_all_counted() {
    let counter = UsageCounter::default();
    let paths: Vec<Delivered> = (0..500)
        .map(|number| {
            let mut delivered = delivered(number % 20, &format!("/photos/{number}/picture.jpg"));
            delivered.user_agent = Some(format!(
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36",
                120 + number % 10
            ));
            delivered
        })
        .collect();
    for delivered in &paths {
        counter.count(answered(1), delivered);
    }
    let rounds = 2_000;
    let started = std::time::Instant::now();
    for _ in 0..rounds {
        for delivered in &paths {
            counter.count(answered(1), delivered);
        }
    }
    let each = started.elapsed().as_nanos() / (rounds * 500);
    println!("{each} ns per request");
    let rows = rows_of(&counter, &mut Ranking::default());
    let sum: i64 = rows.cells.iter().map(|cell| cell.counts.requests).sum();
    assert_eq!(sum, 2_001 * 500);
}

/// Rows in an order of their own: what is counted in maps comes in any.
fn in_order(parts: Vec<UsageRows>) -> (Vec<String>, Vec<String>) {
    let mut cells = Vec::new();
    let mut tops = Vec::new();
    for part in parts {
        cells.extend(part.cells.iter().map(|cell| format!("{cell:?}")));
        tops.extend(part.tops.iter().map(|top| format!("{top:?}")));
    }
    cells.sort_unstable();
    tops.sort_unstable();
    (cells, tops)
}

/// Prints what putting counts on disk costs beside requests, for `docs/PERFORMANCE.md`: run it alone with `--nocapture`.
#[test]
fn what_is_kept_on_disk_gives_the_same_rows_in_another_run() {
    let counter = Arc::new(UsageCounter::default());
    let mut gathered = GatheredUsage::of(Arc::clone(&counter));
    let keys = 20_000_u32;
    for number in 0..keys {
        let tenant = i64::from(number % 50);
        let bytes = u64::from(number % 97);
        counter.count(
            answered(bytes),
            &delivered(tenant, &format!("/{number}.jpg")),
        );
    }
    let started = std::time::Instant::now();
    let kept = gathered.unsent();
    let gathered_in = started.elapsed();
    println!("{keys} keys gathered in {gathered_in:?}");
    // What is kept is no longer in the counter and still counts.
    counter.count(
        answered(5),
        &delivered(1, "/https://u:p@h.example/late.jpg"),
    );
    let kept_later = gathered.unsent();
    assert_eq!(kept.cells.len(), kept_later.cells.len());
    let text = format!("{kept_later:?}");
    assert!(text.contains("REDACTED@h.example/late.jpg") && !text.contains("u:p@"));

    let now = at("2026-11-27T10:00:00Z");
    let rows = in_order(gathered.take(now));
    let mut next = GatheredUsage::of(Arc::new(UsageCounter::default()));
    assert_eq!(in_order(next.left(kept_later)), rows);
    assert!(gathered.take(now).is_empty() && next.take(now).is_empty());
}

#[test]
fn what_is_held_between_flushes_keeps_the_bounds_of_the_counter() {
    let counter = Arc::new(UsageCounter::default());
    let mut gathered = GatheredUsage::of(Arc::clone(&counter));
    for second in 0..20 {
        for number in 0..MAX_KEYS {
            let path = format!("/{second}/{number}.jpg");
            counter.count(answered(1), &delivered(1, &path));
        }
        let kept = gathered.unsent();
        let images = keys(&kept, 1, UsageDimension::Image);
        assert!(images.len() <= MAX_KEYS + 1, "{}", images.len());
        assert_eq!(
            requests(&images),
            i64::try_from((second + 1) * MAX_KEYS).unwrap()
        );
    }
}
