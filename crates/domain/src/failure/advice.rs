//! What to do about a failure, with the tenant's own values filled in.

mod refusal;
mod snippet;

use url::Url;

use super::attempt::is_after_redirects;
use super::reason::Reason;
use crate::address::is_metadata_name;
use crate::origin::{OriginKind, OriginLocation, OriginSettings};

pub use refusal::{RefusalCause, RefusalContext, refusal_advice};
pub use snippet::{Snippet, snippet};

/// The tenant's values an advice may name.
#[derive(Debug, Clone, Copy, Default)]
pub struct AdviceContext<'a> {
    /// The origin that failed.
    pub origin: Option<&'a OriginSettings>,
    /// Where we looked: key or URL.
    pub location: Option<&'a str>,
    /// The endpoint's description.
    pub endpoint: Option<&'a str>,
    /// The endpoint's public id.
    pub endpoint_id: Option<&'a str>,
    /// The line for people of the failure: `certificate expired 2026-11-23 (3 days ago)`.
    pub note: Option<&'a str>,
}

/// The advice of `reason` with every placeholder filled, from what is known, else by a general word.
pub fn advice(reason: Reason, context: &AdviceContext<'_>) -> String {
    if let Some(text) = of_the_url(reason, context) {
        return text;
    }
    let template = context.origin.and_then(|origin| {
        if context.note.is_some_and(is_after_redirects)
            && let Some(template) = of_a_redirect(reason)
        {
            return Some(template);
        }
        if is_metadata(reason, context) {
            return Some(OF_METADATA);
        }
        if is_of_the_role(reason, &origin.location) {
            return Some(OF_THE_ROLE);
        }
        for_kind(reason, origin.location.kind())
    });
    let mut text = template.unwrap_or(reason.row().advice).to_owned();
    for (placeholder, value) in placeholders(context) {
        if text.contains(placeholder) {
            text = text.replace(placeholder, &value);
        }
    }
    // Dates, names and days are in the note, found at the handshake, and what a breaker has opened for.
    let note = context
        .note
        .filter(|_| is_about_a_certificate(reason) || reason == Reason::CircuitOpen);
    match note {
        Some(note) => format!("{text} We saw: {note}."),
        None => text,
    }
}

/// The advice where no file can have the path that was asked for, so that nobody was asked: the note says what is wrong with it.
fn of_the_url(reason: Reason, context: &AdviceContext<'_>) -> Option<String> {
    let note = context
        .note
        .filter(|_| reason == Reason::ObjectNotFound && context.location.is_none())?;
    Some(format!("Correct the path of the URL: {note}."))
}

/// The advice where the URL that is refused is one that the origin's answer redirected to: the origin's own address is in order.
const OF_REDIRECTS: [(Reason, &str); 3] = [
    (
        Reason::AddressProhibited,
        "Correct the redirect that origin {origin} answers: it leads to {location}, which is not a public address. Redirect to one, or use an origin that needs no redirect.",
    ),
    (
        Reason::PortNotAllowed,
        "Correct the redirect that origin {origin} answers: it leads to {location}, whose port is not open for origins (80, 443, or one above 1023 that belongs to no other protocol).",
    ),
    (
        Reason::HostNotAllowed,
        "Correct the redirect that origin {origin} answers: it leads to {location}, which has to be a plain host name without user name or password.",
    ),
];

fn of_a_redirect(reason: Reason) -> Option<&'static str> {
    let mut all = OF_REDIRECTS.iter();
    all.find_map(|(about, text)| (*about == reason).then_some(*text))
}

/// The advice where the host is a metadata service: no setting lets anybody in, and what name servers say does not matter.
const OF_METADATA: &str = "Use an origin with a public host name: {host} is the name of a metadata service, which nobody reaches from here and no setting opens.";

/// Whether the host that was refused is a metadata service by its name.
fn is_metadata(reason: Reason, context: &AdviceContext<'_>) -> bool {
    let host = || place(context)?.host_str().map(is_metadata_name);
    reason == Reason::AddressProhibited && host() == Some(true)
}

/// The advice where the server signs with a role of its own: no tenant can mistype that or renew it.
const OF_THE_ROLE: &str = "Ask who hosts this service: origin {origin} signs with the role of the server itself (useIAMRole), and they must allow that with origins.allow_ambient_credentials and have a role that may read the bucket {bucket}. Or switch useIAMRole off and save the origin with an access key of your own.";

/// Whether a failure is about the server's own role, lent to this origin.
fn is_of_the_role(reason: Reason, location: &OriginLocation) -> bool {
    let is_lent = matches!(
        location,
        OriginLocation::S3 {
            use_iam_role: true,
            ..
        } | OriginLocation::CloudinaryBackup {
            use_iam_role: true,
            ..
        }
    );
    is_lent
        && matches!(
            reason,
            Reason::CredentialsInvalid | Reason::CredentialsExpired | Reason::SignatureMismatch
        )
}

