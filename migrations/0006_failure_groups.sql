-- Groups of failures alike, and their counts by hour and day. Written by the projector from the stored batches, each exactly once:
-- the checkpoint moves in the transaction that counts.

-- How far a projection has read the batches of a node.
create table projection_checkpoint (
  projection text   not null,
  node_id    bigint not null,
  batch_seq  bigint not null,
  primary key (projection, node_id)
);

-- One row per group: endpoint, origin, reason and path template. Numbers are of its whole life; they outlive the events.
create table failure_group (
  tenant_id     bigint      not null,
  group_id      bigint      not null,
  endpoint_no   integer     not null,
  origin_no     integer     not null,
  reason        smallint    not null,
  template_v    smallint    not null,
  path_template text        not null,
  sample_path   text        not null,
  events        bigint      not null,
  occurrences   bigint      not null,
  first_at      timestamptz not null,
  last_at       timestamptz not null,
  first_config_version bigint not null,
  primary key (tenant_id, group_id)
) with (fillfactor = 80);

-- Which group a fingerprint counts towards: its own, or the one that takes what comes after too many of a kind.
create table failure_fingerprint (
  tenant_id   bigint not null,
  fingerprint bigint not null,
  group_id    bigint not null,
  added_at    timestamptz not null default now(),
  primary key (tenant_id, fingerprint)
);
create index failure_fingerprint_group on failure_fingerprint (tenant_id, group_id);

-- What the hourly counts do not know: group, the origin's status, the configuration version. endpoint_no, origin_no and reason
-- follow from the group and stand here so that no question needs a join.
create table failure_group_1h (
  tenant_id       bigint      not null,
  hour            timestamptz not null,
  group_id        bigint      not null,
  upstream_status smallint    not null,
  config_version  bigint      not null,
  outcome         smallint    not null,
  headline        boolean     not null,
  endpoint_no     integer     not null,
  origin_no       integer     not null,
  reason          smallint    not null,
  events          bigint      not null,
  occurrences     bigint      not null,
  first_at        timestamptz not null,
  last_at         timestamptz not null,
  primary key (tenant_id, hour, group_id, upstream_status, config_version, outcome, headline)
) with (fillfactor = 80);

create table failure_group_1d (
  tenant_id       bigint      not null,
  day             timestamptz not null,
  group_id        bigint      not null,
  upstream_status smallint    not null,
  config_version  bigint      not null,
  outcome         smallint    not null,
  headline        boolean     not null,
  endpoint_no     integer     not null,
  origin_no       integer     not null,
  reason          smallint    not null,
  events          bigint      not null,
  occurrences     bigint      not null,
  first_at        timestamptz not null,
  last_at         timestamptz not null,
  primary key (tenant_id, day, group_id, upstream_status, config_version, outcome, headline)
) with (fillfactor = 80);

alter table failure_group enable row level security;
alter table failure_group force row level security;
create policy tenant on failure_group for select to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy service on failure_group to limpid_service using (true) with check (true);
alter table failure_fingerprint enable row level security;
alter table failure_fingerprint force row level security;
create policy tenant on failure_fingerprint for select to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy service on failure_fingerprint to limpid_service using (true) with check (true);
alter table failure_group_1h enable row level security;
alter table failure_group_1h force row level security;
create policy tenant on failure_group_1h for select to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy service on failure_group_1h to limpid_service using (true) with check (true);
alter table failure_group_1d enable row level security;
alter table failure_group_1d force row level security;
create policy tenant on failure_group_1d for select to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy service on failure_group_1d to limpid_service using (true) with check (true);

grant select on projection_checkpoint, failure_group, failure_fingerprint, failure_group_1h, failure_group_1d, ingest_batch to limpid_tenant;
grant select, insert, update, delete on projection_checkpoint, failure_group, failure_fingerprint, failure_group_1h,
  failure_group_1d to limpid_service;
