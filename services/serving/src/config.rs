//! Everything the serving service is started with. Plain data: the cli reads files, environment and flags.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use limpid_domain::clock::Clock;
use limpid_event_store::spool::SpoolConfig;
use limpid_event_store::vault::Vault;
pub use limpid_origins::{AllowedAddress, AmbientSources, DnsConfig, FetchConfig};
use secrecy::SecretString;

/// The whole configuration of a serving node.
#[derive(Debug, Clone)]
pub struct ServingConfig {
    /// Where delivery URLs are served. Port 0 picks a free one.
    pub listen: SocketAddr,
    /// The database that holds the configuration; it may be down for hours.
    pub database_url: SecretString,
    /// The database failures are recorded in, where it is another one.
    pub failures_database_url: Option<SecretString>,
    /// Connections to each database.
    pub database_connections: u32,
    /// Opens sealed credentials, and seals the configuration kept on disk.
    pub vault: Vault,
    /// Where failures wait for the database.
    pub spool: SpoolConfig,
    /// Fetching originals: time-outs, exempt addresses, name servers.
    pub origins: FetchConfig,
    /// Where the last configuration is kept, so that the node starts while the database is down.
    pub snapshot_path: PathBuf,
    /// Limits of one request.
    pub limits: RequestLimits,
    /// The listener's own limits.
    pub http: HttpConfig,
    /// Sizes of the caches.
    pub cache: CacheConfig,
    /// Threads that change pixels; the number of cores by default.
    pub transform_threads: Option<NonZeroUsize>,
    /// Whether a `traceparent` from outside becomes the parent of our spans (it is a link otherwise).
    pub trust_traceparent: bool,
    /// How often counts of answered requests go to the database; what a crash loses of them.
    pub usage_interval: Duration,
    /// Tells the time.
    pub clock: Clock,
}

/// A compromise between what a crash loses and what the rows cost.
pub const DEFAULT_USAGE_INTERVAL: Duration = Duration::from_secs(10);

/// Limits of one request. Source: `imagekit.md` 2.
#[derive(Debug, Clone)]
pub struct RequestLimits {
    /// Longest original. Units: bytes.
    pub max_source_bytes: u64,
    /// Most pixels of the original and of the result of any step.
    pub max_pixels: u64,
    /// Most pixels of all frames of an animation together.
    pub max_frame_pixels: u64,
    /// For all attempts at origins together.
    pub request_timeout: Duration,
    /// For the pixels of one request, waiting included.
    pub transform_timeout: Duration,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self {
            max_source_bytes: 40 * 1024 * 1024,
            max_pixels: 100_000_000,
            max_frame_pixels: 100_000_000,
            request_timeout: Duration::from_secs(30),
            transform_timeout: Duration::from_secs(15),
        }
    }
}

/// The listener's own limits. Source: `reliability.md` 7.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// For the head of a request, from its first byte (or the connection's beginning).
    pub header_read_timeout: Duration,
    /// For a client to take the next bytes of an answer.
    pub write_timeout: Duration,
    /// Connections at a time; the next ones wait in the kernel's queue.
    pub max_connections: usize,
    /// Cache misses being worked on at a time, a quarter of them for any one tenant; the rest is refused with `EBUSY`.
    pub max_misses: usize,
    /// How long requests in flight may take after shutdown began.
    pub drain_timeout: Duration,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            header_read_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            max_connections: 10_000,
            max_misses: 2_000,
            drain_timeout: Duration::from_secs(30),
        }
    }
}

/// Sizes of the caches in memory.
#[derive(Debug, Clone)]
pub struct CacheConfig {
    /// Finished answers. Units: bytes.
    pub variant_bytes: u64,
    /// Failures that may be repeated for a while, of originals and again of finished answers; one tenant gets a quarter. Units: bytes.
    pub negative_bytes: u64,
    /// Originals as they last were, for the time their origin is down. Units: bytes.
    pub kept_bytes: u64,
    /// How long such a copy may stand in.
    pub kept_for: Duration,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            variant_bytes: 256 * 1024 * 1024,
            negative_bytes: 32 * 1024 * 1024,
            kept_bytes: 64 * 1024 * 1024,
            kept_for: Duration::from_hours(24),
        }
    }
}
