//! One account's questions do not hold up another's.

use std::time::Duration;

use http::Method;
use limpid_event_store::{Database, DatabaseOptions};
use limpid_testkit::database::TestDatabase;
use tokio::task::JoinSet;

use crate::dashboard::Dashboard;

const GROUPS: &str = "/dashboard/v1/origin-errors/groups";
const EVENTS: &str = "/dashboard/v1/origin-errors/events";
/// What may run and wait of one account.
const RUNNING_AND_WAITING: usize = 4 + 16;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_questions_of_one_account_leave_room_for_another() {
    // A pool of five: were more than four of one account at work, nobody else would get a connection.
    let (test, dashboard) = start(Duration::from_mins(1)).await;
    let busy = dashboard.account("busy").await;
    let other = dashboard.account("other").await;
    let lock = TableLock::take(&test).await;
    let mut questions = JoinSet::new();
    for _ in 0..50 {
        questions.spawn(busy.call(Method::GET, GROUPS).send());
    }
    for _ in RUNNING_AND_WAITING..50 {
        let refused = questions.join_next().await.unwrap().unwrap();
        assert_eq!(refused.expect(429)["code"], "too-many-questions");
        assert_eq!(refused.header("retry-after"), "1");
    }
    // Whatever else is a question has no room either.
    for question in [
        "/dashboard/v1/origins/health",
        "/dashboard/v1/expiries",
        "/dashboard/v1/alerts",
        "/dashboard/v1/changes",
        "/dashboard/v1/purges",
    ] {
        let refused = busy.get(question).await;
        assert_eq!(
            refused.expect(429)["code"],
            "too-many-questions",
            "{question}"
        );
    }
    // All that may be at work or waiting is, and what it waits for is the lock.
    other.get(EVENTS).await.expect(200);
    assert_eq!(questions.len(), RUNNING_AND_WAITING);
    lock.release().await;
    while let Some(answer) = questions.join_next().await {
        answer.unwrap().expect(200);
    }
    busy.get(EVENTS).await.expect(200);
}

#[tokio::test]
async fn a_question_that_takes_too_long_is_answered_so_and_not_repeated() {
    let (test, dashboard) = start(Duration::from_millis(500)).await;
    let account = dashboard.account("acme").await;
    // A view that sleeps stands in for more rows than can be read in time.
    let owner = pool(&test, Duration::from_secs(5)).await;
    let mut tx = owner.owner_tx().await.unwrap();
    sqlx::raw_sql(
        "alter table annotation rename to annotation_rows;
         create view annotation with (security_invoker = true) as select * from annotation_rows where pg_sleep(5) is not null;
         grant select on annotation to limpid_tenant;
         insert into annotation_rows (tenant_id, annotation_id, at, note, author)
         select tenant_id, gen_random_uuid(), now(), 'a note', 'nobody' from tenant_head",
    )
    .execute(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let slow = account.get("/dashboard/v1/annotations").await;
    let problem = slow.expect(504);
    assert_eq!(problem["code"], "question-too-large");
    assert_eq!(slow.header("x-should-retry"), "false");
    account.get(EVENTS).await.expect(200);
}

/// Keeps everybody from reading the table of groups until it is released.
struct TableLock(sqlx::Transaction<'static, sqlx::Postgres>);

/// A dashboard whose statements may take this long.
async fn start(statement_timeout: Duration) -> (TestDatabase, Dashboard) {
    let test = TestDatabase::migrated(|url| async move {
        Database::migrate(&url).await.unwrap();
    });
    let test = test.await;
    let dashboard = Dashboard::start_on(pool(&test, statement_timeout).await).await;
    (test, dashboard)
}

async fn pool(test: &TestDatabase, statement_timeout: Duration) -> Database {
    let options = DatabaseOptions {
        statement_timeout,
        ..DatabaseOptions::default()
    };
    Database::connect(test.url(), &options).await.unwrap()
}

impl TableLock {
    async fn take(test: &TestDatabase) -> Self {
        // A connection of its own: the dashboard's pool is what is being tested.
        let database = pool(test, Duration::from_mins(1)).await;
        let mut connection = database.owner_tx().await.unwrap();
        sqlx::raw_sql("lock table failure_group in access exclusive mode")
            .execute(&mut *connection)
            .await
            .unwrap();
        Self(connection)
    }

    async fn release(self) {
        self.0.rollback().await.unwrap();
    }
}
