use super::*;
use crate::failure::reason::TABLE;
use crate::origin::{OriginKind, OriginSettings};

fn origin(location: OriginLocation) -> OriginSettings {
    OriginSettings {
        name: "Product photos".to_owned(),
        location,
        include_canonical_header: false,
        base_url_for_canonical_header: None,
    }
}

/// An origin of every kind, and where something was looked for at it.
fn origins() -> Vec<(OriginSettings, &'static str)> {
    let bucket = "acme-photos".to_owned();
    let prefix = "/raw/".to_owned();
    let s3 = OriginLocation::S3 {
        bucket: bucket.clone(),
        prefix: prefix.clone(),
        use_iam_role: false,
    };
    let compatible = OriginLocation::S3Compatible {
        bucket: bucket.clone(),
        prefix: prefix.clone(),
        endpoint: "https://s3.eu.example:9000".parse().unwrap(),
        s3_force_path_style: true,
    };
    let backup = OriginLocation::CloudinaryBackup {
        bucket: bucket.clone(),
        prefix: String::new(),
        use_iam_role: true,
    };
    let google = OriginLocation::Gcs {
        bucket,
        prefix: prefix.clone(),
        client_email: "reader@acme.example".to_owned(),
    };
    let azure = OriginLocation::AzureBlob {
        account_name: "acmephotos".to_owned(),
        container: "pictures".to_owned(),
        prefix,
    };
    let folder = OriginLocation::WebFolder {
        base_url: "https://www.acme.example:8443/media".parse().unwrap(),
        forward_host_header_to_origin: false,
    };
    let pim = OriginLocation::AkeneoPim {
        base_url: "https://pim.acme.example".parse().unwrap(),
    };
    [
        (s3, "s3://acme-photos/raw/a b.jpg"),
        (compatible, "s3://acme-photos/raw/a b.jpg"),
        (backup, "s3://acme-photos/a.jpg"),
        (
            google,
            "https://storage.googleapis.com/acme-photos/raw/a.jpg",
        ),
        (
            azure,
            "https://acmephotos.blob.core.windows.net/pictures/raw/a.jpg",
        ),
        (
            folder,
            "https://www.acme.example:8443/media/a.jpg?token=***",
        ),
        (OriginLocation::WebProxy, "https://cdn.other.example/a.jpg"),
        (
            pim,
            "https://pim.acme.example/api/rest/v1/asset-media-files/a.jpg",
        ),
    ]
    .map(|(location, at)| (origin(location), at))
    .to_vec()
}

fn text(reason: Reason, kind: OriginKind) -> String {
    let all = origins();
    let (origin, location) = all
        .iter()
        .find(|(origin, _)| origin.location.kind() == kind)
        .unwrap();
    let context = AdviceContext {
        origin: Some(origin),
        location: Some(location),
        ..AdviceContext::default()
    };
    snippet(reason, &context).unwrap().text
}

#[test]
fn the_policy_is_for_this_bucket_and_folder() {
    let expected = r#"{
  "Statement": [
    {
      "Action": "s3:GetObject",
      "Effect": "Allow",
      "Resource": "arn:aws:s3:::acme-photos/raw/*"
    },
    {
      "Action": "s3:ListBucket",
      "Condition": {
        "StringLike": {
          "s3:prefix": "raw/*"
        }
      },
      "Effect": "Allow",
      "Resource": "arn:aws:s3:::acme-photos"
    }
  ],
  "Version": "2012-10-17"
}"#;
    let shown = text(Reason::AccessDeniedOrMissing, OriginKind::S3);
    let same = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(same(&shown), same(expected));
    let whole_bucket = text(Reason::AccessDenied, OriginKind::CloudinaryBackup);
    assert!(whole_bucket.contains("arn:aws:s3:::acme-photos/*"));
    assert!(!whole_bucket.contains("Condition"));
}

