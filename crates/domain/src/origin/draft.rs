//! Request body → typed origin. Field limits and sentences: `imagekit.md` 4.1 and 4.2.

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::{BaseUrl, OriginCredentials, OriginKind, OriginLocation, OriginSettings};
use crate::refusal::Refusal;
use crate::request_body::Fields;

/// Longest name, bucket, container, prefix, key. Source: `imagekit.md` 4.1.
const MAX_TEXT_CHARS: usize = 100;
/// Longest Google service account key. Source: ours; a PEM of a 4096-bit RSA key has about 3 300 characters.
const MAX_PRIVATE_KEY_CHARS: usize = 16_384;
/// Longest shared access signature. Source: ours; a SAS with every field set has about 600 characters.
const MAX_SAS_TOKEN_CHARS: usize = 4096;
/// Longest e-mail address. Source: RFC 5321, 4.5.3.1.3 (path of 256 with its brackets).
const MAX_EMAIL_CHARS: usize = 254;

/// A checked origin as a tenant wants it.
#[derive(Debug, Clone)]
pub struct OriginDraft {
    /// What is stored and shown.
    pub settings: OriginSettings,
    /// What is sealed and never shown.
    pub credentials: OriginCredentials,
}

impl OriginDraft {
    /// Reads the body of `POST` and `PUT /v1/accounts/origins`.
    ///
    /// Errors: [`Refusal::Invalid`] with the first broken rule.
    pub fn parse(body: Value) -> Result<Self, Refusal> {
        let mut fields = Fields::of(body)?;
        let name = origin_name(&mut fields)?;
        let kind = origin_kind(&mut fields)?;
        let include_canonical_header = fields.flag("includeCanonicalHeader")?;
        let base_url_for_canonical_header =
            match fields.optional_text("baseUrlForCanonicalHeader", BaseUrl::MAX_BYTES)? {
                None => None,
                Some(text) => Some(base_url("baseUrlForCanonicalHeader", text)?),
            };
        let (location, credentials) = location(kind, &mut fields)?;
        fields.finish()?;
        Ok(Self {
            settings: OriginSettings {
                name,
                location,
                include_canonical_header,
                base_url_for_canonical_header,
            },
            credentials,
        })
    }
}

fn origin_name(fields: &mut Fields) -> Result<String, Refusal> {
    let name = fields.required_text("name", MAX_TEXT_CHARS)?;
    if name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b' ') {
        return Ok(name);
    }
    Err(Refusal::invalid(
        "name must contain only letters, numbers and spaces",
    ))
}

fn origin_kind(fields: &mut Fields) -> Result<OriginKind, Refusal> {
    let known = match fields.any("type") {
        Some(Value::String(name)) => OriginKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == name),
        _ => None,
    };
    known.ok_or_else(|| {
        let names = OriginKind::ALL.map(OriginKind::as_str).join(", ");
        Refusal::invalid(format!("Invalid origin type. Must be one of {names}."))
    })
}

fn location(
    kind: OriginKind,
    fields: &mut Fields,
) -> Result<(OriginLocation, OriginCredentials), Refusal> {
    match kind {
        OriginKind::S3 => {
            let (bucket, prefix, use_iam_role, credentials) = aws_bucket(fields)?;
            let location = OriginLocation::S3 {
                bucket,
                prefix,
                use_iam_role,
            };
            Ok((location, credentials))
        }
        OriginKind::CloudinaryBackup => {
            let (bucket, prefix, use_iam_role, credentials) = aws_bucket(fields)?;
            let location = OriginLocation::CloudinaryBackup {
                bucket,
                prefix,
                use_iam_role,
            };
            Ok((location, credentials))
        }
        OriginKind::S3Compatible => s3_compatible(fields),
        OriginKind::WebFolder => {
            let location = OriginLocation::WebFolder {
                base_url: required_base_url(fields, "baseUrl")?,
                forward_host_header_to_origin: fields.flag("forwardHostHeaderToOrigin")?,
            };
            Ok((location, OriginCredentials::None))
        }
        OriginKind::WebProxy => Ok((OriginLocation::WebProxy, OriginCredentials::None)),
        OriginKind::Gcs => google_cloud_storage(fields),
        OriginKind::AzureBlob => azure_blob(fields),
        OriginKind::AkeneoPim => akeneo(fields),
    }
}

fn aws_bucket(fields: &mut Fields) -> Result<(String, String, bool, OriginCredentials), Refusal> {
    let bucket = storage_name(fields, "bucket")?;
    let prefix = storage_prefix(fields)?;
    let use_iam_role = fields.flag("useIAMRole")?;
    let access_key = fields.required_maybe_empty_text("accessKey", MAX_TEXT_CHARS)?;
    let secret_key = fields.required_maybe_empty_text("secretKey", MAX_TEXT_CHARS)?;
    let (access_key, secret_key) = (
        SecretString::from(access_key),
        SecretString::from(secret_key),
    );
    if use_iam_role {
        // Keys that nothing uses are not kept.
        return Ok((bucket, prefix, use_iam_role, OriginCredentials::None));
    }
    for (field, key) in [("accessKey", &access_key), ("secretKey", &secret_key)] {
        if key.expose_secret().is_empty() {
            return Err(Refusal::invalid(format!(
                "{field} cannot be empty string unless useIAMRole is true."
            )));
        }
    }
    let credentials = OriginCredentials::AccessKey {
        access_key,
        secret_key,
    };
    Ok((bucket, prefix, use_iam_role, credentials))
}

