//! The table of settings: every key, its default and what it means. The documentation is printed from it.

/// One setting.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    /// `section.name`.
    pub(crate) name: &'static str,
    /// Its default as text; empty means "none" or "derived", which `meaning` explains.
    pub(crate) default: &'static str,
    /// One sentence for the documentation.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "a test keeps docs/OPERATIONS.md equal to it")
    )]
    pub(crate) meaning: &'static str,
}

const fn key(name: &'static str, default: &'static str, meaning: &'static str) -> Key {
    Key {
        name,
        default,
        meaning,
    }
}

/// Every setting, in the order the documentation shows them.
pub(crate) const KEYS: [Key; 46] = [
    key(
        "data_dir",
        "./data",
        "Where state is kept: the embedded database, the spool, the keys",
    ),
    key(
        "database.url",
        "",
        "PostgreSQL to use (also `DATABASE_URL`); none: `up` starts an embedded one",
    ),
    key(
        "database.max_connections",
        "16",
        "Connections each role opens at most",
    ),
    key(
        "database.binaries",
        "",
        "Folder with the `postgres` and `initdb` of the embedded server (also `LIMPID_PG_BIN`); none: looked for in the usual places",
    ),
    key(
        "serving.address",
        "127.0.0.1:8080",
        "Where images are served; port 0 picks a free one",
    ),
    key(
        "dashboard.address",
        "127.0.0.1:8081",
        "Where the APIs answer; port 0 picks a free one",
    ),
    key(
        "dashboard.question_timeout",
        "10s",
        "How long the database may work on one statement of the APIs; then the question is answered 504",
    ),
    key(
        "dashboard.questions_per_account",
        "4",
        "Questions of one account worked on at once; four times as many wait, the rest is answered 429",
    ),
    key(
        "telemetry.metrics_address",
        "",
        "Private listener for `/metrics`; none: 127.0.0.1:9464, or a free port if that one is taken; `off` disables it",
    ),
    key(
        "telemetry.log_format",
        "auto",
        "`json`, `pretty`, or `auto`: pretty on a terminal",
    ),
    key(
        "telemetry.log_filter",
        "info",
        "Which log lines are written, as in `RUST_LOG`, which wins",
    ),
    key(
        "telemetry.trust_trace_context",
        "false",
        "Whether a client's `traceparent` becomes the parent of our trace",
    ),
    key(
        "origins.allow_addresses",
        "",
        "CIDRs, each with an optional `:port`, exempt from the address guard",
    ),
    key(
        "origins.connect_timeout",
        "3s",
        "Longest wait for name, connection and TLS, per attempt",
    ),
    key(
        "origins.first_byte_timeout",
        "10s",
        "Longest wait for the answer's headers, per attempt",
    ),
    key(
        "origins.idle_timeout",
        "10s",
        "Longest silence inside a body, per attempt",
    ),
    key(
        "origins.total_timeout",
        "30s",
        "Longest time for all attempts of one request",
    ),
    key(
        "origins.max_concurrency_per_origin",
        "64",
        "Fetches at once from one origin; the rest waits briefly, then fails with `origin_concurrency_limit`",
    ),
    key(
        "origins.allow_ambient_credentials",
        "false",
        "Whether origins with `useIAMRole` may use this machine's own AWS role; every tenant may then name any bucket it can read",
    ),
    key(
        "origins.amazon_s3_endpoint",
        "",
        "Where origins of type `S3` find Amazon instead of its public addresses, in path style, such as a private endpoint",
    ),
    key(
        "origins.azure_blob_endpoint",
        "",
        "Where origins of type `AZURE_BLOB` find Azure instead of its public addresses; the account is the first folder below it",
    ),
    key(
        "origins.google_storage_endpoint",
        "",
        "Where origins of type `GCS` find Google Cloud Storage instead of its public address",
    ),
    key(
        "origins.google_token_endpoint",
        "",
        "Where origins of type `GCS` ask for tokens, whatever their key files say",
    ),
    key("limits.max_source_bytes", "40MB", "Largest original"),
    key(
        "limits.max_pixels",
        "100MP",
        "Most pixels of an original and of the result of any step",
    ),
    key(
        "limits.max_frame_pixels",
        "100MP",
        "Most pixels of all frames of an animation together",
    ),
    key(
        "limits.max_bytes_in_flight",
        "512MB",
        "Memory for originals being read or worked on; the rest waits, and is answered 503 when its time is over. One tenant gets half",
    ),
    key(
        "limits.max_connections",
        "10000",
        "Connections the serving listener holds at once",
    ),
    key(
        "failures.spool_dir",
        "",
        "The durable queue of failure events; none: `spool` under the data directory",
    ),
    key(
        "failures.fsync",
        "50ms",
        "How long a recorded failure may wait for the disk; `always` waits before answering",
    ),
    key(
        "failures.max_spool",
        "10GiB",
        "Size at which the spool refuses more and requests that fail are answered 503",
    ),
    key(
        "failures.retention",
        "30days",
        "How long single failures are kept; counts are kept on",
    ),
    key(
        "failures.counts_retention",
        "396days",
        "How long counts are kept, of failures and of usage, and groups that fail no more; not shorter than `failures.retention`",
    ),
    key(
        "failures.database_url",
        "",
        "Database for failures; none: the main one",
    ),
    key("cache.memory", "256MB", "Variants kept in memory"),
    key(
        "cache.disk",
        "4GB",
        "Variants kept on disk: reserved, this version keeps them in memory only",
    ),
    key(
        "cache.disk_dir",
        "",
        "Where; none: `cache` under the data directory",
    ),
    key(
        "cache.failures",
        "32MB",
        "Failures that may be repeated for their time, of originals and again of finished answers; one tenant gets a quarter",
    ),
    key(
        "cache.kept_originals",
        "64MB",
        "Originals as they last were, served with `ik-warning: stale` while their origin is down",
    ),
    key("cache.kept_for", "24h", "How long such a copy may stand in"),
    key(
        "images.threads",
        "0",
        "Threads that transform images; 0: as many as cores",
    ),
    key(
        "images.processing_timeout",
        "10s",
        "Longest time for one transformation",
    ),
    key(
        "webhooks.allow_http",
        "false",
        "Whether webhooks may have `http://` addresses; `origins.allow_addresses` holds for them as for origins",
    ),
    key(
        "keys.master_key_file",
        "",
        "Key ring that encrypts stored credentials, mode 0600; none: `master.key` under the data directory, created if absent",
    ),
    key(
        "keys.operator_key_file",
        "",
        "Bearer token of `/operator/v1`, mode 0600; none: `operator.key` under the data directory, created if absent",
    ),
    key(
        "lifecycle.drain_timeout",
        "30s",
        "How long requests in flight may take after SIGTERM",
    ),
];

