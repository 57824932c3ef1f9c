//! Many large originals at once stay within the memory for them.

use std::time::Duration;

use limpid_domain::failure::Reason;
use limpid_origins::{BytesInFlight, FetchConfig, Original};
use limpid_testkit::fake_origin::FakeOrigin;
use limpid_testkit::fake_origin::script::Script;

use crate::fetching::{Fetching, config, folder};

const BUDGET: u64 = 1_000_000;
/// Two of them are one tenant's half.
const LARGE: usize = 240_000;

async fn origin() -> FakeOrigin {
    let origin = FakeOrigin::start().await;
    let body = vec![b'x'; LARGE];
    origin.judge(move |request| {
        if request.target.starts_with("/declared") {
            return Some(Script::ok("image/jpeg", &body));
        }
        let mut chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        for piece in body.chunks(60_000) {
            chunked.extend(format!("{:x}\r\n", piece.len()).into_bytes());
            chunked.extend(piece);
            chunked.extend(b"\r\n");
        }
        chunked.extend(b"0\r\n\r\n");
        Some(Script::raw(chunked))
    });
    origin
}

fn fetching(origin: &FakeOrigin) -> Fetching {
    let narrow = FetchConfig {
        max_bytes_in_flight: BUDGET,
        total_timeout: Duration::from_mins(1),
        ..config()
    };
    let mut fetching = Fetching::with_config(folder(&origin.base_url()), narrow);
    fetching.patience = Duration::from_mins(1);
    fetching
}

#[tokio::test]
async fn forty_large_originals_at_once_take_turns_and_all_arrive() {
    let origin = origin().await;
    for folder in ["declared", "chunked"] {
        let fetching = fetching(&origin);
        let fetches = (0..40).map(|number| {
            let fetching = &fetching;
            async move {
                fetching
                    .original(&format!("{folder}/{number}.jpg"))
                    .await
                    .bytes
                    .len()
            }
        });
        let lengths = futures::future::join_all(fetches).await;
        assert!(lengths.iter().all(|length| *length == LARGE));
        let BytesInFlight {
            used,
            most,
            waiting,
        } = fetching.fetcher.bytes_in_flight();
        assert!(most >= LARGE as u64 && most <= BUDGET, "{folder}: {most}");
        assert_eq!((used, waiting), (0, 0), "{folder}");
    }
}

#[tokio::test]
async fn who_waits_past_the_deadline_is_told_of_overload_and_who_waits_less_gets_the_original() {
    let origin = origin().await;
    let mut fetching = fetching(&origin);
    let mut held: Vec<Original> = Vec::new();
    for number in 0..2 {
        held.push(fetching.original(&format!("declared/{number}.jpg")).await);
    }
    fetching.patience = Duration::from_millis(300);
    let failed = fetching.failure("declared/late.jpg").await;
    assert!(failed.is_overload);
    assert_eq!(failed.reason, Reason::Internal);
    assert_eq!(failed.negative_ttl(), Duration::ZERO);
    assert_eq!(failed.retries, 0);
    fetching.patience = Duration::from_mins(1);
    // What is kept elsewhere counts there.
    let kept = held.pop().unwrap().without_loan();
    fetching.original("declared/next.jpg").await;
    assert_eq!(kept.bytes.len(), LARGE);
}
