//! Failures as they arrive.

use std::time::Duration;

use chrono::TimeDelta;
use http::{Method, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use limpid_domain::failure::{FailureEvent, Reason};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::failures::{failure, store};
use super::retention::show_for;
use crate::dashboard::{Account, Dashboard};

const STREAM: &str = "/dashboard/v1/origin-errors/stream";

/// Messages of one stream.
struct Reader {
    response: Response<Incoming>,
    text: String,
}

#[derive(Debug)]
struct Message {
    id: String,
    event: String,
    data: Value,
}

impl Reader {
    async fn open(account: &Account<'_>, query: &str, last_event_id: Option<&str>) -> Self {
        let mut call = account.call(Method::GET, &format!("{STREAM}{query}"));
        if let Some(id) = last_event_id {
            call = call.header("last-event-id", id);
        }
        Self::of(call.open().await)
    }

    fn of(response: Response<Incoming>) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            response,
            text: String::new(),
        }
    }

    /// The next message of this kind; `None` at the end of the stream.
    async fn next(&mut self, event: &str) -> Option<Message> {
        loop {
            while let Some(end) = self.text.find("\n\n") {
                let message: String = self.text.drain(..end + 2).collect();
                let field = |name: &str| {
                    let line = message.lines().find_map(|line| line.strip_prefix(name));
                    line.unwrap_or_default().trim().to_owned()
                };
                if field("event:") == event {
                    return Some(Message {
                        id: field("id:"),
                        event: field("event:"),
                        data: serde_json::from_str(&field("data:")).unwrap(),
                    });
                }
            }
            let frame = timeout(Duration::from_secs(20), self.response.frame());
            let frame = frame.await.expect("the stream says something")?.unwrap();
            self.text
                .push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
        }
    }
}

async fn node(dashboard: &Dashboard) {
    let mut connection = dashboard.database.service().await.unwrap();
    sqlx::raw_sql("insert into serving_node values (77, now(), 1, 0, 0, null, 0, 0, 0, false)")
        .execute(&mut *connection)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_stream_sends_what_arrives_and_resumes_where_it_broke() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    node(&dashboard).await;
    store(&dashboard, 1, vec![failure(account.id, Reason::BodyEmpty)]).await;
    let mut stream = Reader::open(&account, "?code=ENOENT", None).await;
    let beat = stream.next("heartbeat").await.unwrap();
    assert!(beat.data["lagMs"].is_i64() && beat.event == "heartbeat");
    let arriving = vec![
        failure(account.id, Reason::ObjectNotFound),
        failure(account.id, Reason::AccessDenied),
    ];
    store(&dashboard, 2, arriving.clone()).await;
    let message = stream.next("origin-error").await.unwrap();
    assert_eq!(message.data["id"], arriving[0].event_id.to_string());
    assert_eq!(message.data["code"], "ENOENT");
    drop(stream);
    // While nobody listened.
    let missed = failure(account.id, Reason::ObjectNotFound);
    store(&dashboard, 3, vec![missed.clone()]).await;
    let mut resumed = Reader::open(&account, "?code=ENOENT", Some(&message.id)).await;
    let message = resumed.next("origin-error").await.unwrap();
    assert_eq!(message.data["id"], missed.event_id.to_string());
}

#[tokio::test]
async fn a_stream_continues_where_an_answer_ended() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    node(&dashboard).await;
    store(&dashboard, 1, vec![failure(account.id, Reason::BodyEmpty)]).await;
    for path in ["summary", "events", "groups", "timeseries"] {
        let path = format!("/dashboard/v1/origin-errors/{path}");
        let meta = account.get(&path).await.expect(200)["meta"].clone();
        assert_eq!(meta["position"], "4d-1", "{path}");
    }
    let later = failure(account.id, Reason::ObjectNotFound);
    store(&dashboard, 2, vec![later.clone()]).await;
    let mut stream = Reader::open(&account, "", Some("4d-1")).await;
    let message = stream.next("origin-error").await.unwrap();
    assert_eq!(message.data["id"], later.event_id.to_string());
}

