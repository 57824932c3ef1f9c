-- How origins fare, as serving nodes see it: they observe every fetch in memory and add what they saw every few seconds. Several nodes add
-- to the same rows; times are the latest of all nodes, counts are sums, the streak and the breaker are of the newest observation.

-- One row per origin that was ever asked, or whose credentials end.
create table origin_health (
  tenant_id            bigint      not null,
  origin_id            uuid        not null,
  -- The newest version of the origin that was observed; a certificate and credentials are of a version.
  origin_version       integer     not null,
  -- Failed fetches since the last fetch that the origin answered.
  consecutive_failures integer     not null,
  last_success_at      timestamptz,
  -- A file that is missing or unusable is an answer, too.
  last_answer_at       timestamptz,
  last_failure_at      timestamptz,
  last_failure_reason  smallint,
  certificate_ends_at  timestamptz,
  certificate_seen_at  timestamptz,
  credential_ends_at   timestamptz,
  credential_version   integer,
  -- 0 closed, 1 half-open, 2 open; of some node, which says it again every few seconds until it is closed.
  breaker              smallint    not null,
  breaker_at           timestamptz,
  primary key (tenant_id, origin_id)
) with (fillfactor = 80);

-- Fetches by hour. latency holds the successful ones by how long they took: buckets of limpid_domain::origin_health.
create table origin_health_hour (
  tenant_id   bigint      not null,
  origin_id   uuid        not null,
  hour        timestamptz not null,
  successes   bigint      not null,
  file_faults bigint      not null,
  failures    bigint      not null,
  latency     integer[]   not null,
  primary key (tenant_id, origin_id, hour)
) with (fillfactor = 80);

-- Pictures made from files of a path template at an origin, in slots of five minutes: only of templates that a group of failures which is not
-- resolved has, because they are what resolves it.
create table template_success (
  tenant_id       bigint      not null,
  origin_no       integer     not null,
  template_hash   bigint      not null,
  hour            timestamptz not null,
  slots           integer[]   not null,
  last_success_at timestamptz not null,
  primary key (tenant_id, origin_no, template_hash, hour)
) with (fillfactor = 80);
create index template_success_hour on template_success (hour);

-- The last batch of each run of a serving node, as in delivery_usage_ledger.
create table origin_health_ledger (
  node_id    bigint      not null,
  run_id     uuid        not null,
  batch_seq  bigint      not null,
  counted_to timestamptz not null,
  started_at timestamptz not null default now(),
  stopped    boolean     not null,
  primary key (node_id, run_id)
);

-- The hash of a group's path template; 0 for the group that takes what comes after too many, null until the projector has worked it out.
alter table failure_group add column template_hash bigint;
create index failure_group_template on failure_group (tenant_id, origin_no, template_hash);
create index failure_group_unhashed on failure_group (tenant_id, group_id) where template_hash is null;

alter table origin_health enable row level security;
alter table origin_health force row level security;
create policy tenant on origin_health for select to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy service on origin_health to limpid_service using (true) with check (true);
alter table origin_health_hour enable row level security;
alter table origin_health_hour force row level security;
create policy tenant on origin_health_hour for select to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy service on origin_health_hour to limpid_service using (true) with check (true);
alter table template_success enable row level security;
alter table template_success force row level security;
create policy tenant on template_success for select to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy service on template_success to limpid_service using (true) with check (true);

grant select on origin_health, origin_health_hour, template_success, origin_health_ledger to limpid_tenant;
grant select, insert, update, delete on origin_health, origin_health_hour, template_success, origin_health_ledger to limpid_service;
