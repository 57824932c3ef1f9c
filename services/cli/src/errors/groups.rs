//! `limpid errors groups`: failures alike, as one line each, in the order people triage in.

use chrono::{DateTime, Utc};
use limpid_domain::clock::Clock;
use limpid_event_store::Database;
use limpid_read_models::delivery_config::{self, OriginView};
use limpid_read_models::failure_groups::{self, GroupOrder, GroupTotals};
use serde_json::{Value, json};

use super::{account, filter_in, name_of};
use crate::arguments::ErrorsArguments;
use crate::database_commands::store_failure;
use crate::exit::Failure;
use crate::output;

/// Prints the groups with failures in the window; muted ones too, marked.
///
/// Errors: unknown account; a filter that doesn't parse; the database.
pub(crate) async fn groups(
    database: &Database,
    arguments: &ErrorsArguments,
) -> Result<(), Failure> {
    let tenant = account(database, &arguments.account).await?;
    let now = Clock::system().now();
    let failed = |error| store_failure("read the groups of failures", &error);
    let mut tx = database.tenant_tx(tenant).await.map_err(failed)?;
    let filter = filter_in(&mut tx, arguments, now).await?;
    let list = failure_groups::groups(&mut tx, &filter, GroupOrder::Attention)
        .await
        .map_err(failed)?;
    let origins = delivery_config::origins(&mut tx).await.map_err(failed)?;
    if arguments.json {
        let data: Vec<Value> = list
            .groups
            .iter()
            .map(|totals| as_json(totals, &origins, now))
            .collect();
        let (from, to) = (filter.window.from, filter.window.to);
        return output::print_json(&json!({ "data": data, "from": from, "to": to }));
    }
    if list.groups.is_empty() {
        return output::print("no failures in this window");
    }
    let lines: Vec<String> = list
        .groups
        .iter()
        .map(|totals| as_line(totals, &origins, now))
        .collect();
    output::print(&lines.join("\n"))
}

fn as_json(totals: &GroupTotals, origins: &[OriginView], now: DateTime<Utc>) -> Value {
    let group = &totals.group;
    json!({
        "id": group.id.to_string(),
        "state": group.life.state.as_str(),
        "stateSince": group.life.since,
        "muted": group.life.is_muted(now),
        "code": group.reason.code().as_str(),
        "reason": group.reason.name(),
        "pathTemplate": group.path_template,
        "samplePath": group.sample_path,
        "originName": name_of(origins, group.origin_no),
        "attempts": totals.attempts,
        "clientVisible": totals.client_visible,
        "firstSeen": group.first_at,
        "lastSeen": group.last_at,
    })
}

fn as_line(totals: &GroupTotals, origins: &[OriginView], now: DateTime<Utc>) -> String {
    let group = &totals.group;
    let muted = if group.life.is_muted(now) {
        " (muted)"
    } else {
        ""
    };
    format!(
        "{:>9}  {:<10} {:<28} {}  {}{muted}",
        totals.attempts,
        group.life.state.as_str(),
        group.reason.name(),
        name_of(origins, group.origin_no),
        group.path_template,
    )
}
