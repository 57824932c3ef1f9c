//! Where a setting's text comes from: defaults < TOML file < environment < flags, each remembered with its source.

use std::collections::BTreeMap;
use std::path::Path;

use config::{Config, ConfigError, Environment, File, FileFormat, Value, ValueKind};

use super::ConfigurationError;
use super::keys::{KEYS, nearest};

/// One setting as it was given.
#[derive(Debug, Clone)]
pub(super) struct Given {
    /// Its text; lists are joined with commas.
    pub(super) text: String,
    /// Where it was given, for error messages.
    pub(super) source: String,
}

/// Everything outside the program that decides settings.
#[derive(Debug, Default)]
pub(crate) struct Sources<'a> {
    /// TOML file; it must exist when given.
    pub(crate) file: Option<&'a Path>,
    /// Environment variables; those of the form `LIMPID__SECTION__KEY` count.
    pub(crate) environment: Vec<(String, String)>,
    /// Flags, as (key, text).
    pub(crate) flags: Vec<(&'static str, String)>,
}

/// Lays the sources over the defaults. Every key of the table is in the result.
pub(super) fn collect(
    sources: &Sources<'_>,
) -> Result<BTreeMap<String, Given>, ConfigurationError> {
    let mut given: BTreeMap<String, Given> = KEYS
        .iter()
        .map(|key| (key.name.to_owned(), from("default", key.default.to_owned())))
        .collect();
    if let Some(file) = sources.file {
        let source = File::from(file).format(FileFormat::Toml);
        let shown = format!("file {}", file.display());
        lay_over(
            &mut given,
            read(Config::builder().add_source(source))?,
            &shown,
        )?;
    }
    let environment = Environment::with_prefix("LIMPID")
        .prefix_separator("__")
        .separator("__")
        .source(Some(sources.environment.iter().cloned().collect()));
    let values = read(Config::builder().add_source(environment))?;
    lay_over(&mut given, values, "environment")?;
    for (key, text) in &sources.flags {
        given.insert((*key).to_owned(), from("command line", text.clone()));
    }
    Ok(given)
}

fn from(source: &str, text: String) -> Given {
    Given {
        text,
        source: source.to_owned(),
    }
}

fn read(
    builder: config::ConfigBuilder<config::builder::DefaultState>,
) -> Result<Value, ConfigurationError> {
    let unreadable = |error: ConfigError| ConfigurationError::Unreadable(error.to_string());
    builder
        .build()
        .map_err(unreadable)?
        .try_deserialize()
        .map_err(unreadable)
}

fn lay_over(
    given: &mut BTreeMap<String, Given>,
    values: Value,
    source: &str,
) -> Result<(), ConfigurationError> {
    let mut flat = Vec::new();
    flatten("", values, &mut flat);
    for (key, text) in flat {
        let Some(slot) = given.get_mut(&key) else {
            return Err(ConfigurationError::UnknownKey {
                suggestion: nearest(&key),
                key,
                given_in: source.to_owned(),
            });
        };
        *slot = from(source, text);
    }
    Ok(())
}

/// Turns nested tables into `section.key` and lists into comma-separated text.
fn flatten(prefix: &str, value: Value, flat: &mut Vec<(String, String)>) {
    match value.kind {
        ValueKind::Table(table) => {
            for (name, value) in table {
                let key = if prefix.is_empty() {
                    name
                } else {
                    format!("{prefix}.{name}")
                };
                flatten(&key, value, flat);
            }
        }
        ValueKind::Array(items) => {
            let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
            flat.push((prefix.to_owned(), items.join(",")));
        }
        kind => flat.push((prefix.to_owned(), kind.to_string())),
    }
}
