//! `limpid errors list|groups|tail`: the dashboard's numbers in a terminal, by the dashboard's own queries.

mod groups;

use std::collections::HashSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::clock::Clock;
use limpid_domain::failure::{FailureCode, Reason};
use limpid_domain::ids::{EventId, ImagekitId, OriginNo, TenantId};
use limpid_event_store::{Database, TenantTx};
use limpid_read_models::delivery_config::{self, OriginView};
use limpid_read_models::failure_log::{self, StoredFailure};
use limpid_read_models::failure_summary::{self, Summary};
use limpid_read_models::filter::{FailureFilter, Window};
use limpid_read_models::retention::kept;
use serde_json::json;

use crate::arguments::ErrorsArguments;
use crate::database_commands::store_failure;
use crate::exit::{Failure, Kind};
use crate::lifecycle::Signals;
use crate::output;

pub(crate) use groups::groups;

/// Pause between two looks; the dashboard promises two seconds.
const TAIL_EVERY: Duration = Duration::from_secs(1);
/// The longest window, as in the API.
const LONGEST_WINDOW: TimeDelta = TimeDelta::days(90);
/// Failures that are shown of one look; of more it is told how many there are.
const TAIL_AT_ONCE: u16 = 1_000;

/// Prints counts by code, reason and origin.
///
/// Errors: unknown account; a filter that doesn't parse; the database.
pub(crate) async fn list(database: &Database, arguments: &ErrorsArguments) -> Result<(), Failure> {
    let tenant = account(database, &arguments.account).await?;
    let failed = |error| store_failure("read the failures", &error);
    let mut tx = database.tenant_tx(tenant).await.map_err(failed)?;
    let filter = filter_in(&mut tx, arguments, Clock::system().now()).await?;
    let summary = failure_summary::summary(&mut tx, &filter)
        .await
        .map_err(failed)?;
    let origins = delivery_config::origins(&mut tx).await.map_err(failed)?;
    let by_origin: Vec<(String, i64)> = summary
        .by_origin
        .iter()
        .map(|(no, count)| (name_of(&origins, *no), *count))
        .collect();
    let named = |rows: Vec<(&str, i64)>| -> Vec<(String, i64)> {
        rows.into_iter()
            .map(|(name, count)| (name.to_owned(), count))
            .collect()
    };
    let by_code = named(
        summary
            .by_code
            .iter()
            .map(|(code, n)| (code.as_str(), *n))
            .collect(),
    );
    let by_reason = named(
        summary
            .by_reason
            .iter()
            .map(|(reason, n)| (reason.name(), *n))
            .collect(),
    );
    let breakdowns = [
        ("code", by_code),
        ("reason", by_reason),
        ("origin", by_origin),
    ];
    if arguments.json {
        return output::print_json(&as_json(&summary, &filter, &breakdowns));
    }
    output::print(as_text(&arguments.account, &summary, &filter, &breakdowns).trim_end())
}

