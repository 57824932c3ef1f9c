//! A token for user name and password, and later for the refresh token that came with it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, header};
use limpid_domain::failure::Reason;
use limpid_domain::origin::OriginCredentials;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use url::Url;

use crate::attempt::{Attempt, AttemptResult, failure};
use crate::bearer::{Granted, TokenRequest, ask};
use crate::fetch::FetchContext;

/// How an Akeneo origin comes by a token.
#[derive(Debug)]
pub(crate) struct PasswordGrant<'a> {
    /// The PIM.
    pub(crate) base_url: &'a Url,
    /// Client, its secret, user and password.
    pub(crate) credentials: &'a OriginCredentials,
}

impl PasswordGrant<'_> {
    /// A token: by the refresh token if there is one, by password if there is none or it is refused.
    ///
    /// Errors: see [`ask`].
    pub(crate) async fn obtain(
        &self,
        context: &FetchContext<'_>,
        refresh: Option<&SecretString>,
        attempt: &mut Attempt<'_>,
    ) -> AttemptResult<Granted> {
        let OriginCredentials::PasswordGrant {
            username, password, ..
        } = self.credentials
        else {
            let note = "the origin has no credentials; nobody was asked";
            return Err(failure(Reason::CredentialsInvalid, note));
        };
        if let Some(refresh) = refresh {
            let refreshed = self
                .ask(
                    context,
                    &json!({"grant_type": "refresh_token", "refresh_token": refresh.expose_secret()}),
                    attempt,
                )
                .await;
            match refreshed {
                Err(refused) if refused.reason == Reason::CredentialsInvalid => {}
                settled => return settled,
            }
        }
        let body = json!({
            "grant_type": "password",
            "username": username.expose_secret(),
            "password": password.expose_secret(),
        });
        self.ask(context, &body, attempt).await
    }

    async fn ask(
        &self,
        context: &FetchContext<'_>,
        body: &Value,
        attempt: &mut Attempt<'_>,
    ) -> AttemptResult<Granted> {
        let mut url = self.base_url.clone();
        let folder = self.base_url.path().trim_end_matches('/');
        url.set_path(&format!("{folder}/api/oauth/v1/token"));
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(header::USER_AGENT, context.user_agent());
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        headers.insert(header::AUTHORIZATION, self.client()?);
        let request = TokenRequest {
            url: &url,
            configured: Some(self.base_url),
            headers,
            body: SecretString::from(body.to_string()),
        };
        ask(context, request, attempt).await
    }

    /// The client by HTTP Basic. Source: Akeneo REST API, "Authentication".
    fn client(&self) -> AttemptResult<HeaderValue> {
        let OriginCredentials::PasswordGrant {
            client_id,
            client_secret,
            ..
        } = self.credentials
        else {
            return Err(failure(Reason::CredentialsInvalid, "no client"));
        };
        let pair = format!(
            "{}:{}",
            client_id.expose_secret(),
            client_secret.expose_secret()
        );
        let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)))
            .map_err(|_| failure(Reason::CredentialsInvalid, "the client has odd characters"))?;
        value.set_sensitive(true);
        Ok(value)
    }
}
