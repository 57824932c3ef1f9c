//! Every event ever written must stay readable: one golden file per kind and version, kept for ever.
//!
//! A new kind or version needs a new file: `LIMPID_WRITE_GOLDEN=1 cargo test -p limpid-domain` writes those that are missing
//! and never touches one that is there.

use std::collections::BTreeSet;
use std::path::PathBuf;

use limpid_domain::alert_rule::AlertRuleSettings;
use limpid_domain::caching::Caching;
use limpid_domain::event::ConfigEvent;
use limpid_domain::ids::{OriginId, StreamVersion};
use limpid_domain::key_pair::{KeyEntropy, PrivateKey, PublicKey};
use limpid_domain::named_transformation::NamedTransformationSettings;
use limpid_domain::origin::OriginDraft;
use limpid_domain::purge::PurgeTarget;
use limpid_domain::restrictions::Restrictions;
use limpid_domain::secret::{SecretFingerprint, SecretRef};
use limpid_domain::tenant::{TenantLimits, TenantSettings};
use limpid_domain::url_endpoint::{UrlEndpointDraft, UrlEndpointSettings};
use limpid_domain::webhook::{WebhookDialect, WebhookDisabledReason, WebhookSettings};
use serde_json::{Value, json};

fn secret() -> SecretRef {
    SecretRef {
        version: StreamVersion(3),
        fingerprint: SecretFingerprint("0123456789abcdef".to_owned()),
    }
}

fn origin_id() -> OriginId {
    "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap()
}

fn endpoint() -> UrlEndpointSettings {
    let body = json!({
        "description": "Shop", "urlPrefix": "shop", "origins": [origin_id()],
        "urlRewriter": {"type": "CLOUDINARY", "preserveAssetDeliveryTypes": true}
    });
    UrlEndpointDraft::parse(body).unwrap().settings
}

fn named_transformation() -> NamedTransformationSettings {
    let body = json!({"name": "small_thumb", "transformation": "w-150,h-150,fo-center,cm-pad_resize", "enabled": false});
    NamedTransformationSettings::parse(body).unwrap()
}

fn alert_rule() -> AlertRuleSettings {
    let body = json!({
        "name": "Night watch", "enabled": false, "webhooks": [origin_id()],
        "condition": {"type": "group_state", "states": ["new", "regressed", "escalating"], "endpoints": ["default"],
            "origins": [origin_id()], "reasons": ["object_not_found"]},
        "quietHours": {"from": "22:00", "to": "07:00", "utcOffset": "+01:00"}
    });
    AlertRuleSettings::parse(body).unwrap()
}

fn failing_share() -> AlertRuleSettings {
    let body = json!({"name": "Share", "condition": {"type": "failing_share", "overPercent": 5, "forMinutes": 10,
        "minimumRequests": 200, "endpoint": "default"}});
    AlertRuleSettings::parse(body).unwrap()
}

fn webhook() -> WebhookSettings {
    let dialect = WebhookDialect {
        url_field: "url",
        has_description: true,
        allow_http: false,
    };
    let body = json!({"url": "https://hooks.example/limpid", "description": "On call", "enabled": false,
        "events": ["alert.firing", "alert.recovered"]});
    WebhookSettings::parse(body, dialect).unwrap()
}

fn restrictions() -> Restrictions {
    Restrictions {
        restrict_unsigned_urls: true,
        restrict_unnamed_transformations: true,
    }
}

