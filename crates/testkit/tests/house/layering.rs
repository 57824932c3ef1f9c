//! The dependency rule of `docs/ARCHITECTURE.md`, read from `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

/// Crate of ours → crates of ours it may import. Dev-dependencies are free.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("limpid-domain", &[]),
    ("limpid-delivery-url", &["limpid-domain"]),
    ("limpid-event-store", &["limpid-domain"]),
    (
        "limpid-read-models",
        &["limpid-domain", "limpid-event-store"],
    ),
    ("limpid-origins", &["limpid-domain"]),
    (
        "limpid-imaging",
        &["limpid-delivery-url", "limpid-resample"],
    ),
    ("limpid-resample", &[]),
    ("limpid-local-postgres", &[]),
    (
        "limpid-testkit",
        &["limpid-domain", "limpid-local-postgres"],
    ),
    (
        "limpid-serving",
        &[
            "limpid-domain",
            "limpid-delivery-url",
            "limpid-event-store",
            "limpid-read-models",
            "limpid-origins",
            "limpid-imaging",
        ],
    ),
    (
        "limpid-projector",
        &[
            "limpid-domain",
            "limpid-event-store",
            "limpid-read-models",
            "limpid-origins",
        ],
    ),
    (
        "limpid-dashboard-api",
        &[
            "limpid-domain",
            "limpid-delivery-url",
            "limpid-event-store",
            "limpid-read-models",
        ],
    ),
    (
        "limpid-cli",
        &[
            "limpid-domain",
            "limpid-event-store",
            "limpid-read-models",
            "limpid-local-postgres",
            "limpid-serving",
            "limpid-projector",
            "limpid-dashboard-api",
        ],
    ),
];

/// Heavy crate → its only owners.
const OWNERS: &[(&str, &[&str])] = &[
    (
        "axum",
        &[
            "limpid-serving",
            "limpid-dashboard-api",
            "limpid-cli",
            "limpid-testkit",
        ],
    ),
    (
        "sqlx",
        &["limpid-event-store", "limpid-read-models", "limpid-testkit"],
    ),
    ("aws-sigv4", &["limpid-origins"]),
    ("hickory-resolver", &["limpid-origins"]),
    ("tokio-rustls", &["limpid-origins", "limpid-testkit"]),
    ("x509-parser", &["limpid-origins"]),
    ("image", &["limpid-imaging", "limpid-testkit"]),
    ("turbojpeg-sys", &["limpid-imaging"]),
    ("libwebp-sys", &["limpid-imaging"]),
    ("libaom-sys", &["limpid-imaging"]),
    ("fast_image_resize", &["limpid-resample"]),
    ("rustface", &["limpid-imaging"]),
    ("resvg", &["limpid-imaging"]),
    ("jxl-oxide", &["limpid-imaging"]),
    ("roxmltree", &["limpid-imaging"]),
    ("rustybuzz", &["limpid-imaging"]),
    ("opentelemetry-otlp", &["limpid-cli"]),
    ("clap", &["limpid-cli"]),
    ("anyhow", &["limpid-cli"]),
];

fn metadata() -> Metadata {
    MetadataCommand::new().no_deps().exec().unwrap()
}

/// Package → names of what it depends on in production.
fn production_dependencies(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    metadata
        .packages
        .iter()
        .map(|package| {
            let names = package
                .dependencies
                .iter()
                .filter(|dependency| dependency.kind != DependencyKind::Development)
                .map(|dependency| dependency.name.clone())
                .collect();
            (package.name.to_string(), names)
        })
        .collect()
}

#[test]
fn every_crate_imports_only_what_the_rule_allows() {
    let dependencies = production_dependencies(&metadata());
    for (package, names) in &dependencies {
        let allowed = MAY_IMPORT
            .iter()
            .find(|(name, _)| name == package)
            .map_or_else(
                || panic!("{package} has no row in MAY_IMPORT: decide what it may import"),
                |(_, allowed)| *allowed,
            );
        for name in names.iter().filter(|name| name.starts_with("limpid-")) {
            assert!(
                allowed.contains(&name.as_str()),
                "{package} may not import {name}"
            );
        }
    }
    assert_eq!(
        dependencies.len(),
        MAY_IMPORT.len(),
        "a row of MAY_IMPORT has no crate"
    );
}

#[test]
fn heavy_dependencies_have_one_owner() {
    for (package, names) in production_dependencies(&metadata()) {
        for (heavy, owners) in OWNERS {
            if names.contains(*heavy) {
                assert!(
                    owners.contains(&package.as_str()),
                    "{package} may not import {heavy}"
                );
            }
        }
    }
}

#[test]
fn the_test_crate_reaches_production_nowhere() {
    for (package, names) in production_dependencies(&metadata()) {
        assert!(
            !names.contains("limpid-testkit"),
            "{package} imports limpid-testkit outside its tests"
        );
    }
}

#[test]
fn no_crate_or_module_has_a_name_that_says_nothing() {
    let metadata = metadata();
    let root = metadata.workspace_root.as_std_path();
    let empty_names = [
        "utils", "util", "common", "helpers", "helper", "core", "shared", "manager", "base", "misc",
    ];
    for path in super::file_sizes::source_files(root) {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        assert!(
            !empty_names.contains(&stem),
            "{} says nothing about what it holds",
            path.display()
        );
        assert_ne!(stem, "mod", "{}: use x.rs beside x/", path.display());
    }
}
