//! Something to paste: the policy, the command or the header that goes with an advice, for this very bucket, host or file.
//!
//! Every value in a command is quoted for a shell, because paths come from whoever wrote the URL.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a new reason has nothing to paste until somebody writes it"
)]

use serde::Serialize;
use serde_json::json;
use url::Host;

use super::{AdviceContext, is_metadata, is_of_the_role, place};
use crate::failure::reason::Reason;
use crate::origin::OriginLocation;

/// A text to paste somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Snippet {
    /// Where it goes, a few words.
    pub title: &'static str,
    /// What it is written in: `json`, `sh`.
    pub language: &'static str,
    /// The text.
    pub text: String,
}

/// The snippet that goes with the advice of `reason`; `None` where nothing is to be pasted.
pub fn snippet(reason: Reason, context: &AdviceContext<'_>) -> Option<Snippet> {
    let location = context.origin.map(|origin| &origin.location);
    if location.is_some_and(|location| is_of_the_role(reason, location))
        || is_metadata(reason, context)
    {
        return None;
    }
    of_connection(reason, context).or_else(|| match location? {
        OriginLocation::S3 { bucket, prefix, .. }
        | OriginLocation::CloudinaryBackup { bucket, prefix, .. } => {
            amazon(reason, bucket, prefix, None, context)
        }
        OriginLocation::S3Compatible {
            bucket,
            prefix,
            endpoint,
            ..
        } => amazon(reason, bucket, prefix, Some(endpoint.as_text()), context),
        OriginLocation::Gcs {
            bucket,
            client_email,
            ..
        } => google(reason, bucket, client_email, context),
        OriginLocation::AzureBlob {
            account_name,
            container,
            ..
        } => azure(reason, account_name, container, context),
        OriginLocation::WebFolder { .. } | OriginLocation::WebProxy => web(reason, context),
        OriginLocation::AkeneoPim { .. } => None,
    })
}

/// What is below HTTP is the same for every kind.
fn of_connection(reason: Reason, context: &AdviceContext<'_>) -> Option<Snippet> {
    let url = place(context)?;
    let (host, port) = (url.host_str()?, url.port_or_known_default()?);
    let is_name = matches!(url.host(), Some(Host::Domain(_)));
    let name = quoted(host);
    Some(match reason {
        // About a literal address name servers know nothing.
        Reason::DnsNotFound
        | Reason::DnsFailed
        | Reason::DnsTimeout
        | Reason::AddressProhibited
            if is_name =>
        {
            shell(
                "Ask the name servers yourself",
                format!("dig {name} A\ndig {name} AAAA"),
            )
        }
        Reason::TlsCertificateExpired
        | Reason::TlsCertificateNameMismatch
        | Reason::TlsCertificateUntrusted
        | Reason::TlsHandshakeFailed => {
            let at = quoted(&format!("{host}:{port}"));
            let by_name = if is_name {
                format!(" -servername {name}")
            } else {
                String::new()
            };
            shell(
                "Look at the certificate the server shows",
                format!(
                    "openssl s_client -connect {at}{by_name} -showcerts </dev/null \\\n  \
                     | openssl x509 -noout -subject -issuer -dates -ext subjectAltName"
                ),
            )
        }
        Reason::ConnectionRefused
        | Reason::ConnectionTimeout
        | Reason::ConnectionReset
        | Reason::NetworkUnreachable => {
            let url = quoted(&format!("{}://{host}:{port}/", url.scheme()));
            shell(
                "Connect from outside your network",
                format!("curl -v --connect-timeout 3 -o /dev/null {url}"),
            )
        }
        _ => return None,
    })
}

fn web(reason: Reason, context: &AdviceContext<'_>) -> Option<Snippet> {
    let is_about_the_answer = matches!(
        reason,
        Reason::ObjectNotFound
            | Reason::AccessDenied
            | Reason::AccessDeniedOrMissing
            | Reason::CredentialsInvalid
            | Reason::BotChallenge
            | Reason::OriginRateLimited
            | Reason::OriginOverloaded
            | Reason::OriginServerError
            | Reason::OriginUnexpectedStatus
            | Reason::TooManyRedirects
            | Reason::RedirectInvalid
            | Reason::ResponseTimeout
            | Reason::BodyStalled
            | Reason::BodyIncomplete
            | Reason::BodyEmpty
            | Reason::HttpProtocolError
            | Reason::ContentEncodingInvalid
            | Reason::NotAnImage
    );
    let url = context.location.filter(|_| is_about_the_answer)?;
    Some(shell(
        "Ask the way we do; allow-list requests with this header",
        format!(
            "curl -sS -D - -o /dev/null -H 'x-req-from: imagekit' {}",
            quoted(url)
        ),
    ))
}

