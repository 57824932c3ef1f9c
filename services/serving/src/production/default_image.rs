//! `di`: the picture that stands in where the original cannot be had. Source: `imagekit.md` 3.6.

use std::sync::Arc;

use limpid_delivery_url::FilePath;

use super::{Order, Outcome, Production};
use crate::failure_recorder::event::{FailedAttempt, headline_of};
use crate::steps::Steps;

impl Production {
    /// The default image in place of what failed; without one, or where it cannot be had either, the failure itself.
    pub(super) async fn or_default_image(
        &self,
        order: &Order,
        attempts: Vec<FailedAttempt>,
        steps: &mut Steps,
    ) -> Outcome {
        let Some(stand_in) = order_for(order, &attempts) else {
            return Outcome::Failed(attempts);
        };
        // Not `produce`: a default image has no default image.
        let Outcome::Made { variant, .. } = self.ask_origins(&stand_in, steps).await else {
            return Outcome::Failed(attempts);
        };
        Outcome::Defaulted { variant, attempts }
    }
}

/// The order for the default image, through the account's default endpoint and with the same transformation. None where the
/// request names none, or where the client is answered with 400: that its file was found must not be hidden.
fn order_for(order: &Order, attempts: &[FailedAttempt]) -> Option<Order> {
    let path = order.transformation.default_image()?;
    let headline = headline_of(attempts)?;
    if headline.failure.reason.code().http_status() != 404 {
        return None;
    }
    Some(Order {
        endpoint: Arc::clone(order.account.endpoint("")?),
        file: FilePath::from_decoded(path).ok()?,
        forwarded_query: None,
        object_version: None,
        ..order.clone()
    })
}
