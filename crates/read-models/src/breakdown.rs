//! What failures are counted by, and how: per bucket of time and key, from packs where they answer, and in one statement over the tables that
//! answer for the rest.

use chrono::TimeDelta;
use limpid_domain::failure::reason::Stage;
use limpid_domain::failure::{FailureCode, Outcome, Reason};
use limpid_domain::ids::{GroupId, NodeId, OriginNo, TenantId, TenantSeq, UrlEndpointNo};
use limpid_event_store::{StoreError, TenantTx};
use sqlx::{Postgres, QueryBuilder};

use crate::failure_packs::{Cell, CellKey, Labels, Question, sums};
use crate::filter::{Detail, FailureFilter, Source, Table, push_conditions};

/// What makes a line of a chart or a row of a facet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupBy {
    /// Public code.
    Code,
    /// Reason.
    Reason,
    /// Stage on the way from socket to bytes.
    Stage,
    /// Origin.
    Origin,
    /// URL endpoint.
    Endpoint,
    /// Outcome.
    Outcome,
    /// HTTP status of the origin.
    UpstreamStatus,
    /// Configuration version in force.
    ConfigVersion,
    /// Serving node.
    Node,
    /// Group.
    Group,
}

/// Which line or row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SeriesKey {
    /// Of a public code.
    Code(FailureCode),
    /// Of a reason.
    Reason(Reason),
    /// Of a stage.
    Stage(Stage),
    /// Of an origin.
    Origin(OriginNo),
    /// Of a URL endpoint.
    Endpoint(UrlEndpointNo),
    /// Of an outcome.
    Outcome(Outcome),
    /// Of an HTTP status of the origin; 0 is "no answer came".
    UpstreamStatus(i16),
    /// Of a configuration version.
    ConfigVersion(TenantSeq),
    /// Of a serving node.
    Node(NodeId),
    /// Of a group.
    Group(GroupId),
    /// Of all others together.
    Other,
}

impl GroupBy {
    /// What the tables must know to answer this.
    fn detail(self, interval: Option<TimeDelta>) -> Detail {
        Detail {
            interval,
            group_fields: matches!(
                self,
                Self::UpstreamStatus | Self::ConfigVersion | Self::Group
            ),
            nodes: self == Self::Node,
        }
    }

    pub(crate) fn column(self, table: Table) -> &'static str {
        match self {
            Self::Code | Self::Reason | Self::Stage => "reason",
            Self::Origin => "origin_no",
            Self::Endpoint => "endpoint_no",
            Self::Outcome => "outcome",
            Self::UpstreamStatus => "upstream_status",
            Self::ConfigVersion => "config_version",
            Self::Node => "node_id",
            Self::Group if table == Table::Events => "fingerprint",
            Self::Group => "group_id",
        }
    }

    /// The number of a packed count.
    pub(crate) fn number(self, key: &CellKey) -> i64 {
        match self {
            Self::Code | Self::Reason | Self::Stage => key.reason.into(),
            Self::Origin => key.origin_no.into(),
            Self::Endpoint => key.endpoint_no.into(),
            Self::Outcome => key.outcome.into(),
            Self::UpstreamStatus => key.upstream_status.into(),
            Self::ConfigVersion => key.config_version,
            // no pack is asked about nodes
            Self::Node => 0,
            Self::Group => key.group_id,
        }
    }

    /// The key that a stored number means, and its place among equals; `None` for a newer version's.
    pub(crate) fn key(self, number: i64) -> Option<(i64, SeriesKey)> {
        let small = i16::try_from(number).ok();
        let middle = i32::try_from(number).ok();
        Some(match self {
            Self::Code => {
                let code = Reason::from_number(small?)?.code();
                let place = FailureCode::ALL.iter().position(|other| *other == code)?;
                (i64::try_from(place).ok()?, SeriesKey::Code(code))
            }
            Self::Stage => {
                let stage = Reason::from_number(small?)?.row().stage;
                let place = Stage::ALL.iter().position(|other| *other == stage)?;
                (i64::try_from(place).ok()?, SeriesKey::Stage(stage))
            }
            Self::Reason => (number, SeriesKey::Reason(Reason::from_number(small?)?)),
            Self::Outcome => (number, SeriesKey::Outcome(Outcome::from_number(small?)?)),
            Self::Origin => (number, SeriesKey::Origin(OriginNo(middle?))),
            Self::Endpoint => (number, SeriesKey::Endpoint(UrlEndpointNo(middle?))),
            Self::UpstreamStatus => (number, SeriesKey::UpstreamStatus(small?)),
            Self::ConfigVersion => (number, SeriesKey::ConfigVersion(TenantSeq(number))),
            Self::Node => (number, SeriesKey::Node(NodeId(number))),
            Self::Group => (number, SeriesKey::Group(GroupId(number))),
        })
    }
}

