//! `limpid`: the one executable. It reads the configuration, sets up telemetry, runs one role or all of them, and turns
//! every outcome into an exit code.
//!
//! | module | holds |
//! |---|---|
//! | [`arguments`] | the command line |
//! | [`config`] | defaults < TOML < environment < flags, parsed once |
//! | [`telemetry`] | logs, traces, metrics and the private metrics listener |
//! | [`lifecycle`] | signals, and the order in which things stop |
//! | [`up`], [`demo`] | everything on one machine, with something to look at |
//! | [`roles`], [`single_role`] | `serve`, `project`, `dashboard` |
//! | [`data_dir`], [`database_access`], [`readiness`] | the data directory and its lock; which database; when we are ready |
//! | [`database_commands`] | `migrate`, `rebuild`, `verify` |
//! | [`tenant`], [`errors`], [`explain`], [`transform`], [`doctor`] | one command each |
//! | [`exit`], [`output`] | exit codes; the only writers of standard output |

mod arguments;
mod config;
mod data_dir;
mod database_access;
mod database_commands;
mod demo;
mod doctor;
mod errors;
mod exit;
mod explain;
mod lifecycle;
mod output;
mod readiness;
mod roles;
mod single_role;
mod telemetry;
mod tenant;
mod transform;
mod up;

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;

use crate::arguments::{Arguments, Command, ErrorsCommand, GlobalArguments, TenantCommand};
use crate::config::{Config, Sources};
use crate::database_access::DatabaseAccess;
use crate::exit::{Failure, Kind};
use crate::lifecycle::Signals;
use crate::roles::{Databases, Surroundings};
use crate::single_role::Role;

// Transforming images allocates and frees large buffers on many threads; the system allocator keeps them.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    exit::report(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Completions { shell } => return output::completions(*shell),
        Command::Openapi => return output::print_json(&limpid_dashboard_api::openapi()),
        _ => {}
    }
    let environment = environment();
    let config = load(arguments, &environment)?;
    match &arguments.command {
        Command::Up(up) => up::run(&config, up, &environment),
        Command::Serve(_) => single_role::run(&config, Role::Serve, &environment),
        Command::Project => single_role::run(&config, Role::Project, &environment),
        Command::Dashboard(_) => single_role::run(&config, Role::Dashboard, &environment),
        Command::Transform(transform) => transform::run(transform, roles::request_limits(&config)),
        Command::Doctor { json } => doctor::run(&config, *json),
        command => beside_the_database(&config, command),
    }
}

/// Commands that ask or change the database and end.
fn beside_the_database(config: &Config, command: &Command) -> Result<(), Failure> {
    let access = DatabaseAccess::open(config)?;
    let outcome = lifecycle::block_on(async {
        if matches!(command, Command::Migrate) {
            return database_access::migrate(config, access.url()).await;
        }
        let surroundings = Surroundings::open(config, access.url())?;
        let databases = surroundings.databases(config, "command").await?;
        let outcome = answer(config, command, &surroundings, &databases).await;
        databases.close().await;
        outcome
    });
    access.close();
    outcome
}

async fn answer(
    config: &Config,
    command: &Command,
    surroundings: &Surroundings,
    databases: &Databases,
) -> Result<(), Failure> {
    match command {
        Command::Rebuild { projection } => database_commands::rebuild(databases, projection).await,
        Command::Verify => database_commands::verify(databases).await,
        Command::Tenant(command) => {
            let context = tenant::context(&databases.accounts, &surroundings.vault);
            match command {
                TenantCommand::Create { id, name } => {
                    tenant::create(&context, id, name.as_deref()).await
                }
                TenantCommand::Settings(settings) => tenant::settings(&context, settings).await,
                TenantCommand::Limits(limits) => tenant::limits(&context, limits).await,
                TenantCommand::Erase { id, confirm } => {
                    tenant::erase(&context, (id, confirm)).await
                }
            }
        }
        Command::Errors(ErrorsCommand::List(filter)) => {
            errors::list(&databases.failures, filter).await
        }
        Command::Errors(ErrorsCommand::Groups(filter)) => {
            errors::groups(&databases.failures, filter).await
        }
        Command::Errors(ErrorsCommand::Tail(filter)) => {
            errors::tail(&databases.failures, filter, &mut Signals::listen()?).await
        }
        Command::Explain { url, json } => {
            let exempt = demo::remembered_ports(&config.data_dir).addresses();
            let node = explain::node(config);
            let config = roles::serving_config(config, surroundings, &exempt);
            explain::run(&config, node, url, *json).await
        }
        other => Err(Failure::failed(format!("{other:?} needs no database"))),
    }
}

/// The variables whose names and values are text; others can't be settings.
fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

fn load(arguments: &Arguments, environment: &[(String, String)]) -> Result<Config, Failure> {
    let sources = Sources {
        file: arguments.global.config.as_deref(),
        environment: environment.to_vec(),
        flags: flags(arguments, environment),
    };
    Config::load(&sources)
        .map_err(|error| Failure::caused(Kind::Configuration, "configuration", &error))
}

/// Flags that are settings, and variables with names of their own. `DATABASE_URL` is among the flags: clap reads it.
fn flags(arguments: &Arguments, environment: &[(String, String)]) -> Vec<(&'static str, String)> {
    let variable = |wanted: &str| {
        let found = environment
            .iter()
            .find(|(name, value)| name == wanted && !value.is_empty());
        found.map(|(_, value)| value.clone())
    };
    let GlobalArguments {
        config: _,
        database_url,
        data_dir,
        metrics,
    } = &arguments.global;
    let (serving, dashboard) = match &arguments.command {
        Command::Up(up) => (up.serving, up.dashboard),
        Command::Serve(serve) => (serve.serving, None),
        Command::Dashboard(dashboard) => (None, dashboard.dashboard),
        _ => (None, None),
    };
    [
        ("database.url", database_url.clone()),
        ("database.binaries", variable("LIMPID_PG_BIN")),
        (
            "data_dir",
            data_dir.as_ref().map(|dir| dir.display().to_string()),
        ),
        ("telemetry.metrics_address", metrics.clone()),
        (
            "serving.address",
            serving.map(|address| address.to_string()),
        ),
        (
            "dashboard.address",
            dashboard.map(|address| address.to_string()),
        ),
    ]
    .into_iter()
    .filter_map(|(key, text)| Some((key, text?)))
    .collect()
}
