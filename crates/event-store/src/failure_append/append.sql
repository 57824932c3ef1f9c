-- One statement, so one transaction and one round trip: ledger, events and hourly counts of batches that are all new. If any of them is
-- in the ledger already, nothing at all is stored, and the answer says so. Keys come sorted, so that two writers lock rows in the same
-- order.
--
-- Why so: what an event costs is what is done for each one. Functions in the select list give their rows one by one, where the same
-- functions in FROM would each write their rows down first; and as all batches are new or none is stored, no event has to look for its
-- batch, and counts come as they are to be added.
with fresh as materialized (
  select not exists (select from ingest_batch where node_id = $1 and batch_seq = any ($2::bigint[])) as yes
),
batch as (
  insert into ingest_batch (node_id, batch_seq, events, occurrences, refused, min_at, max_at)
  select $1, b.batch_seq, b.events, b.occurrences, b.refused, b.min_at, b.max_at
  from unnest($2::bigint[], $3::integer[], $4::bigint[], $5::integer[], $6::timestamptz[], $7::timestamptz[])
    as b (batch_seq, events, occurrences, refused, min_at, max_at)
  where (select yes from fresh)
),
fact as (
  insert into origin_failure (
    node_id, batch_seq, tenant_id, occurred_at, event_id, request_id, path_hash, fingerprint, config_version,
    endpoint_no, origin_no, endpoint_version, origin_version, duration_ms, occurrences, reason, outcome, attempt,
    upstream_status, origin_kind, headline, path, detail
  )
  select $1, unnest($8::bigint[]), unnest($9::bigint[]), unnest($10::timestamptz[]), unnest($11::uuid[]), unnest($12::uuid[]),
    unnest($13::bigint[]), unnest($14::bigint[]), unnest($15::bigint[]), unnest($16::integer[]), unnest($17::integer[]),
    unnest($18::integer[]), unnest($19::integer[]), unnest($20::integer[]), unnest($21::integer[]), unnest($22::smallint[]),
    unnest($23::smallint[]), unnest($24::smallint[]), unnest($25::smallint[]), unnest($26::smallint[]), unnest($27::boolean[]),
    unnest($28::text[]), unnest($29::text[])::jsonb
  where (select yes from fresh)
),
hour_count as (
  insert into failure_1h as c (
    tenant_id, hour, endpoint_no, origin_no, reason, outcome, headline, node_id, events, occurrences, first_at, last_at
  )
  select unnest($30::bigint[]), unnest($31::timestamptz[]), unnest($32::integer[]), unnest($33::integer[]), unnest($34::smallint[]),
    unnest($35::smallint[]), unnest($36::boolean[]), $1, unnest($37::bigint[]), unnest($38::bigint[]), unnest($39::timestamptz[]),
    unnest($40::timestamptz[])
  where (select yes from fresh)
  on conflict (tenant_id, hour, endpoint_no, origin_no, reason, outcome, headline, node_id) do update set
    events = c.events + excluded.events,
    occurrences = c.occurrences + excluded.occurrences,
    first_at = least(c.first_at, excluded.first_at),
    last_at = greatest(c.last_at, excluded.last_at)
)
select yes from fresh
