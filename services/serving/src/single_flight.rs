//! Identical concurrent work is done once.
//!
//! The work runs in a task of its own, so neither a client that hangs up nor a follower's deadline stops it, and a panic
//! in it ends every wait instead of leaving followers hanging.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::telemetry;

/// Work in flight, by key.
pub(crate) struct SingleFlight<K, V> {
    /// Held only to look up, insert or remove; never across an await.
    flights: Arc<Mutex<HashMap<K, watch::Receiver<Option<V>>>>>,
    tracker: TaskTracker,
}

/// Who started the work a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// This caller.
    Leader,
    /// Another caller, a little earlier.
    Follower,
}

impl<K, V> SingleFlight<K, V>
where
    K: Hash + Eq + Clone + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(crate) fn new(tracker: TaskTracker) -> Self {
        Self {
            flights: Arc::default(),
            tracker,
        }
    }

    /// Waits for the work under `key`, starting it if nobody has; `None` when it panicked.
    pub(crate) async fn work<F>(&self, key: K, start: impl FnOnce() -> F) -> (Option<V>, Role)
    where
        F: Future<Output = V> + Send + 'static,
    {
        let (mut receiver, role) = self.join_or_start(key, start);
        let value = match receiver.wait_for(Option::is_some).await {
            Ok(value) => value.clone(),
            Err(_) => None,
        };
        (value, role)
    }

    fn join_or_start<F>(
        &self,
        key: K,
        start: impl FnOnce() -> F,
    ) -> (watch::Receiver<Option<V>>, Role)
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        let vacant = match flights.entry(key) {
            Entry::Occupied(flight) => return (flight.get().clone(), Role::Follower),
            Entry::Vacant(vacant) => vacant,
        };
        let (sender, receiver) = watch::channel(None);
        let landing = Landing {
            flights: Arc::clone(&self.flights),
            key: vacant.key().clone(),
        };
        vacant.insert(receiver.clone());
        drop(flights);
        let work = AssertUnwindSafe(start()).catch_unwind();
        self.tracker.spawn(telemetry::carried(async move {
            let value = work.await;
            // First off the map, then announced: whoever comes now starts anew and finds the cache filled.
            drop(landing);
            if let Ok(value) = value {
                sender.send_replace(Some(value));
            }
        }));
        (receiver, Role::Leader)
    }
}

impl<K, V> fmt::Debug for SingleFlight<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleFlight").finish_non_exhaustive()
    }
}

/// Takes a flight off the map, also when its task is dropped at shutdown.
struct Landing<K: Hash + Eq, V> {
    flights: Arc<Mutex<HashMap<K, watch::Receiver<Option<V>>>>>,
    key: K,
}

impl<K: Hash + Eq, V> Drop for Landing<K, V> {
    fn drop(&mut self) {
        self.flights
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn fifty_callers_at_a_time_cause_one_piece_of_work() {
        let flights = Arc::new(SingleFlight::new(TaskTracker::new()));
        let runs = Arc::new(AtomicU32::new(0));
        let gate = Arc::new(Notify::new());
        let callers = (0..50).map(|_| {
            let (runs, gate) = (Arc::clone(&runs), Arc::clone(&gate));
            flights.work("key", move || async move {
                gate.notified().await;
                runs.fetch_add(1, Ordering::SeqCst) + 1
            })
        });
        let all = futures::future::join_all(callers);
        let (results, ()) = futures::join!(all, async {
            tokio::task::yield_now().await;
            gate.notify_one();
        });
        assert!(results.iter().all(|(value, _)| *value == Some(1)));
        let leaders = results.iter().filter(|(_, role)| *role == Role::Leader);
        assert_eq!(leaders.count(), 1);
    }

    #[tokio::test]
    async fn a_panic_ends_every_wait_and_the_next_caller_starts_anew() {
        let flights = SingleFlight::<&str, u32>::new(TaskTracker::new());
        let boom = || async { panic!("boom") };
        let (first, second) = futures::join!(flights.work("key", boom), flights.work("key", boom));
        assert_eq!((first.0, second.0), (None, None));
        let (third, role) = flights.work("key", || async { 3 }).await;
        assert_eq!((third, role), (Some(3), Role::Leader));
    }

    #[tokio::test]
    async fn a_leader_that_hangs_up_does_not_stop_the_work() {
        let flights = Arc::new(SingleFlight::<&str, u32>::new(TaskTracker::new()));
        let gate = Arc::new(Notify::new());
        let opened = Arc::clone(&gate);
        let leader = flights.work("key", move || async move {
            opened.notified().await;
            7
        });
        let mut leader = Box::pin(leader);
        assert!(futures::poll!(&mut leader).is_pending());
        drop(leader);
        gate.notify_one();
        let (value, _) = flights.work("key", || async { 8 }).await;
        assert_eq!(value, Some(7));
    }

    #[tokio::test]
    async fn different_keys_do_not_wait_for_each_other() {
        let flights = SingleFlight::new(TaskTracker::new());
        let (a, b) = futures::join!(
            flights.work(1, || async { "a" }),
            flights.work(2, || async { "b" })
        );
        assert_eq!((a.0, b.0), (Some("a"), Some("b")));
    }
}
