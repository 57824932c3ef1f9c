//! An Akeneo PIM as its REST API is documented, on the fake origin: it grants tokens for the right client, user and password,
//! and gives media files to nobody else.

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::fake_origin::script::{PHOTO_JPEG, Script};
use crate::fake_origin::{FakeOrigin, ReceivedRequest};

/// The PIM.
#[derive(Debug)]
pub struct AkeneoServer {
    /// Where it runs.
    pub origin: FakeOrigin,
    issued: Arc<Mutex<Issued>>,
}

#[derive(Debug, Default)]
struct Issued {
    /// Grant types in the order they were granted.
    grants: Vec<String>,
    access: Option<String>,
    refresh: Option<String>,
}

impl AkeneoServer {
    /// Client, its secret, user, password.
    pub const CREDENTIALS: [&str; 4] = [
        "1_canaryclient",
        "canary-client-secret",
        "canary_user",
        "canary password\"=&",
    ];

    /// Codes of media files by kind; each holds [`PHOTO_JPEG`].
    pub const MEDIA: [&str; 3] = [
        "media-files/b/9/f/c/b9fc_akeneo.jpg/download",
        "asset-media-files/0/2/5/0/0250_asset.jpg",
        "reference-entities-media-files/5/1/8/8/5188_entity%20one.jpg",
    ];

    /// A media file the user may not read.
    pub const FORBIDDEN: &str = "asset-media-files/forbidden.jpg";

    /// Starts it.
    pub async fn start() -> Self {
        let origin = FakeOrigin::start().await;
        let issued = Arc::new(Mutex::new(Issued::default()));
        let state = Arc::clone(&issued);
        origin.judge(move |request| {
            let mut issued = state.lock().unwrap_or_else(PoisonError::into_inner);
            if request.target == "/api/oauth/v1/token" {
                return Some(issued.grant(request));
            }
            Some(issued.media(request))
        });
        Self { origin, issued }
    }

    /// The grant types of all tokens so far, in order.
    pub fn grants(&self) -> Vec<String> {
        self.lock().grants.clone()
    }

    /// The access token is over; the refresh token too if `also_refresh`.
    pub fn expire(&self, also_refresh: bool) {
        let mut issued = self.lock();
        issued.access = None;
        if also_refresh {
            issued.refresh = None;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Issued> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Issued {
    /// Source: Akeneo REST API, "Authentication": the client by HTTP Basic, the rest as JSON.
    fn grant(&mut self, request: &ReceivedRequest) -> Script {
        let [client, secret, user, password] = AkeneoServer::CREDENTIALS;
        let basic = format!("Basic {}", STANDARD.encode(format!("{client}:{secret}")));
        if request.header("authorization") != Some(basic.as_str()) {
            return error(
                422,
                "Parameter \"client_id\" is missing or does not match any client, or secret is invalid",
            );
        }
        let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let field = |name: &str| asked.get(name).and_then(Value::as_str).unwrap_or_default();
        let kind = field("grant_type").to_owned();
        let refresh = field("refresh_token");
        match kind.as_str() {
            "password" if field("username") == user && field("password") == password => {}
            "password" => return error(422, "No user found for the given username and password"),
            "refresh_token" if self.refresh.as_deref() == Some(refresh) => {}
            "refresh_token" => return error(422, "Refresh token is invalid or has expired"),
            _ => return error(422, "Parameter \"grant_type\" is missing"),
        }
        self.grants.push(kind);
        let number = self.grants.len();
        let access = format!("canary-access-{number}");
        let refresh = format!("canary-refresh-{number}");
        let body = json!({
            "access_token": access, "expires_in": 3600, "token_type": "bearer", "scope": null, "refresh_token": refresh,
        });
        self.access = Some(access);
        self.refresh = Some(refresh);
        let headers = [("content-type", "application/json")];
        Script::response(200, &headers, body.to_string().as_bytes())
    }

    fn media(&self, request: &ReceivedRequest) -> Script {
        let authorization = request.header("authorization").unwrap_or_default();
        let token = authorization.strip_prefix("Bearer ");
        if token.is_none() || token != self.access.as_deref() {
            return error(401, "The access token provided has expired.");
        }
        match request.target.strip_prefix("/api/rest/v1/") {
            Some(code) if AkeneoServer::MEDIA.contains(&code) => {
                Script::ok("image/jpeg", PHOTO_JPEG)
            }
            Some(AkeneoServer::FORBIDDEN) => {
                error(403, "Access forbidden. You are not allowed to list assets.")
            }
            _ => error(404, "Media file \"x\" does not exist."),
        }
    }
}

fn error(status: u16, message: &str) -> Script {
    let body = json!({"code": status, "message": message}).to_string();
    Script::response(
        status,
        &[("content-type", "application/json")],
        body.as_bytes(),
    )
}
