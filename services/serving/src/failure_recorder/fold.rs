//! Storms: above a rate, identical failures become one event that says how many requests it stands for.
//!
//! Up to [`UNFOLDED_PER_SECOND`] failures a second of one kind on one path have an event each. The next ones are held for at
//! most [`HOLD`] and written together, so a storm on one URL costs at most 120 events a second, however many requests fail.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use limpid_domain::failure::{FailureEvent, LayerInputNumber, Outcome, Reason};
use limpid_domain::ids::{EventId, OriginNo, StreamVersion, TenantId, TenantSeq, UrlEndpointNo};

/// Failures of one kind on one path that get an event of their own in one second. Source: `errors.md`, "Counting".
pub(super) const UNFOLDED_PER_SECOND: u32 = 20;
/// How long a folded failure waits for others at most; its answer waits as long.
pub(super) const HOLD: Duration = Duration::from_millis(10);

/// Windows kept before those that have ended are cleared away.
const MAX_IDLE_WINDOWS: usize = 4096;

/// The events of one request, or of several alike, and who waits for them.
#[derive(Debug)]
pub(super) struct Unit<W> {
    pub(super) events: Vec<FailureEvent>,
    pub(super) waiting: Vec<W>,
}

impl<W> Unit<W> {
    /// The event that stands for the request: the headline, else the first attempt.
    pub(super) fn event_id(&self) -> EventId {
        let headline = self.events.iter().find(|event| event.headline);
        headline
            .or(self.events.first())
            .map_or_else(EventId::mint, |event| event.event_id)
    }
}

/// Decides which failures fold.
#[derive(Debug)]
pub(super) struct Folder<W> {
    windows: HashMap<Kind, Window>,
    held: HashMap<Kind, Unit<W>>,
    /// When the oldest held failure must be written.
    due_at: Option<Instant>,
}

/// What two failed requests have in common when one event may stand for both.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Kind {
    tenant: TenantId,
    endpoint: (UrlEndpointNo, StreamVersion),
    config_version: TenantSeq,
    path: String,
    attempts: Vec<AttemptKind>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct AttemptKind {
    attempt: i16,
    headline: bool,
    outcome: Outcome,
    reason: Reason,
    origin: (OriginNo, StreamVersion),
    upstream_status: i16,
    /// The client is told.
    layer_input: Option<LayerInputNumber>,
}

#[derive(Debug)]
struct Window {
    ends_at: Instant,
    unfolded: u32,
}

impl<W> Default for Folder<W> {
    fn default() -> Self {
        Self {
            windows: HashMap::new(),
            held: HashMap::new(),
            due_at: None,
        }
    }
}

impl<W> Folder<W> {
    /// Takes the failures of one request: gives them back when they are to be written at once, holds them otherwise.
    pub(super) fn admit(
        &mut self,
        events: Vec<FailureEvent>,
        waiting: W,
        now: Instant,
    ) -> Option<Unit<W>> {
        let unit = Unit {
            events,
            waiting: vec![waiting],
        };
        let Some(kind) = Kind::of(&unit.events) else {
            return Some(unit);
        };
        if self.may_stand_alone(&kind, now) {
            return Some(unit);
        }
        self.due_at.get_or_insert(now + HOLD);
        match self.held.get_mut(&kind) {
            Some(held) => held.absorb(unit),
            None => {
                self.held.insert(kind, unit);
            }
        }
        None
    }

