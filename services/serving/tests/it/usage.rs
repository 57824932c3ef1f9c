//! Usage: every answered request is counted once, whatever happens to the database and the node.

use chrono::TimeDelta;
use limpid_domain::clock::Clock;
use limpid_domain::ids::{TenantId, UrlEndpointNo};
use limpid_domain::usage::{CacheResult, DeliveredFormat, UsageCounts, UsageDimension};
use limpid_event_store::Database;
use limpid_event_store::spool::SpoolConfig;
use limpid_read_models::delivery_usage::{self, TopKey, UsageCell, hours_around};
use limpid_read_models::filter::Window;
use limpid_testkit::database::TestCluster;

use crate::client;
use crate::stack::{Node, Stack, eventually};

/// What the database knows of a tenant.
struct Stored {
    cells: Vec<UsageCell>,
    tops: Vec<TopKey>,
}

impl Stored {
    async fn read(database: &Database, tenant_id: TenantId) -> Option<Self> {
        let now = Clock::system().now();
        let window = hours_around(Window {
            from: now - TimeDelta::hours(2),
            to: now + TimeDelta::hours(1),
        });
        let mut tx = database.tenant_tx(tenant_id).await.ok()?;
        Some(Self {
            cells: delivery_usage::usage(&mut tx, window).await.ok()?,
            tops: delivery_usage::tops(&mut tx, window, 100).await.ok()?,
        })
    }

    fn requests_where(&self, holds: impl Fn(&UsageCell) -> bool) -> i64 {
        let cells = self.cells.iter().filter(|cell| holds(cell));
        cells.map(|cell| cell.counts.requests).sum()
    }

    fn requests(&self) -> i64 {
        self.requests_where(|_| true)
    }

    fn keys(&self, dimension: UsageDimension) -> Vec<(&str, UsageCounts)> {
        let tops = self.tops.iter().filter(|top| top.dimension == dimension);
        tops.map(|top| (top.key.as_str(), top.counts)).collect()
    }
}

