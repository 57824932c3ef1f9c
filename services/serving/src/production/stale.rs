//! An old copy in place of an original whose origin is down. Source: `errors.md`, "Several origins" 4.
//!
//! Finished variants need no such rule: they stay valid until what they were made from changes. A copy stands in only for the
//! origin it came from, in the version the origin still has; a change of the endpoint that leaves the origin as it is does not
//! touch it.

use std::sync::Arc;
use std::time::Instant;

use limpid_domain::failure::{Blame, FailureCode, Reason};
use limpid_origins::Original;

use super::{Order, Outcome, Production};
use crate::failure_recorder::event::FailedAttempt;
use crate::layer_files::FetchedLayerFiles;
use crate::steps::Steps;

impl Production {
    /// A picture made from the copy kept of an origin that is down; without one, the attempts.
    pub(super) async fn or_stale(
        &self,
        order: &Order,
        attempts: Vec<FailedAttempt>,
        steps: &mut Steps,
    ) -> Result<Outcome, Vec<FailedAttempt>> {
        let is_limit =
            |attempt: &FailedAttempt| attempt.failure.reason.code() == FailureCode::Elimit;
        if attempts.iter().any(is_limit) {
            return Err(attempts);
        }
        let down = attempts
            .iter()
            .filter(|attempt| is_down(attempt.failure.reason));
        let mut made = None;
        for attempt in down {
            let Some(origin) = &attempt.origin else {
                continue;
            };
            let Some(kept) = self.originals.kept(order, origin, &order.file) else {
                continue;
            };
            let Some(layer_files) = self.kept_layer_files(order, &kept.original) else {
                continue;
            };
            let place = (attempt.attempt, origin, Instant::now());
            let originals = (kept.original, layer_files);
            if let Ok(variant) = self.make(order, place, originals, steps).await {
                made = Some((variant, kept.fetched_at));
                break;
            }
        }
        match made {
            Some((variant, fetched_at)) => Ok(Outcome::Stale {
                variant: Arc::new(variant),
                fetched_at,
                attempts,
            }),
            None => Err(attempts),
        }
    }

    /// What `original` needs for its layers, from copies alone: nobody is asked any more.
    fn kept_layer_files(&self, order: &Order, original: &Original) -> Option<FetchedLayerFiles> {
        let endpoint = order.layer_files.endpoint.as_ref();
        let files = self.needed_layer_files(order, original).into_iter();
        let files = files.map(|file| {
            let mut origins = endpoint.iter().flat_map(|endpoint| &endpoint.origins);
            let kept = origins.find_map(|origin| self.originals.kept(order, origin, &file.path))?;
            Some((file.name.clone(), kept.original))
        });
        files
            .collect::<Option<Vec<_>>>()
            .map(FetchedLayerFiles::new)
    }
}

/// Whether the origin, or the way to it, is at fault: then what it had may still be right.
fn is_down(reason: Reason) -> bool {
    matches!(reason.row().blame, Blame::Origin | Blame::Network)
}