/// The advice where one kind of origin has a better one than the table's, which speaks to all of them.
fn for_kind(reason: Reason, kind: OriginKind) -> Option<&'static str> {
    for_web(reason, kind)
        .or_else(|| for_store(reason, kind))
        .or_else(|| for_akeneo(reason, kind))
}

/// Web folders and web proxies.
fn for_web(reason: Reason, kind: OriginKind) -> Option<&'static str> {
    use OriginKind::{WebFolder, WebProxy};
    Some(match (reason, kind) {
        (Reason::ObjectNotFound, WebProxy) => {
            "Check the URL after the account: nothing exists at {location}."
        }
        (Reason::AccessDeniedOrMissing, WebFolder | WebProxy) => {
            "Check first that {location} exists: behind {host} is an object store, which answers 403 for a missing file where not everybody may list the bucket. If it exists, let the bucket policy grant everybody s3:GetObject on it, or attach the bucket as an origin of its own kind, with a key."
        }
        (Reason::BucketNotFound, WebFolder | WebProxy) => {
            "Check the bucket name in {location}: behind {host} is an object store, which knows no bucket of this name."
        }
        (Reason::AddressProhibited, WebProxy) => {
            "Put a URL with a public address after the account: {location} has none. Who hosts this service can exempt networks with origins.allow_addresses."
        }
        (Reason::PortNotAllowed, WebProxy) => {
            "Put a URL after the account whose port is 80, 443 or one above 1023 that belongs to no other protocol."
        }
        (Reason::HostNotAllowed, WebProxy) => {
            "Check the host in the URL after the account: a plain name without user name or password, and not one of this service."
        }
        (Reason::SchemeNotAllowed, WebProxy) => {
            "Put a URL after the account that begins with http:// or https://."
        }
        (Reason::DnsNotFound, WebProxy) => {
            "Check the host name {host} in the URL after the account, and its DNS records."
        }
        (Reason::CredentialsInvalid, WebFolder | WebProxy) => {
            "Let {host} answer requests that carry the header x-req-from without asking for a password: it wants one for {location}, and a web origin has none."
        }
        (Reason::AccessDenied, WebFolder | WebProxy) => {
            "Let {host} answer requests that carry the header x-req-from: its firewall, its access rules or a referrer check refuse {location}."
        }
        _ => return None,
    })
}

/// Object stores.
fn for_store(reason: Reason, kind: OriginKind) -> Option<&'static str> {
    use OriginKind::{AzureBlob, CloudinaryBackup, Gcs, S3, S3Compatible};
    Some(match (reason, kind) {
        (
            Reason::OriginUnexpectedStatus,
            S3 | S3Compatible | CloudinaryBackup | Gcs | AzureBlob,
        ) => {
            "Read the provider's code and sentence in this failure, and look them up in its list of errors: it refuses {location} for a cause that has no reason of its own here."
        }
        (
            Reason::OriginServerError | Reason::OriginOverloaded,
            S3 | CloudinaryBackup | Gcs | AzureBlob,
        ) => {
            "Look whether the provider reports an incident for the region of {bucket}: it failed for {location}, and nothing of yours has to be mended. Its support wants the request ID of this failure."
        }
        (Reason::OriginRateLimited, S3 | CloudinaryBackup | Gcs | AzureBlob) => {
            "Wait some minutes: the provider limits the requests for {bucket} and allows more while the load lasts. If it returns, spread the files over several folders, or ask the provider for a higher limit."
        }
        (Reason::NotAnImage, S3 | S3Compatible | CloudinaryBackup | Gcs | AzureBlob) => {
            "Look at what is stored at {location}: it is no image. Upload the image itself."
        }
        (Reason::AccessDenied, S3 | S3Compatible | CloudinaryBackup) => {
            "Grant s3:GetObject on arn:aws:s3:::{bucket}/{prefixPath}* to the key of origin {origin}, and check that no bucket policy denies it: {location}."
        }
        (Reason::WrongRegion, S3 | CloudinaryBackup) => {
            "Check that {bucket} is the bucket you mean, and whether it was moved, or deleted and made anew elsewhere, in the last hours: we asked in the region that S3 named, and were sent away again."
        }
        (Reason::EncryptionKeyDenied, Gcs) => {
            "Enable the key that encrypts {location}, and grant Cloud KMS CryptoKey Decrypter on it to the Cloud Storage service agent of the project of {bucket}; what is encrypted with a key of your own per request cannot be delivered."
        }
        (Reason::EncryptionKeyDenied, AzureBlob) => {
            "Enable the key of the storage account or the encryption scope behind {location}, and let the account use it; what is encrypted with a key of your own per request cannot be delivered."
        }
        (Reason::AccessDenied | Reason::AccessDeniedOrMissing, Gcs) => {
            "Give the service account {account} the role Storage Object Viewer on the bucket {bucket}, and check that {location} exists: without permission to list, a missing object looks forbidden."
        }
        (Reason::AccessDenied, AzureBlob) => {
            "Issue a SAS token with read permission (sp=r) for the container {bucket} of {host}, valid for https and for our address, and save origin {origin} with it."
        }
        (Reason::CredentialsInvalid, AzureBlob) => {
            "Issue a SAS token for the container {bucket} of {host} and save origin {origin} with it: the present one is incomplete, was altered, or its key was rotated."
        }
        (Reason::CredentialsExpired, AzureBlob) => {
            "Issue a SAS token with a later end (se) for the container {bucket} of {host} and save origin {origin} with it."
        }
        (Reason::CredentialsInvalid, Gcs) => {
            "Create a new key for the service account {account} and save origin {origin} with it: the present one was deleted, belongs to another account, or was not copied whole."
        }
        (Reason::BucketNotFound, AzureBlob) => {
            "Check the container name {bucket} of origin {origin}, and that it is in the account {host}."
        }
        _ => return None,
    })
}

