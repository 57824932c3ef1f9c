//! What web origins receive.

use limpid_domain::origin::OriginLocation;
use limpid_testkit::fake_origin::FakeOrigin;
use limpid_testkit::fake_origin::script::PHOTO_JPEG;
use opentelemetry::Context;
use opentelemetry::trace::{
    FutureExt as _, SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;

use crate::fetching::Fetching;

#[tokio::test]
async fn an_original_arrives_with_what_is_known_about_it() {
    let origin = FakeOrigin::start().await;
    let original = Fetching::folder(&origin.base_url())
        .original("photo.jpg")
        .await;
    assert_eq!(original.bytes, PHOTO_JPEG);
    assert_eq!(original.content_type.as_deref(), Some("image/jpeg"));
    assert_eq!(original.etag.as_deref(), Some("\"zoo-1\""));
    assert_eq!(
        original.last_modified.as_deref(),
        Some("Sun, 06 Nov 1994 08:49:37 GMT")
    );
    assert_eq!(original.cache_control.as_deref(), Some("max-age=60"));
    assert_eq!(
        original.location,
        format!("{}/photo.jpg", origin.base_url())
    );
    assert!(!original.is_private);
    assert_eq!(original.timings.dns_us, None);
    assert!(original.timings.connect_us.is_some());
    assert!(original.timings.first_byte_us.is_some());
}

#[tokio::test]
async fn requests_carry_our_marks_and_the_hosts_name() {
    let origin = FakeOrigin::start().await;
    let fetching = Fetching::folder(&origin.base_url());
    fetching.original("photo.jpg").await;
    let request = origin.requests().remove(0);
    assert_eq!(request.method, "GET");
    assert_eq!(
        request.header("host"),
        Some(origin.addr().to_string().as_str())
    );
    assert_eq!(request.header("x-req-from"), Some("imagekit"));
    assert_eq!(
        request.header("user-agent"),
        Some(concat!("Limpid/", env!("CARGO_PKG_VERSION")))
    );
    assert_eq!(request.header("accept-encoding"), Some("identity"));
    let id = fetching.request_id.to_string();
    assert_eq!(request.header("x-request-id"), Some(id.as_str()));
    assert_eq!(request.header("range"), None);
}

#[tokio::test]
async fn the_clients_host_is_forwarded_where_the_tenant_wants_it() {
    let origin = FakeOrigin::start().await;
    let mut fetching = Fetching::from(OriginLocation::WebFolder {
        base_url: origin.base_url().parse().unwrap(),
        forward_host_header_to_origin: true,
    });
    fetching.forwarded_host = Some("images.example.com".to_owned());
    fetching.original("photo.jpg").await;
    assert_eq!(
        origin.requests()[0].header("host"),
        Some("images.example.com")
    );
}

#[tokio::test]
async fn path_and_query_arrive_byte_for_byte() {
    let origin = FakeOrigin::start().await;
    let mut fetching = Fetching::folder(&format!("{}/base/", origin.base_url()));
    fetching.query = Some("alt=media&token=a%2Bb".to_owned());
    for path in [
        "dir%2Fsub/photo.jpg",
        "//photo.jpg",
        "a%20b+c/%3f%23/photo.jpg",
        "%252e%252e/photo.jpg",
        "http://evil.example/photo.jpg",
    ] {
        fetching.original(path).await;
        let path = path.trim_start_matches('/');
        let target = format!("/base/{path}?alt=media&token=a%2Bb");
        assert_eq!(origin.hits(&target), 1, "{target}: {:?}", origin.requests());
    }
}

#[tokio::test]
async fn climbing_paths_never_reach_an_origin() {
    let origin = FakeOrigin::start().await;
    let fetching = Fetching::folder(&format!("{}/base", origin.base_url()));
    for path in [
        "../photo.jpg",
        "%2e%2e/photo.jpg",
        "..%2fphoto.jpg",
        "a%00.jpg",
        "..\\photo.jpg",
    ] {
        let failed = fetching.failure(path).await;
        assert_eq!(failed.reason.name(), "object_not_found", "{path}");
    }
    assert!(origin.requests().is_empty());
}

#[tokio::test]
async fn private_files_are_marked() {
    let origin = FakeOrigin::start().await;
    let original = Fetching::folder(&origin.base_url())
        .original("private.jpg")
        .await;
    assert!(original.is_private);
}

#[tokio::test]
async fn an_encoding_nobody_asked_for_is_undone() {
    let origin = FakeOrigin::start().await;
    let original = Fetching::folder(&origin.base_url()).original("gzip").await;
    assert_eq!(original.bytes, PHOTO_JPEG);
}

#[tokio::test]
async fn the_trace_goes_on_at_the_origin() {
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    let trace = Context::new().with_remote_span_context(SpanContext::new(
        TraceId::from(7),
        SpanId::from(8),
        TraceFlags::NOT_SAMPLED,
        false,
        TraceState::from_key_value([("ours", "alone")]).unwrap(),
    ));
    let origin = FakeOrigin::start().await;
    let fetching = Fetching::folder(&origin.base_url());
    fetching.original("photo.jpg").with_context(trace).await;
    let request = origin.requests().remove(0);
    assert_eq!(
        request.header("traceparent"),
        Some("00-00000000000000000000000000000007-0000000000000008-00")
    );
    assert_eq!(request.header("tracestate"), None);
    assert_eq!(request.header("baggage"), None);
}
