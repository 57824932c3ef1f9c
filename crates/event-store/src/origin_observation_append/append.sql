-- One statement, so one transaction and one round trip: the ledger decides whether the batch is new, and only then is it added. Keys are
-- sorted so that two writers lock rows in the same order. What is left over of erased tenants is dropped.
with batch as (
  insert into origin_health_ledger as l (node_id, run_id, batch_seq, counted_to, stopped)
  values ($1, $2, $3, $4, $5)
  on conflict (node_id, run_id) do update set
    batch_seq = excluded.batch_seq, counted_to = excluded.counted_to, stopped = excluded.stopped
    where l.batch_seq < excluded.batch_seq
  returning batch_seq
),
seen as (
  insert into origin_health as h (tenant_id, origin_id, origin_version, consecutive_failures, last_success_at, last_answer_at,
    last_failure_at, last_failure_reason, certificate_ends_at, certificate_seen_at, credential_ends_at, credential_version, breaker,
    breaker_at)
  select k.* from unnest(
      $6::bigint[], $7::uuid[], $8::integer[], $9::integer[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[],
      $13::smallint[], $14::timestamptz[], $15::timestamptz[], $16::timestamptz[], $17::integer[], $18::smallint[], $19::timestamptz[]
    ) as k (tenant_id, origin_id, origin_version, consecutive_failures, last_success_at, last_answer_at, last_failure_at, last_failure_reason,
      certificate_ends_at, certificate_seen_at, credential_ends_at, credential_version, breaker, breaker_at)
    cross join batch
  where not exists (select from tenant_erasure e where e.tenant_id = k.tenant_id)
  order by 1, 2
  on conflict (tenant_id, origin_id) do update set
    origin_version = greatest(h.origin_version, excluded.origin_version),
    -- The newest answer of any node begins the streak anew; failures after it add to it. What another node had counted after that
    -- answer is forgotten with it.
    consecutive_failures = case
      when excluded.last_answer_at >= coalesce(h.last_answer_at, '-infinity') then excluded.consecutive_failures
      when excluded.last_failure_at > coalesce(h.last_answer_at, '-infinity')
        then (least(h.consecutive_failures::bigint + excluded.consecutive_failures, 2147483647))::integer
      else h.consecutive_failures end,
    last_success_at = greatest(h.last_success_at, excluded.last_success_at),
    last_answer_at = greatest(h.last_answer_at, excluded.last_answer_at),
    last_failure_at = greatest(h.last_failure_at, excluded.last_failure_at),
    last_failure_reason = case
      when excluded.last_failure_at >= coalesce(h.last_failure_at, '-infinity') then excluded.last_failure_reason
      else h.last_failure_reason end,
    -- A renewed certificate ends later than the one before, so not the earliest end counts but the one seen last. A new version of the
    -- origin may have another server: what was seen of the old one says nothing about it.
    certificate_ends_at = case
      when excluded.origin_version > h.origin_version then excluded.certificate_ends_at
      when excluded.origin_version = h.origin_version
        and excluded.certificate_seen_at >= coalesce(h.certificate_seen_at, '-infinity') then excluded.certificate_ends_at
      else h.certificate_ends_at end,
    certificate_seen_at = case
      when excluded.origin_version > h.origin_version then excluded.certificate_seen_at
      when excluded.origin_version = h.origin_version then greatest(h.certificate_seen_at, excluded.certificate_seen_at)
      else h.certificate_seen_at end,
    credential_ends_at = case
      when excluded.credential_version >= coalesce(h.credential_version, 0) then excluded.credential_ends_at
      else h.credential_ends_at end,
    credential_version = greatest(h.credential_version, excluded.credential_version),
    breaker = case when excluded.breaker_at >= coalesce(h.breaker_at, '-infinity') then excluded.breaker else h.breaker end,
    breaker_at = greatest(h.breaker_at, excluded.breaker_at)
),
by_hour as (
  insert into origin_health_hour as c (tenant_id, origin_id, hour, successes, file_faults, failures, latency)
  select k.tenant_id, k.origin_id, k.hour, k.successes, k.file_faults, k.failures, k.latency::integer[]
  from unnest($20::bigint[], $21::uuid[], $22::timestamptz[], $23::bigint[], $24::bigint[], $25::bigint[], $26::text[])
    as k (tenant_id, origin_id, hour, successes, file_faults, failures, latency)
    cross join batch
  where not exists (select from tenant_erasure e where e.tenant_id = k.tenant_id)
  order by 1, 2, 3
  on conflict (tenant_id, origin_id, hour) do update set
    successes = c.successes + excluded.successes, file_faults = c.file_faults + excluded.file_faults,
    failures = c.failures + excluded.failures,
    latency = (
      select coalesce(array_agg(coalesce(a, 0) + coalesce(b, 0) order by place), '{}')
      from unnest(c.latency, excluded.latency) with ordinality as u (a, b, place)
    )
),
served as (
  insert into template_success as t (tenant_id, origin_no, template_hash, hour, slots, last_success_at)
  select k.tenant_id, k.origin_no, k.template_hash, k.hour, k.slots::integer[], k.last_success_at
  from unnest($27::bigint[], $28::integer[], $29::bigint[], $30::timestamptz[], $31::text[], $32::timestamptz[])
    as k (tenant_id, origin_no, template_hash, hour, slots, last_success_at)
    cross join batch
  -- What never failed, or has been resolved, needs no count. 5: GroupState::Resolved.
  where exists (
    select from failure_group g
    left join failure_group_life l on l.tenant_id = g.tenant_id and l.group_id = g.group_id
    where g.tenant_id = k.tenant_id and g.origin_no = k.origin_no and g.template_hash = k.template_hash
      and l.state is distinct from 5
  )
  order by 1, 2, 3, 4
  on conflict (tenant_id, origin_no, template_hash, hour) do update set
    slots = (
      select coalesce(array_agg(coalesce(a, 0) + coalesce(b, 0) order by place), '{}')
      from unnest(t.slots, excluded.slots) with ordinality as u (a, b, place)
    ),
    last_success_at = greatest(t.last_success_at, excluded.last_success_at)
)
select count(*) from batch
