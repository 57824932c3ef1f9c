//! `limpid up`: everything on one machine. Database, schema, demo, services, and then a block of text worth reading.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use limpid_dashboard_api::commands::CommandContext;
use limpid_domain::event::{Actor, ActorKind, EventMeta};
use limpid_local_postgres::StopMode;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use tokio::runtime::Handle;

use crate::arguments::UpArguments;
use crate::config::Config;
use crate::data_dir::{self, DataDir, Running};
use crate::demo::origin::{DemoOrigin, Ports};
use crate::demo::{self, DemoAccount};
use crate::exit::{Failure, Kind};
use crate::lifecycle::{Services, Signals, background, block_on};
use crate::roles::{self, Surroundings};
use crate::telemetry::{Telemetry, metrics_listener};
use crate::{database_access, output, readiness};

/// Pause between two questions to a database that does not answer.
const DATABASE_PAUSE: Duration = Duration::from_millis(500);

/// What `--ready-file` holds.
#[derive(Debug, Serialize)]
struct Ready {
    serving: String,
    dashboard: String,
    operator_key: String,
    demo: Option<DemoAccount>,
    metrics: Option<String>,
}

/// Starts everything and runs until a signal.
///
/// Errors: another instance holds the data directory or an address (conflict); no database (unavailable); any service's.
pub(crate) fn run(
    config: &Config,
    arguments: &UpArguments,
    environment: &[(String, String)],
) -> Result<(), Failure> {
    let data_dir = DataDir::lock(&config.data_dir)?;
    let telemetry = Telemetry::start(&config.telemetry, environment)?;
    let cluster = match config.database.url {
        Some(_) => None,
        None => Some(database_access::start_cluster(config, data_dir.path())?),
    };
    let database_url = match (&config.database.url, &cluster) {
        (Some(url), _) => url.clone(),
        (None, Some(cluster)) => SecretString::from(cluster.database_url()),
        (None, None) => return Err(Failure::failed("no database was started")),
    };
    let background = background()?;
    let everything = Everything {
        config,
        arguments,
        data_dir: &data_dir,
        metrics: telemetry.registry(),
        embedded: cluster.is_some(),
        database_url,
        background: background.handle().clone(),
    };
    let outcome = block_on(everything.run());
    drop(background);
    telemetry.finish();
    if let Some(cluster) = cluster {
        cluster.stop(StopMode::Fast);
    }
    outcome
}

struct Everything<'a> {
    config: &'a Config,
    arguments: &'a UpArguments,
    data_dir: &'a DataDir,
    metrics: prometheus::Registry,
    embedded: bool,
    database_url: SecretString,
    /// Where what can wait for images runs.
    background: Handle,
}

