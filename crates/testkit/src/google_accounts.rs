//! Google's token endpoint and a bucket behind it, on the fake origin: the endpoint verifies the signature, the times and the
//! addressee of every statement, the bucket lets nobody in without a token of its own.

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use serde_json::Value;

use crate::fake_origin::script::Script;
use crate::fake_origin::{FakeOrigin, ReceivedRequest};

/// The endpoint and the bucket.
#[derive(Debug)]
pub struct GoogleAccounts {
    /// Both; anything but `/token` and what [`GoogleAccounts::BUCKET`] answers is scripted as usual.
    pub origin: FakeOrigin,
    issued: Arc<Mutex<Issued>>,
}

#[derive(Debug)]
struct Issued {
    /// How many tokens so far.
    count: usize,
    /// The last one, while it is accepted.
    accepted: Option<String>,
    lifetime: u64,
    is_down: bool,
}

impl GoogleAccounts {
    /// The account's e-mail address.
    pub const EMAIL: &str = "reader@acme-zoo.iam.gserviceaccount.com";

    /// The account's private key, PEM. Made for these tests, good for nothing else.
    pub const PRIVATE_KEY: &str = include_str!("../keys/service-account.pem");

    /// The bucket; its objects are what the fake origin has.
    pub const BUCKET: &str = "zoo-pictures";

    /// Starts both.
    pub async fn start() -> Self {
        let origin = FakeOrigin::start().await;
        let issued = Arc::new(Mutex::new(Issued {
            count: 0,
            accepted: None,
            lifetime: 3600,
            is_down: false,
        }));
        let audience = format!("{}/token", origin.base_url());
        let state = Arc::clone(&issued);
        origin.judge(move |request| {
            let mut issued = state.lock().unwrap_or_else(PoisonError::into_inner);
            if request.target == "/token" {
                return Some(issued.answer(request, &audience));
            }
            let authorization = request.header("authorization").unwrap_or_default();
            let token = authorization.strip_prefix("Bearer ");
            let is_accepted = token.is_some() && token == issued.accepted.as_deref();
            (!is_accepted).then(unauthorized)
        });
        Self { origin, issued }
    }

    /// Where tokens are granted.
    pub fn token_url(&self) -> String {
        format!("{}/token", self.origin.base_url())
    }

    /// How many tokens were granted.
    pub fn granted(&self) -> usize {
        self.lock().count
    }

    /// How long the next tokens last.
    pub fn grant_for(&self, seconds: u64) {
        self.lock().lifetime = seconds;
    }

    /// No token granted so far is accepted any longer.
    pub fn revoke(&self) {
        self.lock().accepted = None;
    }

    /// Whether the endpoint answers 503.
    pub fn take_down(&self, is_down: bool) {
        self.lock().is_down = is_down;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Issued> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Issued {
    fn answer(&mut self, request: &ReceivedRequest, audience: &str) -> Script {
        let json = [("content-type", "application/json; charset=utf-8")];
        if self.is_down {
            return Script::response(503, &json, b"{}");
        }
        if let Err(why) = verify(request, audience) {
            let body = format!("{{\"error\":\"invalid_grant\",\"error_description\":\"{why}\"}}");
            return Script::response(400, &json, body.as_bytes());
        }
        self.count += 1;
        let token = format!("ya29.canary-{}", self.count);
        let body = format!(
            "{{\"access_token\":\"{token}\",\"expires_in\":{},\"token_type\":\"Bearer\"}}",
            self.lifetime
        );
        self.accepted = Some(token);
        Script::response(200, &json, body.as_bytes())
    }
}

/// Source: RFC 7523 section 3, and Google's rules about the claims.
fn verify(request: &ReceivedRequest, audience: &str) -> Result<(), &'static str> {
    let form = String::from_utf8_lossy(&request.body).into_owned();
    let is_form = request.header("content-type") == Some("application/x-www-form-urlencoded");
    let statement = form
        .strip_prefix("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=")
        .filter(|_| is_form && request.method == "POST")
        .ok_or("Bad Request")?;
    let (signed, signature) = statement.rsplit_once('.').ok_or("Bad Request")?;
    let (head, claims) = signed.split_once('.').ok_or("Bad Request")?;
    let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| "Bad Request");
    let value = |part: &str| -> Result<Value, &'static str> {
        serde_json::from_slice(&bytes(part)?).map_err(|_| "Bad Request")
    };
    if value(head)?.get("alg") != Some(&Value::from("RS256")) {
        return Err("Invalid JWT: only RS256");
    }
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public_key())
        .verify(signed.as_bytes(), &bytes(signature)?)
        .map_err(|_| "Invalid JWT Signature.")?;
    let claims = value(claims)?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    let number = |name: &str| claims.get(name).and_then(Value::as_i64).unwrap_or(0);
    if text("iss") != GoogleAccounts::EMAIL {
        return Err("Invalid grant: account not found");
    }
    if text("aud") != audience {
        return Err("Invalid JWT: wrong audience");
    }
    if text("scope") != "https://www.googleapis.com/auth/devstorage.read_only" {
        return Err("Invalid scope");
    }
    let lasts = number("exp") - number("iat");
    if number("iat") <= 0 || !(1..=3600).contains(&lasts) {
        return Err(
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.",
        );
    }
    Ok(())
}

fn public_key() -> Vec<u8> {
    let pem: String = GoogleAccounts::PRIVATE_KEY
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    let der = STANDARD.decode(pem).expect("the key is base64");
    let pair = RsaKeyPair::from_pkcs8(&der).expect("the key is an RSA key");
    pair.public_key().as_ref().to_vec()
}

fn unauthorized() -> Script {
    let document = "<?xml version='1.0' encoding='UTF-8'?><Error><Code>AuthenticationRequired</Code>\
                    <Message>Authentication required.</Message></Error>";
    let headers = [
        ("content-type", "application/xml; charset=UTF-8"),
        ("x-guploader-uploadid", "upload-7"),
        (
            "www-authenticate",
            "Bearer realm=\"https://accounts.google.com/\"",
        ),
    ];
    Script::response(401, &headers, document.as_bytes())
}
