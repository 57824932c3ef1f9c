//! Signature Version 4 in the request's headers.

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign as sign_request,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use limpid_domain::failure::Reason;
use limpid_domain::origin::{OriginCredentials, OriginLocation};
use secrecy::ExposeSecret;
use url::Url;

use crate::ambient::Keys;
use crate::attempt::{Attempt, AttemptResult, failure};
use crate::fetch::FetchContext;

/// What a request is signed with: the origin's own keys, or the machine's. `None` for public buckets.
///
/// Errors: `credentials_invalid` where the machine's keys are wanted and not to be had.
pub(super) async fn signer(
    context: &FetchContext<'_>,
    attempt: &mut Attempt<'_>,
) -> AttemptResult<Option<Keys>> {
    if let OriginCredentials::AccessKey {
        access_key,
        secret_key,
    } = context.access.credentials
    {
        return Ok(Some(Keys {
            access_key: access_key.clone(),
            secret_key: secret_key.clone(),
            session_token: None,
            ends_at: None,
        }));
    }
    let wants_the_machines = matches!(
        &context.access.settings.location,
        OriginLocation::S3 {
            use_iam_role: true,
            ..
        } | OriginLocation::CloudinaryBackup {
            use_iam_role: true,
            ..
        }
    );
    if wants_the_machines {
        return context.ambient_keys(attempt).await.map(Some);
    }
    Ok(None)
}

/// Adds the signature of a request without a body.
pub(super) fn sign(
    context: &FetchContext<'_>,
    keys: &Keys,
    (method, url): (&Method, &Url),
    region: &str,
    headers: &mut HeaderMap,
) -> AttemptResult<()> {
    let identity: Identity = Credentials::new(
        keys.access_key.expose_secret(),
        keys.secret_key.expose_secret(),
        keys.session_token
            .as_ref()
            .map(|token| token.expose_secret().to_owned()),
        None,
        "origin",
    )
    .into();
    let signed = signature(method, url, region, &identity, context.now().into());
    let signed = signed.map_err(|error| {
        tracing::error!(error = %error, "could not sign a request to S3");
        failure(Reason::Internal, "the request could not be signed")
    })?;
    for (name, value) in signed {
        let mut value = HeaderValue::try_from(value).map_err(|_| {
            failure(
                Reason::CredentialsInvalid,
                "the access key has odd characters",
            )
        })?;
        value.set_sensitive(true);
        headers.insert(HeaderName::from_static(name), value);
    }
    Ok(())
}

type SignError = Box<dyn std::error::Error + Send + Sync>;

fn signature(
    method: &Method,
    url: &Url,
    region: &str,
    identity: &Identity,
    time: std::time::SystemTime,
) -> Result<Vec<(&'static str, String)>, SignError> {
    let mut settings = SigningSettings::default();
    // S3 differs from Amazon's other services: keys are encoded once and never normalised, and the hash of the body
    // is a header of its own.
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let parameters = v4::SigningParams::builder()
        .identity(identity)
        .region(region)
        .name("s3")
        .time(time)
        .settings(settings)
        .build()?
        .into();
    let request = SignableRequest::new(
        method.as_str(),
        url.as_str(),
        std::iter::empty(),
        SignableBody::Bytes(&[]),
    )?;
    let (instructions, _signature) = sign_request(request, &parameters)?.into_parts();
    let (headers, _query) = instructions.into_parts();
    Ok(headers
        .into_iter()
        .map(|header| (header.name(), header.value().to_owned()))
        .collect())
}
