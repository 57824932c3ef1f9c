//! The services: from our configuration to theirs, and running them.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use chrono::TimeDelta;
use limpid_dashboard_api::DashboardConfig;
use limpid_dashboard_api::config::{ApiConfig, DEFAULT_HELP};
use limpid_domain::clock::Clock;
use limpid_event_store::Database;
use limpid_event_store::spool::{FsyncPolicy, SpoolConfig};
use limpid_event_store::vault::{KeyRing, Vault};
use limpid_projector::ProjectorConfig;
use limpid_projector::webhooks::WebhookConfig;
use limpid_serving::config::{
    AllowedAddress, CacheConfig, DEFAULT_USAGE_INTERVAL, FetchConfig, HttpConfig, RequestLimits,
};
use limpid_serving::{Serving, ServingConfig, ServingError};
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;
use tokio::runtime::Handle;

use crate::config::Config;
use crate::data_dir;
use crate::database_access;
use crate::exit::{Failure, Kind};
use crate::lifecycle::Services;

/// What every role of this process shares.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    /// The database of configuration, and of failures unless those have their own.
    pub(crate) database_url: SecretString,
    /// Seals and opens credentials.
    pub(crate) vault: Vault,
}

/// Where accounts are and where their failures are: twice the same, unless failures have a database of their own.
#[derive(Debug)]
pub(crate) struct Databases {
    /// The log of the configuration and its projections.
    pub(crate) accounts: Database,
    /// Failures, usage, alerts; beside them a copy of the configuration.
    pub(crate) failures: Database,
}

impl Databases {
    /// Closes every connection.
    pub(crate) async fn close(self) {
        self.failures.close().await;
        self.accounts.close().await;
    }
}

impl Surroundings {
    /// Opens the key ring, making one at the first start.
    ///
    /// Errors: the key file can't be used.
    pub(crate) fn open(config: &Config, database_url: &str) -> Result<Self, Failure> {
        Ok(Self {
            database_url: SecretString::from(database_url),
            vault: vault(&config.master_key_file)?,
        })
    }

    /// Opens pools for one role, one for each database there is.
    pub(crate) async fn databases(
        &self,
        config: &Config,
        role: &str,
    ) -> Result<Databases, Failure> {
        let accounts = self.database(config, role).await?;
        let failures = match &config.failures.database_url {
            Some(url) => {
                let url = url.expose_secret();
                database_access::connect(url, config.database.max_connections, role).await?
            }
            None => accounts.clone(),
        };
        Ok(Databases { accounts, failures })
    }

    /// Opens a pool for one role.
    pub(crate) async fn database(&self, config: &Config, role: &str) -> Result<Database, Failure> {
        let url = self.database_url.expose_secret();
        database_access::connect(url, config.database.max_connections, role).await
    }
}

/// Opens the key ring.
///
/// Errors: the key file is malformed, readable by others, or can't be created.
pub(crate) fn vault(master_key_file: &Path) -> Result<Vault, Failure> {
    if let Some(parent) = master_key_file.parent() {
        std::fs::create_dir_all(parent).map_err(|error| {
            let what = format!("create {}", parent.display());
            Failure::caused(Kind::Configuration, what, &error)
        })?;
    }
    KeyRing::load_or_create(master_key_file)
        .map(Vault::new)
        .map_err(|error| {
            let what = format!("use the key ring {}", master_key_file.display());
            Failure::caused(Kind::Configuration, what, &error)
        })
}

/// How tenants' addresses are connected to. `exempt` are addresses of our own origin.
fn outbound(config: &Config, exempt: &[SocketAddr]) -> FetchConfig {
    let allowed = config
        .origins
        .allow_addresses
        .iter()
        .map(|(net, port)| AllowedAddress {
            net: *net,
            port: *port,
        });
    let exempt = exempt.iter().map(|address| AllowedAddress {
        net: address.ip().into(),
        port: Some(address.port()),
    });
    FetchConfig {
        connect_timeout: config.origins.connect_timeout,
        first_byte_timeout: config.origins.first_byte_timeout,
        idle_timeout: config.origins.idle_timeout,
        total_timeout: config.origins.total_timeout,
        max_concurrency_per_origin: config.origins.max_concurrency_per_origin,
        max_bytes_in_flight: config.limits.max_bytes_in_flight,
        allow_addresses: allowed.chain(exempt).collect(),
        ambient_credentials: config.origins.ambient_credentials.clone(),
        amazon_s3_endpoint: config.origins.providers.amazon_s3.clone(),
        azure_blob_endpoint: config.origins.providers.azure_blob.clone(),
        google_storage_endpoint: config.origins.providers.google_storage.clone(),
        google_token_endpoint: config.origins.providers.google_token.clone(),
        ..FetchConfig::default()
    }
}

/// The serving service's configuration. `exempt` are addresses of our own origin.
pub(crate) fn serving_config(
    config: &Config,
    surroundings: &Surroundings,
    exempt: &[SocketAddr],
) -> ServingConfig {
    ServingConfig {
        listen: config.serving_address,
        database_url: surroundings.database_url.clone(),
        failures_database_url: config.failures.database_url.clone(),
        database_connections: config.database.max_connections,
        vault: surroundings.vault.clone(),
        spool: SpoolConfig {
            fsync: config
                .failures
                .fsync
                .map_or(FsyncPolicy::Always, FsyncPolicy::Every),
            max_bytes: config.failures.max_spool_bytes,
            ..SpoolConfig::new(&config.failures.spool_dir)
        },
        origins: outbound(config, exempt),
        snapshot_path: config.data_dir.join("snapshot"),
        limits: request_limits(config),
        http: HttpConfig {
            max_connections: config.limits.max_connections,
            drain_timeout: config.drain_timeout,
            ..HttpConfig::default()
        },
        cache: CacheConfig {
            variant_bytes: config.cache.memory_bytes,
            negative_bytes: config.cache.failure_bytes,
            kept_bytes: config.cache.kept_bytes,
            kept_for: config.cache.kept_for,
        },
        transform_threads: NonZeroUsize::new(config.images.threads),
        trust_traceparent: config.telemetry.trust_trace_context,
        usage_interval: DEFAULT_USAGE_INTERVAL,
        clock: Clock::system(),
    }
}