/// Waits until this many requests are counted; more would be found out, too, because nothing is counted late.
async fn counted(database: &Database, tenant_id: TenantId, requests: i64) -> Stored {
    let stored = eventually("the usage to be stored", async || {
        let stored = Stored::read(database, tenant_id).await?;
        (stored.requests() >= requests).then_some(stored)
    })
    .await;
    assert_eq!(stored.requests(), requests);
    stored
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story, told in one piece")]
async fn known_requests_are_counted_exactly_with_all_that_is_told_of_them() {
    let stack = Stack::start().await;
    let from_shop = [
        ("referer", "https://Shop.example/cats?x=1"),
        ("user-agent", "curl/8.5.0"),
    ];
    let first = stack
        .request("GET", "/demo/tr:w-50,h-50/photo.jpg", &from_shop)
        .await;
    let second = stack
        .request("GET", "/demo/tr:w-50,h-50/photo.jpg", &from_shop)
        .await;
    let etag = first.header("etag").to_owned();
    let known = [("if-none-match", etag.as_str())];
    let unchanged = stack
        .request("GET", "/demo/tr:w-50,h-50/photo.jpg", &known)
        .await;
    let head = stack
        .request("HEAD", "/demo/tr:w-50,h-50/photo.jpg", &[])
        .await;
    let missing = stack.get("/demo/none.jpg").await;
    let again = stack.get("/demo/none.jpg").await;
    let refused = stack.get("/demo/tr:w-abc/photo.jpg").await;
    let nobody = stack.get("/nobody/photo.jpg").await;
    let health = stack.get("/livez").await;
    let statuses = [&first, &second, &unchanged, &head, &missing, &again];
    assert_eq!(
        statuses.map(|answer| answer.status),
        [200, 200, 304, 200, 404, 404]
    );
    assert_eq!(
        (refused.status, nobody.status, health.status),
        (400, 404, 200)
    );

    let stored = counted(&stack.database, stack.tenant_id(), 7).await;
    for (cache, requests) in [
        (CacheResult::Miss, 2),
        (CacheResult::Hit, 3),
        (CacheResult::Negative, 1),
        (CacheResult::NotAsked, 1),
    ] {
        let found = stored.requests_where(|cell| cell.cache == cache);
        assert_eq!(found, requests, "{cache:?}");
    }
    for (status, requests) in [(200, 3), (304, 1), (404, 2), (400, 1)] {
        let found = stored.requests_where(|cell| cell.status == status);
        assert_eq!(found, requests, "{status}");
    }
    let images = stored.requests_where(|cell| cell.format == DeliveredFormat::Jpeg);
    assert_eq!(images, 4);
    assert_eq!(
        stored.requests_where(|cell| cell.endpoint_no == UrlEndpointNo::NONE),
        0
    );
    let bodies = [&first, &second, &unchanged, &missing, &again, &refused];
    let sent: usize = bodies.iter().map(|answer| answer.body.len()).sum();
    let bytes: i64 = stored.cells.iter().map(|cell| cell.counts.bytes).sum();
    assert_eq!(bytes, i64::try_from(sent).unwrap());
    let delivered = UsageCounts {
        requests: 4,
        bytes: i64::try_from(2 * first.body.len()).unwrap(),
    };
    assert_eq!(
        stored.keys(UsageDimension::Image),
        [("/photo.jpg", delivered)]
    );
    assert_eq!(
        stored.keys(UsageDimension::ImageTransformation),
        [("w-50,h-50", delivered)]
    );
    let from_shop = UsageCounts {
        requests: 2,
        ..delivered
    };
    assert_eq!(
        stored.keys(UsageDimension::Referrer),
        [("shop.example", from_shop)]
    );
    assert_eq!(
        stored.keys(UsageDimension::UserAgent),
        [("curl/8.5.0", from_shop)]
    );
    assert_eq!(stored.keys(UsageDimension::Browser), [("curl", from_shop)]);

    let stranger = stack.database.new_tenant_tx().await.unwrap();
    let stranger_id = stranger.tenant_id();
    stranger.commit().await.unwrap();
    let seen = Stored::read(&stack.database, stranger_id).await.unwrap();
    assert!(seen.cells.is_empty() && seen.tops.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_lost_or_counted_twice_while_the_database_is_down() {
    let mut cluster = TestCluster::start();
    Database::migrate(cluster.url()).await.unwrap();
    let stack = Stack::start_on(cluster.url(), |_| {}).await;
    let (database, tenant_id) = (stack.database.clone(), stack.tenant_id());
    assert_eq!(stack.get("/demo/photo.jpg").await.status, 200);
    counted(&database, tenant_id, 1).await;

    cluster.crash();
    for number in 0..50 {
        let answer = stack
            .get(&format!("/demo/tr:w-{}/photo.jpg", 20 + number % 5))
            .await;
        assert_eq!(answer.status, 200);
    }
    cluster.restart();
    counted(&database, tenant_id, 51).await;
    assert_eq!(stack.get("/demo/photo.jpg").await.status, 200);
    let stored = counted(&database, tenant_id, 52).await;
    let images = stored.keys(UsageDimension::Image);
    assert_eq!(images.len(), 1);
    assert_eq!(images[0].1.requests, 52);
    stack.node.stop().await;
    database.close().await;
}

#[tokio::test]
async fn a_restarted_node_and_a_second_one_add_to_the_same_numbers() {
    // So long an interval that only stopping stores anything.
    let stack = Stack::start_with(|config| {
        config.usage_interval = std::time::Duration::from_hours(1);
    })
    .await;
    let (database, tenant_id) = (stack.database.clone(), stack.tenant_id());
    let config = stack.config.clone();
    assert_eq!(stack.get("/demo/photo.jpg").await.status, 200);
    stack.node.stop().await;
    counted(&database, tenant_id, 1).await;

    let directory = tempfile::tempdir().unwrap();
    let mut beside = config.clone();
    beside.spool = SpoolConfig::new(directory.path().join("spool"));
    beside.snapshot_path = directory.path().join("snapshot");
    let (again, beside) = (Node::start(config).await, Node::start(beside).await);
    for node in [&again, &beside, &beside] {
        let answer = client::get(node.address, "/demo/photo.jpg").await;
        assert_eq!(answer.status, 200);
    }
    again.stop().await;
    beside.stop().await;
    let stored = counted(&database, tenant_id, 4).await;
    let images = stored.keys(UsageDimension::Image);
    assert_eq!(images.len(), 1);
    assert_eq!(images[0].1.requests, 4);
    assert_eq!(
        stored.requests_where(|cell| cell.cache == CacheResult::Miss),
        3
    );
}
