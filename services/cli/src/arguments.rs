//! The command line, as clap reads it. Names here are part of the contract: add, never rename.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  limpid up                                          everything on this machine, with a demo account
  limpid explain http://127.0.0.1:8080/demo/missing.jpg   why one URL answers what it answers
  limpid errors list --account demo --from now-1h    the dashboard's numbers in a terminal

Exit codes: 0 ok, 1 failed, 2 usage, 3 configuration, 4 not found, 5 conflict, 6 refused or check failed,
69 dependency unavailable, 130 interrupted.";

/// Image delivery that can always say why an image failed.
#[derive(Debug, Parser)]
#[command(name = "limpid", version, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Options every command understands.
    #[command(flatten)]
    pub(crate) global: GlobalArguments,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options every command understands.
#[derive(Debug, Args)]
pub(crate) struct GlobalArguments {
    /// TOML file with settings; the environment and flags override it.
    #[arg(long, global = true, value_name = "FILE", env = "LIMPID_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// `PostgreSQL` to use instead of an embedded one.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "DATABASE_URL",
        hide_env_values = true
    )]
    pub(crate) database_url: Option<String>,
    /// Where state is kept: embedded database, spool, keys.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Private listener for Prometheus text at `/metrics`; `off` disables it.
    #[arg(long, global = true, value_name = "ADDR")]
    pub(crate) metrics: Option<String>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start everything on this machine.
    Up(UpArguments),
    /// Serve images only.
    Serve(ServeArguments),
    /// Keep partitions, retention and statistics only.
    Project,
    /// Answer the management and dashboard APIs only.
    Dashboard(DashboardArguments),
    /// Bring the database schema up to date.
    Migrate,
    /// Derive a projection from the log again, compare it with the live one, and swap it in.
    Rebuild {
        /// Its name: `delivery_config`, `failure_counts`, `failure_groups`, `failure_paths`, `delivery_usage` or `origin_health`.
        projection: String,
    },
    /// Prove that every projection equals what the log says.
    Verify,
    /// Manage tenants.
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// Read an account's failures: the dashboard's numbers in a terminal.
    #[command(subcommand)]
    Errors(ErrorsCommand),
    /// Trace one delivery URL: what serving does with it, step by step. Records nothing.
    Explain {
        /// The delivery URL, e.g. `http://127.0.0.1:8080/demo/tr:w-300/earth.jpg`.
        url: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Transform one local file with the serving engine.
    Transform(TransformArguments),
    /// Print the `OpenAPI` document of the APIs.
    Openapi,
    /// Check configuration, database, spool, keys and ports; says how to fix what is wrong.
    Doctor {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print a completion script.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// `limpid up`.
#[derive(Debug, Args)]
pub(crate) struct UpArguments {
    /// Address images are served at; port 0 picks a free one [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR")]
    pub(crate) serving: Option<SocketAddr>,
    /// Address of the APIs; port 0 picks a free one [default: 127.0.0.1:8081].
    #[arg(long, value_name = "ADDR")]
    pub(crate) dashboard: Option<SocketAddr>,
    /// Do not create the demo account and its origin.
    #[arg(long)]
    pub(crate) no_demo: bool,
    /// Written, whole, when every listener answers.
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
}

/// `limpid serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// Address images are served at; port 0 picks a free one [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR")]
    pub(crate) serving: Option<SocketAddr>,
}

/// `limpid dashboard`.
#[derive(Debug, Args)]
pub(crate) struct DashboardArguments {
    /// Address of the APIs; port 0 picks a free one [default: 127.0.0.1:8081].
    #[arg(long, value_name = "ADDR")]
    pub(crate) dashboard: Option<SocketAddr>,
}

/// `limpid tenant …`.
#[derive(Debug, Subcommand)]
pub(crate) enum TenantCommand {
    /// Create a tenant and print its key pair as JSON.
    Create {
        /// Its `ImageKit` ID: the first path segment of its URLs.
        id: String,
        /// Display name [default: the id].
        #[arg(long)]
        name: Option<String>,
    },
    /// Print a tenant's settings as JSON, after changing those that are named.
    Settings(SettingsArguments),
    /// Print a tenant's limits as JSON, after setting them where any is named.
    Limits(LimitsArguments),
    /// Erase a tenant for good: secrets, keys, configuration at once, failures and counts soon after. Nothing brings it back.
    Erase {
        /// Its `ImageKit` ID.
        id: String,
        /// The same again, so that nobody is erased by a slip.
        #[arg(long, value_name = "ID")]
        confirm: String,
    },
}

/// `limpid tenant settings`.
#[derive(Debug, Args)]
pub(crate) struct SettingsArguments {
    /// Its `ImageKit` ID.
    pub(crate) id: String,
    /// Quality where a transformation names none, 1 to 100.
    #[arg(long, value_name = "N")]
    pub(crate) default_quality: Option<u8>,
    /// Choose the output format by `Accept` where a transformation names none.
    #[arg(long, value_name = "BOOL")]
    pub(crate) auto_format: Option<bool>,
    /// Let that choice include AVIF.
    #[arg(long, value_name = "BOOL")]
    pub(crate) auto_avif: Option<bool>,
    /// Lower the default quality for clients that say `Save-Data: on`.
    #[arg(long, value_name = "BOOL")]
    pub(crate) data_saver: Option<bool>,
    /// Deliver only URLs with a valid signature.
    #[arg(long, value_name = "BOOL")]
    pub(crate) restrict_unsigned_urls: Option<bool>,
    /// Transform only by named transformations.
    #[arg(long, value_name = "BOOL")]
    pub(crate) restrict_unnamed_transformations: Option<bool>,
}

/// `limpid tenant limits`.
#[derive(Debug, Args)]
pub(crate) struct LimitsArguments {
    /// Its `ImageKit` ID.
    pub(crate) id: String,
    /// Longest original, in bytes; a limit that is not named follows the installation's.
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_source_bytes: Option<u64>,
    /// Most pixels of the original and of the result of any step.
    #[arg(long, value_name = "PIXELS")]
    pub(crate) max_pixels: Option<u64>,
    /// Most pixels of all frames of an animation together.
    #[arg(long, value_name = "PIXELS")]
    pub(crate) max_frame_pixels: Option<u64>,
    /// How long single failures are shown, never longer than the installation keeps them.
    #[arg(long, value_name = "DAYS")]
    pub(crate) failure_retention_days: Option<u64>,
    /// Follow the installation's limits again, all of them.
    #[arg(long, conflicts_with_all = ["max_source_bytes", "max_pixels", "max_frame_pixels", "failure_retention_days"])]
    pub(crate) reset: bool,
}

/// `limpid errors …`.
#[derive(Debug, Subcommand)]
pub(crate) enum ErrorsCommand {
    /// Counts by code, reason and origin.
    List(ErrorsArguments),
    /// Failures alike as one line each: what is new or back first, then what clients saw most.
    Groups(ErrorsArguments),
    /// Failures one by one, oldest first, and then as they happen.
    Tail(ErrorsArguments),
}

/// Which failures to show.
#[derive(Debug, Clone, Args)]
pub(crate) struct ErrorsArguments {
    /// The account (`ImageKit` ID).
    #[arg(long, default_value = "demo", value_name = "ID")]
    pub(crate) account: String,
    /// Start, inclusive: RFC 3339, or relative such as `now-6h`.
    #[arg(long, default_value = "now-24h")]
    pub(crate) from: String,
    /// End, exclusive.
    #[arg(long, default_value = "now")]
    pub(crate) to: String,
    /// Only this code, e.g. `ENOENT`; may be repeated.
    #[arg(long)]
    pub(crate) code: Vec<String>,
    /// Only this reason, e.g. `connection_refused`; may be repeated.
    #[arg(long)]
    pub(crate) reason: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `limpid transform`.
#[derive(Debug, Args)]
pub(crate) struct TransformArguments {
    /// What the client accepts, as in an `Accept` header.
    #[arg(long, value_name = "TYPES")]
    pub(crate) accept: Option<String>,
    /// Run this often in one process and print the times as JSON.
    #[arg(long, value_name = "N")]
    pub(crate) repeat: Option<u32>,
    /// Do that on this many threads at once.
    #[arg(long, value_name = "N", requires = "repeat")]
    pub(crate) jobs: Option<u32>,
    /// The transformation, e.g. `w-300,h-200`.
    pub(crate) tr: String,
    /// Image to read.
    pub(crate) input: PathBuf,
    /// File to write.
    pub(crate) output: PathBuf,
}