impl Everything<'_> {
    async fn run(self) -> Result<(), Failure> {
        let mut signals = Signals::listen()?;
        let mut services = Services::new();
        // A signal during start-up ends it where it stands: nothing is acknowledged before the listeners are open.
        let started = tokio::select! {
            started = self.start(&mut services) => started,
            name = signals.next() => Err(Failure::new(Kind::Interrupted, format!("{name} during start-up"))),
        };
        match started {
            Ok(()) => services.run(&mut signals).await,
            Err(failure) => services.stop(failure).await,
        }
    }

    async fn start(&self, services: &mut Services) -> Result<(), Failure> {
        let surroundings = Surroundings::open(self.config, self.database_url.expose_secret())?;
        let demo_ports = self.start_demo_origin(services).await?;
        // These two addresses, and no other on loopback, are exempt from the address guard.
        let exempt = demo_ports.map(Ports::addresses).unwrap_or_default();
        let serving_config = roles::serving_config(self.config, &surroundings, &exempt);
        let early = match self.migrate().await {
            Err(failure)
                if failure.kind() == Kind::Unavailable && serving_config.snapshot_path.exists() =>
            {
                tracing::warn!(
                    "{}; images are served by the last known configuration until it answers",
                    failure.message()
                );
                let serving = roles::start_serving(services, serving_config.clone()).await?;
                self.migrate_when_available().await?;
                Some(serving)
            }
            migrated => migrated.map(|()| None)?,
        };
        let account = self.create_demo(&surroundings, demo_ports).await?;
        let serving = match early {
            Some(serving) => serving,
            None => roles::start_serving(services, serving_config).await?,
        };
        let beside_images = (&mut *services, &self.background);
        let dashboard =
            roles::start_dashboard(beside_images, self.config, &surroundings, serving).await?;
        let beside_images = (&mut *services, &self.background);
        roles::start_projector(beside_images, self.config, &surroundings).await?;
        let metrics = self.start_metrics(services).await?;
        readiness::wait(serving).await?;
        readiness::wait(dashboard).await?;
        self.tell(serving, dashboard, metrics, account)
    }

    async fn migrate(&self) -> Result<(), Failure> {
        database_access::migrate(self.config, self.database_url.expose_secret()).await
    }

    /// Asks until the database answers.
    ///
    /// Errors: it answers, and a migration fails.
    async fn migrate_when_available(&self) -> Result<(), Failure> {
        loop {
            tokio::time::sleep(DATABASE_PAUSE).await;
            match self.migrate().await {
                Err(failure) if failure.kind() == Kind::Unavailable => {}
                migrated => return migrated,
            }
        }
    }

    async fn start_demo_origin(&self, services: &mut Services) -> Result<Option<Ports>, Failure> {
        if self.arguments.no_demo {
            return Ok(None);
        }
        let wanted = demo::remembered_ports(self.data_dir.path());
        let origin = DemoOrigin::bind(wanted)
            .await
            .map_err(|error| Failure::caused(Kind::Failed, "start the demo origin", &error))?;
        let ports = origin.ports();
        let max_source_bytes = self.config.limits.max_source_bytes;
        let shutdown = services.shutdown();
        services.start("demo origin", async move {
            origin
                .serve(max_source_bytes, shutdown)
                .await
                .map_err(|error| Failure::caused(Kind::Failed, "serve the demo origin", &error))
        });
        Ok(Some(ports))
    }

    async fn create_demo(
        &self,
        surroundings: &Surroundings,
        ports: Option<Ports>,
    ) -> Result<Option<DemoAccount>, Failure> {
        let Some(ports) = ports else {
            return Ok(None);
        };
        let database = surroundings.database(self.config, "demo").await?;
        let context = CommandContext {
            database: &database,
            vault: &surroundings.vault,
            meta: EventMeta {
                actor: Actor {
                    kind: ActorKind::System,
                    label: "limpid up".to_owned(),
                },
                source: None,
                request_id: None,
                command_id: None,
                expected_version: None,
                note: None,
            },
        };
        let account = demo::create(&context, self.data_dir.path(), ports).await?;
        database.close().await;
        Ok(Some(account))
    }

    async fn start_metrics(&self, services: &mut Services) -> Result<Option<SocketAddr>, Failure> {
        start_metrics(services, self.config, self.metrics.clone()).await
    }

    fn tell(
        &self,
        serving: SocketAddr,
        dashboard: SocketAddr,
        metrics: Option<SocketAddr>,
        demo: Option<DemoAccount>,
    ) -> Result<(), Failure> {
        let operator_key = data_dir::operator_key(&self.config.operator_key_file)?;
        let ready = Ready {
            serving: format!("http://{serving}"),
            dashboard: format!("http://{dashboard}"),
            operator_key: operator_key.expose_secret().to_owned(),
            demo,
            metrics: metrics.map(|address| format!("http://{address}/metrics")),
        };
        self.data_dir.announce(&Running {
            pid: std::process::id(),
            database_url: self
                .embedded
                .then(|| self.database_url.expose_secret().to_owned()),
            serving: ready.serving.clone(),
            dashboard: ready.dashboard.clone(),
        })?;
        output::print(&ready.block(&self.config.operator_key_file))?;
        if let Some(file) = &self.arguments.ready_file {
            let json = serde_json::to_vec(&ready)
                .map_err(|error| Failure::caused(Kind::Failed, "encode the ready file", &error))?;
            data_dir::write_whole(file, &json)?;
        }
        tracing::info!(serving = %serving, dashboard = %dashboard, "ready");
        Ok(())
    }
}

/// Opens the private listener, if wanted, and starts answering.
///
/// Errors: the configured address can't be used.
pub(crate) async fn start_metrics(
    services: &mut Services,
    config: &Config,
    registry: prometheus::Registry,
) -> Result<Option<SocketAddr>, Failure> {
    let Some(listener) = metrics_listener::bind(config.telemetry.metrics).await? else {
        return Ok(None);
    };
    let failed = |error: &std::io::Error| Failure::caused(Kind::Failed, "serve /metrics", error);
    let address = listener.local_addr().map_err(|error| failed(&error))?;
    let shutdown = services.shutdown();
    services.start("metrics", async move {
        metrics_listener::serve(listener, registry, shutdown)
            .await
            .map_err(|error| failed(&error))
    });
    Ok(Some(address))
}

impl Ready {
    /// What a person needs: links to click, keys, and how to see the numbers.
    fn block(&self, operator_key_file: &Path) -> String {
        let mut lines = vec![
            "\nLimpid is ready.\n".to_owned(),
            format!("  images    {}", self.serving),
            format!("  APIs      {}", self.dashboard),
        ];
        lines.extend(self.metrics.iter().map(|url| format!("  metrics   {url}")));
        lines.push(format!(
            "  operator  key in {}",
            operator_key_file.display()
        ));
        if let Some(demo) = &self.demo {
            lines.push("\n  The demo account, images and failures to click on:".to_owned());
            lines.extend(demo::TOUR.iter().map(|(path, shows)| {
                let url = format!("{}/{}/{path}", self.serving, demo.imagekit_id);
                format!("    {url:<76} {shows}")
            }));
            lines.push(format!("\n    private key  {}", demo.private_key));
            lines.push(format!("    public key   {}", demo.public_key));
            lines.push("\n  The failures, counted:".to_owned());
            lines.push(format!(
                "    curl -u {}: '{}/dashboard/v1/origin-errors/summary?from=now-1h&to=now'",
                demo.private_key, self.dashboard
            ));
        }
        lines.push("\nCtrl-C stops.\n".to_owned());
        lines.join("\n")
    }
}
