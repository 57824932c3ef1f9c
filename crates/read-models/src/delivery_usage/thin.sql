-- One hour or day that began at $1 of all tenants: every row goes, and what it holds is added to the span's pack, whose first $2 keys of a dimension
-- by requests and by bytes keep their names. $3: the span's hours. $4: a tenant with fewer rows is left alone, unless it has a pack.
with busy as (
  select tenant_id from {table} t where {column} = $1 group by 1
  having count(*) >= $4 or exists (
    select from delivery_usage_top_pack p where p.tenant_id = t.tenant_id and p.span_hours = $3 and p.starts_at = $1
  )
),
moved as (
  delete from {table} t using busy b where t.tenant_id = b.tenant_id and t.{column} = $1
  returning t.tenant_id, t.dimension, t.key_hash, t.key, t.requests, t.bytes
),
packed as (
  select p.tenant_id, k.dimension, k.key_hash, k.key, k.requests, k.bytes
  from delivery_usage_top_pack p
  cross join lateral unnest(p.dimensions, p.key_hashes, p.keys, p.requests, p.bytes) k(dimension, key_hash, key, requests, bytes)
  where p.span_hours = $3 and p.starts_at = $1 and p.tenant_id in (select tenant_id from busy)
),
summed as (
  select tenant_id, dimension, key_hash, min(key) as key, sum(requests)::bigint as requests, sum(bytes)::bigint as bytes
  from (select * from moved union all select * from packed) part group by 1, 2, 3
),
ranked as (
  select *, key_hash <> 0
      and row_number() over (partition by tenant_id, dimension, key_hash = 0 order by requests desc, key_hash) > $2
      and row_number() over (partition by tenant_id, dimension, key_hash = 0 order by bytes desc, key_hash) > $2 as goes
  from summed
),
kept as (
  select tenant_id, dimension, case when goes then 0 else key_hash end as key_hash,
    min(case when goes then '' else key end) as key, sum(requests)::bigint as requests, sum(bytes)::bigint as bytes
  from ranked group by 1, 2, 3
),
stored as (
  insert into delivery_usage_top_pack as t (tenant_id, span_hours, starts_at, dimensions, key_hashes, keys, requests, bytes)
  select tenant_id, $3, $1, array_agg(dimension order by dimension, requests desc, key_hash),
    array_agg(key_hash order by dimension, requests desc, key_hash), array_agg(key order by dimension, requests desc, key_hash),
    array_agg(requests order by dimension, requests desc, key_hash), array_agg(bytes order by dimension, requests desc, key_hash)
  from kept group by 1 order by 1
  on conflict (tenant_id, span_hours, starts_at) do update set dimensions = excluded.dimensions, key_hashes = excluded.key_hashes,
    keys = excluded.keys, requests = excluded.requests, bytes = excluded.bytes
)
select count(*) from ranked where goes
