//! The files that layers need, fetched once for one variant, from the default endpoint's origins in order.

use std::sync::Arc;
use std::time::Instant;

use limpid_domain::failure::{AttemptFailure, FailureCode, Reason};
use limpid_origins::Original;
use tracing::{Instrument, info_span};

use super::{Order, Production};
use crate::failure_recorder::event::FailedAttempt;
use crate::layer_files::{FetchedLayerFiles, LayerFile};
use crate::steps::Steps;

impl Production {
    /// Fetches them one after the other and stops at the first that cannot be had; `number` is that of the attempt that
    /// gave the original.
    pub(super) async fn layer_files(
        &self,
        order: &Order,
        (number, deadline): (i16, Instant),
        steps: &mut Steps,
    ) -> Result<FetchedLayerFiles, Vec<FailedAttempt>> {
        let mut fetched = Vec::with_capacity(order.layer_files.files.len());
        for file in &order.layer_files.files {
            let span = info_span!("layer.fetch");
            let original = self
                .layer_file(order, file, (number, deadline), steps)
                .instrument(span)
                .await?;
            fetched.push((file.name.clone(), original));
        }
        Ok(FetchedLayerFiles::new(fetched))
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
                Ok(original) => return Ok(original),
                Err(failed) => failed,
            };
            let mut attempt = self.fetch_attempt(number, origin, &failed, started);
            attempt.failure = of_layer(attempt.failure, &file.name);
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
                &file.name,
            );
            attempts.push(FailedAttempt::before_any_origin(failure, self.clock.now()));
        }
        Err(attempts)
    }
}

/// Says which file it was, and that it was a layer's.
fn of_layer(mut failure: AttemptFailure, name: &str) -> AttemptFailure {
    if failure.reason.code() == FailureCode::Enoent {
        failure.reason = Reason::LayerInputNotFound;
    }
    let name: String = name.chars().take(200).collect();
    let note = failure.note.take().map(|note| format!(": {note}"));
    failure.note = Some(format!(
        "layer input \"{}\"{}",
        name.escape_default(),
        note.unwrap_or_default()
    ));
    failure
}
