//! The database goes away and comes back: images are served, failures recorded, each exactly once.

use limpid_event_store::Database;
use limpid_testkit::database::TestCluster;

use crate::stack::Stack;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_counted_twice_while_the_database_is_down() {
    let mut cluster = TestCluster::start();
    Database::migrate(cluster.url()).await.unwrap();
    let stack = Stack::start_on(cluster.url(), |_| {}).await;
    assert_eq!(stack.get("/demo/counted/before.jpg").await.status, 404);
    stack
        .summary_when(|summary| summary.client_visible == 1)
        .await;

    cluster.crash();
    for number in 0..50 {
        let image = stack
            .get(&format!("/demo/tr:w-{}/photo.jpg", 20 + number))
            .await;
        assert_eq!(image.status, 200);
        let failed = stack
            .get(&format!("/demo/counted/during-{number}.jpg"))
            .await;
        assert_eq!(failed.status, 404);
        assert_eq!(failed.header("ik-event-id").len(), 36);
    }
    let ready = stack.get("/readyz").await;
    assert_eq!(ready.status, 200);

    cluster.restart();
    let summary = stack
        .summary_when(|summary| summary.client_visible >= 51)
        .await;
    assert_eq!((summary.client_visible, summary.attempts), (51, 51));
    assert_eq!(stack.get("/demo/counted/after.jpg").await.status, 404);
    let summary = stack
        .summary_when(|summary| summary.client_visible >= 52)
        .await;
    assert_eq!(summary.client_visible, 52);
    let database = stack.database.clone();
    stack.node.stop().await;
    database.close().await;
}
