//! Credentials in memory, their one serialised form (which only the vault sees), and what events say about them.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::ids::StreamVersion;
use crate::origin::OriginCredentials;

/// What an event holds in place of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretRef {
    /// The stream version of the event that set it; with tenant and stream the address of the sealed value.
    pub version: StreamVersion,
    /// Keyed hash: tells whether two versions held the same value, and nothing else.
    pub fingerprint: SecretFingerprint,
}

/// A keyed hash of a secret. Shape: 16 hexadecimal characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretFingerprint(pub String);

/// The sealed document is not what this kind of secret looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the opened secret does not have the expected fields")]
pub struct MalformedSecret;

impl OriginCredentials {
    /// The document to seal: a flat JSON object; `None` where there is nothing to keep secret.
    pub fn to_plaintext(&self) -> Option<Zeroizing<Vec<u8>>> {
        match self {
            Self::None | Self::Unreadable => None,
            Self::AccessKey {
                access_key,
                secret_key,
            } => Some(document(&[
                ("accessKey", access_key),
                ("secretKey", secret_key),
            ])),
            Self::ServiceAccountKey { private_key } => {
                Some(document(&[("privateKey", private_key)]))
            }
            Self::SasToken { sas_token } => Some(document(&[("sasToken", sas_token)])),
            Self::PasswordGrant {
                client_id,
                client_secret,
                username,
                password,
            } => Some(document(&[
                ("clientId", client_id),
                ("clientSecret", client_secret),
                ("username", username),
                ("password", password),
            ])),
        }
    }

    /// Reads a document written by [`OriginCredentials::to_plaintext`]; its fields tell its kind.
    ///
    /// Errors: [`MalformedSecret`].
    pub fn from_plaintext(document: &[u8]) -> Result<Self, MalformedSecret> {
        let Ok(Value::Object(mut fields)) = serde_json::from_slice(document) else {
            return Err(MalformedSecret);
        };
        let mut take = |field: &str| match fields.remove(field) {
            Some(Value::String(text)) => Some(SecretString::from(text)),
            _ => None,
        };
        if let (Some(access_key), Some(secret_key)) = (take("accessKey"), take("secretKey")) {
            return Ok(Self::AccessKey {
                access_key,
                secret_key,
            });
        }
        if let Some(private_key) = take("privateKey") {
            return Ok(Self::ServiceAccountKey { private_key });
        }
        if let Some(sas_token) = take("sasToken") {
            return Ok(Self::SasToken { sas_token });
        }
        match (
            take("clientId"),
            take("clientSecret"),
            take("username"),
            take("password"),
        ) {
            (Some(client_id), Some(client_secret), Some(username), Some(password)) => {
                Ok(Self::PasswordGrant {
                    client_id,
                    client_secret,
                    username,
                    password,
                })
            }
            _ => Err(MalformedSecret),
        }
    }
}

/// Written straight into memory that is wiped; room is reserved so that growing leaves no copy behind.
fn document(fields: &[(&str, &SecretString)]) -> Zeroizing<Vec<u8>> {
    // A control character grows six-fold when escaped.
    let room: usize = fields
        .iter()
        .map(|(name, secret)| name.len() + 6 * secret.expose_secret().len() + 8)
        .sum();
    let mut out = Zeroizing::new(Vec::with_capacity(room + 2));
    for (at, (name, secret)) in fields.iter().enumerate() {
        out.extend_from_slice(if at == 0 { b"{\"" } else { b",\"" });
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        serde_json::to_writer(&mut *out, secret.expose_secret())
            .expect("a text is JSON and a vector takes it");
    }
    out.push(b'}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    #[test]
    fn credentials_survive_the_trip_through_the_sealed_document() {
        let every_kind = [
            OriginCredentials::AccessKey {
                access_key: secret("AK\"IA\n"),
                secret_key: secret("s/+="),
            },
            OriginCredentials::ServiceAccountKey {
                private_key: secret("-----BEGIN PRIVATE KEY-----\nä\n"),
            },
            OriginCredentials::SasToken {
                sas_token: secret("?sig=x"),
            },
            OriginCredentials::PasswordGrant {
                client_id: secret("1"),
                client_secret: secret("2"),
                username: secret("3"),
                password: secret("4"),
            },
        ];
        for credentials in every_kind {
            let sealed = credentials.to_plaintext().unwrap();
            let opened = OriginCredentials::from_plaintext(&sealed).unwrap();
            assert_eq!(
                std::mem::discriminant(&opened),
                std::mem::discriminant(&credentials)
            );
            assert_eq!(opened.to_plaintext().unwrap(), sealed);
        }
        assert!(OriginCredentials::None.to_plaintext().is_none());
    }

    #[test]
    fn a_foreign_document_is_refused() {
        for document in [
            "",
            "null",
            "{}",
            "{\"accessKey\":1}",
            "{\"clientId\":\"a\"}",
        ] {
            assert!(
                OriginCredentials::from_plaintext(document.as_bytes()).is_err(),
                "{document}"
            );
        }
    }

    #[test]
    fn debug_output_never_shows_a_secret() {
        let credentials = OriginCredentials::SasToken {
            sas_token: secret("hunter2"),
        };
        assert!(!format!("{credentials:?}").contains("hunter2"));
    }
}
