//! Health of origins as a node observes it: fetches, certificates, signatures, and groups that are over because their files are served.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_dashboard_api::commands::{ReplaceOrigin, replace_origin};
use limpid_domain::clock::Clock;
use limpid_domain::expiry::days_left;
use limpid_domain::failure::Reason;
use limpid_domain::failure_group::GroupState;
use limpid_domain::ids::{GroupId, OriginId};
use limpid_event_store::Database;
use limpid_read_models::delivery_usage::hours_around;
use limpid_read_models::failure_groups::{group, pass_time, project};
use limpid_read_models::filter::Window;
use limpid_read_models::origin_health::{Fetches, OriginHealth, origin_hours, origins_health};
use limpid_testkit::database::TestCluster;
use limpid_testkit::fake_origin::script::{PHOTO_JPEG, Script};
use limpid_testkit::tls_origin::{CertificateKind, TestAuthority};
use serde_json::json;

use crate::stack::{Stack, eventually, origin_draft, web_folder};

/// What is known of one origin, once `is_right` says so.
async fn health_when(
    stack: &Stack,
    origin: OriginId,
    is_right: impl Fn(&OriginHealth, &Fetches) -> bool + Send + Sync,
) -> (OriginHealth, Fetches) {
    eventually("the observations to be stored", async || {
        let mut tx = stack.database.tenant_tx(stack.tenant_id()).await.ok()?;
        let rows = origins_health(&mut tx).await.ok()?;
        let row = rows.into_iter().find(|row| row.origin_id == origin)?;
        let now = Clock::system().now();
        let window = hours_around(Window {
            from: now - TimeDelta::hours(2),
            to: now + TimeDelta::hours(1),
        });
        let mut fetches = Fetches::default();
        for hour in origin_hours(&mut tx, window).await.ok()? {
            if hour.origin_id == origin {
                fetches.add(&hour.fetches);
            }
        }
        is_right(&row, &fetches).then_some((row, fetches))
    })
    .await
}

async fn only_origin(stack: &Stack) -> OriginId {
    let mut tx = stack.database.tenant_tx(stack.tenant_id()).await.unwrap();
    let origins = limpid_read_models::delivery_config::origins(&mut tx).await;
    origins.unwrap().first().unwrap().id
}

#[tokio::test]
async fn every_fetch_is_counted_once_by_how_it_ended() {
    let stack = Stack::start().await;
    let origin = only_origin(&stack).await;
    stack
        .origin
        .answer("/broken.jpg", Script::response(500, &[], b"no"));
    for target in [
        "/demo/photo.jpg",
        "/demo/tr:w-20/photo.jpg",
        "/demo/tr:w-20/photo.jpg",
        "/demo/none.jpg",
        "/demo/none.jpg",
        "/demo/broken.jpg",
    ] {
        stack.get(target).await;
    }
    // The row and the hours are read by two statements: a flush may come between them.
    let (row, fetches) = health_when(&stack, origin, |row, fetches| {
        fetches.total() >= 4 && row.last_failure_reason.is_some()
    })
    .await;
    // Two variants are two fetches; a cached answer and a repeated failure are none.
    assert_eq!(
        (fetches.successes, fetches.file_faults, fetches.failures),
        (2, 1, 1)
    );
    assert_eq!(row.consecutive_failures, 1);
    assert_eq!(row.last_failure_reason, Some(Reason::OriginServerError));
    assert!(row.last_success_at < row.last_failure_at);
    assert_eq!((row.certificate, row.credential), (None, None));
    assert!(fetches.latency.quantile_us(95).is_some());
    let stranger = stack.database.new_tenant_tx().await.unwrap();
    let stranger_id = stranger.tenant_id();
    stranger.commit().await.unwrap();
    let mut tx = stack.database.tenant_tx(stranger_id).await.unwrap();
    assert_eq!(origins_health(&mut tx).await.unwrap(), []);
}

#[tokio::test]
async fn the_end_of_a_servers_certificate_is_known_after_the_first_fetch() {
    let authority = TestAuthority::new();
    let tls = authority
        .start_origin("localhost", CertificateKind::Ending(5))
        .await;
    let root = authority.root();
    let stack = Stack::start_with(|config| config.origins.extra_roots = vec![root]).await;
    let base = format!("https://localhost:{}", tls.addr().port());
    let origin = stack.add_origin(web_folder("tls", &base)).await;
    stack.add_endpoint("tls", &[origin]).await;
    assert_eq!(stack.get("/demo/tls/photo.jpg").await.status, 200);
    let (row, _) = health_when(&stack, origin, |row, _| row.certificate.is_some()).await;
    let (end, seen_at) = row.certificate.unwrap();
    let now = Clock::system().now();
    assert_eq!(days_left(end, now), 5);
    assert!(now - seen_at < TimeDelta::minutes(5));
}