/// One event of every kind, with every optional field set.
#[expect(clippy::too_many_lines, reason = "one event after the other")]
fn samples() -> Vec<ConfigEvent> {
    let origin = json!({
        "name": "US S3", "type": "S3_COMPATIBLE", "bucket": "b", "prefix": "raw", "endpoint": "https://s3.example:9000",
        "s3ForcePathStyle": true, "accessKey": "a", "secretKey": "s", "includeCanonicalHeader": true,
        "baseUrlForCanonicalHeader": "https://cdn.example"
    });
    let settings = OriginDraft::parse(origin).unwrap().settings;
    let private_key = PrivateKey::from_entropy(&KeyEntropy::new([1; 32]));
    vec![
        ConfigEvent::TenantCreated {
            imagekit_id: "acme".parse().unwrap(),
            name: "Acme".to_owned(),
            settings: TenantSettings::default(),
        },
        ConfigEvent::TenantSettingsChanged {
            settings: TenantSettings {
                default_quality: 70,
                auto_avif: true,
                data_saver: true,
                restrictions: restrictions(),
                ..TenantSettings::default()
            },
        },
        ConfigEvent::TenantLimitsSet {
            limits: TenantLimits {
                max_source_bytes: Some(20 * 1024 * 1024),
                max_pixels: Some(25_000_000),
                max_frame_pixels: Some(50_000_000),
                failure_retention_days: None,
            },
        },
        ConfigEvent::KeyPairCreated {
            name: "default".to_owned(),
            public_key: PublicKey::from_entropy(&KeyEntropy::new([2; 32])),
            private_key_hash: private_key.hash(),
            private_key_hint: private_key.hint(),
            private_key: secret(),
        },
        ConfigEvent::KeyPairRevoked {},
        ConfigEvent::TenantErased {},
        ConfigEvent::OriginCreated {
            settings: settings.clone(),
            credentials: Some(secret()),
        },
        ConfigEvent::OriginReplaced {
            settings,
            credentials: Some(secret()),
        },
        ConfigEvent::OriginDeleted {},
        ConfigEvent::UrlEndpointCreated {
            is_default: false,
            settings: endpoint(),
        },
        ConfigEvent::UrlEndpointReplaced {
            settings: endpoint(),
        },
        ConfigEvent::OriginAttached {
            origin_id: origin_id(),
        },
        ConfigEvent::UrlEndpointDeleted {},
        ConfigEvent::CustomDomainsSet {
            domains: vec!["images.example.com".parse().unwrap()],
        },
        ConfigEvent::UrlEndpointRestrictionsSet {
            restrictions: restrictions(),
        },
        ConfigEvent::NamedTransformationCreated {
            settings: named_transformation(),
        },
        ConfigEvent::NamedTransformationChanged {
            settings: named_transformation(),
        },
        ConfigEvent::NamedTransformationDeleted {},
        ConfigEvent::UrlEndpointCachingSet {
            caching: Caching {
                failure_seconds: Some(30),
                ..Caching::default()
            },
        },
        ConfigEvent::CachePurged {
            url: "https://ik.example/acme/images/upload*".to_owned(),
            target: PurgeTarget {
                address: "/images/upload".to_owned(),
                is_prefix: true,
            },
        },
        ConfigEvent::AlertRuleCreated {
            settings: alert_rule(),
        },
        ConfigEvent::AlertRuleReplaced {
            settings: failing_share(),
        },
        ConfigEvent::AlertRuleDeleted {},
        ConfigEvent::WebhookCreated {
            settings: webhook(),
            secret_hint: "whsec_abcd".to_owned(),
            secret: secret(),
        },
        ConfigEvent::WebhookChanged {
            settings: webhook(),
        },
        ConfigEvent::WebhookSecretRotated {
            secret_hint: "whsec_wxyz".to_owned(),
            secret: secret(),
        },
        ConfigEvent::WebhookDisabled {
            reason: WebhookDisabledReason::Failing,
        },
        ConfigEvent::WebhookDeleted {},
    ]
}

fn golden() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

#[test]
fn there_is_a_sample_of_every_kind() {
    let sampled: BTreeSet<&str> = samples().iter().map(ConfigEvent::kind).collect();
    assert_eq!(sampled, BTreeSet::from(ConfigEvent::KINDS));
}

#[test]
fn every_event_is_written_as_its_golden_file_says() {
    for event in samples() {
        let file = golden().join(format!("{}.v{}.json", event.kind(), event.schema_version()));
        let written = serde_json::to_string_pretty(&event.to_data()).unwrap() + "\n";
        if !file.exists() && std::env::var_os("LIMPID_WRITE_GOLDEN").is_some() {
            std::fs::write(&file, &written).unwrap();
        }
        let expected = std::fs::read_to_string(&file)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert_eq!(
            written,
            expected,
            "{}: a changed payload needs a new version",
            file.display()
        );
    }
}

#[test]
fn every_golden_file_of_any_version_reads_as_todays_event() {
    let mut read = 0;
    for entry in std::fs::read_dir(golden()).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let (kind, version) = stem.rsplit_once(".v").unwrap();
        let data: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let event = ConfigEvent::from_stored(kind, version.parse().unwrap(), data).unwrap();
        let expected = samples()
            .into_iter()
            .find(|sample| sample.kind() == kind)
            .unwrap();
        assert_eq!(event, expected, "{stem}");
        read += 1;
    }
    assert!(read >= ConfigEvent::KINDS.len());
}

#[test]
fn a_field_added_by_a_later_version_does_not_make_an_event_unreadable() {
    let data =
        json!({"originId": origin_id(), "note": "of a newer program with the same schema version"});
    let event = ConfigEvent::from_stored("origin_attached", 1, data).unwrap();
    assert_eq!(
        event,
        ConfigEvent::OriginAttached {
            origin_id: origin_id()
        }
    );
}
