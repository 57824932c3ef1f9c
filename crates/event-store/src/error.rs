//! What can go wrong with the store.

use limpid_domain::event::EventDecodeError;
use limpid_domain::ids::StreamVersion;

use crate::vault::VaultError;

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database does not answer, or not in time. Nobody's mistake; the same call may work later.
    #[error("the database is unavailable")]
    Unavailable(#[source] Box<sqlx::Error>),
    /// A statement ran for longer than this program lets it. Whoever asked too much asks for less.
    #[error("a statement took too long")]
    TooSlow(#[source] Box<sqlx::Error>),
    /// Somebody else changed the stream first. The caller reads again and decides again.
    #[error("the stream is not at version {expected}")]
    Conflict {
        /// The version that the caller had seen.
        expected: StreamVersion,
    },
    /// A value that must be unique is taken; the constraint says which. The caller's input.
    #[error("{constraint} is violated")]
    Taken {
        /// Name of the constraint or index.
        constraint: String,
    },
    /// There is no such tenant.
    #[error("unknown tenant")]
    UnknownTenant,
    /// A stored event can't be read.
    #[error("a stored event can't be read")]
    Undecodable(#[from] EventDecodeError),
    /// Stored data breaks a promise of the schema. Our fault.
    #[error("stored data is corrupt: {0}")]
    Corrupt(&'static str),
    /// A secret can't be sealed or opened.
    #[error("the vault refused")]
    Vault(#[from] VaultError),
    /// The schema could not be brought up to date.
    #[error("migration failed")]
    Migration(#[source] Box<sqlx::migrate::MigrateError>),
    /// The database refused a statement. Our fault.
    #[error("the database refused a statement")]
    Database(#[source] Box<sqlx::Error>),
}

impl StoreError {
    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::TooSlow(_))
    }
}

impl StoreError {
    /// Whether a value is at fault, and not the connection, the schema or a permission: only then may anything be set aside.
    ///
    /// Source: PostgreSQL manual, appendix A: classes 22 (data exception), 23 (integrity constraint), 54 (program limit).
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Taken { .. } => true,
            Self::Database(error) => match error.as_ref() {
                sqlx::Error::Database(refused) => refused.code().is_some_and(|code| {
                    ["22", "23", "54"]
                        .iter()
                        .any(|class| code.starts_with(class))
                }),
                other => matches!(other, sqlx::Error::Encode(_)),
            },
            _ => false,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if let sqlx::Error::Database(refused) = &error {
            let code = refused.code().unwrap_or_default();
            if code == "23505" {
                return Self::Taken {
                    constraint: refused.constraint().unwrap_or("a unique index").to_owned(),
                };
            }
            // "canceling statement due to statement timeout"
            if code == "57014" {
                return Self::TooSlow(Box::new(error));
            }
            return if is_transient_code(&code) {
                Self::Unavailable(Box::new(error))
            } else {
                Self::Database(Box::new(error))
            };
        }
        let out_of_reach = matches!(
            error,
            sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed
        );
        if out_of_reach {
            return Self::Unavailable(Box::new(error));
        }
        Self::Database(Box::new(error))
    }
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        match error {
            sqlx::migrate::MigrateError::Execute(source) => Self::from(source),
            other => Self::Migration(Box::new(other)),
        }
    }
}

/// Source: PostgreSQL manual, appendix A: connection exceptions, transaction rollback (serialisation, deadlock), insufficient
/// resources, operator intervention (shutdown, cancelled by a time-out), lock not available, read-only standby, idle time-out.
fn is_transient_code(code: &str) -> bool {
    ["08", "40", "53", "57"]
        .iter()
        .any(|class| code.starts_with(class))
        || ["55P03", "25006", "25P03"].contains(&code)
}
