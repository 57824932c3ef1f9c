-- Tenants whose kept top paths of the span of $1 hours from $2 to $3 are not what their events give. $4 is how many paths are kept, $5 the
-- reason of a path's total. A span of which fewer events were counted than there are waits for being counted again; one from before there
-- were totals is held against its other rows.
with kept as (
  select tenant_id, events, distinct_paths, undercount, has_totals from failure_top_path_span
  where span_hours = $1 and starts_at = $2
    and tenant_id <> all (array(select tenant_id from tenant_erasure where finished_at is null))
),
cell as (
  select f.tenant_id, f.path_hash, f.reason, f.origin_no, min(f.path) as path, count(*) as events, sum(f.occurrences)::bigint as occurrences,
    min(f.occurred_at) as first_at, max(f.occurred_at) as last_at
  from kept k join origin_failure f on f.tenant_id = k.tenant_id
  where f.occurred_at >= $2 and f.occurred_at < $3
  group by 1, 2, 3, 4
),
ranked as (
  select tenant_id, path_hash, min(path) as path, sum(events) as events, sum(occurrences)::bigint as occurrences, min(first_at) as first_at,
    max(last_at) as last_at, row_number() over (partition by tenant_id order by sum(occurrences) desc, path_hash) as place
  from cell group by 1, 2
),
whole as (
  select tenant_id, sum(events)::bigint as events, count(*) as distinct_paths,
    coalesce(max(occurrences) filter (where place > $4), 0) as undercount
  from ranked group by 1
),
comparable as (
  select k.* from kept k left join whole w using (tenant_id) where k.events >= coalesce(w.events, 0)
),
derived as (
  select c.tenant_id, c.path_hash, c.reason, c.origin_no, c.path, c.occurrences, c.first_at, c.last_at
  from cell c join ranked r using (tenant_id, path_hash) where r.place <= $4
  union all
  select r.tenant_id, r.path_hash, $5, 0, r.path, r.occurrences, r.first_at, r.last_at
  from ranked r join kept k using (tenant_id) where r.place <= $4 and k.has_totals
),
stored as (
  select c.tenant_id, p.path_hash, p.reason, p.origin_no, p.path, p.occurrences, p.first_at, p.last_at
  from comparable c join failure_top_path p on p.tenant_id = c.tenant_id and p.span_hours = $1 and p.starts_at = $2
)
select tenant_id from comparable c left join whole w using (tenant_id)
where (w.events, w.distinct_paths, w.undercount) is distinct from (c.events, c.distinct_paths, c.undercount)
union
select tenant_id from derived d full join stored s using (tenant_id, path_hash, reason, origin_no)
where (d.path, d.occurrences, d.first_at, d.last_at) is distinct from (s.path, s.occurrences, s.first_at, s.last_at)
  and tenant_id in (select tenant_id from comparable)
order by 1
