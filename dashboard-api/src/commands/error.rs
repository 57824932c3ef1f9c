//! How a command can fail.

use limpid_domain::refusal::Refusal;
use limpid_event_store::StoreError;
use limpid_event_store::vault::VaultError;

/// Why a command had no effect. Messages are written for the caller and hold nothing of another tenant's or of ours.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The thing to change does not exist, or belongs to another tenant. The caller's.
    #[error("{message}")]
    NotFound {
        /// For the caller.
        message: String,
    },
    /// A rule forbids it. The caller's.
    #[error("{message}")]
    Refused {
        /// For the caller.
        message: String,
    },
    /// A name that must be unique is taken. The caller's.
    #[error("{message}")]
    Taken {
        /// For the caller.
        message: String,
    },
    /// Somebody changed the thing since the caller looked at it. The caller reads again and decides again.
    #[error("the resource was changed by somebody else in the meantime")]
    Conflict,
    /// The same command, by its `Idempotency-Key`, is being worked on. The caller asks again for its answer.
    #[error("the same command is being worked on at this moment")]
    InProgress,
    /// The database does not answer. Nobody's; the same command may work later.
    #[error("the configuration can't be changed right now")]
    Unavailable(#[source] StoreError),
    /// Ours.
    #[error("the command failed")]
    Internal(#[source] StoreError),
}

impl From<Refusal> for CommandError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound(message) => Self::NotFound { message },
            Refusal::Invalid(message) => Self::Refused { message },
            Refusal::Taken(message) => Self::Taken { message },
        }
    }
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict { .. } => Self::Conflict,
            StoreError::Unavailable(_) | StoreError::TooSlow(_) => Self::Unavailable(error),
            // Globally unique names are only known to be free once they are written; the index decides a race.
            StoreError::Taken { constraint } => match constraint.as_str() {
                "tenant_imagekit_id" => Self::Taken {
                    message: "imagekitId is already taken.".to_owned(),
                },
                "custom_domain_domain" => refused("One of the custom domains is not available."),
                _ => Self::Internal(StoreError::Taken { constraint }),
            },
            StoreError::UnknownTenant
            | StoreError::Undecodable(_)
            | StoreError::Corrupt(_)
            | StoreError::Vault(_)
            | StoreError::Migration(_)
            | StoreError::Database(_) => Self::Internal(error),
        }
    }
}

impl From<VaultError> for CommandError {
    fn from(error: VaultError) -> Self {
        Self::Internal(error.into())
    }
}

fn refused(message: &str) -> CommandError {
    CommandError::Refused {
        message: message.to_owned(),
    }
}
