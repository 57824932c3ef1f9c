-- Delivery usage: how many requests were answered and how many bytes sent, by hour. Serving nodes count in memory and add what they counted
-- every few seconds; two nodes add to the same rows.

-- Every answered request is in exactly one row, so sums are exact.
create table delivery_usage_1h (
  tenant_id   bigint      not null,
  hour        timestamptz not null,
  endpoint_no integer     not null,
  status      smallint    not null,
  cache       smallint    not null,
  format      smallint    not null,
  requests    bigint      not null,
  bytes       bigint      not null,
  primary key (tenant_id, hour, endpoint_no, status, cache, format)
) with (fillfactor = 80);

-- The most used paths, transformations, referrers and so on. The key '' (hash 0) takes what was not among the most used of its moment, so
-- the sum over a dimension is exact, and a key's own number at most that much too low.
create table delivery_usage_top_1h (
  tenant_id bigint      not null,
  hour      timestamptz not null,
  dimension smallint    not null,
  key_hash  bigint      not null,
  key       text        not null,
  requests  bigint      not null,
  bytes     bigint      not null,
  primary key (tenant_id, hour, dimension, key_hash)
) with (fillfactor = 80);

create table delivery_usage_top_1d (
  tenant_id bigint      not null,
  day       timestamptz not null,
  dimension smallint    not null,
  key_hash  bigint      not null,
  key       text        not null,
  requests  bigint      not null,
  bytes     bigint      not null,
  primary key (tenant_id, day, dimension, key_hash)
) with (fillfactor = 80);

-- The last batch of each run of a serving node. A run sends its batches one after the other, so one number tells which are stored.
create table delivery_usage_ledger (
  node_id    bigint      not null,
  run_id     uuid        not null,
  usage_seq  bigint      not null,
  counted_to timestamptz not null,
  started_at timestamptz not null default now(),
  stopped    boolean     not null,
  primary key (node_id, run_id)
);

alter table delivery_usage_1h enable row level security;
alter table delivery_usage_1h force row level security;
create policy tenant on delivery_usage_1h for select to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy service on delivery_usage_1h to limpid_service using (true) with check (true);
alter table delivery_usage_top_1h enable row level security;
alter table delivery_usage_top_1h force row level security;
create policy tenant on delivery_usage_top_1h for select to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy service on delivery_usage_top_1h to limpid_service using (true) with check (true);
alter table delivery_usage_top_1d enable row level security;
alter table delivery_usage_top_1d force row level security;
create policy tenant on delivery_usage_top_1d for select to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy service on delivery_usage_top_1d to limpid_service using (true) with check (true);

grant select on delivery_usage_1h, delivery_usage_top_1h, delivery_usage_top_1d, delivery_usage_ledger to limpid_tenant;
grant select, insert, update, delete on delivery_usage_1h, delivery_usage_top_1h, delivery_usage_top_1d, delivery_usage_ledger
  to limpid_service;