/// What the counts are broken down by, and name and count of each row.
type Breakdowns = [(&'static str, Vec<(String, i64)>); 3];

fn as_json(
    summary: &Summary,
    filter: &FailureFilter,
    breakdowns: &Breakdowns,
) -> serde_json::Value {
    let [by_code, by_reason, by_origin] = breakdowns.each_ref().map(|(key, rows)| {
        rows.iter()
            .map(|(name, count)| json!({ *key: name, "count": count }))
            .collect::<Vec<_>>()
    });
    json!({
        "clientVisible": summary.client_visible,
        "attempts": summary.attempts,
        "rescued": summary.rescued,
        "byCode": by_code,
        "byReason": by_reason,
        "byOrigin": by_origin,
        "from": filter.window.from,
        "to": filter.window.to,
    })
}

fn as_text(
    account: &str,
    summary: &Summary,
    filter: &FailureFilter,
    breakdowns: &Breakdowns,
) -> String {
    let mut lines = vec![
        format!(
            "{account} from {} to {}",
            filter.window.from.format("%F %T"),
            filter.window.to.format("%F %T UTC")
        ),
        String::new(),
        format!("{:>9}  requests failed", summary.client_visible),
        format!("{:>9}  failed attempts", summary.attempts),
        format!("{:>9}  rescued by a later origin", summary.rescued),
    ];
    for (title, rows) in breakdowns {
        lines.push(format!("\nby {title}"));
        lines.extend(
            rows.iter()
                .map(|(name, count)| format!("{count:>9}  {name}")),
        );
    }
    lines.join("\n")
}

/// Prints failures one by one, oldest first, then as they arrive, until interrupted: late ones, too, which waited in a spool.
///
/// Errors: as [`list`].
pub(crate) async fn tail(
    database: &Database,
    arguments: &ErrorsArguments,
    signals: &mut Signals,
) -> Result<(), Failure> {
    let failed = |error| store_failure("read the failures", &error);
    let tenant = account(database, &arguments.account).await?;
    let mut tx = database.tenant_tx(tenant).await.map_err(failed)?;
    let filter = filter_in(&mut tx, arguments, Clock::system().now()).await?;
    // Read before the failures: what arrives between the two is seen twice, and shown once.
    let mut position = failure_log::latest_position(&mut tx)
        .await
        .map_err(failed)?;
    let first = newest(&mut tx, &filter).await?;
    drop(tx);
    for failure in first.iter().rev() {
        show(failure, arguments.json)?;
    }
    if arguments.to != "now" {
        return Ok(());
    }
    let shown: HashSet<EventId> = first.iter().map(|stored| stored.event.event_id).collect();
    loop {
        tokio::select! {
            _ = signals.next() => return Ok(()),
            () = tokio::time::sleep(TAIL_EVERY) => {}
        }
        let mut tx = database.tenant_tx(tenant).await.map_err(failed)?;
        let found = failure_log::arrivals(&mut tx, &filter, &position, TAIL_AT_ONCE)
            .await
            .map_err(failed)?;
        let new = found.failures.iter();
        for failure in new.filter(|stored| !shown.contains(&stored.event.event_id)) {
            show(failure, arguments.json)?;
        }
        if found.left_out > 0 {
            output::complain(&format!("{} more are not shown", found.left_out));
        }
        position = found.position;
    }
}

/// Every event of the window that fits into a few pages, newest first.
async fn newest(tx: &mut TenantTx, filter: &FailureFilter) -> Result<Vec<StoredFailure>, Failure> {
    const MAX_PAGES: usize = 50;
    let mut all = Vec::new();
    let mut cursor = None;
    for _ in 0..MAX_PAGES {
        let page = failure_log::events(tx, filter, cursor.as_ref(), failure_log::MAX_PAGE)
            .await
            .map_err(|error| store_failure("read the failures", &error))?;
        all.extend(page.events);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    Ok(all)
}

fn show(failure: &StoredFailure, json: bool) -> Result<(), Failure> {
    let event = &failure.event;
    if json {
        return output::print_json_line(event);
    }
    output::print(&format!(
        "{}  {:<12} {:<28} {:>5}×  {}",
        event.occurred_at.format("%F %T%.3f"),
        event.reason.code().as_str(),
        event.reason.name(),
        event.occurrences,
        event.path,
    ))
}

async fn account(database: &Database, name: &str) -> Result<TenantId, Failure> {
    let unknown = || Failure::new(Kind::NotFound, format!("there is no account '{name}'"));
    let id: ImagekitId = name.parse().map_err(|_| unknown())?;
    delivery_config::tenant_by_imagekit_id(database, &id)
        .await
        .map_err(|error| store_failure("look the account up", &error))?
        .map(|tenant| tenant.tenant_id)
        .ok_or_else(unknown)
}

/// What an origin is called.
fn name_of(origins: &[OriginView], no: OriginNo) -> String {
    origins.iter().find(|origin| origin.no == no).map_or_else(
        || "(none)".to_owned(),
        |origin| origin.settings.name.clone(),
    )
}

/// The filter, as far back as the account's failures are kept.
async fn filter_in(
    tx: &mut TenantTx,
    arguments: &ErrorsArguments,
    now: DateTime<Utc>,
) -> Result<FailureFilter, Failure> {
    let filter = filter(arguments, now)?;
    let kept = kept(tx).await;
    Ok(filter.within(kept.map_err(|error| store_failure("read the failures", &error))?))
}

fn filter(arguments: &ErrorsArguments, now: DateTime<Utc>) -> Result<FailureFilter, Failure> {
    let window = Window {
        from: moment(&arguments.from, now)?,
        to: moment(&arguments.to, now)?,
    };
    if window.from >= window.to {
        return Err(Failure::new(Kind::Usage, "--from must be before --to"));
    }
    if window.to - window.from > LONGEST_WINDOW {
        let message = "a window has at most 90 days: choose a later --from or an earlier --to";
        return Err(Failure::new(Kind::Usage, message));
    }
    let mut filter = FailureFilter::all(window);
    filter.include.codes = named("code", &arguments.code, FailureCode::from_name)?;
    filter.include.reasons = named("reason", &arguments.reason, Reason::from_name)?;
    Ok(filter)
}

fn named<T>(
    what: &str,
    names: &[String],
    from_name: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, Failure> {
    names
        .iter()
        .map(|name| {
            from_name(name).ok_or_else(|| {
                Failure::new(
                    Kind::Usage,
                    format!("'{name}' is no {what}; see docs/ERRORS.md"),
                )
            })
        })
        .collect()
}

/// Reads `now`, `now-6h` or RFC 3339.
fn moment(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, Failure> {
    let relative = || {
        let rest = text.strip_prefix("now")?;
        if rest.is_empty() {
            return Some(now);
        }
        let ago = humantime::parse_duration(rest.strip_prefix('-')?).ok()?;
        now.checked_sub_signed(TimeDelta::from_std(ago).ok()?)
    };
    relative()
        .or_else(|| Some(DateTime::parse_from_rfc3339(text).ok()?.to_utc()))
        .ok_or_else(|| {
            let message = format!("'{text}' is no moment: use now, now-6h or 2026-01-31T12:00:00Z");
            Failure::new(Kind::Usage, message)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_relative_or_absolute() {
        let now: DateTime<Utc> = "2026-11-22T12:00:00Z".parse().unwrap();
        assert_eq!(moment("now", now).unwrap(), now);
        assert_eq!(
            moment("now-90m", now).unwrap(),
            now - TimeDelta::minutes(90)
        );
        assert_eq!(moment("2026-11-22T13:00:00+01:00", now).unwrap(), now);
        for bad in ["", "yesterday", "now+1h", "now-", "2026-11-22"] {
            assert_eq!(moment(bad, now).unwrap_err().kind(), Kind::Usage, "{bad}");
        }
    }
}
