//! The only writers of standard output and standard error: data on the one, everything else on the other.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

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

/// How often it is told how far a job is, where that is not a terminal.
const TOLD_EVERY: Duration = Duration::from_secs(5);

/// Characters of a bar.
const BAR: u64 = 20;

/// Shows how far a long job is, on standard error: on a terminal in one line that the next one overwrites, else in a line every five seconds.
#[derive(Debug)]
pub(crate) struct Progress {
    /// What its steps are.
    steps: &'static str,
    began: Instant,
    told: Instant,
}

impl Progress {
    /// Of a job that begins now.
    pub(crate) fn of(steps: &'static str) -> Self {
        let now = Instant::now();
        Self {
            steps,
            began: now,
            told: now,
        }
    }

    /// So many steps of all are done.
    pub(crate) fn tell(&mut self, done: u64, of: u64) {
        let line = progress_line(self.steps, (done, of), self.began.elapsed());
        let mut err = io::stderr().lock();
        let _unwritable = if err.is_terminal() {
            let end = if done == of { "\n" } else { "" };
            // What was longer before is cleared.
            write!(err, "\r{line}\u{1b}[K{end}").and_then(|()| err.flush())
        } else if self.told.elapsed() >= TOLD_EVERY {
            self.told = Instant::now();
            writeln!(err, "{line}")
        } else {
            Ok(())
        };
    }
}

fn progress_line(steps: &str, (done, of): (u64, u64), took: Duration) -> String {
    let all = of.max(1);
    let percent = done.saturating_mul(100) / all;
    let bar: String = (0..BAR)
        .map(|place| if place * all < done * BAR { '#' } else { '.' })
        .collect();
    let seconds = took.as_secs();
    let left = if seconds > 0 && 0 < done && done < of {
        let left = seconds.saturating_mul(of - done).div_ceil(done);
        format!(", about {left} s left")
    } else {
        String::new()
    };
    format!("[{bar}] {done} of {of} {steps}, {percent} %{left}")
}

/// Writes a completion script to standard output.
pub(crate) fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "limpid", &mut script);
    print(&String::from_utf8_lossy(&script))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_a_job_is_and_how_long_it_may_take() {
        let line =
            |done, of, seconds| progress_line("hours", (done, of), Duration::from_secs(seconds));
        assert_eq!(line(0, 24, 3), "[....................] 0 of 24 hours, 0 %");
        assert_eq!(
            line(6, 24, 10),
            "[#####...............] 6 of 24 hours, 25 %, about 30 s left"
        );
        assert_eq!(
            line(24, 24, 40),
            "[####################] 24 of 24 hours, 100 %"
        );
        assert_eq!(line(0, 0, 0), "[....................] 0 of 0 hours, 0 %");
    }
}
