//! Origins: where a tenant's originals live. Settings without secrets, and the credentials apart from them.

mod base_url;
mod decide;
mod draft;
mod warning;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

pub use base_url::{BaseUrl, InvalidBaseUrl};
pub use decide::{OriginCommand, OriginState, OriginUse, decide, evolve};
pub use draft::OriginDraft;
pub use warning::OriginWarning;

/// The kind of an origin, spelled as ImageKit's management API spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OriginKind {
    /// Amazon S3.
    S3,
    /// Anything else that speaks the S3 protocol.
    S3Compatible,
    /// The S3 bucket that Cloudinary writes backups to.
    CloudinaryBackup,
    /// A web server folder: `baseUrl` + path.
    WebFolder,
    /// The path itself is an absolute URL.
    WebProxy,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    AzureBlob,
    /// Akeneo product information management.
    AkeneoPim,
}

impl OriginKind {
    /// Every kind, in the order ImageKit lists them.
    pub const ALL: [Self; 8] = [
        Self::S3,
        Self::S3Compatible,
        Self::CloudinaryBackup,
        Self::WebFolder,
        Self::WebProxy,
        Self::Gcs,
        Self::AzureBlob,
        Self::AkeneoPim,
    ];

    /// The name in the API and in metric labels, e.g. `WEB_FOLDER`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::S3 => "S3",
            Self::S3Compatible => "S3_COMPATIBLE",
            Self::CloudinaryBackup => "CLOUDINARY_BACKUP",
            Self::WebFolder => "WEB_FOLDER",
            Self::WebProxy => "WEB_PROXY",
            Self::Gcs => "GCS",
            Self::AzureBlob => "AZURE_BLOB",
            Self::AkeneoPim => "AKENEO_PIM",
        }
    }

    /// Stable number for fact tables; 0 there means "no origin".
    pub fn number(self) -> i16 {
        match self {
            Self::S3 => 1,
            Self::S3Compatible => 2,
            Self::CloudinaryBackup => 3,
            Self::WebFolder => 4,
            Self::WebProxy => 5,
            Self::Gcs => 6,
            Self::AzureBlob => 7,
            Self::AkeneoPim => 8,
        }
    }

    /// The kind with this [`OriginKind::number`], or `None`.
    pub fn from_number(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }
}

/// Everything about an origin that is not a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OriginSettings {
    /// Display name, 1 to 100 characters of `a-z A-Z 0-9` and space.
    pub name: String,
    /// Where the originals are.
    #[serde(flatten)]
    pub location: OriginLocation,
    /// Whether image answers carry `Link: <…>; rel="canonical"`.
    pub include_canonical_header: bool,
    /// Base of that link.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub base_url_for_canonical_header: Option<BaseUrl>,
}

/// Where the originals of one origin are, by kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "SCREAMING_SNAKE_CASE",
    rename_all_fields = "camelCase"
)]
pub enum OriginLocation {
    /// Amazon S3; the region is found from the provider's own answers.
    S3 {
        /// Bucket name.
        bucket: String,
        /// Folder inside the bucket; `""` and `/` mean its root.
        prefix: String,
        /// Use the ambient role of the machine instead of stored keys.
        #[serde(rename = "useIAMRole")]
        use_iam_role: bool,
    },
    /// S3 protocol at another address.
    S3Compatible {
        /// Bucket name.
        bucket: String,
        /// Folder inside the bucket; `""` and `/` mean its root.
        prefix: String,
        /// Address of the service.
        endpoint: BaseUrl,
        /// `https://endpoint/bucket/key` instead of `https://bucket.endpoint/key`.
        #[serde(rename = "s3ForcePathStyle")]
        s3_force_path_style: bool,
    },
    /// Cloudinary's backup bucket on S3.
    CloudinaryBackup {
        /// Bucket name.
        bucket: String,
        /// Folder inside the bucket; `""` and `/` mean its root.
        prefix: String,
        /// Use the ambient role of the machine instead of stored keys.
        #[serde(rename = "useIAMRole")]
        use_iam_role: bool,
    },
    /// A folder on a web server.
    WebFolder {
        /// The folder; request paths are appended.
        base_url: BaseUrl,
        /// Send the image request's `Host` instead of the base URL's.
        forward_host_header_to_origin: bool,
    },
    /// Any web server: the request path is the URL.
    WebProxy,
    /// Google Cloud Storage.
    Gcs {
        /// Bucket name.
        bucket: String,
        /// Folder inside the bucket; `""` and `/` mean its root.
        prefix: String,
        /// Service account.
        client_email: String,
    },
    /// Azure Blob Storage.
    AzureBlob {
        /// Storage account.
        account_name: String,
        /// Container name.
        container: String,
        /// Folder inside the container; `""` and `/` mean its root.
        prefix: String,
    },
    /// Akeneo PIM.
    AkeneoPim {
        /// Address of the PIM.
        base_url: BaseUrl,
    },
}

