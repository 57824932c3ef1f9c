//! What is written and not yet read: the writer and the reader of a spool meet here.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use limpid_domain::ids::BatchSeq;
use tokio::sync::Notify;

use super::Backlog;
use super::segment::Segment;

#[derive(Debug)]
pub(super) struct Unread {
    /// Short sections without I/O.
    state: Mutex<State>,
    /// Told whenever there is more to read.
    pub(super) readable: Notify,
}

#[derive(Debug)]
pub(super) struct State {
    /// In order; at least one, the last one is written to.
    pub(super) segments: VecDeque<Segment>,
    /// The newest batch that PostgreSQL has.
    pub(super) acked: BatchSeq,
    /// The number the next frame gets.
    pub(super) next: BatchSeq,
    pub(super) damaged_bytes: u64,
    pub(super) missing_frames: u64,
}

impl Unread {
    pub(super) fn new(segments: VecDeque<Segment>, acked: BatchSeq, next: BatchSeq) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                segments,
                acked,
                next,
                damaged_bytes: 0,
                missing_frames: 0,
            }),
            readable: Notify::new(),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn backlog(&self) -> Backlog {
        let state = self.lock();
        let waiting = state.next.0 - 1 - state.acked.0;
        Backlog {
            frames: u64::try_from(waiting).unwrap_or(0),
            bytes: state.bytes(),
            acked: state.acked.0,
            damaged_bytes: state.damaged_bytes,
            missing_frames: state.missing_frames,
        }
    }
}

impl State {
    /// Size of all segments.
    pub(super) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Takes out the segments that are acknowledged as a whole; never the newest, whose name remembers the next number.
    pub(super) fn take_acknowledged(&mut self) -> Vec<Segment> {
        let mut taken = Vec::new();
        while self.segments.len() > 1
            && let Some(oldest) = self.segments.front()
            && oldest.end.0 <= self.acked.0 + 1
            && let Some(oldest) = self.segments.pop_front()
        {
            taken.push(oldest);
        }
        taken
    }
}
