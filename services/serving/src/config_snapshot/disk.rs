//! The last configuration on disk, so that a node starts while the database is down.
//!
//! One document, sealed as a whole by the vault: it holds keys and credentials, and none of them lies open on disk. A file that
//! cannot be read or opened counts as missing.

use std::io;
use std::path::Path;

use limpid_domain::caching::Caching;
use limpid_domain::ids::{
    ImagekitId, OriginId, OriginNo, StreamId, StreamVersion, TenantId, TenantSeq, UrlEndpointId,
    UrlEndpointNo,
};
use limpid_domain::named_transformation::NamedTransformationSettings;
use limpid_domain::origin::{OriginCredentials, OriginSettings};
use limpid_domain::restrictions::Restrictions;
use limpid_domain::tenant::{TenantLifecycle, TenantLimits, TenantSettings};
use limpid_domain::url_endpoint::UrlRewriter;
use limpid_event_store::vault::{KekId, SealedSecret, SecretAddress, Vault, VaultError};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::build::{AccountParts, EndpointParts};
use super::{Account, ConfigSnapshot, Origin};

/// Version of the document; another one is not read.
const FORMAT: i32 = 1;

/// Why the configuration could not be kept on disk or read from there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DiskError {
    /// The file cannot be read or written.
    #[error("use the snapshot file")]
    File(#[from] io::Error),
    /// The vault does not open it: another key ring, or damage.
    #[error("seal or open the snapshot")]
    Vault(#[from] VaultError),
    /// The document is not one of ours.
    #[error("read the snapshot document")]
    Document(#[from] serde_json::Error),
    /// A part of the envelope is not what it should be.
    #[error("the snapshot file is damaged")]
    Damaged,
}

/// Writes `snapshot` to `path`, replacing what was there in one step.
pub(crate) fn write(
    path: &Path,
    snapshot: &ConfigSnapshot,
    vault: &Vault,
) -> Result<(), DiskError> {
    let accounts: Vec<StoredAccount> = snapshot
        .accounts()
        .map(|account| StoredAccount::from(&**account))
        .collect();
    let document = zeroize::Zeroizing::new(serde_json::to_vec(&accounts)?);
    let sealed = vault.seal(address(), &document)?;
    let envelope = serde_json::to_vec(&Envelope::from(&sealed))?;
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let draft = path.with_extension("draft");
    std::fs::write(&draft, envelope)?;
    std::fs::rename(&draft, path)?;
    Ok(())
}

/// Reads what [`write`] wrote.
pub(crate) fn read(path: &Path, vault: &Vault) -> Result<Vec<AccountParts>, DiskError> {
    let envelope: Envelope = serde_json::from_slice(&std::fs::read(path)?)?;
    let document = vault.open(address(), &envelope.try_into()?)?;
    let accounts: Vec<StoredAccount> = serde_json::from_slice(&document)?;
    Ok(accounts.into_iter().map(AccountParts::from).collect())
}

/// Where the document belongs: to no tenant, so that no sealed secret of one can take its place.
fn address() -> SecretAddress {
    SecretAddress {
        tenant_id: TenantId(0),
        stream_id: StreamId(Uuid::nil()),
        version: StreamVersion(FORMAT),
    }
}

/// A sealed document as a file; bytes as hexadecimal digits.
#[derive(Serialize, Deserialize)]
struct Envelope {
    kek_id: String,
    wrapped_dek: String,
    nonce: String,
    ciphertext: String,
}

impl From<&SealedSecret> for Envelope {
    fn from(sealed: &SealedSecret) -> Self {
        Self {
            kek_id: hex::encode(sealed.kek_id.0),
            wrapped_dek: hex::encode(&sealed.wrapped_dek),
            nonce: hex::encode(&sealed.nonce),
            ciphertext: hex::encode(&sealed.ciphertext),
        }
    }
}

impl TryFrom<Envelope> for SealedSecret {
    type Error = DiskError;

    fn try_from(envelope: Envelope) -> Result<Self, DiskError> {
        let bytes = |digits: &str| hex::decode(digits).map_err(|_| DiskError::Damaged);
        let kek_id = bytes(&envelope.kek_id)?;
        Ok(Self {
            kek_id: KekId(kek_id.try_into().map_err(|_| DiskError::Damaged)?),
            wrapped_dek: bytes(&envelope.wrapped_dek)?,
            nonce: bytes(&envelope.nonce)?,
            ciphertext: bytes(&envelope.ciphertext)?,
        })
    }
}

/// An account as the document has it. Secrets lie open in here; it never leaves memory unsealed.
#[derive(Serialize, Deserialize)]
struct StoredAccount {
    tenant_id: TenantId,
    imagekit_id: ImagekitId,
    config_version: TenantSeq,
    lifecycle: TenantLifecycle,
    settings: TenantSettings,
    #[serde(default)]
    limits: TenantLimits,
    private_keys: Vec<String>,
    origins: Vec<StoredOrigin>,
    endpoints: Vec<StoredEndpoint>,
    domains: Vec<(String, UrlEndpointId)>,
    #[serde(default)]
    named_transformations: Vec<NamedTransformationSettings>,
}

#[derive(Serialize, Deserialize)]
struct StoredOrigin {
    no: OriginNo,
    id: OriginId,
    version: StreamVersion,
    settings: OriginSettings,
    credentials: StoredCredentials,
}

#[derive(Serialize, Deserialize)]
enum StoredCredentials {
    None,
    Unreadable,
    Document(String),
}

#[derive(Serialize, Deserialize)]
struct StoredEndpoint {
    no: UrlEndpointNo,
    id: UrlEndpointId,
    version: StreamVersion,
    is_default: bool,
    prefix: String,
    description: String,
    #[serde(default)]
    url_rewriter: Option<UrlRewriter>,
    #[serde(default)]
    restrictions: Restrictions,
    #[serde(default)]
    caching: Caching,
    origins: Vec<OriginId>,
}

impl From<&Account> for StoredAccount {
    fn from(account: &Account) -> Self {
        let keys = account.private_keys.iter();
        let domains = account.domains.iter().filter_map(|(name, prefix)| {
            let endpoint = account.endpoints.get(prefix.as_deref().unwrap_or(""))?;
            Some((name.clone(), endpoint.id))
        });
        let endpoints = account.endpoints.values().map(|endpoint| StoredEndpoint {
            no: endpoint.no,
            id: endpoint.id,
            version: endpoint.version,
            is_default: endpoint.is_default,
            prefix: endpoint.prefix.clone(),
            description: endpoint.description.clone(),
            url_rewriter: endpoint.url_rewriter,
            restrictions: endpoint.restrictions,
            caching: endpoint.caching,
            origins: endpoint.origins.iter().map(|origin| origin.id).collect(),
        });
        Self {
            tenant_id: account.tenant_id,
            imagekit_id: account.imagekit_id.clone(),
            config_version: account.config_version,
            lifecycle: account.lifecycle,
            settings: account.settings.clone(),
            limits: account.limits,
            private_keys: keys.map(|key| key.expose_secret().to_owned()).collect(),
            origins: account
                .origins
                .iter()
                .map(|origin| StoredOrigin::from(&**origin))
                .collect(),
            endpoints: endpoints.collect(),
            domains: domains.collect(),
            named_transformations: account.named_transformations.clone(),
        }
    }
}

impl From<&Origin> for StoredOrigin {
    fn from(origin: &Origin) -> Self {
        let credentials = match &origin.credentials {
            OriginCredentials::None => StoredCredentials::None,
            OriginCredentials::Unreadable => StoredCredentials::Unreadable,
            credentials => credentials
                .to_plaintext()
                .and_then(|document| String::from_utf8(document.to_vec()).ok())
                .map_or(StoredCredentials::Unreadable, StoredCredentials::Document),
        };
        Self {
            no: origin.no,
            id: origin.id,
            version: origin.version,
            settings: origin.settings.clone(),
            credentials,
        }
    }
}

impl From<StoredOrigin> for Origin {
    fn from(stored: StoredOrigin) -> Self {
        let credentials = match stored.credentials {
            StoredCredentials::None => OriginCredentials::None,
            StoredCredentials::Unreadable => OriginCredentials::Unreadable,
            StoredCredentials::Document(document) => {
                OriginCredentials::from_plaintext(document.as_bytes())
                    .unwrap_or(OriginCredentials::Unreadable)
            }
        };
        Self {
            no: stored.no,
            id: stored.id,
            version: stored.version,
            settings: stored.settings,
            credentials,
        }
    }
}

impl From<StoredAccount> for AccountParts {
    fn from(stored: StoredAccount) -> Self {
        let keys = stored.private_keys.into_iter();
        let endpoints = stored.endpoints.into_iter().map(|endpoint| EndpointParts {
            no: endpoint.no,
            id: endpoint.id,
            version: endpoint.version,
            is_default: endpoint.is_default,
            prefix: endpoint.prefix,
            description: endpoint.description,
            url_rewriter: endpoint.url_rewriter,
            restrictions: endpoint.restrictions,
            caching: endpoint.caching,
            origins: endpoint.origins,
        });
        Self {
            tenant_id: stored.tenant_id,
            imagekit_id: stored.imagekit_id,
            config_version: stored.config_version,
            lifecycle: stored.lifecycle,
            settings: stored.settings,
            limits: stored.limits,
            private_keys: keys.map(SecretString::from).collect(),
            origins: stored.origins.into_iter().map(Origin::from).collect(),
            endpoints: endpoints.collect(),
            domains: stored.domains,
            named_transformations: stored.named_transformations,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use limpid_domain::origin::OriginLocation;
    use limpid_event_store::vault::KeyRing;

    use super::*;

    fn parts() -> AccountParts {
        let origin = OriginId::mint();
        let endpoint = UrlEndpointId::mint();
        AccountParts {
            tenant_id: TenantId(1),
            imagekit_id: "demo".parse().unwrap(),
            config_version: TenantSeq(9),
            lifecycle: TenantLifecycle::Active,
            settings: TenantSettings::default(),
            limits: TenantLimits {
                max_pixels: Some(25),
                ..TenantLimits::default()
            },
            private_keys: vec![SecretString::from("private_canary")],
            origins: vec![Origin {
                no: OriginNo(3),
                id: origin,
                version: StreamVersion(2),
                settings: OriginSettings {
                    name: "Photos".to_owned(),
                    location: OriginLocation::S3 {
                        bucket: "b".to_owned(),
                        prefix: String::new(),
                        use_iam_role: false,
                    },
                    include_canonical_header: false,
                    base_url_for_canonical_header: None,
                },
                credentials: OriginCredentials::AccessKey {
                    access_key: SecretString::from("AKIACANARY"),
                    secret_key: SecretString::from("secret-canary"),
                },
            }],
            endpoints: vec![EndpointParts {
                no: UrlEndpointNo(2),
                id: endpoint,
                version: StreamVersion(4),
                is_default: true,
                prefix: String::new(),
                description: "Default".to_owned(),
                url_rewriter: Some(UrlRewriter::Imgix),
                restrictions: Restrictions {
                    restrict_unsigned_urls: true,
                    ..Restrictions::default()
                },
                caching: Caching {
                    failure_seconds: Some(7),
                    origin_cache_control: true,
                },
                origins: vec![origin],
            }],
            domains: vec![("img.example.com".to_owned(), endpoint)],
            named_transformations: vec![NamedTransformationSettings {
                name: "thumb".to_owned(),
                transformation: "w-150".to_owned(),
                enabled: true,
            }],
        }
    }

    #[test]
    fn what_was_written_is_read_again_and_no_secret_lies_open() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("snapshot");
        let vault = Vault::new(KeyRing::generate().unwrap());
        let snapshot = ConfigSnapshot::new([Arc::new(Account::from(parts()))]);
        write(&path, &snapshot, &vault).unwrap();
        let on_disk = std::fs::read_to_string(&path).unwrap();
        assert!(!on_disk.contains("canary") && !on_disk.contains(&hex::encode("canary")));
        let accounts = read(&path, &vault).unwrap().into_iter().map(Account::from);
        let again = ConfigSnapshot::new(accounts.map(Arc::new));
        let account = again.account("demo").unwrap();
        assert_eq!(account.config_version, TenantSeq(9));
        assert_eq!(account.private_keys[0].expose_secret(), "private_canary");
        assert_eq!(account.named["thumb"].to_string(), "w-150");
        let endpoint = account.endpoint("").unwrap();
        assert_eq!(endpoint.url_rewriter, Some(UrlRewriter::Imgix));
        assert!(endpoint.restrictions.restrict_unsigned_urls);
        assert_eq!(endpoint.caching.failure_seconds, Some(7));
        assert_eq!(account.limits.max_pixels, Some(25));
        assert!(matches!(
            &endpoint.origins[0].credentials,
            OriginCredentials::AccessKey { secret_key, .. } if secret_key.expose_secret() == "secret-canary"
        ));
        assert!(
            again
                .domain("img.example.com")
                .unwrap()
                .endpoint_prefix
                .is_none()
        );
    }

    #[test]
    fn another_key_ring_or_a_damaged_file_is_no_configuration() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("snapshot");
        let vault = Vault::new(KeyRing::generate().unwrap());
        assert!(matches!(read(&path, &vault), Err(DiskError::File(_))));
        write(&path, &ConfigSnapshot::default(), &vault).unwrap();
        let other = Vault::new(KeyRing::generate().unwrap());
        assert!(matches!(read(&path, &other), Err(DiskError::Vault(_))));
        std::fs::write(&path, "{}").unwrap();
        assert!(matches!(read(&path, &vault), Err(DiskError::Document(_))));
    }
}