#[tokio::test]
async fn a_token_opens_one_stream_of_its_account_and_nothing_else() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    node(&dashboard).await;
    let token = account
        .post("/dashboard/v1/stream-tokens", &json!({}))
        .await;
    let token = token.expect(201)["token"].as_str().unwrap().to_owned();
    let with = |path: &str| dashboard.get(&format!("{path}?token={token}"));
    let events = "/dashboard/v1/origin-errors/events";
    assert_eq!(
        with(events).send().await.expect(401)["code"],
        "private-key-missing"
    );
    let response = with(STREAM).open().await;
    let mut stream = Reader::of(response);
    stream.next("heartbeat").await.unwrap();
    let failed = failure(account.id, Reason::ObjectNotFound);
    store(&dashboard, 1, vec![failed.clone()]).await;
    let message = stream.next("origin-error").await.unwrap();
    assert_eq!(message.data["id"], failed.event_id.to_string());
    let again = with(STREAM).send().await;
    assert_eq!(again.expect(403)["code"], "stream-token-invalid");
    dashboard.get(STREAM).send().await.expect(401);
    dashboard
        .call(Method::POST, "/dashboard/v1/stream-tokens")
        .send()
        .await
        .expect(401);
}

#[tokio::test]
async fn what_arrives_so_late_that_it_is_not_shown_is_not_sent() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    node(&dashboard).await;
    let mut stream = Reader::open(&account, "", None).await;
    stream.next("heartbeat").await.unwrap();
    show_for(&dashboard, 3).await;
    let young = failure(account.id, Reason::ObjectNotFound);
    let old = FailureEvent {
        occurred_at: young.occurred_at - TimeDelta::days(5),
        ..failure(account.id, Reason::ObjectNotFound)
    };
    // Both in one batch; what is sent comes in the order of time.
    store(&dashboard, 1, vec![old, young.clone()]).await;
    let message = stream.next("origin-error").await.unwrap();
    assert_eq!(message.data["id"], young.event_id.to_string());
}

#[tokio::test]
async fn of_very_many_arrivals_some_are_sent_and_the_rest_is_counted() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let stranger = dashboard.account("globex").await;
    node(&dashboard).await;
    let mut stream = Reader::open(&account, "", None).await;
    stream.next("heartbeat").await.unwrap();
    let events: Vec<FailureEvent> = (0..120)
        .map(|_| failure(account.id, Reason::ObjectNotFound))
        .chain((0..30).map(|_| failure(stranger.id, Reason::ObjectNotFound)))
        .collect();
    store(&dashboard, 1, events).await;
    let dropped = stream.next("dropped").await.unwrap();
    assert_eq!(dropped.data["count"], 70);
}

#[tokio::test]
async fn a_stream_ends_with_the_service_and_refuses_what_it_cannot_read() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    node(&dashboard).await;
    let answer = account
        .call(Method::GET, STREAM)
        .header("last-event-id", "nonsense")
        .send()
        .await;
    assert!(answer.refusal(400).contains("Last-Event-ID"));
    let mut stream = Reader::open(&account, "", None).await;
    stream.next("heartbeat").await.unwrap();
    dashboard.shutdown.cancel();
    assert!(stream.next("origin-error").await.is_none());
    timeout(Duration::from_secs(4), dashboard.tasks.wait())
        .await
        .expect("open streams do not hold the service up");
}

#[tokio::test]
async fn an_account_has_ten_streams() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let mut open = Vec::new();
    for _ in 0..10 {
        open.push(Reader::open(&account, "", None).await);
    }
    let refused = account.get(STREAM).await;
    let message = refused.refusal(429);
    assert!(message.contains("too many open streams"), "{message}");
    assert_eq!(refused.json()["code"], "too-many-streams");
    assert!(!refused.header("retry-after").is_empty());
}
