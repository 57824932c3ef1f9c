//! The only writers of standard output and standard error: data on the one, everything else on the other.

use std::io::{self, IsTerminal, Write};

use clap::CommandFactory;
use serde::Serialize;

use crate::arguments::Arguments;
use crate::exit::Failure;

/// Writes text, and a line end, to standard output.
///
/// Errors: a reader that went away (`limpid … | head`) is success; any other failure to write is reported.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("write standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes one value as indented JSON to standard output.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::failed(format!("encode as JSON: {error}")))?;
    print(&text)
}

/// Writes one value as JSON in one line to standard output.
pub(crate) fn print_json_line(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value)
        .map_err(|error| Failure::failed(format!("encode as JSON: {error}")))?;
    print(&text)
}

/// Writes a message for the person at the terminal to standard error.
pub(crate) fn complain(message: &str) {
    // Nobody is left to be told when this fails.
    let _unwritable = writeln!(io::stderr().lock(), "{message}");
}

/// Shows how far a long job is, on a terminal only: one line that the next call overwrites, and a line end after the last.
pub(crate) fn progress(text: &str, is_last: bool) {
    let mut err = io::stderr().lock();
    if !err.is_terminal() {
        return;
    }
    let end = if is_last { "\n" } else { "" };
    let _unwritable = write!(err, "\r{text}{end}").and_then(|()| err.flush());
}

/// Writes a completion script to standard output.
pub(crate) fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "limpid", &mut script);
    print(&String::from_utf8_lossy(&script))
}
