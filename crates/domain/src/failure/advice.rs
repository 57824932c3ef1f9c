//! What to do about a failure, with the tenant's own values filled in.

use super::reason::Reason;
use crate::origin::{OriginLocation, OriginSettings};

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
}

/// The advice of `reason` with every placeholder filled, from what is known, else by a general word.
pub fn advice(reason: Reason, context: &AdviceContext<'_>) -> String {
    let mut text = reason.row().advice.to_owned();
    for (placeholder, value) in placeholders(context) {
        if text.contains(placeholder) {
            text = text.replace(placeholder, &value);
        }
    }
    text
}

fn placeholders(context: &AdviceContext<'_>) -> [(&'static str, String); 8] {
    let location = context.origin.map(|origin| &origin.location);
    let bucket = location.and_then(bucket_of);
    let prefix = location
        .and_then(prefix_of)
        .map(|prefix| prefix.trim_matches('/'));
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
            location
                .and_then(host_of)
                .unwrap_or_else(|| "the origin".to_owned()),
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

fn prefix_of(location: &OriginLocation) -> Option<&str> {
    match location {
        OriginLocation::S3 { prefix, .. }
        | OriginLocation::S3Compatible { prefix, .. }
        | OriginLocation::CloudinaryBackup { prefix, .. }
        | OriginLocation::Gcs { prefix, .. }
        | OriginLocation::AzureBlob { prefix, .. } => Some(prefix),
        OriginLocation::WebFolder { .. }
        | OriginLocation::WebProxy
        | OriginLocation::AkeneoPim { .. } => None,
    }
}

fn host_of(location: &OriginLocation) -> Option<String> {
    match location {
        OriginLocation::WebFolder { base_url: url, .. }
        | OriginLocation::AkeneoPim { base_url: url }
        | OriginLocation::S3Compatible { endpoint: url, .. } => {
            let host = url.host_str()?;
            Some(
                url.port()
                    .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")),
            )
        }
        OriginLocation::AzureBlob { account_name, .. } => {
            Some(format!("{account_name}.blob.core.windows.net"))
        }
        OriginLocation::Gcs { .. } => Some("storage.googleapis.com".to_owned()),
        OriginLocation::S3 { bucket, .. } | OriginLocation::CloudinaryBackup { bucket, .. } => {
            Some(format!("{bucket}.s3.amazonaws.com"))
        }
        OriginLocation::WebProxy => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::reason::TABLE;

    fn bucket_origin() -> OriginSettings {
        OriginSettings {
            name: "Product photos".to_owned(),
            location: OriginLocation::S3 {
                bucket: "acme-photos".to_owned(),
                prefix: "/raw/".to_owned(),
                use_iam_role: false,
            },
            include_canonical_header: false,
            base_url_for_canonical_header: None,
        }
    }

    #[test]
    fn the_policy_names_the_tenants_own_bucket_and_prefix() {
        let origin = bucket_origin();
        let context = AdviceContext {
            origin: Some(&origin),
            ..AdviceContext::default()
        };
        let text = advice(Reason::AccessDeniedOrMissing, &context);
        assert!(
            text.contains("s3:ListBucket on arn:aws:s3:::acme-photos beside"),
            "{text}"
        );
        assert!(text.contains("arn:aws:s3:::acme-photos/raw/*"), "{text}");
    }

    #[test]
    fn no_placeholder_survives() {
        let origin = bucket_origin();
        for context in [
            AdviceContext::default(),
            AdviceContext {
                origin: Some(&origin),
                ..AdviceContext::default()
            },
        ] {
            for row in TABLE {
                let text = advice(row.reason, &context);
                assert!(!text.contains('{'), "{}: {text}", row.name);
            }
        }
    }
}
