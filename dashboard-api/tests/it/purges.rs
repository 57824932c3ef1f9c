//! `/v1/files/purge` (R104).

mod many;

use http::Method;
use limpid_domain::ids::NodeId;
use limpid_read_models::purges;
use serde_json::{Value, json};

use crate::dashboard::Dashboard;

const PATH: &str = "/v1/files/purge";
const INVALID: &str = "The URL is not valid for cache purging.";
const UNKNOWN: &str = "No request found for this requestId.";

#[tokio::test]
async fn a_purge_is_accepted_recorded_pending_and_then_completed() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let node = NodeId(1);
    purges::note_node(&dashboard.database, node, false)
        .await
        .unwrap();
    let url = "https://images.example.com/acme/images/upload*";
    let purged = account.post(PATH, &json!({ "url": url })).await.expect(201);
    let id = purged["requestId"].as_str().unwrap();
    assert_eq!(purged, json!({ "requestId": id }));
    let path = format!("{PATH}/{id}");
    assert_eq!(
        account.get(&path).await.expect(200),
        json!({"status": "Pending"})
    );
    purges::note_node(&dashboard.database, node, true)
        .await
        .unwrap();
    assert_eq!(
        account.get(&path).await.expect(200),
        json!({"status": "Completed"})
    );

    let changes = account
        .get("/dashboard/v1/changes?limit=1")
        .await
        .expect(200);
    let change = &changes["data"][0];
    assert_eq!(
        (&change["kind"], &change["resourceId"]),
        (&json!("cache_purged"), &json!(id))
    );
    assert_eq!(
        change["data"],
        json!({"url": url, "address": "/images/upload", "isPrefix": true})
    );
    let other = dashboard.account("other").await;
    assert_eq!(other.get(&path).await.refusal(400), UNKNOWN);
}

#[tokio::test]
async fn what_cannot_be_purged_is_said_in_the_documented_words() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    for url in [
        "nothing",
        "https://images.example.com/other/a.jpg",
        "https://images.example.com/acme/images*",
        "https://images.example.com/acme/media/catalog/*",
        "https://images.example.com/acme/folder/*/x.jpg",
    ] {
        let answer = account.post(PATH, &json!({ "url": url })).await;
        assert_eq!(answer.refusal(400), INVALID, "{url}");
    }
    let answer = account.post(PATH, &json!({})).await;
    assert_eq!(answer.refusal(400), "url is required and must be a string");
    for id in [
        "598821f949c0a938d57563bd",
        "01900000-0000-7000-8000-000000000000",
    ] {
        let answer = account.get(&format!("{PATH}/{id}")).await;
        assert_eq!(answer.refusal(400), UNKNOWN, "{id}");
    }
    assert_eq!(account.call(Method::DELETE, PATH).send().await.status, 405);
}

#[tokio::test]
async fn an_account_may_purge_once_a_second_on_average() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let body = json!({"url": "https://images.example.com/acme/a.jpg"});
    for _ in 0..60 {
        account.post(PATH, &body).await.expect(201);
    }
    let answer = account.post(PATH, &body).await;
    assert_eq!(answer.status, 429);
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=61).contains(&wait), "{wait}");
}

const MANY: &str = "/dashboard/v1/purge";
const LIST: &str = "/dashboard/v1/purges";

fn url(number: usize) -> String {
    format!("https://images.example.com/acme/{number}.jpg")
}

