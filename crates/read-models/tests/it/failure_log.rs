//! Lists, single events, attempts.

use chrono::TimeDelta;
use limpid_domain::failure::FailureEvent;
use limpid_domain::ids::{EventId, NodeId, TenantId};
use limpid_read_models::failure_log::{Cursor, attempts, event, events};
use limpid_read_models::filter::FailureFilter;
use limpid_testkit::failures::FailureGenerator;

use crate::failures::{TENANT, database, filters, matching, store, window, with_failures};

/// Newest first, as the list is.
fn newest_first<'a>(events: impl Iterator<Item = &'a FailureEvent>) -> Vec<FailureEvent> {
    let mut events: Vec<_> = events.cloned().collect();
    events.sort_by_key(|event| std::cmp::Reverse((event.occurred_at, event.event_id)));
    events
}

#[tokio::test]
async fn pages_hold_every_event_once_and_whole() {
    let (database, all) = with_failures(11).await;
    for filter in filters(&all) {
        let mut tx = database.tenant_tx(TENANT).await.unwrap();
        let mut found = Vec::new();
        let mut cursor: Option<Cursor> = None;
        loop {
            let page = events(&mut tx, &filter, cursor.as_ref(), 73).await.unwrap();
            assert!(page.events.len() <= 73);
            found.extend(page.events.into_iter().map(|stored| stored.event));
            let Some(next) = page.next else { break };
            cursor = Some(Cursor::parse(&next.to_string(), &filter).unwrap());
        }
        assert_eq!(found, newest_first(matching(&all, &filter)), "{filter:?}");
    }
}

#[tokio::test]
async fn paging_goes_on_where_it_was_while_new_failures_arrive() {
    let (database, all) = with_failures(12).await;
    let filter = FailureFilter::all(window("2026-11-20T05:00:00Z", "2026-11-22T05:00:00Z"));
    let mut tx = database.tenant_tx(TENANT).await.unwrap();
    let first = events(&mut tx, &filter, None, 50).await.unwrap();
    tx.commit().await.unwrap();
    // The reader's "last 48 hours" moved on, and so did the failures.
    let later = FailureFilter::all(window("2026-11-20T06:00:00Z", "2026-11-22T06:00:00Z"));
    let cursor = Cursor::parse(&first.next.unwrap().to_string(), &later).unwrap();
    let mut tx = database.tenant_tx(TENANT).await.unwrap();
    let second = events(&mut tx, &later, Some(&cursor), 50).await.unwrap();
    assert_eq!(second.window, filter.window);
    let expected = newest_first(matching(&all, &filter));
    let found: Vec<_> = second
        .events
        .into_iter()
        .map(|stored| stored.event)
        .collect();
    assert_eq!(found, expected[50..100]);
}

#[tokio::test]
async fn an_event_is_found_by_its_id_by_its_tenant_only() {
    let (database, all) = with_failures(13).await;
    let wanted = all
        .iter()
        .find(|event| event.tenant_id == TENANT && event.detail.is_some())
        .unwrap();
    let mut tx = database.tenant_tx(TENANT).await.unwrap();
    let found = event(&mut tx, wanted.event_id).await.unwrap().unwrap();
    assert_eq!(&found.event, wanted);
    assert_eq!(event(&mut tx, EventId::mint()).await.unwrap(), None);
    tx.commit().await.unwrap();
    let mut tx = database.tenant_tx(TenantId(2)).await.unwrap();
    assert_eq!(event(&mut tx, wanted.event_id).await.unwrap(), None);
}

#[tokio::test]
async fn an_event_whose_id_was_minted_much_later_is_still_found() {
    let database = database().await;
    let start = crate::failures::at("2026-11-21T10:00:00Z");
    let mut generator = FailureGenerator::new(14, start, TimeDelta::minutes(1));
    generator.tenants = 1;
    for hours in [0, 1, 20] {
        let mut late = generator.event();
        late.occurred_at -= TimeDelta::hours(hours);
        store(&database, NodeId(100 + hours), std::slice::from_ref(&late)).await;
        let mut tx = database.tenant_tx(TENANT).await.unwrap();
        let found = event(&mut tx, late.event_id).await.unwrap().unwrap();
        assert_eq!(found.event, late);
    }
}

#[tokio::test]
async fn the_attempts_of_a_request_are_found_in_order() {
    let database = database().await;
    let start = crate::failures::at("2026-11-21T10:00:00Z");
    let mut generator = FailureGenerator::new(15, start, TimeDelta::seconds(20));
    generator.tenants = 1;
    let mut request = generator.take(3);
    let request_id = request[0].request_id;
    for (attempt, event) in (1..).zip(&mut request) {
        event.attempt = attempt;
        event.request_id = request_id;
    }
    store(&database, NodeId(1), &generator.take(50)).await;
    store(
        &database,
        NodeId(2),
        &[request[2].clone(), request[0].clone(), request[1].clone()],
    )
    .await;
    let mut tx = database.tenant_tx(TENANT).await.unwrap();
    let found = attempts(&mut tx, &request[1]).await.unwrap();
    let found: Vec<_> = found.into_iter().map(|stored| stored.event).collect();
    assert_eq!(found, request);
}
