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
//! | [`roles`] | `serve`, `project`, `dashboard` |
//! | [`database_commands`] | `migrate`, `rebuild`, `verify`, `tenant` |
//! | [`errors`], [`explain`], [`transform`], [`doctor`] | one command each |
//! | [`exit`], [`output`] | exit codes; the only writers of standard output |

mod arguments;
mod config;
mod exit;
mod lifecycle;
mod output;
mod telemetry;

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;

use crate::arguments::{Arguments, Command, GlobalArguments};
use crate::config::{Config, Sources};
use crate::exit::{Failure, Kind};
use crate::telemetry::Telemetry;

// Transforming images allocates and frees large buffers on many threads; the system allocator keeps them.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    exit::report(run(Arguments::parse()))
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.command {
        Command::Completions { shell } => return output::completions(shell),
        Command::Openapi => return output::print_json(&limpid_dashboard_api::openapi()),
        _ => {}
    }
    let environment = environment();
    let config = load(&arguments, &environment)?;
    let telemetry = Telemetry::start(&config.telemetry, &environment)?;
    let outcome = lifecycle::block_on(async { Ok(()) });
    telemetry.finish();
    outcome
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
        flags: flags(arguments),
    };
    Config::load(&sources)
        .map_err(|error| Failure::caused(Kind::Configuration, "configuration", &error))
}

/// Flags that are settings. `DATABASE_URL` is among them: clap reads it.
fn flags(arguments: &Arguments) -> Vec<(&'static str, String)> {
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