    /// When held failures must be written, if there are any.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.due_at
    }

    /// What was held, if it is time.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Unit<W>> {
        match self.due_at {
            Some(due_at) if due_at <= now => self.take_all(),
            _ => Vec::new(),
        }
    }

    /// What was held.
    pub(super) fn take_all(&mut self) -> Vec<Unit<W>> {
        self.due_at = None;
        self.held.drain().map(|(_, unit)| unit).collect()
    }

    fn may_stand_alone(&mut self, kind: &Kind, now: Instant) -> bool {
        if self.windows.len() > MAX_IDLE_WINDOWS {
            self.windows.retain(|_, window| window.ends_at > now);
        }
        let fresh = Window {
            ends_at: now + Duration::from_secs(1),
            unfolded: 0,
        };
        let window = match self.windows.get_mut(kind) {
            Some(window) if window.ends_at > now => window,
            Some(ended) => {
                *ended = fresh;
                ended
            }
            None => self.windows.entry(kind.clone()).or_insert(fresh),
        };
        window.unfolded = window.unfolded.saturating_add(1);
        window.unfolded <= UNFOLDED_PER_SECOND
    }
}

impl<W> Unit<W> {
    fn absorb(&mut self, other: Self) {
        for (mine, theirs) in self.events.iter_mut().zip(&other.events) {
            mine.occurrences = mine.occurrences.saturating_add(theirs.occurrences);
        }
        self.waiting.extend(other.waiting);
    }
}

impl Kind {
    fn of(events: &[FailureEvent]) -> Option<Self> {
        let first = events.first()?;
        Some(Self {
            tenant: first.tenant_id,
            endpoint: (first.endpoint_no, first.endpoint_version),
            config_version: first.config_version,
            path: first.path.clone(),
            attempts: events.iter().map(AttemptKind::of).collect(),
        })
    }
}

impl AttemptKind {
    fn of(event: &FailureEvent) -> Self {
        Self {
            attempt: event.attempt,
            headline: event.headline,
            outcome: event.outcome,
            reason: event.reason,
            origin: (event.origin_no, event.origin_version),
            upstream_status: event.upstream_status,
            layer_input: event.detail.as_ref().and_then(|detail| detail.layer_input),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure_recorder::tests::{event_on, events_of_two_attempts};

    #[test]
    fn the_first_twenty_of_a_second_stand_alone_and_the_rest_fold() {
        let mut folder = Folder::default();
        let now = Instant::now();
        let admitted = (0..100).filter_map(|n| folder.admit(vec![event_on("/a.jpg")], n, now));
        let alone: Vec<_> = admitted.collect();
        assert_eq!(alone.len(), 20);
        assert!(folder.take_due(now).is_empty());
        let held = folder.take_due(now + HOLD);
        assert_eq!(held.len(), 1);
        assert_eq!(held[0].events[0].occurrences, 80);
        assert_eq!(held[0].waiting, (20..100).collect::<Vec<_>>());
        assert_eq!(folder.due_at(), None);
    }

    #[test]
    fn another_second_another_path_and_another_version_start_afresh() {
        let mut folder = Folder::default();
        let now = Instant::now();
        for _ in 0..20 {
            assert!(folder.admit(vec![event_on("/a.jpg")], (), now).is_some());
        }
        assert!(folder.admit(vec![event_on("/a.jpg")], (), now).is_none());
        assert!(folder.admit(vec![event_on("/b.jpg")], (), now).is_some());
        let mut newer = event_on("/a.jpg");
        newer.config_version = TenantSeq(99);
        assert!(folder.admit(vec![newer], (), now).is_some());
        let later = now + Duration::from_secs(1);
        assert!(folder.admit(vec![event_on("/a.jpg")], (), later).is_some());
    }

    #[test]
    fn every_attempt_of_a_folded_request_is_counted() {
        let mut folder = Folder::default();
        let now = Instant::now();
        for _ in 0..20 {
            assert!(folder.admit(events_of_two_attempts(), (), now).is_some());
        }
        for _ in 0..5 {
            assert!(folder.admit(events_of_two_attempts(), (), now).is_none());
        }
        let held = folder.take_all();
        assert_eq!(held.len(), 1);
        let occurrences: Vec<_> = held[0]
            .events
            .iter()
            .map(|event| event.occurrences)
            .collect();
        assert_eq!(occurrences, [5, 5]);
        assert_eq!(held[0].event_id(), held[0].events[1].event_id);
    }
}
