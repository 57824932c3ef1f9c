//! Writes every failure down before its answer leaves.
//!
//! ```text
//! request ─ record() ─ bounded queue ─ one thread: fold, append one frame ─ answers every request in it
//! ```
//!
//! A frame is appended as soon as the thread is free, so a lone failure waits for one write into the page cache; failures
//! that arrive meanwhile share the next frame (group commit). How soon the disk has it is the spool's own rule.
//!
//! | module | holds |
//! |---|---|
//! | [`event`] | from a failed attempt to the failure event |
//! | [`fold`] | storms: identical failures become one event with a count |
//! | [`detail`] | how many events of a group keep their document |
//! | [`redact`] | URLs without signatures, tokens and credentials |
//! | `spool_sink` | the spool as the place frames go to |

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use limpid_domain::failure::FailureEvent;
use limpid_domain::ids::EventId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::metrics;

use detail::DetailSampler;
use fold::{Folder, Unit};

mod detail;
pub(crate) mod event;
mod fold;
pub(crate) mod redact;
mod spool_sink;

/// Failed requests that may wait for the thread; the next one waits for room. Source: `events.md` 2.
const QUEUE_LENGTH: usize = 64 * 1024;
/// Failed requests in one frame. Source: `events.md` 2.
const MAX_FRAME_REQUESTS: usize = 1000;

/// How long the thread lets failures gather while it holds some anyway: in a storm it is woken a thousand times a second, not for each.
const REST: Duration = Duration::from_millis(1);

/// How long a failed write keeps the node out of service.
const UNHEALTHY_FOR: Duration = Duration::from_secs(5);

/// Where frames go: the spool, or a fake in tests.
pub(crate) trait FrameSink: Send + 'static {
    /// Writes one frame. When this returns, a crash of the process loses nothing of it.
    fn append(&mut self, events: &[FailureEvent]) -> Result<(), SinkError>;
    /// Brings what was written to the disk.
    fn sync(&mut self) -> Result<(), SinkError>;
}

/// A sink's error, for the log.
pub(crate) type SinkError = Box<dyn std::error::Error + Send + Sync>;

/// The failure could not be written down, so its answer must not claim that it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the failure could not be recorded")]
pub(crate) struct NotRecorded;

/// A failure that is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recorded {
    /// Of the event that stands for the request.
    pub(crate) event_id: EventId,
    /// Requests that the event stands for, said to one of them only; 0 to the others.
    pub(crate) requests: usize,
}

/// The handle requests record through.
#[derive(Clone)]
pub(crate) struct FailureRecorder {
    shared: Arc<Shared>,
}

/// The thread behind a [`FailureRecorder`]; [`RecorderThread::finish`] empties its queue.
#[derive(Debug)]
pub(crate) struct RecorderThread {
    recorder: FailureRecorder,
    thread: JoinHandle<()>,
}

/// One failed request on its way to the spool.
struct Pending {
    events: Vec<FailureEvent>,
    written: oneshot::Sender<Result<Recorded, NotRecorded>>,
    _room: OwnedSemaphorePermit,
}

struct Shared {
    /// Held for pushes and takes only.
    queue: Mutex<Queue>,
    changed: Condvar,
    room: Arc<Semaphore>,
    /// When a write last failed, unless a later one succeeded. Held for copying only.
    failed_at: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct Queue {
    pending: VecDeque<Pending>,
    closed: bool,
    /// The thread looks at the queue again by itself, in [`REST`] at most.
    is_resting: bool,
}

impl FailureRecorder {
    /// Starts the thread. Written frames are brought to the disk within `sync_interval`; none where the sink's `append` does that.
    ///
    /// # Errors
    /// The operating system refuses another thread.
    pub(crate) fn start(
        sink: impl FrameSink,
        sync_interval: Option<Duration>,
    ) -> std::io::Result<(Self, RecorderThread)> {
        let recorder = Self {
            shared: Arc::new(Shared {
                queue: Mutex::default(),
                changed: Condvar::new(),
                room: Arc::new(Semaphore::new(QUEUE_LENGTH)),
                failed_at: Mutex::default(),
            }),
        };
        let shared = Arc::clone(&recorder.shared);
        let thread = std::thread::Builder::new()
            .name("failure-recorder".to_owned())
            .spawn(move || Writer::new(sink, sync_interval).run(&shared))?;
        let handle = RecorderThread {
            recorder: recorder.clone(),
            thread,
        };
        Ok((recorder, handle))
    }

    /// Records the events of one request and gives the id of the event that stands for it, once that is written.
    ///
    /// Shape: `events` are the attempts of one request in order; the id is the headline's, else the first's.
    ///
    /// # Errors
    /// [`NotRecorded`]: the spool refused the frame, or the recorder has stopped.
    pub(crate) async fn record(&self, events: Vec<FailureEvent>) -> Result<Recorded, NotRecorded> {
        let room = Arc::clone(&self.shared.room)
            .acquire_owned()
            .await
            .map_err(|_| NotRecorded)?;
        let (written, answer) = oneshot::channel();
        let is_resting = {
            let mut queue = self.shared.lock();
            if queue.closed {
                return Err(NotRecorded);
            }
            queue.pending.push_back(Pending {
                events,
                written,
                _room: room,
            });
            queue.is_resting
        };
        if !is_resting {
            self.shared.changed.notify_one();
        }
        answer.await.unwrap_or(Err(NotRecorded))
    }

