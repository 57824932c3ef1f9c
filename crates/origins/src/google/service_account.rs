//! A service account: its key file or bare private key, the statement it signs, and the token Google grants for it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderValue, header};
use limpid_domain::failure::{AttemptFailure, Reason};
use rustls::SignatureScheme;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use url::Url;

use crate::attempt::{Attempt, AttemptResult, failure};
use crate::bearer::{Granted, TokenRequest, ask};
use crate::config::FetchConfig;
use crate::fetch::FetchContext;

/// Where Google grants tokens unless the key file says otherwise.
const GOOGLE: &str = "https://oauth2.googleapis.com/token";

/// Read only: the least that suffices.
const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_only";

/// How long a statement is valid; Google accepts no more. Source: "Using OAuth 2.0 for server to server applications". Units: seconds.
const STATEMENT_SECONDS: i64 = 3600;

/// A service account as the tenant entered it.
#[derive(Clone, Copy)]
pub(crate) struct ServiceAccount<'a> {
    /// Its e-mail address.
    pub(crate) client_email: &'a str,
    /// A PEM private key, or the whole key file (JSON), whose address and token endpoint then count.
    pub(crate) key: &'a str,
}

impl std::fmt::Debug for ServiceAccount<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ServiceAccount({})", self.client_email)
    }
}

/// A key as it is used.
struct Key {
    client_email: String,
    pem: SecretString,
    id: Option<String>,
    token_url: Url,
}

impl ServiceAccount<'_> {
    /// A token from the account's token endpoint.
    ///
    /// Errors: `credentials_invalid` for a key that cannot sign or that Google refuses; see [`ask`].
    pub(crate) async fn obtain(
        &self,
        context: &FetchContext<'_>,
        attempt: &mut Attempt<'_>,
    ) -> AttemptResult<Granted> {
        let key = self.read(context.config())?;
        let statement = key.statement(context.now())?;
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(header::USER_AGENT, context.user_agent());
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        let body = format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={statement}"
        );
        let request = TokenRequest {
            url: &key.token_url,
            // The operator's own address may have any port; one from a key file is the tenant's word and gets none.
            configured: context.config().google_token_endpoint.as_ref(),
            headers,
            body: SecretString::from(body),
        };
        ask(context, request, attempt).await
    }

    fn read(&self, config: &FetchConfig) -> AttemptResult<Key> {
        let key = self.key.trim();
        let file: Value = if key.starts_with('{') {
            serde_json::from_str(key).map_err(|_| unusable("the key file is no JSON"))?
        } else {
            Value::Null
        };
        let text = |name: &str| file.get(name).and_then(Value::as_str);
        let pem = text("private_key").unwrap_or(if file.is_null() { key } else { "" });
        let token_url = match (&config.google_token_endpoint, text("token_uri")) {
            (Some(operators), _) => operators.clone(),
            (None, named) => Url::parse(named.unwrap_or(GOOGLE))
                .map_err(|_| unusable("token_uri of the key file is no URL"))?,
        };
        if token_url.scheme() != "https" && config.google_token_endpoint.is_none() {
            let note = "token_uri of the key file is not https; nobody was asked";
            return Err(failure(Reason::SchemeNotAllowed, note));
        }
        Ok(Key {
            client_email: text("client_email").unwrap_or(self.client_email).to_owned(),
            // Copied out of a key file, a key has its line breaks written as `\n`.
            pem: SecretString::from(pem.replace("\\n", "\n")),
            id: text("private_key_id").map(str::to_owned),
            token_url,
        })
    }
}

impl Key {
    /// A JSON web token, RS256. Source: RFC 7515 and 7519; the claims are Google's.
    fn statement(&self, now: DateTime<Utc>) -> AttemptResult<String> {
        let mut head = json!({"alg": "RS256", "typ": "JWT"});
        if let (Some(id), Some(head)) = (&self.id, head.as_object_mut()) {
            head.insert("kid".to_owned(), Value::from(id.as_str()));
        }
        let issued = now.timestamp();
        let claims = json!({
            "iss": self.client_email,
            "scope": SCOPE,
            "aud": self.token_url.as_str(),
            "iat": issued,
            "exp": issued + STATEMENT_SECONDS,
        });
        let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encoded(&head), encoded(&claims));
        let signature = sign(self.pem.expose_secret(), signed.as_bytes())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

fn sign(pem: &str, message: &[u8]) -> AttemptResult<Vec<u8>> {
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|_| unusable("the private key is no PEM text"))?;
    let key = any_supported_type(&key)
        .map_err(|_| unusable("the private key is damaged or of an unknown kind"))?;
    let signer = key
        .choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256])
        .ok_or_else(|| unusable("the private key is no RSA key"))?;
    signer
        .sign(message)
        .map_err(|_| unusable("the private key cannot sign"))
}

fn unusable(what: &str) -> Box<AttemptFailure> {
    failure(
        Reason::CredentialsInvalid,
        format!("{what}; nobody was asked"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(key: &str) -> AttemptResult<Key> {
        let account = ServiceAccount {
            client_email: "field@b.example",
            key,
        };
        account.read(&FetchConfig::default())
    }

    #[test]
    fn a_bare_key_goes_to_google_and_a_key_file_where_it_says() {
        let bare = read(" -----BEGIN X-----\\nAA\\n ").unwrap();
        assert_eq!(bare.token_url.as_str(), GOOGLE);
        assert_eq!(bare.client_email, "field@b.example");
        assert_eq!(bare.pem.expose_secret(), "-----BEGIN X-----\nAA\n");
        let file = r#"{"client_email":"file@b.example","private_key":"k","private_key_id":"7","token_uri":"https://t.example/token"}"#;
        let file = read(file).unwrap();
        assert_eq!(file.token_url.as_str(), "https://t.example/token");
        assert_eq!(file.client_email, "file@b.example");
        assert_eq!(file.id.as_deref(), Some("7"));
    }

    #[test]
    fn a_key_that_cannot_be_used_says_why() {
        let plain = read(r#"{"private_key":"k","token_uri":"http://t.example/"}"#);
        assert_eq!(plain.err().unwrap().reason, Reason::SchemeNotAllowed);
        for key in ["{not json", r#"{"private_key":"k","token_uri":"nowhere"}"#] {
            assert_eq!(read(key).err().unwrap().reason, Reason::CredentialsInvalid);
        }
        for key in [
            "",
            "hello",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        ] {
            let signed = read(key).unwrap().statement(DateTime::UNIX_EPOCH);
            assert_eq!(
                signed.unwrap_err().reason,
                Reason::CredentialsInvalid,
                "{key}"
            );
        }
    }
}