fn amazon(
    reason: Reason,
    bucket: &str,
    prefix: &str,
    endpoint: Option<&str>,
    context: &AdviceContext<'_>,
) -> Option<Snippet> {
    let key = context.location.and_then(|at| at.strip_prefix("s3://"));
    let key = key.and_then(|at| at.strip_prefix(bucket)?.strip_prefix('/'));
    let object = format!(
        "--bucket {} --key {}",
        quoted(bucket),
        quoted(key.unwrap_or("<key>"))
    );
    let at = endpoint.map_or_else(String::new, |url| {
        format!(" --endpoint-url {}", quoted(url))
    });
    Some(match reason {
        Reason::AccessDenied | Reason::AccessDeniedOrMissing => read_policy(bucket, prefix),
        Reason::EncryptionKeyDenied => json_snippet(
            "Policy of the user or role, with the ARN of your key",
            &json!({
                "Version": "2012-10-17",
                "Statement": [{
                    "Effect": "Allow",
                    "Action": "kms:Decrypt",
                    "Resource": "arn:aws:kms:<region>:<account>:key/<key id>",
                }],
            }),
        ),
        Reason::ObjectNotFound | Reason::KeyEncodingMismatch | Reason::BodyEmpty => shell(
            "Look for the object",
            format!("aws s3api head-object {object}{at}"),
        ),
        Reason::OriginUnexpectedStatus => shell(
            "Ask for the object yourself",
            format!("aws s3api get-object {object}{at} /dev/null"),
        ),
        Reason::ObjectArchived => shell(
            "Restore the object for a week",
            format!("aws s3api restore-object {object} --restore-request Days=7{at}"),
        ),
        Reason::BucketNotFound | Reason::WrongRegion => shell(
            "Look where the bucket is",
            format!(
                "aws s3api get-bucket-location --bucket {}{at}",
                quoted(bucket)
            ),
        ),
        Reason::CredentialsInvalid | Reason::CredentialsExpired | Reason::SignatureMismatch => {
            shell(
                "Try the keys outside of this service",
                format!(
                    "AWS_ACCESS_KEY_ID='<access key>' AWS_SECRET_ACCESS_KEY='<secret key>' \\\n  aws s3api head-object {object}{at}"
                ),
            )
        }
        _ => return None,
    })
}

/// Reading the objects, and listing: with that a missing object is reported as missing.
fn read_policy(bucket: &str, prefix: &str) -> Snippet {
    let prefix = prefix.trim_matches('/');
    let (objects, mut listing) = (
        match prefix {
            "" => format!("arn:aws:s3:::{bucket}/*"),
            prefix => format!("arn:aws:s3:::{bucket}/{prefix}/*"),
        },
        json!({
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": format!("arn:aws:s3:::{bucket}"),
        }),
    );
    if !prefix.is_empty()
        && let Some(listing) = listing.as_object_mut()
    {
        let condition = json!({"StringLike": {"s3:prefix": format!("{prefix}/*")}});
        listing.insert("Condition".to_owned(), condition);
    }
    json_snippet(
        "Policy of the user or role whose key the origin uses",
        &json!({
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "s3:GetObject", "Resource": objects},
                listing,
            ],
        }),
    )
}

fn google(
    reason: Reason,
    bucket: &str,
    client_email: &str,
    context: &AdviceContext<'_>,
) -> Option<Snippet> {
    let url = quoted(&format!("gs://{bucket}"));
    let member = quoted(&format!("serviceAccount:{client_email}"));
    Some(match reason {
        Reason::AccessDenied | Reason::AccessDeniedOrMissing => shell(
            "Let the service account read the bucket",
            format!(
                "gcloud storage buckets add-iam-policy-binding {url} \\\n  --member={member} --role=roles/storage.objectViewer"
            ),
        ),
        Reason::CredentialsInvalid => shell(
            "Make a new key and paste the whole file as privateKey",
            format!(
                "gcloud iam service-accounts keys create key.json --iam-account={}",
                quoted(client_email)
            ),
        ),
        Reason::BucketNotFound => shell(
            "Look for the bucket",
            format!("gcloud storage buckets describe {url}"),
        ),
        Reason::ObjectNotFound => {
            let (_, key) = context.location?.split_once(&format!("/{bucket}/"))?;
            let object = quoted(&format!("gs://{bucket}/{key}"));
            shell(
                "Look for the object",
                format!("gcloud storage objects describe {object}"),
            )
        }
        _ => return None,
    })
}

fn azure(
    reason: Reason,
    account: &str,
    container: &str,
    context: &AdviceContext<'_>,
) -> Option<Snippet> {
    let of_account = format!("--account-name {}", quoted(account));
    let blob = || {
        let (_, name) = context.location?.split_once(&format!("/{container}/"))?;
        Some(format!(
            "{of_account} --container-name {} --name {}",
            quoted(container),
            quoted(name)
        ))
    };
    Some(match reason {
        Reason::AccessDenied
        | Reason::AccessDeniedOrMissing
        | Reason::CredentialsInvalid
        | Reason::CredentialsExpired => shell(
            "Issue a new token, and save it with a leading ? as sasToken",
            format!(
                "az storage container generate-sas {of_account} --name {} \\\n  --permissions r --https-only --expiry '<yyyy-mm-dd>'",
                quoted(container)
            ),
        ),
        Reason::ObjectArchived => shell(
            "Bring the blob back to a tier that can be read",
            format!("az storage blob set-tier {} --tier Hot", blob()?),
        ),
        Reason::ObjectNotFound => shell(
            "Look for the blob",
            format!("az storage blob show {}", blob()?),
        ),
        Reason::BucketNotFound => shell(
            "Look for the container",
            format!(
                "az storage container show {of_account} --name {}",
                quoted(container)
            ),
        ),
        _ => return None,
    })
}

fn shell(title: &'static str, text: String) -> Snippet {
    Snippet {
        title,
        language: "sh",
        text,
    }
}

fn json_snippet(title: &'static str, value: &serde_json::Value) -> Snippet {
    Snippet {
        title,
        language: "json",
        text: format!("{value:#}"),
    }
}

/// One word of a shell command, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests;
