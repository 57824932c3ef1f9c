//! `/livez` and `/readyz`: whether the process answers, and whether it should get requests, with reasons.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use limpid_event_store::drainer::DrainStatus;
use serde::Serialize;
use tokio::sync::watch;

use crate::config_snapshot::reconciler::ConfigStatus;
use crate::failure_recorder::FailureRecorder;
use crate::response::{self, HttpResponse};

/// What readiness is judged by.
#[derive(Debug)]
pub(crate) struct Health {
    pub(crate) recorder: FailureRecorder,
    pub(crate) config: Arc<ConfigStatus>,
    /// How the spool is doing on its way to the database.
    pub(crate) drain: watch::Receiver<DrainStatus>,
    /// Set once, when shutdown begins.
    pub(crate) draining: AtomicBool,
}

#[derive(Debug, Serialize)]
struct Readiness {
    ready: bool,
    checks: Vec<Check>,
}

/// One reason for or against readiness.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    detail: String,
}

impl Health {
    /// The process answers.
    pub(crate) fn live() -> HttpResponse {
        response::health(true, r#"{"live":true}"#.to_owned())
    }

    /// Whether the node should get requests. An old configuration is told but not held against it: images are served
    /// while the database is down.
    pub(crate) fn ready(&self) -> HttpResponse {
        let checks = vec![
            self.config_check(),
            self.spool_check(),
            self.drain_check(),
            self.shutdown_check(),
        ];
        let readiness = Readiness {
            ready: checks.iter().all(|check| check.ok),
            checks,
        };
        let json = serde_json::to_string(&readiness).unwrap_or_default();
        response::health(readiness.ready, json)
    }

    fn config_check(&self) -> Check {
        let detail = match self.config.age() {
            None => "from the snapshot on disk; the database has not answered yet".to_owned(),
            Some(age) if age < Duration::from_mins(1) => "current".to_owned(),
            Some(age) => format!("the database last answered {} s ago", age.as_secs()),
        };
        Check {
            name: "config",
            ok: self.config.is_loaded(),
            detail,
        }
    }

    fn spool_check(&self) -> Check {
        let ok = self.recorder.is_healthy();
        let detail = if ok {
            "writable"
        } else {
            "the last failure could not be written"
        };
        Check {
            name: "spool",
            ok,
            detail: detail.to_owned(),
        }
    }

    /// Failures that wait for the database are kept, so a backlog is told and not held against the node.
    fn drain_check(&self) -> Check {
        let status = *self.drain.borrow();
        let database = match status.database_answers {
            None => "not asked yet",
            Some(true) => "answers",
            Some(false) => "does not answer",
        };
        Check {
            name: "failures",
            ok: true,
            detail: format!(
                "{} frames wait for the database, which {database}",
                status.backlog.frames
            ),
        }
    }

    fn shutdown_check(&self) -> Check {
        let draining = self.draining.load(Ordering::Relaxed);
        Check {
            name: "shutdown",
            ok: !draining,
            detail: if draining { "draining" } else { "no" }.to_owned(),
        }
    }
}
