//! The filter as SQL.

use limpid_domain::ids::{GroupId, TenantId};
use sqlx::{Encode, Postgres, QueryBuilder, Type};

use super::{Facets, FailureFilter, Source, Table};
use crate::failure_packs::PART_SECONDS;

/// Appends `from <table> where <every condition of the filter>` for one source.
pub(crate) fn push_conditions(
    query: &mut QueryBuilder<Postgres>,
    tenant_id: TenantId,
    source: &Source,
    filter: &FailureFilter,
) {
    query
        .push(" from ")
        .push(source.table.name())
        .push(" where ");
    push_window(query, tenant_id, source, filter);
    push_facets(query, tenant_id, source.table, filter);
    if source.table == Table::Events {
        push_paths(query, filter);
    }
}

/// Appends the conditions of the filter for the events of its window, from `where` on.
pub(crate) fn push_events_where(
    query: &mut QueryBuilder<Postgres>,
    tenant_id: TenantId,
    filter: &FailureFilter,
) {
    let source = Source::of(Table::Events, filter.window);
    push_window(query, tenant_id, &source, filter);
    push_facets(query, tenant_id, Table::Events, filter);
    push_paths(query, filter);
}

/// The only place that says which moments are read: what is not kept any more is out of sight here.
fn push_window(
    query: &mut QueryBuilder<Postgres>,
    tenant_id: TenantId,
    source: &Source,
    filter: &FailureFilter,
) {
    let window = match source.table {
        Table::Events => filter.events_window(source.window),
        Table::Hours | Table::GroupHours | Table::GroupDays => source.window,
    };
    let time = source.table.time_column();
    query.push("tenant_id = ").push_bind(tenant_id.0);
    query
        .push(" and ")
        .push(time)
        .push(" >= ")
        .push_bind(window.from);
    query
        .push(" and ")
        .push(time)
        .push(" < ")
        .push_bind(window.to);
    if let Some(starts) = &source.starts {
        let condition = query.push(" and ").push(time).push(" = any(");
        condition.push_bind(starts.clone()).push(")");
    }
    if let Some(pack) = source.after_pack {
        // The whole right side is a value of its own: of an expression around it row-level security makes a filter, not a condition of the index.
        query
            .push(" and ")
            .push(time)
            .push(" >= (select coalesce(max(hour + least(packed_parts, ")
            .push_bind(pack.parts)
            .push(format_args!(") * interval '{PART_SECONDS} seconds'), "))
            .push_bind(window.from)
            .push(") from failure_hour_pack where tenant_id = ")
            .push_bind(tenant_id.0)
            .push(" and hour = ")
            .push_bind(pack.hour)
            .push(")");
    }
}

fn push_facets(
    query: &mut QueryBuilder<Postgres>,
    tenant_id: TenantId,
    table: Table,
    filter: &FailureFilter,
) {
    let (include, exclude) = (&filter.include, &filter.exclude);
    // Codes, reasons and stages that contradict each other match no reason: an empty list that is a condition.
    if let Some(reasons) = include.reason_numbers() {
        push_list(query, ("reason", false), reasons);
    }
    if let Some(reasons) = exclude.any_reason_numbers() {
        push_list(query, ("reason", true), reasons);
    }
    for (facets, negated) in [(include, false), (exclude, true)] {
        push_any(query, ("origin_no", negated), &facets.origins, |no| no.0);
        push_any(query, ("endpoint_no", negated), &facets.endpoints, |no| {
            no.0
        });
        push_any(query, ("outcome", negated), &facets.outcomes, |outcome| {
            outcome.number()
        });
        let statuses = &facets.upstream_statuses;
        push_any(query, ("upstream_status", negated), statuses, |status| {
            *status
        });
        let versions = &facets.config_versions;
        push_any(query, ("config_version", negated), versions, |seq| seq.0);
        push_any(query, ("node_id", negated), &facets.nodes, |node| node.0);
        push_groups(query, tenant_id, table, (facets, negated));
    }
}

/// A list that names nothing asks nothing.
fn push_any<V, T>(
    query: &mut QueryBuilder<Postgres>,
    column: (&'static str, bool),
    values: &[V],
    number: impl Fn(&V) -> T,
) where
    Vec<T>: for<'q> Encode<'q, Postgres> + Type<Postgres> + Send + 'static,
{
    if !values.is_empty() {
        push_list(query, column, values.iter().map(number).collect::<Vec<T>>());
    }
}

fn push_list<T>(
    query: &mut QueryBuilder<Postgres>,
    (column, negated): (&'static str, bool),
    values: Vec<T>,
) where
    Vec<T>: for<'q> Encode<'q, Postgres> + Type<Postgres> + Send + 'static,
{
    let operator = if negated { " <> all(" } else { " = any(" };
    query.push(" and ").push(column).push(operator);
    query.push_bind(values).push(")");
}

/// Events know their fingerprint; several may count towards one group.
fn push_groups(
    query: &mut QueryBuilder<Postgres>,
    tenant_id: TenantId,
    table: Table,
    (facets, negated): (&Facets, bool),
) {
    if facets.groups.is_empty() {
        return;
    }
    let groups: Vec<i64> = facets.groups.iter().map(|GroupId(id)| *id).collect();
    if table != Table::Events {
        push_list(query, ("group_id", negated), groups);
        return;
    }
    let operator = if negated { " <> all(" } else { " = any(" };
    query
        .push(" and fingerprint")
        .push(operator)
        .push("array(select fingerprint from failure_fingerprint where tenant_id = ")
        .push_bind(tenant_id.0)
        .push(" and group_id = any(")
        .push_bind(groups)
        .push(")))");
}

/// `position()`, not `like`: % and _ in the text mean themselves. NUL occurs in no stored path and in no parameter.
fn push_paths(query: &mut QueryBuilder<Postgres>, filter: &FailureFilter) {
    let conditions = [
        (&filter.path_contains, " in path) > 0", " or "),
        (&filter.path_lacks, " in path) = 0", " and "),
    ];
    for (texts, comparison, conjunction) in conditions {
        let mut opening = " and (";
        for text in texts {
            query
                .push(opening)
                .push("position(")
                .push_bind(text.replace('\0', "%00"))
                .push(comparison);
            opening = conjunction;
        }
        if !texts.is_empty() {
            query.push(")");
        }
    }
}