/// The limits of one request.
pub(crate) fn request_limits(config: &Config) -> RequestLimits {
    RequestLimits {
        max_source_bytes: config.limits.max_source_bytes,
        max_pixels: config.limits.max_pixels,
        max_frame_pixels: config.limits.max_frame_pixels,
        request_timeout: config.origins.total_timeout,
        transform_timeout: config.images.processing_timeout,
    }
}

/// Opens the serving listener and starts answering; returns where.
///
/// Errors: the address is taken (conflict), the spool is unusable, no configuration can be had.
pub(crate) async fn start_serving(
    services: &mut Services,
    config: ServingConfig,
) -> Result<SocketAddr, Failure> {
    let failure = |error: ServingError| {
        let kind = match &error {
            ServingError::Listen { .. } => Kind::Conflict,
            ServingError::Configuration(_) => Kind::Unavailable,
            _ => Kind::Failed,
        };
        Failure::caused(kind, "serve images", &error)
    };
    let serving = Serving::bind(config).await.map_err(failure)?;
    let address = serving.local_addr();
    let shutdown = services.shutdown();
    services.start("serving", async move {
        serving.run(shutdown).await.map_err(failure)
    });
    Ok(address)
}

/// Opens the dashboard's listener and starts answering on a runtime; returns where.
///
/// Errors: the address is taken (conflict), the operator key file or the database can't be used.
pub(crate) async fn start_dashboard(
    (services, runtime): (&mut Services, &Handle),
    config: &Config,
    surroundings: &Surroundings,
    serving: SocketAddr,
) -> Result<SocketAddr, Failure> {
    let wanted = config.dashboard_address;
    let listen = |error: &std::io::Error| {
        Failure::caused(
            Kind::Conflict,
            format!("listen on {wanted} for the APIs"),
            error,
        )
    };
    let listener = TcpListener::bind(wanted).await.map_err(|e| listen(&e))?;
    let address = listener.local_addr().map_err(|e| listen(&e))?;
    let serving_url = format!("http://{serving}/")
        .parse()
        .map_err(|_| Failure::failed("the serving address is no URL"))?;
    let dashboard = DashboardConfig {
        listener,
        api: ApiConfig {
            database: dashboard_database(config, &surroundings.database_url).await?,
            failures_database: match &config.failures.database_url {
                Some(url) => Some(dashboard_database(config, url).await?),
                None => None,
            },
            vault: surroundings.vault.clone(),
            operator_key: data_dir::operator_key(&config.operator_key_file)?,
            serving_url,
            serving_node: serving,
            help: DEFAULT_HELP.to_owned(),
            webhooks_allow_http: config.webhooks_allow_http,
            questions_per_account: config.questions_per_account,
            clock: Clock::system(),
        },
        drain_timeout: config.drain_timeout,
    };
    let shutdown = services.shutdown();
    services.start_on(runtime, "dashboard", async move {
        limpid_dashboard_api::run(dashboard, shutdown)
            .await
            .map_err(|error| Failure::caused(Kind::Failed, "answer the APIs", &error))
    });
    Ok(address)
}

async fn dashboard_database(config: &Config, url: &SecretString) -> Result<Database, Failure> {
    let url = url.expose_secret();
    let limits = (config.database.max_connections, config.question_timeout);
    database_access::connect_patiently(url, "dashboard", limits).await
}

/// Starts the projector on a runtime.
///
/// Errors: the database can't be used.
pub(crate) async fn start_projector(
    (services, runtime): (&mut Services, &Handle),
    config: &Config,
    surroundings: &Surroundings,
) -> Result<(), Failure> {
    let url = config
        .failures
        .database_url
        .as_ref()
        .unwrap_or(&surroundings.database_url);
    let database = database_access::connect(url.expose_secret(), 4, "projector").await?;
    let accounts_database = if config.failures.database_url.is_some() {
        let url = surroundings.database_url.expose_secret();
        Some(database_access::connect(url, 2, "projector").await?)
    } else {
        None
    };
    let days = |kept: Duration, key: &str| {
        TimeDelta::from_std(kept)
            .map_err(|_| Failure::new(Kind::Configuration, format!("{key} is too long")))
    };
    let failure_retention = days(config.failures.retention, "failures.retention")?;
    let counts_retention = days(
        config.failures.counts_retention,
        "failures.counts_retention",
    )?;
    if counts_retention < failure_retention {
        let message = "failures.counts_retention is shorter than failures.retention: counts must outlive what they count";
        return Err(Failure::new(Kind::Configuration, message));
    }
    let alerts = database_access::connect(url.expose_secret(), 4, "alerts").await?;
    let webhooks = WebhookConfig {
        accounts_database: accounts_database.clone().unwrap_or_else(|| alerts.clone()),
        database: alerts,
        vault: surroundings.vault.clone(),
        outbound: outbound(config, &[]),
        allow_http: config.webhooks_allow_http,
    };
    let projector = ProjectorConfig {
        accounts_database,
        failure_retention,
        webhooks: Some(webhooks),
        counts_retention,
        ..ProjectorConfig::new(database, Clock::system())
    };
    let shutdown = services.shutdown();
    services.start_on(runtime, "projector", async move {
        limpid_projector::run(projector, shutdown).await;
        Ok(())
    });
    Ok(())
}
