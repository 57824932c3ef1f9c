//! The demo account: a few photographs from an origin of our own, and one URL endpoint for each way an origin can fail.
//!
//! Created by the commands everyone uses. What a person changed in it since stays changed; only addresses of our own
//! origin follow when its port had to move.

pub(crate) mod origin;

use std::fs;
use std::path::Path;

use limpid_dashboard_api::commands::{self, CommandContext, CommandError, ReplaceOrigin};
use limpid_domain::ids::{ImagekitId, OriginId, TenantId};
use limpid_domain::origin::{OriginDraft, OriginLocation};
use limpid_domain::tenant::CreateTenant;
use limpid_domain::url_endpoint::UrlEndpointDraft;
use limpid_read_models::delivery_config::{self, TenantConfig};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::{Value, json};

use self::origin::Ports;
use crate::data_dir;
use crate::exit::{Failure, Kind};

/// The demo account's name.
pub(crate) const IMAGEKIT_ID: &str = "demo";

/// One origin of the account and where it is attached.
struct Exhibit {
    /// Name of the origin and description of its endpoint.
    name: &'static str,
    /// Prefix of its URL endpoint; empty for the default endpoint.
    prefix: &'static str,
    /// Folder at our origin; `None` is the port that refuses.
    folder: Option<&'static str>,
}

const EXHIBITS: [Exhibit; 6] = [
    Exhibit {
        name: "Demo photographs",
        prefix: "",
        folder: Some("photos"),
    },
    Exhibit {
        name: "Demo access denied",
        prefix: "forbidden",
        folder: Some("forbidden"),
    },
    Exhibit {
        name: "Demo file too large",
        prefix: "too-large",
        folder: Some("too-large"),
    },
    Exhibit {
        name: "Demo connection refused",
        prefix: "refused",
        folder: None,
    },
    Exhibit {
        name: "Demo server error",
        prefix: "broken",
        folder: Some("broken"),
    },
    Exhibit {
        name: "Demo page instead of image",
        prefix: "html",
        folder: Some("html"),
    },
];

/// URLs worth a click: path below the account, and what it shows.
pub(crate) const TOUR: [(&str, &str); 8] = [
    ("tr:w-300/cat.jpg", "resized to 300 pixels"),
    (
        "tr:w-400,h-400,c-maintain_ratio/rocket.jpg",
        "cropped to a square",
    ),
    ("no-such-file.jpg", "ENOENT"),
    ("forbidden/cat.jpg", "EACCES"),
    ("too-large/cat.jpg", "ELIMIT"),
    ("refused/cat.jpg", "ECONNREFUSED"),
    ("broken/cat.jpg", "UNIDENTIFIED"),
    (
        "html/tr:w-300/cat.jpg",
        "UNIDENTIFIED: a page instead of an image",
    ),
];

/// The demo account's keys, as the ready file and `demo.json` show them.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct DemoAccount {
    /// Always [`IMAGEKIT_ID`].
    pub(crate) imagekit_id: String,
    /// For the APIs.
    pub(crate) private_key: String,
    /// Its public half.
    pub(crate) public_key: String,
}

/// The ports an earlier run used, from the data directory.
pub(crate) fn remembered_ports(data_dir: &Path) -> Ports {
    fs::read(data_dir.join("demo-ports.json"))
        .ok()
        .and_then(|json| serde_json::from_slice(&json).ok())
        .unwrap_or_default()
}

/// Creates what is missing of the demo account and writes down its keys and ports.
///
/// Errors: the database; a command that is refused, which is a defect.
pub(crate) async fn create(
    context: &CommandContext<'_>,
    data_dir: &Path,
    ports: Ports,
) -> Result<DemoAccount, Failure> {
    let tenant = find_or_create_tenant(context).await?;
    let config = load(context, tenant).await?;
    let before = remembered_ports(data_dir);
    for exhibit in &EXHIBITS {
        let origin = exhibit
            .ensure_origin(context, &config, (before, ports))
            .await?;
        exhibit.ensure_endpoint(context, &config, origin).await?;
    }
    let account = keys(&load(context, tenant).await?)?;
    write_json(&data_dir.join("demo-ports.json"), &ports)?;
    write_json(&data_dir.join("demo.json"), &account)?;
    Ok(account)
}

