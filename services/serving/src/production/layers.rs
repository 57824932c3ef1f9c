//! The files that layers need, fetched once for one variant, from the default endpoint's origins in order, several files at once.

use std::sync::Arc;
use std::time::Instant;

use futures::{StreamExt, stream};
use limpid_domain::failure::{AttemptFailure, FailureCode, Reason};
use limpid_origins::Original;
use tracing::{Instrument, info_span};

use super::{Order, Production};
use crate::failure_recorder::event::FailedAttempt;
use crate::layer_files::{FetchedLayerFiles, LayerFile};
use crate::steps::Steps;

/// Files fetched at once for one variant. Source: ours; most pictures need one or two, and no origin shall feel a burst.
const FETCHES_AT_ONCE: usize = 4;
/// As much of a file's name as an event notes; longer ones hardly exist. Units: characters.
const MAX_NOTED_NAME_CHARS: usize = 1024;

impl Production {
    /// Fetches those that `original` needs, some at once, and stops at the first in order that cannot be had; `number` is that
    /// of the attempt that gave the original.
    pub(super) async fn layer_files(
        &self,
        order: &Order,
        original: &Original,
        (number, deadline): (i16, Instant),
        steps: &mut Steps,
    ) -> Result<FetchedLayerFiles, Vec<FailedAttempt>> {
        let waiting: Vec<_> = self
            .needed_layer_files(order, original)
            .into_iter()
            .map(|file| self.fetch_layer(order, file, (number, deadline), steps.fork()))
            .collect();
        let mut arriving = stream::iter(waiting).buffered(FETCHES_AT_ONCE);
        let mut fetched = Vec::new();
        while let Some((name, outcome, own_steps)) = arriving.next().await {
            steps.join(own_steps);
            fetched.push((name, outcome?));
        }
        Ok(FetchedLayerFiles::new(fetched))
    }

    /// Those of the branch of a conditional that `original` takes.
    pub(super) fn needed_layer_files<'a>(
        &self,
        order: &'a Order,
        original: &Original,
    ) -> Vec<&'a LayerFile> {
        let limits = order.account.limits_within(&self.limits);
        order
            .layer_files
            .needed_for(&order.transformation, &original.bytes, &limits)
    }

    async fn fetch_layer(
        &self,
        order: &Order,
        file: &LayerFile,
        attempt: (i16, Instant),
        mut steps: Steps,
    ) -> (String, Result<Arc<Original>, Vec<FailedAttempt>>, Steps) {
        let outcome = self
            .layer_file(order, file, attempt, &mut steps)
            .instrument(info_span!("layer.fetch"))
            .await;
        (file.name.clone(), outcome, steps)
    }

    async fn layer_file(
        &self,
        order: &Order,
        file: &LayerFile,
        (number, deadline): (i16, Instant),
        steps: &mut Steps,
    ) -> Result<Arc<Original>, Vec<FailedAttempt>> {
        let mut attempts: Vec<FailedAttempt> = Vec::new();
        let endpoint = order.layer_files.endpoint.as_ref();
        for origin in endpoint.iter().flat_map(|endpoint| &endpoint.origins) {
            if !attempts.is_empty() && Instant::now() >= deadline {
                break;
            }
            let number = i16::try_from(attempts.len() + 1)
                .unwrap_or(i16::MAX)
                .saturating_add(number);
            let started = Instant::now();
            let request = (&file.path, number, deadline);
            let failed = match self.fetch(order, origin, request, steps).await {
                Ok(original) => {
                    // Failures of layers' files are recorded under the path that was asked for.
                    self.observe_served(order, origin, steps);
                    return Ok(original);
                }
                Err(failed) => failed,
            };
            let mut attempt = self.fetch_attempt(number, origin, &failed, started);
            attempt.failure = of_layer(attempt.failure, file);
            let is_limit = attempt.failure.reason.code() == FailureCode::Elimit;
            attempts.push(attempt);
            if is_limit {
                break;
            }
        }
        if attempts.is_empty() {
            let failure = of_layer(
                AttemptFailure::new(Reason::LayerInputNotFound)
                    .with_note("no origin is attached to the default URL endpoint"),
                file,
            );
            attempts.push(FailedAttempt::before_any_origin(failure, self.clock.now()));
        }
        Err(attempts)
    }
}

/// Says which file it was, and that it was a layer's. The client is told its number only: the path is text of the request.
fn of_layer(mut failure: AttemptFailure, file: &LayerFile) -> AttemptFailure {
    if failure.reason.code() == FailureCode::Enoent {
        failure.reason = Reason::LayerInputNotFound;
    }
    let name: String = file.name.chars().take(MAX_NOTED_NAME_CHARS).collect();
    let note = failure.note.take().map(|note| format!(": {note}"));
    failure.note = Some(format!(
        "layer input \"{}\"{}",
        name.escape_default(),
        note.unwrap_or_default()
    ));
    failure.layer_input = Some(file.number);
    failure
}
