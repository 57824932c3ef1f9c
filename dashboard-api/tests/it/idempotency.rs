//! Commands that are sent again take effect once.

mod concurrency;
mod sdk_retries;
mod secrets;

use chrono::{DateTime, TimeDelta, Utc};
use http::Method;
use limpid_domain::clock::Clock;
use limpid_event_store::Database;
use limpid_event_store::config_log::answers::drop_expired;
use serde_json::{Value, json};

use crate::client::{Answer, Call};
use crate::dashboard::{Account, Dashboard};

const ORIGINS: &str = "/v1/accounts/origins";
const NOTES: &str = "/dashboard/v1/annotations";

fn photos() -> Value {
    json!({"name": "Photos", "type": "WEB_PROXY"})
}

fn keyed(account: &Account<'_>, (method, path): (Method, &str), key: &str) -> Call {
    account.call(method, path).header("idempotency-key", key)
}

async fn create(account: &Account<'_>, key: &str, body: &Value) -> Answer {
    let call = keyed(account, (Method::POST, ORIGINS), key);
    call.json(body).send().await
}

async fn origins(account: &Account<'_>) -> usize {
    let origins = account.get(ORIGINS).await.expect(200);
    origins.as_array().unwrap().len()
}

/// The configuration events of an account's origins, oldest first.
async fn changes(account: &Account<'_>) -> Vec<Value> {
    let changes = account.get("/dashboard/v1/changes").await.expect(200);
    let mut changes = changes["data"].as_array().unwrap().clone();
    changes.reverse();
    changes.retain(|change| change["kind"].as_str().unwrap().starts_with("origin_"));
    changes
}

async fn stored(database: &Database) -> i64 {
    let mut connection = database.service().await.unwrap();
    sqlx::query_scalar("select count(*) from command_answer")
        .fetch_one(&mut *connection)
        .await
        .unwrap()
}

async fn run(database: &Database, statement: &'static str) {
    let mut owner = database.owner_tx().await.unwrap();
    sqlx::query(statement).execute(&mut *owner).await.unwrap();
    owner.commit().await.unwrap();
}

fn noon() -> DateTime<Utc> {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

#[tokio::test]
async fn the_same_key_and_body_give_the_same_answer_and_make_one_event() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let first = create(&account, "k-1", &photos()).await;
    let second = create(&account, "k-1", &photos()).await;
    assert_eq!(first.expect(201), second.expect(201));
    assert_eq!(first.body, second.body);
    for name in ["etag", "content-type"] {
        assert_eq!(first.header(name), second.header(name), "{name}");
    }
    assert_eq!(
        (
            first.header("idempotent-replayed"),
            second.header("idempotent-replayed")
        ),
        ("", "true")
    );
    assert_ne!(
        first.header("x-request-id"),
        second.header("x-request-id"),
        "each request has an id of its own"
    );
    assert_eq!(origins(&account).await, 1);
    let changes = changes(&account).await;
    let kinds: Vec<&str> = changes
        .iter()
        .map(|change| change["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["origin_created", "origin_attached"]);
    assert!(changes[0]["commandId"].is_string());
    assert_eq!(changes[0]["commandId"], changes[1]["commandId"]);
    assert_eq!(changes[0]["requestId"], first.header("x-request-id"));
}

#[tokio::test]
async fn without_a_key_every_request_is_a_command_of_its_own_and_the_log_tells_them_apart() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.post(ORIGINS, &photos()).await.expect(201);
    account.post(ORIGINS, &photos()).await.expect(201);
    assert_eq!(stored(&dashboard.database).await, 0);
    let changes = changes(&account).await;
    let ids: Vec<&Value> = changes.iter().map(|change| &change["commandId"]).collect();
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| id.is_string()));
    // The first origin is attached by the command that made it.
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[1], ids[2]);
}

#[tokio::test]
async fn a_key_that_comes_with_another_request_is_422_and_changes_nothing() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let created = create(&account, "k-1", &photos()).await.expect(201);
    let other = json!({"name": "Pictures", "type": "WEB_PROXY"});
    let answer = create(&account, "k-1", &other).await;
    let problem = answer.expect(422);
    assert_eq!(problem["code"], "idempotency-key-reused");
    assert_eq!(
        problem["message"],
        "This Idempotency-Key was sent with another request; send the same request again, or a new key."
    );
    assert_eq!(origins(&account).await, 1);

    let path = format!("{ORIGINS}/{}", created["id"].as_str().unwrap());
    let put = async |condition: &str| {
        let call = keyed(&account, (Method::PUT, &path), "k-1");
        let call = call.header("if-match", condition);
        call.json(&other).send().await
    };
    let first = put("\"1\"").await;
    first.expect(200);
    assert_eq!(first.header("etag"), "\"2\"");
    assert_eq!(put("\"1\"").await.header("etag"), "\"2\"");
    assert_eq!(
        put("\"2\"").await.expect(422)["code"],
        "idempotency-key-reused"
    );
}

