//! The serving service: image requests in, images or explained failures out.
//!
//! | module | holds |
//! |---|---|
//! | [`config`] | everything the service is started with |
//! | [`explain`] | the trace of one delivery URL |
//! | [`transform_file`] | the imaging engine on local bytes, for `limpid transform` |

pub mod config;
pub mod explain;
pub mod transform_file;

use std::net::SocketAddr;

use tokio_util::sync::CancellationToken;

pub use config::ServingConfig;
pub use explain::{Explanation, explain};
pub use transform_file::{TransformFile, TransformFileError, TransformedFile, transform_file};

/// Why the service could not start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum ServingError {
    /// The listener could not be opened: the address is taken or not ours.
    #[error("listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The operating system's answer.
        #[source]
        source: std::io::Error,
    },
    /// The spool directory is unusable: without it no failure can be recorded, so nothing is served.
    #[error("open the failure spool")]
    Spool(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Neither the database nor a snapshot on disk gave a configuration.
    #[error("load the configuration")]
    Configuration(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A set-up step failed for another reason.
    #[error("start serving: {0}")]
    Start(String),
}

/// A serving node whose listener is open. [`Serving::run`] answers requests.
#[derive(Debug)]
pub struct Serving {
    local_addr: SocketAddr,
}

impl Serving {
    /// Opens the listener and the spool and loads the configuration, from the database or else from the snapshot on disk.
    ///
    /// # Errors
    /// See [`ServingError`].
    pub async fn bind(config: ServingConfig) -> Result<Self, ServingError> {
        todo!("{config:?}")
    }

    /// The address the listener got, with its port where port 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Answers requests until `shutdown`; then drains: readiness off, requests in flight finish, the spool is flushed.
    ///
    /// # Errors
    /// See [`ServingError`].
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), ServingError> {
        todo!("{shutdown:?}")
    }
}

/// [`Serving::bind`], then [`Serving::run`].
///
/// # Errors
/// See [`ServingError`].
pub async fn run(config: ServingConfig, shutdown: CancellationToken) -> Result<(), ServingError> {
    Serving::bind(config).await?.run(shutdown).await
}