/// Akeneo.
fn for_akeneo(reason: Reason, kind: OriginKind) -> Option<&'static str> {
    use OriginKind::AkeneoPim;
    Some(match (reason, kind) {
        (Reason::HttpProtocolError, AkeneoPim) => {
            "Check that the base URL of origin {origin} is that of Akeneo itself: {location} answered, but not the way Akeneo does."
        }
        (Reason::ObjectNotFound, AkeneoPim) => {
            "Check that Akeneo has a media file with this code, upper and lower case too: {location}."
        }
        (Reason::AccessDenied, AkeneoPim) => {
            "Give the user of the connection {origin} in Akeneo the permission to download media files: {location}."
        }
        (Reason::CredentialsInvalid, AkeneoPim) => {
            "Take client ID, secret, user name and password from the connection's page in Akeneo and save origin {origin} with them."
        }
        _ => return None,
    })
}

fn is_about_a_certificate(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::TlsCertificateExpired
            | Reason::TlsCertificateNameMismatch
            | Reason::TlsCertificateUntrusted
    )
}

fn placeholders(context: &AdviceContext<'_>) -> [(&'static str, String); 9] {
    let location = context.origin.map(|origin| &origin.location);
    let bucket = location.and_then(bucket_of);
    let prefix = location.map(|location| location.folder().trim_matches('/'));
    let quoted = |value: Option<&str>, general: &str| {
        value.map_or_else(|| general.to_owned(), |value| format!("\"{value}\""))
    };
    let prefix_path = match prefix {
        Some("") | None => String::new(),
        Some(prefix) => format!("{prefix}/"),
    };
    [
        (
            "{origin}",
            quoted(
                context.origin.map(|origin| origin.name.as_str()),
                "in question",
            ),
        ),
        ("{location}", quoted(context.location, "the file")),
        (
            "{endpointId}",
            context.endpoint_id.unwrap_or("<endpoint id>").to_owned(),
        ),
        ("{endpoint}", quoted(context.endpoint, "in question")),
        ("{bucket}", bucket.unwrap_or("<bucket>").to_owned()),
        ("{prefixPath}", prefix_path),
        (
            "{prefix}",
            quoted(prefix.filter(|prefix| !prefix.is_empty()), "(none)"),
        ),
        (
            "{host}",
            place(context).map_or_else(|| "the origin".to_owned(), |url| host_of_url(&url)),
        ),
        (
            "{account}",
            match location {
                Some(OriginLocation::Gcs { client_email, .. }) => client_email.clone(),
                _ => "in question".to_owned(),
            },
        ),
    ]
}

fn bucket_of(location: &OriginLocation) -> Option<&str> {
    match location {
        OriginLocation::S3 { bucket, .. }
        | OriginLocation::S3Compatible { bucket, .. }
        | OriginLocation::CloudinaryBackup { bucket, .. }
        | OriginLocation::Gcs { bucket, .. } => Some(bucket),
        OriginLocation::AzureBlob { container, .. } => Some(container),
        OriginLocation::WebFolder { .. }
        | OriginLocation::WebProxy
        | OriginLocation::AkeneoPim { .. } => None,
    }
}

/// The server that was asked: the one we looked at, which a redirect or a token endpoint may have made another than the
/// origin's own; that one where the location is no URL.
fn place(context: &AdviceContext<'_>) -> Option<Url> {
    let looked_at = context.location.and_then(|at| Url::parse(at).ok());
    looked_at
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .or_else(|| address_of(&context.origin?.location))
}

fn address_of(location: &OriginLocation) -> Option<Url> {
    let named = |host: String| Url::parse(&format!("https://{host}/")).ok();
    match location {
        OriginLocation::WebFolder { base_url: url, .. }
        | OriginLocation::AkeneoPim { base_url: url }
        | OriginLocation::S3Compatible { endpoint: url, .. } => Some(url.url().clone()),
        OriginLocation::AzureBlob { account_name, .. } => {
            named(format!("{account_name}.blob.core.windows.net"))
        }
        OriginLocation::Gcs { .. } => named("storage.googleapis.com".to_owned()),
        OriginLocation::S3 { bucket, .. } | OriginLocation::CloudinaryBackup { bucket, .. } => {
            named(format!("{bucket}.s3.amazonaws.com"))
        }
        OriginLocation::WebProxy => None,
    }
}

fn host_of_url(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests;
