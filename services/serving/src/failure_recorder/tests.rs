use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use chrono::DateTime;
use limpid_domain::failure::{DetailLevel, FailureDetail, Outcome, PhaseTimings, Reason};
use limpid_domain::ids::{OriginNo, RequestId, StreamVersion, TenantId, TenantSeq, UrlEndpointNo};
use limpid_domain::origin::OriginKind;

use super::*;

/// A failed attempt at one origin, the headline of its request.
pub(super) fn event_on(path: &str) -> FailureEvent {
    FailureEvent {
        event_id: EventId::mint(),
        tenant_id: TenantId(1),
        occurred_at: DateTime::UNIX_EPOCH,
        request_id: RequestId::mint(),
        attempt: 1,
        headline: true,
        outcome: Outcome::Failed,
        occurrences: 1,
        reason: Reason::ObjectNotFound,
        endpoint_no: UrlEndpointNo(2),
        origin_no: OriginNo(3),
        origin_kind: Some(OriginKind::WebFolder),
        config_version: TenantSeq(3),
        endpoint_version: StreamVersion(1),
        origin_version: StreamVersion(1),
        upstream_status: 404,
        duration_ms: 5,
        path: path.to_owned(),
        detail: Some(Box::new(FailureDetail {
            detail_level: DetailLevel::Reason,
            method: "GET".to_owned(),
            url: path.to_owned(),
            transformation: None,
            location: None,
            provider_code: None,
            provider_request_id: None,
            timings: PhaseTimings::default(),
            response_headers: Vec::new(),
            body_excerpt: None,
            looks_like: None,
            limit: None,
            layer_input: None,
            note: None,
            retries: 0,
            referrer: None,
            user_agent: None,
            trace_id: None,
        })),
    }
}

/// Two failed attempts of one request; the second is the headline.
pub(super) fn events_of_two_attempts() -> Vec<FailureEvent> {
    let mut first = event_on("/a.jpg");
    first.headline = false;
    let mut second = event_on("/a.jpg");
    second.attempt = 2;
    second.origin_no = OriginNo(4);
    second.reason = Reason::AccessDenied;
    vec![first, second]
}

/// Sends every frame to the test; fails while told to.
struct FakeSink {
    frames: mpsc::Sender<Vec<FailureEvent>>,
    broken: Arc<AtomicBool>,
    /// The first frame waits until the other end is dropped.
    hold: Option<mpsc::Receiver<()>>,
}

impl FrameSink for FakeSink {
    fn append(&mut self, events: &[FailureEvent]) -> Result<(), SinkError> {
        if let Some(hold) = self.hold.take() {
            let _released = hold.recv();
        }
        if self.broken.load(Ordering::SeqCst) {
            return Err("disk full".into());
        }
        self.frames.send(events.to_vec())?;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

type Recorder = (
    FailureRecorder,
    RecorderThread,
    mpsc::Receiver<Vec<FailureEvent>>,
    Arc<AtomicBool>,
);

fn recorder() -> Recorder {
    recorder_with(None)
}

/// A recorder that answers nothing until what comes with it is dropped.
fn held_recorder() -> (Recorder, mpsc::Sender<()>) {
    let (release, hold) = mpsc::channel();
    (recorder_with(Some(hold)), release)
}

fn recorder_with(hold: Option<mpsc::Receiver<()>>) -> Recorder {
    let (frames, written) = mpsc::channel();
    let broken = Arc::new(AtomicBool::new(false));
    let sink = FakeSink {
        frames,
        broken: Arc::clone(&broken),
        hold,
    };
    let (recorder, thread) = FailureRecorder::start(sink, Some(Duration::from_millis(50))).unwrap();
    (recorder, thread, written, broken)
}

#[tokio::test]
async fn a_failure_is_written_before_it_is_acknowledged() {
    let (recorder, _thread, written, _) = recorder();
    let event = event_on("/a.jpg");
    let answer = recorder.record(vec![event.clone()]).await.unwrap();
    let event_id = event.event_id;
    assert_eq!(
        answer,
        Recorded {
            event_id,
            requests: 1
        }
    );
    assert_eq!(written.try_recv().unwrap(), [event]);
}

#[tokio::test]
async fn the_headline_stands_for_a_request_with_several_attempts() {
    let (recorder, _thread, written, _) = recorder();
    let events = events_of_two_attempts();
    let answer = recorder.record(events.clone()).await.unwrap();
    assert_eq!(answer.event_id, events[1].event_id);
    assert_eq!(written.try_recv().unwrap().len(), 2);
}

#[tokio::test]
async fn a_storm_is_folded_and_counted_exactly() {
    let (recorder, thread, written, _) = recorder();
    let requests = (0..5000).map(|_| recorder.record(vec![event_on("/a.jpg")]));
    let answers: Vec<Recorded> = futures::future::try_join_all(requests).await.unwrap();
    thread.finish();
    let events: Vec<_> = written.iter().flatten().collect();
    let sum: i32 = events.iter().map(|event| event.occurrences).sum();
    assert_eq!(sum, 5000);
    assert!(events.len() < 500, "{} events", events.len());
    for one in &answers {
        assert!(events.iter().any(|event| event.event_id == one.event_id));
    }
    // Each event is told to one request how many it stands for, so that it can be logged once.
    let told: Vec<_> = answers.iter().filter(|one| one.requests > 0).collect();
    assert_eq!(told.len(), events.len());
    assert_eq!(told.iter().map(|one| one.requests).sum::<usize>(), 5000);
}

#[tokio::test]
async fn a_refused_frame_is_told_to_the_request_and_to_readiness() {
    let (recorder, _thread, _written, broken) = recorder();
    broken.store(true, Ordering::SeqCst);
    let refused = recorder.record(vec![event_on("/a.jpg")]).await;
    assert_eq!(refused, Err(NotRecorded));
    assert!(!recorder.is_healthy());
    broken.store(false, Ordering::SeqCst);
    assert!(recorder.record(vec![event_on("/a.jpg")]).await.is_ok());
    assert!(recorder.is_healthy());
}

#[tokio::test]
async fn a_request_that_hangs_up_leaves_its_event() {
    let ((recorder, thread, written, _), release) = held_recorder();
    let mut request = Box::pin(recorder.record(vec![event_on("/a.jpg")]));
    assert!(futures::poll!(&mut request).is_pending());
    drop(request);
    drop(release);
    thread.finish();
    assert_eq!(written.iter().flatten().count(), 1);
}

#[tokio::test]
async fn finishing_writes_what_is_held_and_refuses_what_comes_later() {
    let ((recorder, thread, written, _), release) = held_recorder();
    let mut requests: Vec<_> = (0..50)
        .map(|_| Box::pin(recorder.record(vec![event_on("/a.jpg")])))
        .collect();
    for request in &mut requests {
        assert!(futures::poll!(request).is_pending());
    }
    drop(release);
    thread.finish();
    let sum: i32 = written
        .iter()
        .flatten()
        .map(|event| event.occurrences)
        .sum();
    assert_eq!(sum, 50);
    assert_eq!(
        recorder.record(vec![event_on("/a.jpg")]).await,
        Err(NotRecorded)
    );
}
