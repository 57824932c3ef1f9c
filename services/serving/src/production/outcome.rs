//! How the making of a variant ended.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use limpid_domain::failure::Reason;

use crate::error::Refusal;
use crate::failure_recorder::event::{FailedAttempt, headline_of, repeatable_until};
use crate::negative_cache::HeapBytes;
use crate::variant::Variant;

/// How it ended.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    /// Made, after these attempts had failed.
    Made {
        variant: Arc<Variant>,
        rescued: Vec<FailedAttempt>,
    },
    /// No origin gave a picture; the default image the request names stands in.
    Defaulted {
        variant: Arc<Variant>,
        attempts: Vec<FailedAttempt>,
    },
    /// An origin is down; what it had before stands in.
    Stale {
        variant: Arc<Variant>,
        /// When the origin gave it.
        fetched_at: DateTime<Utc>,
        attempts: Vec<FailedAttempt>,
    },
    /// No origin gave a picture.
    Failed(Vec<FailedAttempt>),
    /// An origin gave the original, after those attempts had failed, but a file that a layer needs cannot be had.
    LayerFailed {
        attempts: Vec<FailedAttempt>,
        rescued: Vec<FailedAttempt>,
    },
    /// An origin gave the file, but the request cannot be answered with it.
    Refused {
        refusal: Refusal,
        rescued: Vec<FailedAttempt>,
    },
}

impl Outcome {
    /// Until when requests alike may be answered alike without asking anybody; none where an image was made or the request
    /// itself is at fault.
    pub(crate) fn repeatable_until(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Failed(attempts)
            | Self::Defaulted { attempts, .. }
            | Self::Stale { attempts, .. }
            | Self::LayerFailed { attempts, .. } => repeatable_until(attempts),
            Self::Made { .. } | Self::Refused { .. } => None,
        }
    }

    /// The reason that requests alike are told, and until when.
    pub(crate) fn repeated_reason(&self) -> Option<(Reason, DateTime<Utc>)> {
        let until = self.repeatable_until()?;
        match self {
            Self::Failed(attempts)
            | Self::Defaulted { attempts, .. }
            | Self::Stale { attempts, .. }
            | Self::LayerFailed { attempts, .. } => {
                Some((headline_of(attempts)?.failure.reason, until))
            }
            Self::Made { .. } | Self::Refused { .. } => None,
        }
    }
}

impl HeapBytes for Arc<Outcome> {
    fn heap_bytes(&self) -> usize {
        let (variant, attempts, rescued) = match &**self {
            Outcome::Failed(attempts) => (None, attempts.as_slice(), [].as_slice()),
            Outcome::Defaulted { variant, attempts }
            | Outcome::Stale {
                variant, attempts, ..
            } => (Some(variant), attempts.as_slice(), [].as_slice()),
            Outcome::LayerFailed { attempts, rescued } => {
                (None, attempts.as_slice(), rescued.as_slice())
            }
            Outcome::Made { variant, rescued } => {
                (Some(variant), rescued.as_slice(), [].as_slice())
            }
            Outcome::Refused { rescued, .. } => (None, rescued.as_slice(), [].as_slice()),
        };
        let body = variant.map_or(0, |variant| variant.heap_bytes());
        let failures = attempts.iter().chain(rescued);
        body + failures
            .map(|attempt| attempt.failure.heap_bytes())
            .sum::<usize>()
    }
}