#[tokio::test]
async fn of_many_urls_a_bad_one_stops_none_of_the_others() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let urls = json!([url(1), "https://images.example.com/other/a.jpg", url(2)]);
    let purged = account
        .post(MANY, &json!({ "urls": urls }))
        .await
        .expect(201);
    let answers = purged["data"].as_array().unwrap();
    let asked: Vec<&Value> = answers.iter().map(|answer| &answer["url"]).collect();
    assert_eq!(asked, urls.as_array().unwrap().iter().collect::<Vec<_>>());
    let why = answers[1]["error"].as_str().unwrap();
    let said = "The URL is not purged: it is no delivery URL of this account.";
    assert!(why.starts_with(said), "{why}");
    assert_eq!(answers[1]["requestId"], Value::Null);
    for answer in [&answers[0], &answers[2]] {
        assert_eq!(answer["error"], Value::Null);
        let id = answer["requestId"].as_str().unwrap();
        let status = account.get(&format!("{PATH}/{id}")).await.expect(200);
        assert_eq!(status, json!({"status": "Completed"}));
    }
    let long = format!("https://images.example.com/acme/{}", "a".repeat(20_000));
    let body = json!({"urls": [long, "nothing", "https://images.example.com/acme/a*"]});
    let refused = account.post(MANY, &body).await.expect(400);
    for (number, said) in [(0, "longer than"), (1, "no absolute"), (2, "too short")] {
        let why = refused["data"][number]["error"].as_str().unwrap();
        assert!(why.contains(said), "{why}");
    }
    let too_many: Vec<String> = (0..101).map(url).collect();
    for (body, sentence) in [
        (json!({}), "urls must have 1 to 100 URLs"),
        (
            json!({ "urls": too_many }),
            "urls must have 1 to 100 URLs, not 101; send the others in another request",
        ),
        (json!({"urls": [1]}), "urls must be an array of strings"),
    ] {
        assert_eq!(account.post(MANY, &body).await.refusal(400), sentence);
    }
}

#[tokio::test]
async fn the_months_purges_are_counted_by_url_on_both_routes() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account
        .post(PATH, &json!({ "url": url(0) }))
        .await
        .expect(201);
    let hundred = |from: usize| json!({"urls": (from..from + 100).map(url).collect::<Vec<_>>()});
    for call in 0..9 {
        account.post(MANY, &hundred(call * 100)).await.expect(201);
    }
    // 901 are spent
    let last = account.post(MANY, &hundred(900)).await.expect(201);
    let answers = last["data"].as_array().unwrap();
    let accepted = answers
        .iter()
        .take_while(|answer| answer["error"].is_null());
    assert_eq!(accepted.count(), 99);
    let why = answers[99]["error"].as_str().unwrap();
    assert!(
        why.contains("its 1000 purges of this calendar month"),
        "{why}"
    );
    let one_more = account.post(PATH, &json!({ "url": url(0) })).await;
    let sentence = "An account has at most 1000 purge requests a month.";
    assert_eq!(one_more.refusal(400), sentence);
    let other = dashboard.account("other").await;
    let body = json!({"url": "https://images.example.com/other/a.jpg"});
    other.post(PATH, &body).await.expect(201);
}

#[tokio::test]
async fn purges_are_listed_newest_first_with_their_status_page_by_page() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let other = dashboard.account("other").await;
    let node = NodeId(1);
    let body = json!({"urls": (1..=3).map(url).collect::<Vec<_>>()});
    account.post(MANY, &body).await.expect(201);
    purges::note_node(&dashboard.database, node, false)
        .await
        .unwrap();
    let page = account.get(&format!("{LIST}?limit=2")).await.expect(200);
    let purged = |page: &Value| -> Vec<(Value, Value)> {
        let purges = page["data"].as_array().unwrap().iter();
        purges
            .map(|purge| (purge["url"].clone(), purge["status"].clone()))
            .collect()
    };
    let pending = |number| (json!(url(number)), json!("Pending"));
    assert_eq!(purged(&page), [pending(3), pending(2)]);
    assert_eq!(page["data"][0]["requestedBy"]["kind"], json!("api_key"));
    // what comes later does not move the page that follows
    account
        .post(PATH, &json!({ "url": url(4) }))
        .await
        .expect(201);
    let cursor = page["nextCursor"].as_str().unwrap();
    let next = account
        .get(&format!("{LIST}?limit=2&cursor={cursor}"))
        .await
        .expect(200);
    assert_eq!(purged(&next), [pending(1)]);
    assert_eq!(next["nextCursor"], Value::Null);
    purges::note_node(&dashboard.database, node, true)
        .await
        .unwrap();
    let all = account.get(LIST).await.expect(200);
    let completed = |number| (json!(url(number)), json!("Completed"));
    assert_eq!(
        purged(&all),
        [completed(4), completed(3), completed(2), completed(1)]
    );
    assert_eq!(other.get(LIST).await.expect(200)["data"], json!([]));
    assert_eq!(account.get(&format!("{LIST}?cursor=x")).await.status, 400);
}