#[tokio::test]
async fn an_attempt_that_fails_leaves_its_key_free() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    create(&account, "k-1", &json!({"type": "WEB_PROXY"}))
        .await
        .expect(400);
    create(&account, "k-1", &json!("no object"))
        .await
        .expect(400);
    assert_eq!(stored(&dashboard.database).await, 0);
    create(&account, "k-1", &photos()).await.expect(201);
    assert_eq!(origins(&account).await, 1);
}

#[tokio::test]
async fn a_key_belongs_to_one_account_method_and_path() {
    let dashboard = Dashboard::start().await;
    let acme = dashboard.account("acme").await;
    let zeta = dashboard.account("zeta").await;
    let ours = create(&acme, "k-1", &photos()).await.expect(201);
    let theirs = create(&zeta, "k-1", &photos()).await;
    assert_eq!(theirs.header("idempotent-replayed"), "");
    assert_ne!(theirs.expect(201)["id"], ours["id"]);
    let note = keyed(&acme, (Method::POST, NOTES), "k-1").json(&json!({"note": "deployed"}));
    note.send().await.expect(201);
    assert_eq!((origins(&acme).await, origins(&zeta).await), (1, 1));
    // Nobody hears an answer without the key it belongs to.
    let stranger = dashboard.call(Method::POST, ORIGINS);
    let stranger = stranger.header("idempotency-key", "k-1").json(&photos());
    stranger.send().await.expect(401);
}

#[tokio::test]
async fn what_is_no_key_is_400_and_says_what_one_is() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let long = "k".repeat(256);
    for (key, expected) in [
        (
            long.as_str(),
            "Idempotency-Key has 256 characters; at most 255 are read, and a UUID is enough.",
        ),
        (
            "two words",
            "Idempotency-Key must be of visible ASCII characters without spaces; a UUID is best.",
        ),
        (
            "schlüssel",
            "Idempotency-Key must be of visible ASCII characters without spaces; a UUID is best.",
        ),
        (
            "",
            "Idempotency-Key is empty; send a new UUID for every command.",
        ),
    ] {
        let answer = create(&account, key, &photos()).await;
        assert_eq!(answer.refusal(400), expected);
        assert_eq!(answer.json()["code"], "idempotency-key-invalid");
    }
    assert_eq!(origins(&account).await, 0);
    // What only reads needs no key and looks at none.
    let read = keyed(&account, (Method::GET, ORIGINS), "two words");
    read.send().await.expect(200);
}

#[tokio::test]
async fn a_deletion_that_is_sent_again_is_answered_as_before_and_not_404() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("First").await;
    let second = account.origin("Second").await;
    let path = format!("{ORIGINS}/{second}");
    for replayed in ["", "true"] {
        let answer = keyed(&account, (Method::DELETE, &path), "k-1").send().await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0));
        assert_eq!(answer.header("idempotent-replayed"), replayed);
    }
    account.delete(&path).await.expect(404);
}

#[tokio::test]
async fn an_answer_is_kept_for_a_day() {
    let clock = Clock::fixed(noon());
    let dashboard = Dashboard::start_at(clock.clone()).await;
    let account = dashboard.account("acme").await;
    let first = create(&account, "k-1", &photos()).await.expect(201);
    create(&account, "k-2", &photos()).await.expect(201);
    clock.advance(TimeDelta::hours(24) - TimeDelta::seconds(1));
    let later = create(&account, "k-1", &photos()).await.expect(201);
    assert_eq!(later["id"], first["id"]);
    assert_eq!(
        drop_expired(&dashboard.database, clock.now())
            .await
            .unwrap(),
        0
    );
    clock.advance(TimeDelta::seconds(1));
    // The key is free at once, whether or not the projector has passed.
    let anew = create(&account, "k-1", &photos()).await;
    assert_eq!(anew.header("idempotent-replayed"), "");
    assert_ne!(anew.expect(201)["id"], first["id"]);
    assert_eq!(origins(&account).await, 3);
    assert_eq!(stored(&dashboard.database).await, 2);
    assert_eq!(
        drop_expired(&dashboard.database, clock.now())
            .await
            .unwrap(),
        1
    );
    assert_eq!(stored(&dashboard.database).await, 1);
}

#[tokio::test]
async fn what_is_written_beside_the_failures_is_written_once_too() {
    let dashboard = Dashboard::start_apart().await;
    let account = dashboard.account("acme").await;
    let note = json!({"note": "deployed"});
    let first = keyed(&account, (Method::POST, NOTES), "k-1").json(&note);
    let first = first.send().await.expect(201);
    let second = keyed(&account, (Method::POST, NOTES), "k-1").json(&note);
    let second = second.send().await;
    assert_eq!(second.header("idempotent-replayed"), "true");
    assert_eq!(second.expect(201), first);
    assert_eq!(stored(&dashboard.database).await, 0);
    assert_eq!(stored(&dashboard.failures).await, 1);
    let marks = account.get(NOTES).await.expect(200);
    let marks = marks["data"].as_array().unwrap();
    let notes = marks.iter().filter(|mark| mark["type"] == "note");
    assert_eq!(notes.count(), 1);
}