#[test]
fn commands_name_the_tenants_own_things() {
    for (reason, kind, expected) in [
        (
            Reason::ObjectNotFound,
            OriginKind::S3,
            "aws s3api head-object --bucket 'acme-photos' --key 'raw/a b.jpg'",
        ),
        (
            Reason::ObjectArchived,
            OriginKind::S3Compatible,
            "aws s3api restore-object --bucket 'acme-photos' --key 'raw/a b.jpg' --restore-request Days=7 --endpoint-url 'https://s3.eu.example:9000'",
        ),
        (
            Reason::WrongRegion,
            OriginKind::S3,
            "aws s3api get-bucket-location --bucket 'acme-photos'",
        ),
        (
            Reason::AccessDenied,
            OriginKind::Gcs,
            "gcloud storage buckets add-iam-policy-binding 'gs://acme-photos' \\\n  --member='serviceAccount:reader@acme.example' --role=roles/storage.objectViewer",
        ),
        (
            Reason::ObjectNotFound,
            OriginKind::Gcs,
            "gcloud storage objects describe 'gs://acme-photos/raw/a.jpg'",
        ),
        (
            Reason::CredentialsExpired,
            OriginKind::AzureBlob,
            "az storage container generate-sas --account-name 'acmephotos' --name 'pictures' \\\n  --permissions r --https-only --expiry '<yyyy-mm-dd>'",
        ),
        (
            Reason::ObjectArchived,
            OriginKind::AzureBlob,
            "az storage blob set-tier --account-name 'acmephotos' --container-name 'pictures' --name 'raw/a.jpg' --tier Hot",
        ),
        (
            Reason::AccessDenied,
            OriginKind::WebFolder,
            "curl -sS -D - -o /dev/null -H 'x-req-from: imagekit' 'https://www.acme.example:8443/media/a.jpg?token=***'",
        ),
        (
            Reason::DnsNotFound,
            OriginKind::WebProxy,
            "dig 'cdn.other.example' A\ndig 'cdn.other.example' AAAA",
        ),
        (
            Reason::ConnectionRefused,
            OriginKind::AkeneoPim,
            "curl -v --connect-timeout 3 -o /dev/null 'https://pim.acme.example:443/'",
        ),
    ] {
        assert_eq!(text(reason, kind), expected, "{reason} {kind:?}");
    }
    let certificate = text(Reason::TlsCertificateExpired, OriginKind::WebFolder);
    assert!(
        certificate.contains("-connect 'www.acme.example:8443' -servername 'www.acme.example'")
    );
}

#[test]
fn connections_are_tried_as_we_try_them() {
    let shown = |base: &str, location: Option<&str>, reason| {
        let origin = origin(OriginLocation::WebFolder {
            base_url: base.parse().unwrap(),
            forward_host_header_to_origin: false,
        });
        let context = AdviceContext {
            origin: Some(&origin),
            location,
            ..AdviceContext::default()
        };
        snippet(reason, &context).map(|snippet| snippet.text)
    };
    let refused = |base, location| shown(base, location, Reason::ConnectionRefused).unwrap();
    for (base, location, url) in [
        ("https://127.0.0.2:19999", None, "https://127.0.0.2:19999/"),
        ("http://a.example:443", None, "http://a.example:443/"),
        ("http://a.example", None, "http://a.example:80/"),
        (
            "http://a.example",
            Some("https://cdn.example:8443/a.jpg"),
            "https://cdn.example:8443/",
        ),
    ] {
        let text = refused(base, location);
        assert!(text.ends_with(&format!(" '{url}'")), "{text}");
    }
    // Name servers and certificates know addresses by no name.
    for literal in ["http://10.0.0.5", "http://[fd00::5]:8080"] {
        assert_eq!(shown(literal, None, Reason::AddressProhibited), None);
    }
    let redirected = Some("http://10.0.0.5/a.jpg");
    let prohibited = shown("http://a.example", redirected, Reason::AddressProhibited);
    assert_eq!(prohibited, None);
    let named = shown("http://a.example", None, Reason::AddressProhibited).unwrap();
    assert!(named.starts_with("dig 'a.example' A"));
    let expired = shown("https://10.0.0.5", None, Reason::TlsCertificateExpired).unwrap();
    assert!(
        expired.contains("-connect '10.0.0.5:443' -showcerts"),
        "{expired}"
    );
}

#[test]
fn nothing_in_a_path_ends_a_quoted_word() {
    let (folder, _) = origins().remove(5);
    let context = AdviceContext {
        origin: Some(&folder),
        location: Some("https://www.acme.example/'; rm -rf ~ #$(id)`id`"),
        ..AdviceContext::default()
    };
    let shown = snippet(Reason::ObjectNotFound, &context).unwrap().text;
    assert!(
        shown.ends_with(r"'https://www.acme.example/'\''; rm -rf ~ #$(id)`id`'"),
        "{shown}"
    );
}

#[test]
fn every_snippet_of_every_kind_is_complete() {
    for (origin, location) in origins() {
        for location in [None, Some(location)] {
            let context = AdviceContext {
                origin: Some(&origin),
                location,
                ..AdviceContext::default()
            };
            for row in TABLE {
                let Some(snippet) = snippet(row.reason, &context) else {
                    continue;
                };
                assert!(!snippet.text.contains("{}"), "{}", row.name);
                assert_eq!(
                    snippet.text.matches('\'').count() % 2,
                    0,
                    "{}",
                    snippet.text
                );
                if snippet.language == "json" {
                    assert!(serde_json::from_str::<serde_json::Value>(&snippet.text).is_ok());
                }
            }
        }
    }
    assert_eq!(
        snippet(Reason::ObjectNotFound, &AdviceContext::default()),
        None
    );
}
