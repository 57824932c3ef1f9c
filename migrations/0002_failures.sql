-- Failures: append-only facts, the ledger that makes their ingest exactly-once, and hourly counts written in the same statement.
-- Why these indexes and no others: docs/EVENTS.md, "Ingestion".

-- One row per failed attempt, or per group of identical ones (occurrences). Partitions by day are made ahead of time by the
-- projector; the default partition takes what comes too late or too early and is emptied by it.
create table origin_failure (
  tenant_id        bigint      not null,
  occurred_at      timestamptz not null,
  event_id         uuid        not null,
  request_id       uuid        not null,
  path_hash        bigint      not null,
  fingerprint      bigint      not null,
  node_id          bigint      not null,
  batch_seq        bigint      not null,
  config_version   bigint      not null,
  endpoint_no      integer     not null,
  origin_no        integer     not null,
  endpoint_version integer     not null,
  origin_version   integer     not null,
  duration_ms      integer     not null,
  occurrences      integer     not null,
  reason           smallint    not null,
  outcome          smallint    not null,
  attempt          smallint    not null,
  upstream_status  smallint    not null,
  origin_kind      smallint    not null,
  headline         boolean     not null,
  path             text        not null,
  detail           jsonb
) partition by range (occurred_at);

create table origin_failure_default partition of origin_failure default;

-- Covers the counting of ragged window edges and the newest-first list without touching the heap for the former.
create index origin_failure_tenant_time on origin_failure (tenant_id, occurred_at)
  include (reason, outcome, headline, occurrences, origin_no, endpoint_no);
-- For reconciliation by batch. Costs next to nothing: rows of a batch lie together.
create index origin_failure_batch on origin_failure using brin (batch_seq);

-- The ledger: a batch is in it exactly when its events and counts are stored. Its numbers are dense per node, so a hole is
-- visible as a hole.
create table ingest_batch (
  node_id     bigint      not null,
  batch_seq   bigint      not null,
  events      integer     not null,
  occurrences bigint      not null,
  refused     integer     not null,
  min_at      timestamptz,
  max_at      timestamptz,
  received_at timestamptz not null default now(),
  primary key (node_id, batch_seq)
);
create index ingest_batch_max_at on ingest_batch (max_at);

-- Hourly counts in full dimensions. node_id is in the key so that nodes never wait for each other's row locks.
create table failure_1h (
  tenant_id   bigint      not null,
  hour        timestamptz not null,
  endpoint_no integer     not null,
  origin_no   integer     not null,
  reason      smallint    not null,
  outcome     smallint    not null,
  headline    boolean     not null,
  node_id     bigint      not null,
  events      bigint      not null,
  occurrences bigint      not null,
  first_at    timestamptz not null,
  last_at     timestamptz not null,
  primary key (tenant_id, hour, endpoint_no, origin_no, reason, outcome, headline, node_id)
) with (fillfactor = 80);

-- What each serving node says about its spool; from it follows how fresh and how complete an answer is.
create table serving_node (
  node_id         bigint      not null primary key,
  heartbeat_at    timestamptz not null default now(),
  acked_seq       bigint      not null,
  backlog_frames  bigint      not null,
  backlog_bytes   bigint      not null,
  oldest_unacked  timestamptz,
  damaged_bytes   bigint      not null,
  missing_frames  bigint      not null,
  dead_letters    bigint      not null,
  stopped         boolean     not null
);

-- Raw events before this moment are gone, so counts before it can no longer be derived again.
create table failure_retention (
  only_row       boolean     not null primary key default true check (only_row),
  dropped_before timestamptz not null
);
insert into failure_retention (dropped_before) values ('-infinity');

-- Row-level security. Tenants read; the service appends. Nobody but the owner changes or deletes a fact.
alter table origin_failure enable row level security;
alter table origin_failure force row level security;
create policy tenant on origin_failure for select to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy service on origin_failure to limpid_service using (true) with check (true);
alter table origin_failure_default enable row level security;
alter table origin_failure_default force row level security;
create policy tenant on origin_failure_default for select to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy service on origin_failure_default to limpid_service using (true) with check (true);
alter table failure_1h enable row level security;
alter table failure_1h force row level security;
create policy tenant on failure_1h for select to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy service on failure_1h to limpid_service using (true) with check (true);

grant select on origin_failure, failure_1h, serving_node, failure_retention to limpid_tenant;
grant select, insert on origin_failure, ingest_batch to limpid_service;
grant select, insert, update, delete on failure_1h, serving_node to limpid_service;
grant select on failure_retention to limpid_service;
