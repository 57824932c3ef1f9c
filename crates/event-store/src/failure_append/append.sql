-- One statement, so one transaction and one round trip: the ledger decides which batches are new, and only their events and
-- counts are stored. Keys are sorted so that two writers lock rows in the same order.
with batch as (
  insert into ingest_batch (node_id, batch_seq, events, occurrences, refused, min_at, max_at)
  select $1, b.batch_seq, b.events, b.occurrences, b.refused, b.min_at, b.max_at
  from unnest($2::bigint[], $3::integer[], $4::bigint[], $5::integer[], $6::timestamptz[], $7::timestamptz[])
    as b (batch_seq, events, occurrences, refused, min_at, max_at)
  order by b.batch_seq
  on conflict (node_id, batch_seq) do nothing
  returning batch_seq, events
),
fact as (
  insert into origin_failure (
    node_id, batch_seq, tenant_id, occurred_at, event_id, request_id, path_hash, fingerprint, config_version,
    endpoint_no, origin_no, endpoint_version, origin_version, duration_ms, occurrences, reason, outcome, attempt,
    upstream_status, origin_kind, headline, path, detail
  )
  select $1, f.batch_seq, f.tenant_id, f.occurred_at, f.event_id, f.request_id, f.path_hash, f.fingerprint,
    f.config_version, f.endpoint_no, f.origin_no, f.endpoint_version, f.origin_version, f.duration_ms, f.occurrences,
    f.reason, f.outcome, f.attempt, f.upstream_status, f.origin_kind, f.headline, f.path, f.detail::jsonb
  from unnest(
      $8::bigint[], $9::bigint[], $10::timestamptz[], $11::uuid[], $12::uuid[], $13::bigint[], $14::bigint[],
      $15::bigint[], $16::integer[], $17::integer[], $18::integer[], $19::integer[], $20::integer[], $21::integer[],
      $22::smallint[], $23::smallint[], $24::smallint[], $25::smallint[], $26::smallint[], $27::boolean[], $28::text[],
      $29::text[]
    ) as f (
      batch_seq, tenant_id, occurred_at, event_id, request_id, path_hash, fingerprint,
      config_version, endpoint_no, origin_no, endpoint_version, origin_version, duration_ms, occurrences,
      reason, outcome, attempt, upstream_status, origin_kind, headline, path,
      detail
    )
    join batch using (batch_seq)
),
hour_count as (
  insert into failure_1h as c (
    tenant_id, hour, endpoint_no, origin_no, reason, outcome, headline, node_id, events, occurrences, first_at, last_at
  )
  select k.tenant_id, k.hour, k.endpoint_no, k.origin_no, k.reason, k.outcome, k.headline, $1,
    sum(k.events)::bigint, sum(k.occurrences)::bigint, min(k.first_at), max(k.last_at)
  from unnest(
      $30::bigint[], $31::bigint[], $32::timestamptz[], $33::integer[], $34::integer[], $35::smallint[], $36::smallint[],
      $37::boolean[], $38::bigint[], $39::bigint[], $40::timestamptz[], $41::timestamptz[]
    ) as k (
      batch_seq, tenant_id, hour, endpoint_no, origin_no, reason, outcome,
      headline, events, occurrences, first_at, last_at
    )
    join batch using (batch_seq)
  group by 1, 2, 3, 4, 5, 6, 7
  order by 1, 2, 3, 4, 5, 6, 7
  on conflict (tenant_id, hour, endpoint_no, origin_no, reason, outcome, headline, node_id) do update set
    events = c.events + excluded.events,
    occurrences = c.occurrences + excluded.occurrences,
    first_at = least(c.first_at, excluded.first_at),
    last_at = greatest(c.last_at, excluded.last_at)
)
select count(*), coalesce(sum(events), 0)::bigint from batch
