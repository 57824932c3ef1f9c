//! Signatures, and what the account or the endpoint forbids. Source: `imagekit.md` 3.9 and 3.10.

use std::sync::Arc;
use std::time::Instant;

use limpid_delivery_url::signature::{SignatureError, SignedRequest};
use limpid_delivery_url::{ResolvedTarget, Transformation, signature};
use limpid_domain::clock::Clock;
use limpid_domain::failure::advice::RefusalCause;
use secrecy::ExposeSecret;

use super::Route;
use crate::config_snapshot::Endpoint;
use crate::error::Refusal;
use crate::image_request::ImageRequest;
use crate::production::Order;
use crate::steps::Steps;

/// A request of which account and endpoint are known.
pub(super) struct Checked<'a> {
    pub(super) route: &'a Route<'a>,
    pub(super) endpoint: &'a Arc<Endpoint>,
    pub(super) resolved: &'a ResolvedTarget,
    pub(super) request: &'a ImageRequest,
}

impl Checked<'_> {
    /// Whether the request is signed. A signature that is present must be right, also where none is required.
    pub(super) fn signature(&self, clock: &Clock, steps: &mut Steps) -> Result<bool, Refusal> {
        let started = Instant::now();
        if !self.resolved.switches.signed {
            let restrictions = self.route.account.restrictions_of(self.endpoint);
            if restrictions.restrict_unsigned_urls {
                steps.failed("signature", started, || {
                    "missing, and URLs must be signed here".to_owned()
                });
                return Err(Refusal::unsigned());
            }
            steps.done("signature", started, || "none, none is needed".to_owned());
            return Ok(false);
        }
        let Err(error) = self.verified(clock) else {
            steps.done("signature", started, || "valid".to_owned());
            return Ok(true);
        };
        steps.failed("signature", started, || error.to_string());
        Err(Refusal::unsigned().because(match error {
            SignatureError::Missing => RefusalCause::SignatureMissing,
            SignatureError::Malformed => RefusalCause::SignatureMalformed,
            SignatureError::Mismatch => RefusalCause::SignatureMismatch,
            SignatureError::Expired => RefusalCause::SignatureExpired,
        }))
    }

    fn verified(&self, clock: &Clock) -> Result<(), SignatureError> {
        let now = u64::try_from(clock.now().timestamp()).unwrap_or(0);
        // Where TLS ends before us the scheme is not known here, and some SDKs sign it.
        let tried = ["https", "http"].map(|scheme| {
            let site = format!("{scheme}://{}", self.request.host_field);
            let signed = SignedRequest {
                target: &self.request.target,
                mount: self.route.mount,
                endpoint_prefix: &self.resolved.endpoint_prefix,
                site: Some(&site),
            };
            let keys = self.route.account.private_keys.iter();
            signature::verify(&signed, keys.map(ExposeSecret::expose_secret), now)
        });
        // Both match where the site is not signed; of two errors the one that says more counts.
        match tried {
            [Ok(()), _] | [_, Ok(())] => Ok(()),
            [Err(SignatureError::Expired), _] => Err(SignatureError::Expired),
            [Err(_), Err(error)] => Err(error),
        }
    }

    /// Refuses what is no named transformation where only those are allowed; names the parameter, so that whoever reads the
    /// answer knows which component added it.
    pub(super) fn only_named(
        &self,
        asked: &Transformation,
        steps: &mut Steps,
    ) -> Result<(), Refusal> {
        let restrictions = self.route.account.restrictions_of(self.endpoint);
        if !restrictions.restrict_unnamed_transformations {
            return Ok(());
        }
        let started = Instant::now();
        let Some(parameter) = asked.first_unnamed() else {
            steps.done("restrictions", started, || {
                "nothing but named transformations, as demanded here".to_owned()
            });
            return Ok(());
        };
        steps.failed("restrictions", started, || {
            format!("\"{parameter}\" is used; only named transformations are allowed here")
        });
        Err(Refusal::invalid(format!(
            "Bad Image Transformation Request: \"{parameter}\" is not allowed here, only named transformations (n-...) are"
        ))
        .because(RefusalCause::OnlyNamed))
    }
}

/// Whether an unsigned request may have what `order` needs beside its file. Layers' files and the default image come from the
/// default endpoint: an endpoint that wants no signature must not be a way around one that does.
pub(super) fn needs_signed_files(order: &Order) -> bool {
    let is_restricted = |endpoint: &Endpoint| endpoint.restrictions.restrict_unsigned_urls;
    let default_image = order.transformation.default_image();
    let stand_in = default_image.and_then(|_| order.account.endpoint(""));
    let layers = order.layer_files.endpoint.as_ref();
    layers.is_some_and(|endpoint| is_restricted(endpoint))
        || stand_in.is_some_and(|endpoint| is_restricted(endpoint))
}
