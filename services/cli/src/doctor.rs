//! `limpid doctor`: checks what a start needs, with the service's own configuration, and says how to fix what is wrong.

use std::fs::{self, OpenOptions};
use std::path::Path;

use limpid_local_postgres::binaries;
use secrecy::ExposeSecret;
use serde::Serialize;

use crate::config::Config;
use crate::database_access::{self, binary_search};
use crate::exit::{Failure, Kind};
use crate::lifecycle::block_on;
use crate::{data_dir, output, readiness, roles};

/// One thing looked at.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    detail: String,
}

/// Where among the checks the second database comes: after the first.
const DATABASE_PLACE: usize = 6;

/// Looks at everything and prints what it found.
///
/// Errors: something is wrong (check failed); the list says what and how to fix it.
pub(crate) fn run(config: &Config, json: bool) -> Result<(), Failure> {
    let running = data_dir::running(&config.data_dir);
    let mut checks = vec![
        Check {
            name: "configuration",
            ok: true,
            detail: "every setting is known and parses".to_owned(),
        },
        check("data directory", writable(&config.data_dir)),
        check("spool directory", writable(&config.failures.spool_dir)),
        check("key ring", key_ring(config)),
        check("operator key", operator_key(config)),
        check("database", database(config, running.as_ref())),
        check("listeners", listeners(config, running.as_ref())),
        check("image engine", image_engine()),
    ];
    if let Some(url) = &config.failures.database_url {
        let found = asked(url.expose_secret());
        checks.insert(DATABASE_PLACE, check("failures database", found));
    }
    if json {
        output::print_json(&checks)?;
    } else {
        let lines: Vec<String> = checks
            .iter()
            .map(|check| {
                let mark = if check.ok { "✓" } else { "✗" };
                format!("{mark} {:<17} {}", check.name, check.detail)
            })
            .collect();
        output::print(&lines.join("\n"))?;
    }
    let failed: Vec<&str> = checks
        .iter()
        .filter(|check| !check.ok)
        .map(|check| check.name)
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        Kind::Refused,
        format!("needs attention: {}", failed.join(", ")),
    ))
}

fn check(name: &'static str, found: Result<String, String>) -> Check {
    let ok = found.is_ok();
    let (Ok(detail) | Err(detail)) = found;
    Check { name, ok, detail }
}

fn writable(dir: &Path) -> Result<String, String> {
    let shown = dir.display();
    if !dir.exists() {
        return Ok(format!("{shown} will be created"));
    }
    let probe = dir.join(format!(".doctor-{}", std::process::id()));
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&probe)
        .and_then(|_file| fs::remove_file(&probe))
        .map(|()| format!("{shown} can be written"))
        .map_err(|error| {
            format!("{shown} can't be written ({error}); fix its owner or mode, or choose another")
        })
}

fn key_ring(config: &Config) -> Result<String, String> {
    let file = &config.master_key_file;
    if !file.exists() {
        return Ok(format!("{} will be created; back it up", file.display()));
    }
    match roles::vault(file) {
        Ok(_vault) => Ok(format!("{} opens", file.display())),
        Err(failure) => Err(failure.message().to_owned()),
    }
}

fn operator_key(config: &Config) -> Result<String, String> {
    let file = &config.operator_key_file;
    if !file.exists() {
        return Ok(format!("{} will be created", file.display()));
    }
    match data_dir::operator_key(file) {
        Ok(_key) => Ok(format!("{} is private", file.display())),
        Err(failure) => Err(failure.message().to_owned()),
    }
}

fn database(config: &Config, running: Option<&data_dir::Running>) -> Result<String, String> {
    let url = config
        .database
        .url
        .as_ref()
        .map(|url| url.expose_secret().to_owned())
        .or_else(|| running.and_then(|running| running.database_url.clone()));
    let Some(url) = url else {
        return embedded(config);
    };
    asked(&url)
}

/// Whether a database answers.
fn asked(url: &str) -> Result<String, String> {
    let answered = block_on(async {
        let database = database_access::connect(url, 1, "doctor").await?;
        database
            .ping()
            .await
            .map_err(|error| Failure::caused(Kind::Unavailable, "ask the database", &error))?;
        database.close().await;
        Ok(())
    });
    match answered {
        Ok(()) => Ok("answers".to_owned()),
        Err(failure) => Err(format!(
            "{}; is it started, is the URL right?",
            failure.message()
        )),
    }
}

fn embedded(config: &Config) -> Result<String, String> {
    match binaries::find(&binary_search(config), None, &config.data_dir) {
        Ok(found) => Ok(format!(
            "embedded PostgreSQL {} will be started",
            found.version
        )),
        Err(error) => Err(error.to_string()),
    }
}

fn listeners(config: &Config, running: Option<&data_dir::Running>) -> Result<String, String> {
    if let Some(running) = running {
        let ready = block_on(async {
            for url in [&running.serving, &running.dashboard] {
                let address = url
                    .trim_start_matches("http://")
                    .parse()
                    .map_err(|_| Failure::failed(format!("{url} is no address")))?;
                readiness::ask_once(address).await?;
            }
            Ok(())
        });
        return match ready {
            Ok(()) => Ok(format!(
                "process {} is ready at {}",
                running.pid, running.serving
            )),
            Err(failure) => Err(failure.message().to_owned()),
        };
    }
    for address in [config.serving_address, config.dashboard_address] {
        if let Err(error) = std::net::TcpListener::bind(address) {
            return Err(format!(
                "{address} can't be opened ({error}); stop what uses it, or choose another"
            ));
        }
    }
    Ok(format!(
        "{} and {} are free",
        config.serving_address, config.dashboard_address
    ))
}

/// Makes a thumbnail of a demo picture: decoder, resizer and encoder are linked and work on this processor.
fn image_engine() -> Result<String, String> {
    let (_, source) = crate::demo::origin::PICTURES.first().ok_or("no picture")?;
    for (transformation, name) in [
        ("w-64,f-jpg", "JPEG"),
        ("w-64,f-webp", "WebP"),
        ("w-64,f-avif", "AVIF"),
    ] {
        limpid_serving::transform_file(&limpid_serving::TransformFile {
            transformation,
            source,
            accept: None,
            repeat: std::num::NonZeroU32::MIN,
            jobs: std::num::NonZeroU32::MIN,
            limits: limpid_serving::config::RequestLimits::default(),
        })
        .map_err(|error| format!("{name} can't be written: {error}"))?;
    }
    Ok("reads JPEG; writes JPEG, WebP and AVIF".to_owned())
}
