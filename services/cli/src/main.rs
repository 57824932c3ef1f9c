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
mod exit;
mod output;

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;

use crate::arguments::Arguments;

// Transforming images allocates and frees large buffers on many threads; the system allocator keeps them.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    exit::report(run(arguments))
}

fn run(arguments: Arguments) -> Result<(), exit::Failure> {
    match arguments.command {
        arguments::Command::Completions { shell } => output::completions(shell),
        _ => Err(exit::Failure::failed("this command is not wired yet")),
    }
}
