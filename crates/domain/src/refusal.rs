//! Why a command is refused, in the words the management API answers with.

/// A command that a rule forbids: the caller's fault, never retried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The thing to change does not exist (or belongs to another tenant, which must look the same).
    #[error("{0}")]
    NotFound(String),
    /// The request breaks a rule.
    #[error("{0}")]
    Invalid(String),
    /// A name that must be unique is somebody else's.
    #[error("{0}")]
    Taken(String),
}

impl Refusal {
    /// A broken rule, with the sentence for the caller.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }

    /// A missing thing, with the sentence for the caller.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::NotFound(message.into())
    }

    /// A taken name, with the sentence for the caller.
    pub fn taken(message: impl Into<String>) -> Self {
        Self::Taken(message.into())
    }

    /// The sentence for the caller.
    pub fn message(&self) -> &str {
        match self {
            Self::NotFound(message) | Self::Invalid(message) | Self::Taken(message) => message,
        }
    }
}
