-- One statement, so one transaction and one round trip: the ledger decides whether the batch is new, and only then are its counts added.
-- A retry that meets its own first attempt waits for it at the ledger's row. Keys are sorted so that two writers lock rows in the same order.
-- What is left over of erased tenants is dropped.
with batch as (
  insert into delivery_usage_ledger as l (node_id, run_id, usage_seq, counted_to, stopped, started_at)
  values ($1, $2, $3, $4, $5, $21)
  on conflict (node_id, run_id) do update set
    usage_seq = excluded.usage_seq, counted_to = excluded.counted_to, stopped = excluded.stopped
    where l.usage_seq < excluded.usage_seq
  returning usage_seq
),
cell as (
  insert into delivery_usage_1h as c (tenant_id, hour, endpoint_no, status, cache, format, requests, bytes)
  select k.tenant_id, k.hour, k.endpoint_no, k.status, k.cache, k.format, sum(k.requests)::bigint, sum(k.bytes)::bigint
  from unnest(
      $6::bigint[], $7::timestamptz[], $8::integer[], $9::smallint[], $10::smallint[], $11::smallint[], $12::bigint[], $13::bigint[]
    ) as k (tenant_id, hour, endpoint_no, status, cache, format, requests, bytes)
    cross join batch
  where not exists (select from tenant_erasure e where e.tenant_id = k.tenant_id)
  group by 1, 2, 3, 4, 5, 6
  order by 1, 2, 3, 4, 5, 6
  on conflict (tenant_id, hour, endpoint_no, status, cache, format) do update set
    requests = c.requests + excluded.requests, bytes = c.bytes + excluded.bytes
),
top as (
  select k.* from unnest(
      $14::bigint[], $15::timestamptz[], $16::smallint[], $17::bigint[], $18::text[], $19::bigint[], $20::bigint[]
    ) as k (tenant_id, hour, dimension, key_hash, key, requests, bytes)
    cross join batch
  where not exists (select from tenant_erasure e where e.tenant_id = k.tenant_id)
),
top_hour as (
  insert into delivery_usage_top_1h as c (tenant_id, hour, dimension, key_hash, key, requests, bytes)
  select tenant_id, hour, dimension, key_hash, min(key), sum(requests)::bigint, sum(bytes)::bigint from top
  group by 1, 2, 3, 4
  order by 1, 2, 3, 4
  on conflict (tenant_id, hour, dimension, key_hash) do update set
    requests = c.requests + excluded.requests, bytes = c.bytes + excluded.bytes
),
top_day as (
  insert into delivery_usage_top_1d as c (tenant_id, day, dimension, key_hash, key, requests, bytes)
  select tenant_id, date_trunc('day', hour, 'UTC'), dimension, key_hash, min(key), sum(requests)::bigint, sum(bytes)::bigint from top
  group by 1, 2, 3, 4
  order by 1, 2, 3, 4
  on conflict (tenant_id, day, dimension, key_hash) do update set
    requests = c.requests + excluded.requests, bytes = c.bytes + excluded.bytes
)
select count(*) from batch
