//! The hourly counts: proving that they are what the events and the ledger say, and deriving them again.
//!
//! The counts are written by the ingest statement itself, so this is the proof and the repair, not the way they come about.

mod rebuild;
mod verify;

pub use rebuild::{RebuildReport, rebuild};
pub use verify::{Reconciliation, verify};

/// The hours a statement derives from the events of `[$1, $2)`, in the columns of `failure_1h`. Tenants that are being erased are left
/// out: their rows go table by table.
const DERIVED: &str = "select tenant_id, date_bin('1 hour', occurred_at, timestamptz 'epoch') as hour, endpoint_no, origin_no, reason, outcome, \
    headline, node_id, count(*)::bigint as events, sum(occurrences)::bigint as occurrences, min(occurred_at) as first_at, \
    max(occurred_at) as last_at from origin_failure where occurred_at >= $1 and occurred_at < $2 \
    and tenant_id <> all (array(select tenant_id from tenant_erasure where finished_at is null)) \
    group by 1, 2, 3, 4, 5, 6, 7, 8";

/// Keys of `derived` and `stored` that only one of them has, or with other numbers.
const DIFFERING: &str = "select 1 from derived d full join stored s \
    using (tenant_id, hour, endpoint_no, origin_no, reason, outcome, headline, node_id) \
    where (d.events, d.occurrences, d.first_at, d.last_at) is distinct from (s.events, s.occurrences, s.first_at, s.last_at)";

/// The hours that the counts hold of `[$1, $2)`, in the same columns.
const STORED: &str = "select tenant_id, hour, endpoint_no, origin_no, reason, outcome, headline, node_id, events, occurrences, \
    first_at, last_at from failure_1h where hour >= $1 and hour < $2 \
    and tenant_id <> all (array(select tenant_id from tenant_erasure where finished_at is null))";
