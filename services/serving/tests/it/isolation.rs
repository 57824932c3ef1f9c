//! One tenant's or origin's trouble stays its own: slots, breakers, shares of the room for work.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use limpid_dashboard_api::commands::{create_origin, create_tenant};
use limpid_domain::diagnosis::Question;
use limpid_domain::tenant::CreateTenant;
use limpid_origins::BreakerLimits;
use limpid_testkit::fake_origin::script::{Script, Step};

use crate::stack::{Stack, eventually, origin_draft, web_folder};
use crate::trace;

/// Adds the tenant `other`, with the zoo as its origin, and waits until the node knows it.
async fn add_other_tenant(stack: &Stack) {
    let create = CreateTenant {
        imagekit_id: "other".parse().unwrap(),
        name: "Other".to_owned(),
    };
    let other = create_tenant(&stack.context(), create).await.unwrap();
    let draft = origin_draft(web_folder("zoo", &stack.origin.base_url()));
    create_origin(&stack.context(), other.tenant_id, draft)
        .await
        .unwrap();
    eventually("the other tenant to be served", async || {
        let answer = stack.get("/other/tr:w-20/photo.jpg").await;
        (answer.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_hanging_origin_takes_neither_slots_nor_room_of_another_tenant() {
    let stack = Stack::start_with(|config| {
        config.origins.max_concurrency_per_origin = 4;
        config.origins.concurrency_wait = Duration::from_millis(50);
        config.http.max_misses = 40;
    })
    .await;
    add_other_tenant(&stack).await;
    let hanging = (0..100).map(async |number| stack.get(&format!("/demo/silent?n={number}")).await);
    let others = async {
        for number in 0..10 {
            let target = format!("/other/tr:w-{}/photo.jpg?n={number}", 30 + number);
            let answer = stack.get(&target).await;
            assert_eq!(answer.status, 200, "{}", answer.header("ik-error"));
        }
    };
    let (hanging, ()) = futures::join!(futures::future::join_all(hanging), others);
    let mut reasons = HashSet::new();
    for answer in &hanging {
        let reason = answer.header("ik-error-reason").to_owned();
        let is_busy = answer.status == 503 && answer.header("ik-error").starts_with("EBUSY");
        assert!(is_busy || answer.status == 404, "{answer:?}");
        reasons.insert(reason);
    }
    // busy, at the origin, in its queue
    let expected = ["", "response_timeout", "origin_concurrency_limit"];
    assert_eq!(reasons, HashSet::from(expected.map(str::to_owned)));
}

#[tokio::test]
async fn an_origin_that_keeps_failing_is_left_alone_and_every_request_counted() {
    let stack = Stack::start_with(|config| {
        config.origins.breaker = BreakerLimits {
            min_failures: 6,
            open_for: Duration::from_mins(1),
            ..BreakerLimits::default()
        };
    })
    .await;
    let base = stack.origin.base_url();
    let good = stack.add_origin(web_folder("good", &base)).await;
    stack.add_endpoint("good", &[good]).await;
    let mut reasons = Vec::new();
    for number in 0..8 {
        let answer = stack
            .get(&format!("/demo/status/503?counted/{number}"))
            .await;
        assert_eq!(answer.status, 404);
        assert!(answer.header("ik-error").starts_with("ECONNREFUSED - "));
        reasons.push(answer.header("ik-error-reason").to_owned());
    }
    // each of the first three is repeated once
    assert_eq!(reasons[..3], ["origin_overloaded"; 3]);
    assert_eq!(reasons[3..], ["circuit_open"; 5]);
    let asked = stack.origin.requests();
    let asked = asked
        .iter()
        .filter(|request| request.target.contains("503"));
    assert_eq!(asked.count(), 6);
    let open = stack.get("/demo/status/503").await;
    assert_eq!(
        open.header("proxy-status"),
        "limpid; error=destination_unavailable"
    );
    let event = stack.event_of(&open).await;
    assert_eq!(event.reason.name(), "circuit_open");
    let good = stack.get("/demo/good/tr:w-20/photo.jpg").await;
    assert_eq!(good.status, 200, "{}", good.header("ik-error"));
}

#[tokio::test]
async fn without_memory_for_its_original_a_request_waits_and_is_then_refused_without_an_event() {
    let stack = Stack::start_with(|config| {
        config.origins.max_bytes_in_flight = 20_000;
        config.origins.idle_timeout = Duration::from_secs(30);
        config.limits.request_timeout = Duration::from_secs(1);
    })
    .await;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: image/jpeg\r\ncontent-length: 20000\r\n\r\n";
    stack
        .origin
        .answer("/slow.jpg", Script::raw(head).then(Step::Stall));
    let origins = limpid_read_models::delivery_config::origins;
    let mut tx = stack.database.tenant_tx(stack.tenant_id()).await.unwrap();
    let origin_id = origins(&mut tx).await.unwrap().first().unwrap().id;
    drop(tx);
    // A test of the origin has 20 s and takes all the memory there is.
    let question = Question::TestStored {
        origin_id,
        path: Some("slow.jpg".to_owned()),
    };
    let tested = trace::ask_about(&stack, stack.node.address, question);
    let width = AtomicU32::new(30);
    let others = async {
        // Until the test has its memory, requests are answered.
        let answer = eventually("a request to be refused", async || {
            let width = width.fetch_add(1, Ordering::Relaxed);
            let answer = stack.get(&format!("/demo/tr:w-{width}/photo.jpg")).await;
            (answer.status != 200).then_some(answer)
        })
        .await;
        assert_eq!(answer.status, 503, "{}", answer.header("ik-error"));
        assert!(answer.header("ik-error").starts_with("EBUSY - "));
        assert!(answer.header("ik-event-id").is_empty());
    };
    tokio::select! {
        answer = tested => panic!("the test ended first: {answer:?}"),
        () = others => {}
    }
}

#[tokio::test]
async fn a_tenant_that_a_header_or_the_rest_of_the_path_names_is_not_whose_failure_it_is() {
    let stack = Stack::start().await;
    add_other_tenant(&stack).await;
    let forged = [
        ("x-tenant-id", "2"),
        ("x-imagekit-id", "other"),
        ("x-forwarded-host", "other.example"),
        ("x-forwarded-prefix", "/other"),
        ("x-original-url", "/other/none.jpg"),
        ("cookie", "tenant=other"),
    ];
    for path in [
        "/demo/counted/none.jpg",
        "/demo/other/counted/none.jpg",
        "/demo/counted/none.jpg?tenant=other&imagekitId=other",
        "/demo//other//counted//nothing.jpg",
    ] {
        let answer = stack.request("GET", path, &forged).await;
        assert_eq!(answer.status, 404, "{path}");
        let event = stack.event_of(&answer).await;
        assert_eq!(event.tenant_id, stack.tenant_id(), "{path}");
    }
    assert_eq!(stack.summary().await.client_visible, 4);
}