#[tokio::test]
async fn the_end_of_a_signature_is_known_before_anything_is_fetched_and_follows_its_replacement() {
    let stack = Stack::start().await;
    let body = |end: &str| {
        json!({"type": "AZURE_BLOB", "name": "Blobs", "accountName": "account", "container": "photos",
            "sasToken": format!("?sv=2022-11-02&se={end}&sp=r&sig=abc")})
    };
    let origin = stack.add_origin(body("2027-01-05T10%3A00%3A00Z")).await;
    stack.add_endpoint("blobs", &[origin]).await;
    let (row, _) = health_when(&stack, origin, |row, _| row.credential.is_some()).await;
    let (end, version) = row.credential.unwrap();
    let expected: DateTime<Utc> = "2027-01-05T10:00:00Z".parse().unwrap();
    assert_eq!((end, version.0), (expected, 1));
    let replaced = replace_origin(
        &stack.context(),
        stack.tenant_id(),
        ReplaceOrigin {
            id: origin,
            draft: origin_draft(body("2028-01-05")),
            expected: None,
        },
    )
    .await
    .unwrap();
    let (row, _) = health_when(&stack, origin, |row, _| {
        row.credential_end_of(replaced.version).is_some()
    })
    .await;
    let expected: DateTime<Utc> = "2028-01-05T00:00:00Z".parse().unwrap();
    assert_eq!(row.credential.map(|(end, _)| end), Some(expected));
}

#[tokio::test]
async fn a_file_that_failed_and_is_served_again_resolves_its_group() {
    // The node's clock is two hours late, so that what the database says of the node lies after everything.
    let clock = Clock::fixed(Clock::system().now() - TimeDelta::hours(2));
    let of_node = clock.clone();
    let stack = Stack::start_with(|config| config.clock = of_node).await;
    let failed = stack.get("/demo/shop/a.jpg").await;
    let event = stack.event_of(&failed).await;
    for _ in 0..30 {
        assert_eq!(stack.get("/demo/shop/a.jpg").await.status, 404);
    }
    let state = async || {
        project(&stack.database).await.ok()?;
        pass_time(&stack.database, clock.now()).await.ok()??;
        let mut tx = stack.database.tenant_tx(stack.tenant_id()).await.ok()?;
        let found = group(&mut tx, GroupId(event.fingerprint())).await.ok()??;
        (found.occurrences >= 1).then_some(found.life.state)
    };
    assert_eq!(eventually("the group", &state).await, GroupState::New);

    clock.advance(TimeDelta::minutes(20));
    let there = Script::ok("image/jpeg", PHOTO_JPEG);
    stack.origin.answer("/shop/a.jpg", there.clone());
    let origin = only_origin(&stack).await;
    assert_eq!(stack.get("/demo/shop/a.jpg").await.status, 200);
    health_when(&stack, origin, |_, fetches| fetches.successes == 1).await;
    assert_eq!(state().await, Some(GroupState::New), "one proves nothing");
    for width in 1..=9 {
        let answer = stack.get(&format!("/demo/tr:w-{width}/shop/a.jpg")).await;
        assert_eq!(answer.status, 200);
    }
    // Successes count by five minutes, once all failures of that time are known.
    clock.advance(TimeDelta::minutes(5));
    eventually("the group to be resolved", async || {
        (state().await? == GroupState::Resolved).then_some(())
    })
    .await;

    clock.advance(TimeDelta::minutes(1));
    assert_eq!(stack.get("/demo/shop/b.jpg").await.status, 404);
    eventually("the group to come back", async || {
        (state().await? == GroupState::Regressed).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fetch_is_lost_or_counted_twice_while_the_database_is_down() {
    let mut cluster = TestCluster::start();
    Database::migrate(cluster.url()).await.unwrap();
    let stack = Stack::start_on(cluster.url(), |_| {}).await;
    let origin = only_origin(&stack).await;
    assert_eq!(stack.get("/demo/photo.jpg").await.status, 200);
    health_when(&stack, origin, |_, fetches| fetches.successes == 1).await;
    cluster.crash();
    for width in 1..=40 {
        let answer = stack.get(&format!("/demo/tr:w-{width}/photo.jpg")).await;
        assert_eq!(answer.status, 200);
    }
    cluster.restart();
    let (_, fetches) = health_when(&stack, origin, |_, fetches| fetches.successes >= 41).await;
    assert_eq!(fetches.successes, 41);
    stack.node.stop().await;
    stack.database.close().await;
}
