//! Configuration: read once at the start, parsed into types, wrong or unknown settings refused with their source.

pub(crate) mod keys;
mod layers;
mod values;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use limpid_serving::config::AmbientSources;
use secrecy::SecretString;
use url::Url;

use self::layers::Given;
pub(crate) use self::layers::Sources;

/// Why the configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigurationError {
    /// A file is missing or is not TOML.
    #[error("configuration can't be read: {0}")]
    Unreadable(String),
    /// A key nobody reads; most likely a typing error.
    #[error("unknown setting '{key}' ({given_in}){}", suggestion.map(|known| format!("; did you mean '{known}'?")).unwrap_or_default())]
    UnknownKey {
        /// As it was written.
        key: String,
        /// Where it was written.
        given_in: String,
        /// A known key that resembles it.
        suggestion: Option<&'static str>,
    },
    /// A value that doesn't parse.
    #[error("setting {key} = '{text}' ({given_in}): {problem}")]
    Invalid {
        /// The setting.
        key: String,
        /// Its text.
        text: String,
        /// Where it was written.
        given_in: String,
        /// What was expected.
        problem: String,
    },
}

/// The whole configuration.
#[derive(Debug)]
pub(crate) struct Config {
    /// Where state is kept.
    pub(crate) data_dir: PathBuf,
    /// `database.*`.
    pub(crate) database: Database,
    /// Where images are served.
    pub(crate) serving_address: SocketAddr,
    /// Where the APIs answer.
    pub(crate) dashboard_address: SocketAddr,
    /// How long the database may work on one statement of the APIs.
    pub(crate) question_timeout: Duration,
    /// Questions of one account worked on at once.
    pub(crate) questions_per_account: usize,
    /// `telemetry.*`.
    pub(crate) telemetry: Telemetry,
    /// `origins.*`.
    pub(crate) origins: Origins,
    /// `limits.*`.
    pub(crate) limits: Limits,
    /// `failures.*`.
    pub(crate) failures: Failures,
    /// `cache.*`.
    pub(crate) cache: Cache,
    /// `images.*`.
    pub(crate) images: Images,
    /// Whether webhooks may have addresses without TLS.
    pub(crate) webhooks_allow_http: bool,
    /// Key that encrypts stored credentials.
    pub(crate) master_key_file: PathBuf,
    /// Bearer token of `/operator/v1`.
    pub(crate) operator_key_file: PathBuf,
    /// How long requests in flight may take after SIGTERM.
    pub(crate) drain_timeout: Duration,
}

/// `database.*`.
#[derive(Debug)]
pub(crate) struct Database {
    /// The server to use instead of an embedded one. May hold a password.
    pub(crate) url: Option<SecretString>,
    /// Connections each role opens at most.
    pub(crate) max_connections: u32,
    /// Folder with the embedded server's programs.
    pub(crate) binaries: Option<PathBuf>,
}

/// `telemetry.*`.
#[derive(Debug, Clone)]
pub(crate) struct Telemetry {
    /// Where `/metrics` answers.
    pub(crate) metrics: MetricsListener,
    /// How log lines look.
    pub(crate) log_format: LogFormat,
    /// Which log lines are written.
    pub(crate) log_filter: String,
    /// Whether a client's `traceparent` becomes the parent of our trace.
    pub(crate) trust_trace_context: bool,
}

/// Where `/metrics` answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MetricsListener {
    /// Nowhere.
    Off,
    /// At the usual port, or at a free one if that one is taken.
    Usual,
    /// Exactly there.
    At(SocketAddr),
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// Pretty on a terminal, JSON elsewhere.
    Auto,
    /// One JSON object per line.
    Json,
    /// For people.
    Pretty,
}

/// `origins.*`.
#[derive(Debug, Clone)]
pub(crate) struct Origins {
    /// Networks, each with an optional port, exempt from the address guard.
    pub(crate) allow_addresses: Vec<(IpNet, Option<u16>)>,
    /// Name, connection and TLS, per attempt.
    pub(crate) connect_timeout: Duration,
    /// Until the answer's headers, per attempt.
    pub(crate) first_byte_timeout: Duration,
    /// Silence inside a body.
    pub(crate) idle_timeout: Duration,
    /// All attempts of one request.
    pub(crate) total_timeout: Duration,
    /// Fetches at once from one origin.
    pub(crate) max_concurrency_per_origin: usize,
    /// The machine's own AWS credentials, where origins may use them.
    pub(crate) ambient_credentials: Option<AmbientSources>,
    /// Where the large providers are, if not at their public addresses.
    pub(crate) providers: Providers,
}

