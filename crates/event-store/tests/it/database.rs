//! Connections, roles, migrations.

use std::time::{Duration, Instant};

use futures::future::join_all;
use limpid_domain::ids::TenantId;
use limpid_event_store::{Database, DatabaseOptions, StoreError};
use limpid_testkit::database::TestDatabase;
use sqlx::AssertSqlSafe;

use crate::fresh;

#[tokio::test]
async fn several_programs_may_migrate_the_same_and_other_databases_at_once() {
    let databases = join_all((0..3).map(|_| TestDatabase::new())).await;
    let runs = databases.iter().flat_map(|test| [test.url(), test.url()]);
    for outcome in join_all(runs.map(Database::migrate)).await {
        outcome.unwrap();
    }
    for test in &databases {
        Database::migrate(test.url()).await.unwrap();
    }
}

#[tokio::test]
async fn no_connection_runs_with_rights_that_pass_row_level_security() {
    let (_test, database) = fresh().await;
    let question = "select current_user::text, rolsuper or rolbypassrls from pg_roles where rolname = current_user";
    let mut service = database.service().await.unwrap();
    let as_service: (String, bool) = sqlx::query_as(question)
        .fetch_one(&mut *service)
        .await
        .unwrap();
    assert_eq!(as_service, ("limpid_service".to_owned(), false));
    let mut tx = database.tenant_tx(TenantId(1)).await.unwrap();
    let as_tenant: (String, bool) = sqlx::query_as(question)
        .fetch_one(tx.as_conn())
        .await
        .unwrap();
    assert_eq!(as_tenant, ("limpid_tenant".to_owned(), false));
}

#[tokio::test]
async fn a_connection_forgets_its_tenant_with_the_transaction() {
    let test = TestDatabase::new().await;
    Database::migrate(test.url()).await.unwrap();
    let options = DatabaseOptions {
        max_connections: 1,
        ..DatabaseOptions::default()
    };
    let database = Database::connect(test.url(), &options).await.unwrap();
    for end_by_commit in [true, false] {
        let tx = database.tenant_tx(TenantId(7)).await.unwrap();
        if end_by_commit {
            tx.commit().await.unwrap();
        } else {
            drop(tx);
        }
        let mut conn = database.service().await.unwrap();
        let left: (String, Option<String>) = sqlx::query_as(
            "select current_user::text, nullif(current_setting('app.tenant_id', true), '')",
        )
        .fetch_one(&mut *conn)
        .await
        .unwrap();
        assert_eq!(left, ("limpid_service".to_owned(), None));
    }
}

#[tokio::test]
async fn a_database_that_is_not_there_is_unavailable_within_the_time_out() {
    let nobody = "postgres://limpid@127.0.0.1:1/limpid";
    let options = DatabaseOptions {
        acquire_timeout: Duration::from_millis(200),
        ..DatabaseOptions::default()
    };
    let database = Database::lazy(nobody, &options).unwrap();
    let asked = Instant::now();
    let refused = database.ping().await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
    assert!(refused.is_transient());
    assert!(asked.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn an_exhausted_pool_is_unavailable_and_not_a_hang() {
    let (test, _database) = fresh().await;
    let options = DatabaseOptions {
        max_connections: 1,
        acquire_timeout: Duration::from_millis(100),
        ..DatabaseOptions::default()
    };
    let database = Database::connect(test.url(), &options).await.unwrap();
    let _held = database.service().await.unwrap();
    let refused = database.tenant_tx(TenantId(1)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
}

#[tokio::test]
async fn a_malformed_address_is_not_an_outage() {
    let refused = Database::lazy("not a url", &DatabaseOptions::default()).unwrap_err();
    assert!(!refused.is_transient());
}

#[tokio::test]
async fn a_request_that_is_given_up_leaves_no_role_behind_on_its_connection() {
    let (test, _) = fresh().await;
    let options = DatabaseOptions {
        max_connections: 1,
        ..DatabaseOptions::default()
    };
    let database = Database::lazy(test.url(), &options).unwrap();
    database.ping().await.unwrap();
    for polls in 1..20 {
        let mut begin = Box::pin(database.tenant_tx(TenantId(7)));
        for _ in 0..polls {
            if futures::poll!(&mut begin).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(begin);
        let mut service = database.service().await.unwrap();
        let (role, tenant): (String, Option<String>) = sqlx::query_as(
            "select current_user::text, nullif(current_setting('app.tenant_id', true), '')",
        )
        .fetch_one(&mut *service)
        .await
        .unwrap();
        assert_eq!(
            (role.as_str(), tenant),
            ("limpid_service", None),
            "after {polls} polls"
        );
    }
}

#[tokio::test]
async fn commits_wait_for_the_disk_whatever_the_server_is_set_to() {
    let (test, database) = fresh().await;
    for (set, found) in [
        ("off", "on"),
        ("remote_apply", "remote_apply"),
        ("local", "local"),
    ] {
        let mut owner = database.owner_tx().await.unwrap();
        let name: String = sqlx::query_scalar("select quote_ident(current_database())")
            .fetch_one(&mut *owner)
            .await
            .unwrap();
        let statement = format!("alter database {name} set synchronous_commit = {set}");
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut *owner)
            .await
            .unwrap();
        owner.commit().await.unwrap();
        let another = Database::connect(test.url(), &DatabaseOptions::default())
            .await
            .unwrap();
        let mut connection = another.service().await.unwrap();
        let shown: String = sqlx::query_scalar("show synchronous_commit")
            .fetch_one(&mut *connection)
            .await
            .unwrap();
        assert_eq!(shown, found, "{set}");
        drop(connection);
        another.close().await;
    }
}