impl OriginLocation {
    /// Folder inside the bucket or container, for kinds that have one.
    pub fn prefix(&self) -> Option<&str> {
        match self {
            Self::S3 { prefix, .. }
            | Self::S3Compatible { prefix, .. }
            | Self::CloudinaryBackup { prefix, .. }
            | Self::Gcs { prefix, .. }
            | Self::AzureBlob { prefix, .. } => Some(prefix),
            Self::WebFolder { .. } | Self::WebProxy | Self::AkeneoPim { .. } => None,
        }
    }

    /// What is put before every request path: the prefix, or the path of a web folder; empty for none.
    pub fn folder(&self) -> &str {
        if let Self::WebFolder { base_url, .. } = self {
            return base_url.path();
        }
        self.prefix().unwrap_or_default()
    }

    /// The same bucket, container or server without [`OriginLocation::folder`].
    #[must_use]
    pub fn without_folder(&self) -> Self {
        let mut whole = self.clone();
        match &mut whole {
            Self::S3 { prefix, .. }
            | Self::S3Compatible { prefix, .. }
            | Self::CloudinaryBackup { prefix, .. }
            | Self::Gcs { prefix, .. }
            | Self::AzureBlob { prefix, .. } => prefix.clear(),
            Self::WebFolder { base_url, .. } => *base_url = base_url.root(),
            Self::WebProxy | Self::AkeneoPim { .. } => {}
        }
        whole
    }

    /// The kind of this location.
    pub fn kind(&self) -> OriginKind {
        match self {
            Self::S3 { .. } => OriginKind::S3,
            Self::S3Compatible { .. } => OriginKind::S3Compatible,
            Self::CloudinaryBackup { .. } => OriginKind::CloudinaryBackup,
            Self::WebFolder { .. } => OriginKind::WebFolder,
            Self::WebProxy => OriginKind::WebProxy,
            Self::Gcs { .. } => OriginKind::Gcs,
            Self::AzureBlob { .. } => OriginKind::AzureBlob,
            Self::AkeneoPim { .. } => OriginKind::AkeneoPim,
        }
    }
}

/// What proves to an origin that the tenant may read. Never serialised in the clear, never logged.
#[derive(Debug, Clone, Default)]
pub enum OriginCredentials {
    /// Public origins, web folders, web proxies, and S3 with an ambient role.
    #[default]
    None,
    /// Stored, but the key ring cannot open it (a key was lost, or the row was tampered with): our fault, not the tenant's.
    Unreadable,
    /// `S3`, `S3_COMPATIBLE`, `CLOUDINARY_BACKUP`.
    AccessKey {
        /// Access key id.
        access_key: SecretString,
        /// Secret access key.
        secret_key: SecretString,
    },
    /// `GCS`: a PEM private key.
    ServiceAccountKey {
        /// PEM text.
        private_key: SecretString,
    },
    /// `AZURE_BLOB`: a shared access signature with its leading `?`.
    SasToken {
        /// The token.
        sas_token: SecretString,
    },
    /// `AKENEO_PIM`: password grant.
    PasswordGrant {
        /// OAuth client.
        client_id: SecretString,
        /// Its secret.
        client_secret: SecretString,
        /// API user.
        username: SecretString,
        /// Its password.
        password: SecretString,
    },
}