/// Addresses of providers that stand for their public ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Providers {
    /// `S3`.
    pub(crate) amazon_s3: Option<Url>,
    /// `AZURE_BLOB`.
    pub(crate) azure_blob: Option<Url>,
    /// `GCS`, for objects.
    pub(crate) google_storage: Option<Url>,
    /// `GCS`, for tokens.
    pub(crate) google_token: Option<Url>,
}

/// `limits.*`.
#[expect(
    clippy::struct_field_names,
    reason = "limits are maxima; the keys say so too"
)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Largest original.
    pub(crate) max_source_bytes: u64,
    /// Most pixels over all frames, and of an output.
    pub(crate) max_pixels: u64,
    /// Most pixels of one frame.
    pub(crate) max_frame_pixels: u64,
    /// Connections the serving listener holds at once.
    pub(crate) max_bytes_in_flight: u64,
    pub(crate) max_connections: usize,
}

/// `failures.*`.
#[derive(Debug)]
pub(crate) struct Failures {
    /// The durable queue of failure events.
    pub(crate) spool_dir: PathBuf,
    /// How long a recorded failure may wait for the disk; `None` waits before answering.
    pub(crate) fsync: Option<Duration>,
    /// Size at which the spool refuses more.
    pub(crate) max_spool_bytes: u64,
    /// How long single failures are kept.
    pub(crate) retention: Duration,
    /// How long counts are kept.
    pub(crate) counts_retention: Duration,
    /// Database for failures, if not the main one.
    pub(crate) database_url: Option<SecretString>,
}

/// `cache.*`.
#[derive(Debug)]
pub(crate) struct Cache {
    /// Variants kept in memory.
    pub(crate) memory_bytes: u64,
    /// Failures that may be repeated.
    pub(crate) failure_bytes: u64,
    /// Originals kept for the time their origin is down.
    pub(crate) kept_bytes: u64,
    /// How long such a copy may stand in.
    pub(crate) kept_for: Duration,
}

/// `images.*`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Images {
    /// Threads that transform images; 0 means as many as cores.
    pub(crate) threads: usize,
    /// Longest time for one transformation.
    pub(crate) processing_timeout: Duration,
}

impl Config {
    /// Reads and checks the configuration.
    ///
    /// Errors: a missing or malformed file, an unknown key, a value of the wrong kind; each names key and source.
    pub(crate) fn load(sources: &Sources<'_>) -> Result<Self, ConfigurationError> {
        let texts = Texts(layers::collect(sources)?);
        let data_dir = PathBuf::from(texts.text("data_dir"));
        let under = |name: &str| data_dir.join(name);
        Ok(Self {
            database: Database {
                url: texts.secret("database.url"),
                max_connections: texts.parse("database.max_connections", values::number)?,
                binaries: texts.path("database.binaries"),
            },
            serving_address: texts.parse("serving.address", values::address)?,
            dashboard_address: texts.parse("dashboard.address", values::address)?,
            question_timeout: texts.parse("dashboard.question_timeout", values::duration)?,
            questions_per_account: texts.parse("dashboard.questions_per_account", at_least_one)?,
            telemetry: Telemetry {
                metrics: texts.parse("telemetry.metrics_address", metrics_listener)?,
                log_format: texts.parse("telemetry.log_format", log_format)?,
                log_filter: texts.text("telemetry.log_filter").to_owned(),
                trust_trace_context: texts
                    .parse("telemetry.trust_trace_context", values::switch)?,
            },
            origins: texts.origins(&sources.environment)?,
            limits: texts.limits()?,
            failures: Failures {
                spool_dir: texts
                    .path("failures.spool_dir")
                    .unwrap_or_else(|| under("spool")),
                fsync: texts.parse("failures.fsync", fsync)?,
                max_spool_bytes: texts.parse("failures.max_spool", values::bytes)?,
                retention: texts.parse("failures.retention", values::duration)?,
                counts_retention: texts.parse("failures.counts_retention", values::duration)?,
                database_url: texts.secret("failures.database_url"),
            },
            cache: Cache {
                memory_bytes: texts.parse("cache.memory", values::bytes)?,
                failure_bytes: texts.parse("cache.failures", values::bytes)?,
                kept_bytes: texts.parse("cache.kept_originals", values::bytes)?,
                kept_for: texts.parse("cache.kept_for", values::duration)?,
            },
            images: Images {
                threads: texts.parse("images.threads", values::number)?,
                processing_timeout: texts.parse("images.processing_timeout", values::duration)?,
            },
            webhooks_allow_http: texts.parse("webhooks.allow_http", values::switch)?,
            master_key_file: texts
                .path("keys.master_key_file")
                .unwrap_or_else(|| under("master.key")),
            operator_key_file: texts
                .path("keys.operator_key_file")
                .unwrap_or_else(|| under("operator.key")),
            drain_timeout: texts.parse("lifecycle.drain_timeout", values::duration)?,
            data_dir,
        })
    }
}

