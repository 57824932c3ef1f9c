//! Tests of the layering and its error messages.
use std::io::Write;

use super::*;

fn environment(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[test]
fn defaults_are_those_of_the_contract() {
    let config = Config::load(&Sources::default()).unwrap();
    assert_eq!(config.serving_address.to_string(), "127.0.0.1:8080");
    assert_eq!(config.dashboard_address.to_string(), "127.0.0.1:8081");
    assert_eq!(config.origins.connect_timeout, Duration::from_secs(3));
    assert_eq!(config.limits.max_source_bytes, 40_000_000);
    assert_eq!(config.failures.fsync, Some(Duration::from_millis(50)));
    assert_eq!(config.failures.spool_dir, PathBuf::from("./data/spool"));
    assert_eq!(config.telemetry.metrics, MetricsListener::Usual);
    assert!(config.database.url.is_none());
}

#[test]
fn flags_win_over_environment_over_file_over_defaults() {
    let file = file(
        "data_dir = '/from/file'\n[origins]\nconnect_timeout = '4s'\nidle_timeout = '5s'\nmax_concurrency_per_origin = 7\nallow_addresses = ['127.0.0.1:9', '10.0.0.0/8']\n",
    );
    let config = Config::load(&Sources {
        file: Some(file.path()),
        environment: environment(&[
            ("LIMPID__ORIGINS__IDLE_TIMEOUT", "6s"),
            ("LIMPID__CACHE__MEMORY", "1GiB"),
            ("LIMPID_CONFIG", "not a setting"),
            ("PATH", "/bin"),
        ]),
        flags: vec![("data_dir", "/from/flag".to_owned())],
    })
    .unwrap();
    assert_eq!(config.data_dir, PathBuf::from("/from/flag"));
    assert_eq!(config.failures.spool_dir, PathBuf::from("/from/flag/spool"));
    assert_eq!(config.origins.connect_timeout, Duration::from_secs(4));
    assert_eq!(config.origins.idle_timeout, Duration::from_secs(6));
    assert_eq!(config.origins.max_concurrency_per_origin, 7);
    assert_eq!(config.origins.allow_addresses.len(), 2);
    assert_eq!(config.cache.memory_bytes, 1 << 30);
}

#[test]
fn an_unknown_key_is_refused_with_a_suggestion() {
    let error = Config::load(&Sources {
        environment: environment(&[("LIMPID__ORIGINS__CONECT_TIMEOUT", "4s")]),
        ..Sources::default()
    })
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "unknown setting 'origins.conect_timeout' (environment); did you mean 'origins.connect_timeout'?"
    );
}

#[test]
fn a_wrong_value_names_its_key_its_source_and_what_was_expected() {
    let file = file("[limits]\nmax_pixels = 'many'\n");
    let error = Config::load(&Sources {
        file: Some(file.path()),
        ..Sources::default()
    })
    .unwrap_err()
    .to_string();
    assert!(
        error.starts_with("setting limits.max_pixels = 'many' (file "),
        "{error}"
    );
    assert!(
        error.ends_with("expected a number of pixels such as 100MP"),
        "{error}"
    );
}

#[test]
fn a_missing_file_is_an_error() {
    let missing = PathBuf::from("/nonexistent/limpid.toml");
    let error = Config::load(&Sources {
        file: Some(&missing),
        ..Sources::default()
    });
    assert!(matches!(error, Err(ConfigurationError::Unreadable(_))));
}

#[test]
fn a_database_password_is_not_printed() {
    let config = Config::load(&Sources {
        flags: vec![("database.url", "postgresql://u:hunter2@db/x".to_owned())],
        ..Sources::default()
    })
    .unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn the_machines_own_credentials_are_lent_only_on_the_operators_word() {
    let load = |pairs: &[(&str, &str)]| {
        Config::load(&Sources {
            environment: environment(pairs),
            ..Sources::default()
        })
    };
    let keys = [
        ("AWS_ACCESS_KEY_ID", "AKIA"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];
    assert!(load(&keys).unwrap().origins.ambient_credentials.is_none());
    let allowed = ("LIMPID__ORIGINS__ALLOW_AMBIENT_CREDENTIALS", "true");
    let config = load(&[keys[0], keys[1], allowed]).unwrap();
    assert!(config.origins.ambient_credentials.is_some());
    let elsewhere = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://keys.example/");
    let refused = load(&[elsewhere, allowed]).unwrap_err().to_string();
    assert!(
        refused.contains("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        "{refused}"
    );
}
