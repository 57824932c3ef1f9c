//! Exit codes: how a failure of any command ends the process.

use std::fmt::{Display, Write as _};
use std::process::ExitCode;

/// Why a command ended, by what its caller may do about it. Most usage errors are clap's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// 1: anything without a better name.
    Failed,
    /// 2: arguments that say nothing together, or no value of their kind.
    Usage,
    /// 3: the configuration is wrong.
    Configuration,
    /// 4: what was named does not exist.
    NotFound,
    /// 5: it exists already, or something else holds it.
    Conflict,
    /// 6: the input was refused, or a check failed.
    Refused,
    /// 69: a dependency, in practice the database, does not answer.
    Unavailable,
    /// 130: interrupted.
    Interrupted,
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Configuration => 3,
            Self::NotFound => 4,
            Self::Conflict => 5,
            Self::Refused => 6,
            Self::Unavailable => 69,
            Self::Interrupted => 130,
        }
    }
}

/// A failed command: its exit code and one message for the person at the terminal.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    message: String,
}

impl Failure {
    /// A failure of a certain kind.
    pub(crate) fn new(kind: Kind, message: impl Display) -> Self {
        Self {
            kind,
            message: message.to_string(),
        }
    }

    /// A failure without a better name.
    pub(crate) fn failed(message: impl Display) -> Self {
        Self::new(Kind::Failed, message)
    }

    /// A failure of a certain kind with the error that caused it and everything below.
    pub(crate) fn caused(
        kind: Kind,
        what: impl Display,
        source: &(dyn std::error::Error + 'static),
    ) -> Self {
        Self::new(kind, format!("{what}: {}", chain(source)))
    }

    /// What the caller may do about it.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// The message alone.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::new(Kind::Failed, format!("{error:#}"))
    }
}

/// An error and its causes in one line, without what a cause merely repeats.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.contains(&message) {
            // Writing to a string can't fail.
            let _infallible = write!(text, ": {message}");
        }
        cause = error.source();
    }
    text
}

/// Says what went wrong on standard error, and chooses the exit code.
pub(crate) fn report(outcome: Result<(), Failure>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            crate::output::complain(failure.message());
            ExitCode::from(failure.kind().code())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_of_the_contract() {
        let codes = [
            (Kind::Failed, 1),
            (Kind::Configuration, 3),
            (Kind::NotFound, 4),
            (Kind::Conflict, 5),
            (Kind::Refused, 6),
            (Kind::Unavailable, 69),
            (Kind::Interrupted, 130),
        ];
        for (kind, code) in codes {
            assert_eq!(kind.code(), code, "{kind:?}");
        }
    }

    #[test]
    fn a_chain_does_not_repeat_itself() {
        let inner = std::io::Error::other("disk on fire");
        let outer = std::io::Error::other(inner);
        assert_eq!(chain(&outer), "disk on fire");
    }
}