/// The settings as text; typed on the way out, so that an error can name the key and where its text came from.
struct Texts(BTreeMap<String, Given>);

impl Texts {
    fn text(&self, key: &str) -> &str {
        debug_assert!(
            self.0.contains_key(key),
            "{key} is not in the table of keys"
        );
        self.0.get(key).map_or("", |given| given.text.trim())
    }

    fn parse<T>(
        &self,
        key: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, ConfigurationError> {
        read(self.text(key)).map_err(|problem| ConfigurationError::Invalid {
            key: key.to_owned(),
            text: self.text(key).to_owned(),
            given_in: self
                .0
                .get(key)
                .map(|given| given.source.clone())
                .unwrap_or_default(),
            problem,
        })
    }

    fn path(&self, key: &str) -> Option<PathBuf> {
        Some(self.text(key))
            .filter(|text| !text.is_empty())
            .map(PathBuf::from)
    }

    fn secret(&self, key: &str) -> Option<SecretString> {
        Some(self.text(key))
            .filter(|text| !text.is_empty())
            .map(SecretString::from)
    }

    fn origins(&self, environment: &[(String, String)]) -> Result<Origins, ConfigurationError> {
        Ok(Origins {
            allow_addresses: self.parse("origins.allow_addresses", values::allowed_addresses)?,
            connect_timeout: self.parse("origins.connect_timeout", values::duration)?,
            first_byte_timeout: self.parse("origins.first_byte_timeout", values::duration)?,
            idle_timeout: self.parse("origins.idle_timeout", values::duration)?,
            total_timeout: self.parse("origins.total_timeout", values::duration)?,
            max_concurrency_per_origin: self
                .parse("origins.max_concurrency_per_origin", at_least_one)?,
            ambient_credentials: self.parse("origins.allow_ambient_credentials", |text| {
                ambient_credentials(text, environment)
            })?,
            providers: Providers {
                amazon_s3: self.parse("origins.amazon_s3_endpoint", values::endpoint)?,
                azure_blob: self.parse("origins.azure_blob_endpoint", values::endpoint)?,
                google_storage: self.parse("origins.google_storage_endpoint", values::endpoint)?,
                google_token: self.parse("origins.google_token_endpoint", values::endpoint)?,
            },
        })
    }

    fn limits(&self) -> Result<Limits, ConfigurationError> {
        Ok(Limits {
            max_source_bytes: self.parse("limits.max_source_bytes", values::bytes)?,
            max_pixels: self.parse("limits.max_pixels", values::pixels)?,
            max_frame_pixels: self.parse("limits.max_frame_pixels", values::pixels)?,
            max_bytes_in_flight: self.parse("limits.max_bytes_in_flight", values::bytes)?,
            max_connections: self.parse("limits.max_connections", at_least_one)?,
        })
    }
}

/// The sources the usual AWS variables name, if the switch is on.
fn ambient_credentials(
    text: &str,
    environment: &[(String, String)],
) -> Result<Option<AmbientSources>, String> {
    if !values::switch(text)? {
        return Ok(None);
    }
    let variable = |wanted: &str| {
        let found = environment.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.clone())
    };
    AmbientSources::from_variables(variable)
        .map(Some)
        .map_err(|problem| problem.to_string())
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match values::number(text)? {
        0 => Err("must be at least 1".to_owned()),
        number => Ok(number),
    }
}

fn metrics_listener(text: &str) -> Result<MetricsListener, String> {
    match text {
        "" => Ok(MetricsListener::Usual),
        "off" => Ok(MetricsListener::Off),
        address => values::address(address).map(MetricsListener::At),
    }
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "auto" => Ok(LogFormat::Auto),
        "json" => Ok(LogFormat::Json),
        "pretty" => Ok(LogFormat::Pretty),
        _ => Err("expected json, pretty or auto".to_owned()),
    }
}

fn fsync(text: &str) -> Result<Option<Duration>, String> {
    match text {
        "always" => Ok(None),
        text => values::duration(text).map(Some),
    }
}

#[cfg(test)]
mod tests;