fn s3_compatible(fields: &mut Fields) -> Result<(OriginLocation, OriginCredentials), Refusal> {
    let location = OriginLocation::S3Compatible {
        bucket: storage_name(fields, "bucket")?,
        prefix: storage_prefix(fields)?,
        endpoint: required_base_url(fields, "endpoint")?,
        s3_force_path_style: fields.flag("s3ForcePathStyle")?,
    };
    let credentials = OriginCredentials::AccessKey {
        access_key: fields.required_secret("accessKey", MAX_TEXT_CHARS)?,
        secret_key: fields.required_secret("secretKey", MAX_TEXT_CHARS)?,
    };
    Ok((location, credentials))
}

fn google_cloud_storage(
    fields: &mut Fields,
) -> Result<(OriginLocation, OriginCredentials), Refusal> {
    let bucket = storage_name(fields, "bucket")?;
    let prefix = storage_prefix(fields)?;
    let client_email = fields.required_text("clientEmail", MAX_EMAIL_CHARS)?;
    let looks_right = client_email
        .split_once('@')
        .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty() && !host.contains('@'));
    if !looks_right
        || client_email
            .chars()
            .any(|c| c.is_whitespace() || c.is_control())
    {
        return Err(Refusal::invalid("clientEmail must be a valid email"));
    }
    let location = OriginLocation::Gcs {
        bucket,
        prefix,
        client_email,
    };
    let private_key = fields.required_secret("privateKey", MAX_PRIVATE_KEY_CHARS)?;
    Ok((
        location,
        OriginCredentials::ServiceAccountKey { private_key },
    ))
}

fn azure_blob(fields: &mut Fields) -> Result<(OriginLocation, OriginCredentials), Refusal> {
    let location = OriginLocation::AzureBlob {
        account_name: storage_name(fields, "accountName")?,
        container: storage_name(fields, "container")?,
        prefix: storage_prefix(fields)?,
    };
    let sas_token = fields.required_secret("sasToken", MAX_SAS_TOKEN_CHARS)?;
    if !sas_token.expose_secret().starts_with('?') {
        return Err(Refusal::invalid("sasToken must start with ?"));
    }
    Ok((location, OriginCredentials::SasToken { sas_token }))
}

fn akeneo(fields: &mut Fields) -> Result<(OriginLocation, OriginCredentials), Refusal> {
    let location = OriginLocation::AkeneoPim {
        base_url: required_base_url(fields, "baseUrl")?,
    };
    let credentials = OriginCredentials::PasswordGrant {
        client_id: fields.required_secret("clientId", MAX_TEXT_CHARS)?,
        client_secret: fields.required_secret("clientSecret", MAX_TEXT_CHARS)?,
        username: fields.required_secret("username", MAX_TEXT_CHARS)?,
        password: fields.required_secret("password", MAX_TEXT_CHARS)?,
    };
    Ok((location, credentials))
}

/// A bucket, container or account name becomes part of a host name or a path: nothing in it may end either.
fn storage_name(fields: &mut Fields, field: &str) -> Result<String, Refusal> {
    let name = fields.required_text(field, MAX_TEXT_CHARS)?;
    let ends_something = |c: char| c.is_whitespace() || c.is_control() || "/\\?#@:%".contains(c);
    if name.contains(ends_something) || name == "." || name == ".." {
        return Err(Refusal::invalid(format!(
            "{field} must not contain spaces or any of / \\ ? # @ : %"
        )));
    }
    Ok(name)
}

fn storage_prefix(fields: &mut Fields) -> Result<String, Refusal> {
    let prefix = fields
        .optional_text("prefix", MAX_TEXT_CHARS)?
        .unwrap_or_default();
    if prefix.chars().any(char::is_control) {
        return Err(Refusal::invalid(
            "prefix must not contain control characters",
        ));
    }
    if prefix
        .split(['/', '\\'])
        .any(|segment| matches!(segment, "." | ".."))
    {
        return Err(Refusal::invalid("prefix must not contain . or .. segments"));
    }
    Ok(prefix)
}

fn required_base_url(fields: &mut Fields, field: &str) -> Result<BaseUrl, Refusal> {
    let text = fields.required_text(field, BaseUrl::MAX_BYTES)?;
    base_url(field, text)
}

fn base_url(field: &str, text: String) -> Result<BaseUrl, Refusal> {
    BaseUrl::try_from(text).map_err(|reason| Refusal::invalid(format!("{field} {reason}")))
}

#[cfg(test)]
mod tests;