    /// Whether failures can be written down, as far as is known. Some time after a failed write this says yes again: without
    /// requests nothing would ever show that the disk has recovered.
    pub(crate) fn is_healthy(&self) -> bool {
        let failed_at = *self
            .shared
            .failed_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        failed_at.is_none_or(|at| at.elapsed() >= UNHEALTHY_FOR)
    }
}

impl RecorderThread {
    /// Writes what is queued, syncs, and ends the thread. Later calls of [`FailureRecorder::record`] fail.
    pub(crate) fn finish(self) {
        self.recorder.shared.lock().closed = true;
        self.recorder.shared.changed.notify_one();
        // A panic has been reported by the panic hook, and every waiting request has been answered by its dropped sender.
        drop(self.thread.join());
    }
}

impl fmt::Debug for FailureRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailureRecorder")
            .field("healthy", &self.is_healthy())
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, succeeded: bool) {
        *self
            .failed_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = (!succeeded).then(Instant::now);
    }

    /// Lets failures gather for a moment, `wake_at` at the latest.
    fn rest(&self, wake_at: Instant) {
        self.lock().is_resting = true;
        let left = wake_at.saturating_duration_since(Instant::now());
        std::thread::sleep(left.min(REST));
        self.lock().is_resting = false;
    }

    /// Waits for failures, the end, or `wake_at`. Gives what is there and whether the end has come.
    fn take(&self, wake_at: Option<Instant>) -> (Vec<Pending>, bool) {
        let mut queue = self.lock();
        while queue.pending.is_empty() && !queue.closed {
            let Some(wake_at) = wake_at else {
                queue = self
                    .changed
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let rest = wake_at.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                break;
            }
            queue = self
                .changed
                .wait_timeout(queue, rest)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        let count = queue.pending.len().min(MAX_FRAME_REQUESTS);
        let taken = queue.pending.drain(..count).collect();
        let ended = queue.closed && queue.pending.is_empty();
        (taken, ended)
    }
}

/// What the thread owns.
struct Writer<S> {
    sink: S,
    folder: Folder<oneshot::Sender<Result<Recorded, NotRecorded>>>,
    details: DetailSampler,
    sync_interval: Option<Duration>,
    sync_at: Option<Instant>,
}

impl<S: FrameSink> Writer<S> {
    fn new(sink: S, sync_interval: Option<Duration>) -> Self {
        Self {
            sink,
            sync_interval,
            folder: Folder::default(),
            details: DetailSampler::default(),
            sync_at: None,
        }
    }

    fn run(mut self, shared: &Shared) {
        loop {
            if let Some(due_at) = self.folder.due_at() {
                shared.rest(due_at);
            }
            let wake_at = [self.folder.due_at(), self.sync_at]
                .into_iter()
                .flatten()
                .min();
            let (taken, ended) = shared.take(wake_at);
            let now = Instant::now();
            // Dropping `_room` here lets the next failures in; what was taken is bounded by the frame's length.
            let units = taken
                .into_iter()
                .filter_map(|pending| self.folder.admit(pending.events, pending.written, now));
            let mut frame: Vec<_> = units.collect();
            frame.extend(if ended {
                self.folder.take_all()
            } else {
                self.folder.take_due(now)
            });
            self.write(frame, shared);
            if ended {
                self.sync(shared);
                return;
            }
            if self.sync_at.is_some_and(|at| at <= Instant::now()) {
                self.sync(shared);
            }
        }
    }

    fn write(
        &mut self,
        frame: Vec<Unit<oneshot::Sender<Result<Recorded, NotRecorded>>>>,
        shared: &Shared,
    ) {
        if frame.is_empty() {
            return;
        }
        let started = Instant::now();
        let mut events = Vec::with_capacity(frame.len());
        let mut answers = Vec::with_capacity(frame.len());
        for unit in frame {
            let event_id = unit.event_id();
            let mut requests = unit.waiting.len();
            answers.extend(unit.waiting.into_iter().map(|waiting| {
                let requests = std::mem::take(&mut requests);
                (waiting, Recorded { event_id, requests })
            }));
            events.extend(unit.events);
        }
        for event in &mut events {
            self.details.thin_out(event, started);
        }
        let result = self.sink.append(&events).map_err(|error| {
            metrics::get().spool_errors.add(1, &[]);
            tracing::error!(%error, "failure events could not be spooled");
            NotRecorded
        });
        shared.note(result.is_ok());
        if result.is_ok() {
            count_written(events.len(), answers.len(), started);
            if let Some(interval) = self.sync_interval {
                self.sync_at.get_or_insert(started + interval);
            }
        }
        for (waiting, recorded) in answers {
            // The request may have ended meanwhile; its event is written all the same.
            let _still_waiting = waiting.send(result.map(|()| recorded)).is_ok();
        }
    }

    fn sync(&mut self, shared: &Shared) {
        self.sync_at = None;
        if let Err(error) = self.sink.sync() {
            shared.note(false);
            metrics::get().spool_errors.add(1, &[]);
            tracing::error!(%error, "the failure spool could not be synced");
        }
    }
}

fn count_written(events: usize, requests: usize, started: Instant) {
    let metrics = metrics::get();
    metrics.failures_recorded.add(events as u64, &[]);
    let folded = requests.saturating_sub(events);
    metrics.failures_folded.add(folded as u64, &[]);
    metrics
        .spool_append_duration
        .record(started.elapsed().as_secs_f64(), &[]);
}

#[cfg(test)]
mod tests;
