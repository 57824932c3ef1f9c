//! `limpid serve`, `limpid project`, `limpid dashboard`: one role against a database somebody else runs.

use secrecy::{ExposeSecret, SecretString};
use tokio::runtime::Handle;

use crate::config::Config;
use crate::exit::{Failure, Kind};
use crate::lifecycle::{Services, Signals, block_on};
use crate::roles::{self, Surroundings};
use crate::telemetry::Telemetry;
use crate::up::start_metrics;

/// The roles that can run alone.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Role {
    /// Answers delivery URLs.
    Serve,
    /// Keeps partitions, retention and statistics.
    Project,
    /// Answers the APIs.
    Dashboard,
}

/// Runs one role until a signal.
///
/// Errors: no database is configured; whatever the role fails with.
pub(crate) fn run(
    config: &Config,
    role: Role,
    environment: &[(String, String)],
) -> Result<(), Failure> {
    let url = config.database.url.clone().ok_or_else(|| {
        let message = "this role needs a database: give --database-url or DATABASE_URL (`limpid up` brings its own)";
        Failure::new(Kind::Configuration, message)
    })?;
    let telemetry = Telemetry::start(&config.telemetry, environment)?;
    let outcome = block_on(run_until_signal(config, role, url, telemetry.registry()));
    telemetry.finish();
    outcome
}

async fn run_until_signal(
    config: &Config,
    role: Role,
    url: SecretString,
    registry: prometheus::Registry,
) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let mut services = Services::new();
    match start(config, role, url.expose_secret(), &mut services).await {
        Ok(()) => {}
        Err(failure) => return services.stop(failure).await,
    }
    if let Err(failure) = start_metrics(&mut services, config, registry).await {
        return services.stop(failure).await;
    }
    services.run(&mut signals).await
}

async fn start(
    config: &Config,
    role: Role,
    url: &str,
    services: &mut Services,
) -> Result<(), Failure> {
    let surroundings = Surroundings::open(config, url)?;
    let runtime = Handle::current();
    match role {
        Role::Serve => {
            let serving = roles::serving_config(config, &surroundings, &[]);
            let address = roles::start_serving(services, serving).await?;
            tracing::info!(%address, "serving images");
        }
        Role::Project => {
            roles::start_projector((services, &runtime), config, &surroundings).await?;
        }
        Role::Dashboard => {
            let serving = config.serving_address;
            let dashboard = (services, &runtime);
            let address = roles::start_dashboard(dashboard, config, &surroundings, serving).await?;
            tracing::info!(%address, "answering the APIs");
        }
    }
    Ok(())
}