impl Exhibit {
    async fn ensure_origin(
        &self,
        context: &CommandContext<'_>,
        config: &TenantConfig,
        (before, now): (Ports, Ports),
    ) -> Result<OriginId, Failure> {
        let existing = config
            .origins
            .values()
            .find(|origin| origin.settings.name == self.name);
        let Some(existing) = existing else {
            let draft = self.origin_draft(now)?;
            let origin = commands::create_origin(context, config.tenant_id, draft)
                .await
                .map_err(|error| refused(self.name, &error))?;
            return Ok(origin.id);
        };
        let is_ours = matches!(
            &existing.settings.location,
            OriginLocation::WebFolder { base_url, .. } if base_url.as_str().trim_end_matches('/') == self.base_url(before)
        );
        if is_ours && before != now {
            let replace = ReplaceOrigin {
                id: existing.id,
                draft: self.origin_draft(now)?,
                expected: None,
            };
            commands::replace_origin(context, config.tenant_id, replace)
                .await
                .map_err(|error| refused(self.name, &error))?;
        }
        Ok(existing.id)
    }

    async fn ensure_endpoint(
        &self,
        context: &CommandContext<'_>,
        config: &TenantConfig,
        origin: OriginId,
    ) -> Result<(), Failure> {
        // The first origin of an account is attached to its default endpoint by itself.
        let exists = config
            .endpoints
            .iter()
            .any(|endpoint| endpoint.settings.url_prefix == self.prefix);
        if exists || self.prefix.is_empty() {
            return Ok(());
        }
        let draft = UrlEndpointDraft::parse(json!({
            "description": self.name,
            "urlPrefix": self.prefix,
            "origins": [origin.to_string()],
        }))
        .map_err(|error| Failure::caused(Kind::Failed, "describe a demo endpoint", &error))?;
        commands::create_url_endpoint(context, config.tenant_id, draft)
            .await
            .map_err(|error| refused(self.name, &error))?;
        Ok(())
    }

    fn base_url(&self, ports: Ports) -> String {
        match self.folder {
            Some(folder) => format!("http://127.0.0.1:{}/{folder}", ports.answering),
            None => format!("http://127.0.0.1:{}", ports.refusing),
        }
    }

    fn origin_draft(&self, ports: Ports) -> Result<OriginDraft, Failure> {
        let body: Value = json!({
            "type": "WEB_FOLDER",
            "name": self.name,
            "baseUrl": self.base_url(ports),
        });
        OriginDraft::parse(body)
            .map_err(|error| Failure::caused(Kind::Failed, "describe a demo origin", &error))
    }
}

async fn find_or_create_tenant(context: &CommandContext<'_>) -> Result<TenantId, Failure> {
    let id: ImagekitId = IMAGEKIT_ID
        .parse()
        .map_err(|error| Failure::caused(Kind::Failed, "name the demo account", &error))?;
    let existing = delivery_config::tenant_by_imagekit_id(context.database, &id)
        .await
        .map_err(|error| Failure::caused(Kind::Unavailable, "look for the demo account", &error))?;
    if let Some(tenant) = existing {
        return Ok(tenant.tenant_id);
    }
    let create = CreateTenant {
        imagekit_id: id,
        name: "Demo".to_owned(),
    };
    let created = commands::create_tenant(context, create)
        .await
        .map_err(|error| refused("the account", &error))?;
    Ok(created.tenant_id)
}

async fn load(context: &CommandContext<'_>, tenant: TenantId) -> Result<TenantConfig, Failure> {
    delivery_config::load_tenant(context.database, context.vault, tenant)
        .await
        .map_err(|error| Failure::caused(Kind::Unavailable, "load the demo account", &error))?
        .ok_or_else(|| Failure::failed("the demo account has vanished"))
}

fn keys(config: &TenantConfig) -> Result<DemoAccount, Failure> {
    let pair = config
        .key_pairs
        .first()
        .ok_or_else(|| Failure::failed("the demo account has no key pair in force"))?;
    Ok(DemoAccount {
        imagekit_id: config.imagekit_id.to_string(),
        private_key: pair.private_key.expose_secret().to_owned(),
        public_key: pair.public_key.to_string(),
    })
}

fn refused(what: &str, error: &CommandError) -> Failure {
    Failure::caused(
        Kind::Failed,
        format!("create {what} of the demo account"),
        error,
    )
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Failure> {
    let json = serde_json::to_vec(value)
        .map_err(|error| Failure::caused(Kind::Failed, "encode as JSON", &error))?;
    data_dir::write_whole(path, &json)
}
