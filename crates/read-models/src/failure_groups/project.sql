-- Batches ($2, $3] of node $1, none of them counted, into the counts of groups, once: the ledger says so, and the checkpoint moves, in
-- the same statement. $4 and $5 bound the partitions that are read. Keys are sorted so that two writers lock rows in the same order.
with fresh as (
  select f.tenant_id, p.group_id, date_trunc('hour', f.occurred_at, 'UTC') as hour, f.upstream_status, f.config_version, f.outcome,
    f.headline, min(f.endpoint_no) as endpoint_no, min(f.origin_no) as origin_no, min(f.reason) as reason,
    count(*)::bigint as events, sum(f.occurrences)::bigint as occurrences, min(f.occurred_at) as first_at, max(f.occurred_at) as last_at
  from origin_failure f join failure_fingerprint p using (tenant_id, fingerprint)
  where f.node_id = $1 and f.batch_seq > $2 and f.batch_seq <= $3 and f.occurred_at >= $4 and f.occurred_at <= $5
  group by 1, 2, 3, 4, 5, 6, 7
),
by_hour as (
  insert into failure_group_1h as c (tenant_id, hour, group_id, upstream_status, config_version, outcome, headline, endpoint_no,
    origin_no, reason, events, occurrences, first_at, last_at)
  select tenant_id, hour, group_id, upstream_status, config_version, outcome, headline, endpoint_no, origin_no, reason, events,
    occurrences, first_at, last_at
  from fresh order by 1, 2, 3, 4, 5, 6, 7
  on conflict (tenant_id, hour, group_id, upstream_status, config_version, outcome, headline) do update set
    events = c.events + excluded.events, occurrences = c.occurrences + excluded.occurrences,
    first_at = least(c.first_at, excluded.first_at), last_at = greatest(c.last_at, excluded.last_at)
),
by_day as (
  insert into failure_group_1d as c (tenant_id, day, group_id, upstream_status, config_version, outcome, headline, endpoint_no,
    origin_no, reason, events, occurrences, first_at, last_at)
  select tenant_id, date_trunc('day', hour, 'UTC'), group_id, upstream_status, config_version, outcome, headline, min(endpoint_no),
    min(origin_no), min(reason), sum(events)::bigint, sum(occurrences)::bigint, min(first_at), max(last_at)
  from fresh group by 1, 2, 3, 4, 5, 6, 7 order by 1, 2, 3, 4, 5, 6, 7
  on conflict (tenant_id, day, group_id, upstream_status, config_version, outcome, headline) do update set
    events = c.events + excluded.events, occurrences = c.occurrences + excluded.occurrences,
    first_at = least(c.first_at, excluded.first_at), last_at = greatest(c.last_at, excluded.last_at)
),
lifetime as (
  update failure_group g set events = g.events + s.events, occurrences = g.occurrences + s.occurrences,
    first_at = least(g.first_at, s.first_at), last_at = greatest(g.last_at, s.last_at)
  from (
    select tenant_id, group_id, sum(events)::bigint as events, sum(occurrences)::bigint as occurrences, min(first_at) as first_at,
      max(last_at) as last_at
    from fresh group by 1, 2
  ) s
  where g.tenant_id = s.tenant_id and g.group_id = s.group_id
),
-- Packs of hours that change: the counts answer for them until they are packed again.
changed as (
  update failure_day_pack p set hours = p.hours & ~m.bits, generation = p.generation + 1
  from (
    select tenant_id, date_trunc('day', hour, 'UTC') as day, min(hour) as first_hour,
      bit_or(1 << extract(hour from hour at time zone 'UTC')::integer) as bits
    from fresh where hour < (select packed_to from failure_retention) group by 1, 2
  ) m
  where p.tenant_id = m.tenant_id and p.day = m.day and m.first_hour < p.day + p.packed_hours * interval '1 hour'
),
changed_parts as (
  update failure_hour_pack p set packed_parts = least(p.packed_parts, m.part), generation = p.generation + 1
  from (
    select tenant_id, hour, min(first_at) as first_at, div(extract(epoch from min(first_at) - hour), 150)::smallint as part
    from fresh where first_at < (select parts_packed_to from failure_retention) group by 1, 2
  ) m
  where p.tenant_id = m.tenant_id and p.hour = m.hour and m.first_at < p.hour + p.claimed_parts * interval '150 seconds'
),
marked as (
  update ingest_batch set grouped = true where node_id = $1 and batch_seq > $2 and batch_seq <= $3
),
moved as (
  insert into projection_checkpoint as c (projection, node_id, batch_seq) values ($6, $1, $3)
  on conflict (projection, node_id) do update set batch_seq = excluded.batch_seq
)
select coalesce(sum(events), 0)::bigint, array_agg(tenant_id order by tenant_id, group_id), array_agg(group_id order by tenant_id, group_id)
from (select tenant_id, group_id, sum(events) as events from fresh group by 1, 2) counted