/// The table as Markdown, for `docs/OPERATIONS.md`.
#[cfg(test)]
pub(crate) fn markdown() -> String {
    let mut table = String::from("| key | default | meaning |\n|---|---|---|\n");
    for key in KEYS {
        let default = if key.default.is_empty() {
            "none".to_owned()
        } else {
            format!("`{}`", key.default)
        };
        let row = [&format!("`{}`", key.name), &default, key.meaning].join(" | ");
        table.extend(["| ", &row, " |\n"]);
    }
    table
}

/// The known key nearest to a mistyped one, if any is near.
pub(crate) fn nearest(mistyped: &str) -> Option<&'static str> {
    KEYS.iter()
        .map(|key| (distance(key.name, mistyped), key.name))
        .min()
        .filter(|(distance, _)| *distance <= 3 + mistyped.len() / 8)
        .map(|(_, name)| name)
}

/// Edit distance: insertions, deletions and substitutions that turn `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (above, to) in row.iter_mut().skip(1).zip(&b) {
            let cost = (left + 1)
                .min(*above + 1)
                .min(diagonal + usize::from(from != *to));
            diagonal = std::mem::replace(above, cost);
            left = cost;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_table_is_the_real_one() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/OPERATIONS.md");
        let text = std::fs::read_to_string(file).unwrap();
        assert!(
            text.contains(&markdown()),
            "docs/OPERATIONS.md must contain:\n{}",
            markdown()
        );
    }

    #[test]
    fn distance_counts_single_edits() {
        for (a, b, edits) in [
            ("", "", 0),
            ("abc", "abc", 0),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("ab", "ba", 2),
        ] {
            assert_eq!(distance(a, b), edits, "{a} {b}");
        }
    }

    #[test]
    fn a_mistyped_key_gets_a_suggestion_and_nonsense_gets_none() {
        assert_eq!(
            nearest("origins.conect_timeout"),
            Some("origins.connect_timeout")
        );
        assert_eq!(nearest("cache.memroy"), Some("cache.memory"));
        assert_eq!(nearest("zzzzzzzzzzzz"), None);
    }
}