/// What a cell holds beside its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measures {
    /// `occurrences bigint`.
    Occurrences,
    /// Then `visible bigint` (of them, the requests whose client saw the error), `first_at` and `last_at timestamptz`.
    Lifetimes,
}

impl Measures {
    fn of_source(self, table: Table) -> &'static str {
        match (self, table) {
            (Self::Occurrences, _) => "sum(occurrences)::bigint as occurrences",
            (Self::Lifetimes, Table::Events) => {
                "sum(occurrences)::bigint as occurrences, \
                 coalesce(sum(occurrences) filter (where headline and outcome = 1), 0)::bigint as visible, \
                 min(occurred_at) as first_at, max(occurred_at) as last_at"
            }
            (Self::Lifetimes, _) => {
                "sum(occurrences)::bigint as occurrences, \
                 coalesce(sum(occurrences) filter (where headline and outcome = 1), 0)::bigint as visible, \
                 min(first_at) as first_at, max(last_at) as last_at"
            }
        }
    }

    fn names(self) -> &'static str {
        match self {
            Self::Occurrences => "occurrences",
            Self::Lifetimes => "occurrences, visible, first_at, last_at",
        }
    }

    /// As a question reads them.
    fn columns(self) -> &'static str {
        match self {
            Self::Occurrences => {
                "occurrences, 0::bigint as visible, null::timestamptz as first_at, null::timestamptz as last_at"
            }
            Self::Lifetimes => "occurrences, visible, first_at, last_at",
        }
    }
}

/// Counts what matches, by bucket of `interval` and number. Several sums may be of one bucket and number.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub(crate) async fn count(
    tx: &mut TenantTx,
    filter: &FailureFilter,
    (by, interval): (GroupBy, Option<TimeDelta>),
    measures: Measures,
) -> Result<Vec<Cell<i64>>, StoreError> {
    let question = Question {
        filter,
        detail: by.detail(interval),
        with_moments: measures == Measures::Lifetimes,
    };
    let lines = Lines {
        tenant_id: tx.tenant_id(),
        filter,
        by,
        interval,
        measures,
    };
    sums(tx, question, &lines).await
}

/// Failures told apart by one number.
struct Lines<'f> {
    tenant_id: TenantId,
    filter: &'f FailureFilter,
    by: GroupBy,
    interval: Option<TimeDelta>,
    measures: Measures,
}

impl Labels for Lines<'_> {
    type Label = i64;

    fn of_key(&self, key: &CellKey) -> i64 {
        self.by.number(key)
    }

    fn of_numbers(&self, [number, ..]: [i64; 4]) -> i64 {
        number
    }

    fn push_sums(&self, query: &mut QueryBuilder<Postgres>, parts: &[Source]) {
        query.push("select ");
        match self.interval {
            Some(interval) => {
                let width = width(interval);
                query.push(format_args!(
                    "(extract(epoch from starts_at) / {width})::bigint as bucket, "
                ));
            }
            None => {
                query.push("0::bigint as bucket, ");
            }
        }
        query.push("key as a, 0::bigint as b, 0::bigint as c, 0::bigint as d, ");
        query.push(self.measures.columns()).push(" from (");
        let mut separator = "";
        for source in parts {
            query.push(separator);
            self.push_part(query, source);
            separator = " union all ";
        }
        query.push(") f");
    }
}

/// Of a bucket. Units: s.
fn width(interval: TimeDelta) -> i64 {
    interval.num_seconds().max(1)
}

impl Lines<'_> {
    fn push_part(&self, query: &mut QueryBuilder<Postgres>, source: &Source) {
        // An event knows its fingerprint; which group that counts towards is looked up once per fingerprint, not per event.
        let looks_up = self.by == GroupBy::Group && source.table == Table::Events;
        if looks_up {
            query
                .push("select starts_at, coalesce(p.group_id, e.key) as key, ")
                .push(self.measures.names())
                .push(" from (");
        }
        query.push("select ");
        match self.interval {
            // by moments, which are whole numbers: an epoch is a decimal and costs ten times as much for each row
            Some(interval) => {
                let (width, column) = (width(interval), source.table.time_column());
                query.push(format_args!(
                    "date_bin('{width} seconds', {column}, timestamptz 'epoch')"
                ));
            }
            None => {
                query.push("timestamptz 'epoch'");
            }
        }
        query
            .push(" as starts_at, ")
            .push(self.by.column(source.table))
            .push("::bigint as key, ")
            .push(self.measures.of_source(source.table));
        push_conditions(query, self.tenant_id, source, self.filter);
        query.push(" group by 1, 2");
        if looks_up {
            query
                .push(") e left join failure_fingerprint p on p.tenant_id = ")
                .push_bind(self.tenant_id.0)
                .push(" and p.fingerprint = e.key");
        }
    }
}
