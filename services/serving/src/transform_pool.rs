//! The threads that change pixels: as many as cores, behind a bounded queue that takes turns between tenants.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use limpid_domain::ids::TenantId;
use opentelemetry::Context;
use tokio::sync::oneshot;
use tracing::Span;

use crate::metrics;

/// Jobs that may wait for a thread, of all tenants together; the next one is refused.
const MAX_QUEUED: usize = 1024;
/// Jobs of one tenant that may wait, so that nobody fills the queue alone.
const MAX_QUEUED_PER_TENANT: usize = 512;

/// Dedicated threads for pixel work. Dropping it stops them after the jobs they are at.
pub(crate) struct TransformPool {
    queue: Arc<SharedQueue>,
    threads: Vec<JoinHandle<()>>,
}

/// Why a job gave no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PoolError {
    /// Too many jobs are waiting. At fault: load.
    #[error("too many transformations are waiting")]
    Full,
    /// The deadline passed before a thread was free. At fault: load.
    #[error("the deadline passed in the queue")]
    Expired,
    /// The deadline passed while a thread was at it; the thread stops at the engine's next look at the time. At fault: the work.
    #[error("the deadline passed at work")]
    Late,
    /// The job panicked: a bug of ours.
    #[error("the transformation panicked")]
    Panicked,
}

type Job = Box<dyn FnOnce(bool) + Send>;

struct QueuedJob {
    deadline: Instant,
    /// Called with whether it may still start.
    run: Job,
}

#[derive(Default)]
struct Queue {
    by_tenant: HashMap<TenantId, VecDeque<QueuedJob>>,
    /// Tenants with waiting jobs, in the order of their turns.
    turns: VecDeque<TenantId>,
    queued: usize,
    closed: bool,
}

#[derive(Default)]
struct SharedQueue {
    /// Held for pushes and pops only; jobs run outside.
    queue: Mutex<Queue>,
    changed: Condvar,
}

impl TransformPool {
    /// Starts the threads.
    ///
    /// # Errors
    /// The operating system refuses another thread.
    pub(crate) fn start(threads: NonZeroUsize) -> std::io::Result<Self> {
        let mut pool = Self {
            queue: Arc::default(),
            threads: Vec::with_capacity(threads.get()),
        };
        for number in 0..threads.get() {
            let queue = Arc::clone(&pool.queue);
            let thread = std::thread::Builder::new()
                .name(format!("transform-{number}"))
                .spawn(move || run_jobs(&queue))?;
            pool.threads.push(thread);
        }
        Ok(pool)
    }

    /// Runs `work` on one of the threads, in the current span and trace.
    ///
    /// # Errors
    /// See [`PoolError`].
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        tenant: TenantId,
        deadline: Instant,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolError> {
        let (sender, receiver) = oneshot::channel();
        let (span, trace) = (Span::current(), Context::current());
        let has_started = Arc::new(AtomicBool::new(false));
        let starts = Arc::clone(&has_started);
        let run: Job = Box::new(move |may_start| {
            let result = if may_start && !sender.is_closed() {
                starts.store(true, Ordering::Relaxed);
                let _in_trace = trace.attach();
                catch_unwind(AssertUnwindSafe(|| span.in_scope(work)))
                    .map_err(|_| PoolError::Panicked)
            } else {
                Err(PoolError::Expired)
            };
            // Nobody waits any more: the result is dropped, as it should be.
            drop(sender.send(result));
        });
        self.queue.push(tenant, QueuedJob { deadline, run })?;
        match tokio::time::timeout_at(deadline.into(), receiver).await {
            Ok(ended) => ended.unwrap_or(Err(PoolError::Panicked)),
            Err(_) if has_started.load(Ordering::Relaxed) => Err(PoolError::Late),
            Err(_) => Err(PoolError::Expired),
        }
    }
}

impl Drop for TransformPool {
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.queue.changed.notify_all();
        for thread in self.threads.drain(..) {
            // A thread ends by itself; a panic outside a job has been reported by the panic hook.
            drop(thread.join());
        }
    }
}

impl fmt::Debug for TransformPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransformPool")
            .field("threads", &self.threads.len())
            .finish_non_exhaustive()
    }
}

impl SharedQueue {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, tenant: TenantId, job: QueuedJob) -> Result<(), PoolError> {
        let mut guard = self.lock();
        let queue = &mut *guard;
        let of_tenant = queue.by_tenant.entry(tenant).or_default();
        if queue.queued >= MAX_QUEUED || of_tenant.len() >= MAX_QUEUED_PER_TENANT {
            return Err(PoolError::Full);
        }
        if of_tenant.is_empty() {
            queue.turns.push_back(tenant);
        }
        of_tenant.push_back(job);
        queue.queued += 1;
        drop(guard);
        metrics::get().transform_queue_depth.add(1, &[]);
        self.changed.notify_one();
        Ok(())
    }

    /// The next job, or `None` when the pool closes.
    fn pop(&self) -> Option<QueuedJob> {
        let mut queue = self.lock();
        loop {
            if let Some(job) = queue.pop() {
                drop(queue);
                metrics::get().transform_queue_depth.add(-1, &[]);
                return Some(job);
            }
            if queue.closed {
                return None;
            }
            queue = self
                .changed
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Queue {
    fn pop(&mut self) -> Option<QueuedJob> {
        let tenant = self.turns.pop_front()?;
        let of_tenant = self.by_tenant.get_mut(&tenant)?;
        let job = of_tenant.pop_front();
        if of_tenant.is_empty() {
            self.by_tenant.remove(&tenant);
        } else {
            self.turns.push_back(tenant);
        }
        self.queued -= usize::from(job.is_some());
        job
    }
}

fn run_jobs(queue: &SharedQueue) {
    while let Some(job) = queue.pop() {
        let in_flight = &metrics::get().transform_in_flight;
        in_flight.add(1, &[]);
        (job.run)(Instant::now() < job.deadline);
        in_flight.add(-1, &[]);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    fn one_thread() -> TransformPool {
        TransformPool::start(NonZeroUsize::MIN).unwrap()
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_mins(1)
    }

    #[tokio::test]
    async fn a_panic_is_reported_and_the_thread_lives_on() {
        let pool = one_thread();
        let failed = pool
            .run(TenantId(1), soon(), || -> u8 { panic!("boom") })
            .await;
        assert_eq!(failed, Err(PoolError::Panicked));
        assert_eq!(pool.run(TenantId(1), soon(), || 5).await, Ok(5));
    }

    #[tokio::test]
    async fn a_job_past_its_deadline_does_not_start() {
        let pool = one_thread();
        let result = pool.run(TenantId(1), Instant::now(), || 1).await;
        assert_eq!(result, Err(PoolError::Expired));
    }

    #[tokio::test]
    async fn nobody_waits_longer_than_the_deadline_for_a_job_that_does_not_look_at_the_time() {
        let pool = one_thread();
        let (open, gate) = mpsc::channel::<()>();
        let deadline = Instant::now() + Duration::from_millis(200);
        let result = pool.run(TenantId(1), deadline, move || gate.recv().is_ok());
        assert_eq!(result.await, Err(PoolError::Late));
        open.send(()).unwrap();
    }

    #[tokio::test]
    async fn tenants_take_turns() {
        let pool = one_thread();
        let (open, gate) = mpsc::channel::<()>();
        let (order, seen) = mpsc::channel();
        let blocker = pool.run(TenantId(9), soon(), move || gate.recv().is_ok());
        let mut jobs = Vec::new();
        for (tenant, name) in [(1, "a1"), (1, "a2"), (1, "a3"), (2, "b1")] {
            let order = order.clone();
            jobs.push(pool.run(TenantId(tenant), soon(), move || order.send(name).is_ok()));
        }
        let all = futures::future::join_all(jobs);
        let (_, _, ()) = futures::join!(blocker, all, async { open.send(()).unwrap() });
        drop(order);
        assert_eq!(seen.iter().collect::<Vec<_>>(), ["a1", "b1", "a2", "a3"]);
    }

    #[tokio::test]
    async fn one_tenant_cannot_fill_the_queue() {
        let pool = one_thread();
        let (open, gate) = mpsc::channel::<()>();
        let mut blocker = Box::pin(pool.run(TenantId(1), soon(), move || gate.recv().is_ok()));
        assert!(futures::poll!(&mut blocker).is_pending());
        let mut waiting = Vec::new();
        let mut refused = 0;
        for _ in 0..MAX_QUEUED_PER_TENANT + 10 {
            let mut job = Box::pin(pool.run(TenantId(1), soon(), || true));
            match futures::poll!(&mut job) {
                std::task::Poll::Ready(result) => {
                    assert_eq!(result, Err(PoolError::Full));
                    refused += 1;
                }
                std::task::Poll::Pending => waiting.push(job),
            }
        }
        assert!(refused >= 9);
        let mut other = Box::pin(pool.run(TenantId(2), soon(), || true));
        assert!(futures::poll!(&mut other).is_pending());
        open.send(()).unwrap();
        assert_eq!(other.await, Ok(true));
    }
}
