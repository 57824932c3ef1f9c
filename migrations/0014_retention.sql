-- Retention of counts, and the erasure of tenants.

-- Counts before this moment are gone, as single failures are before `dropped_before`.
alter table failure_retention
  add column counts_dropped_before timestamptz not null default '-infinity';

-- Tenants that are being erased, and what is left of those that were: a number, when, by whom, how many rows. Ingest looks here: what
-- arrives late for one of them is dropped.
create table tenant_erasure (
  tenant_id    bigint      not null primary key,
  requested_at timestamptz not null default now(),
  requested_by jsonb       not null,
  erased_rows  jsonb       not null default '{}',
  finished_at  timestamptz
);

alter table tenant_erasure enable row level security;
alter table tenant_erasure force row level security;
create policy tenant on tenant_erasure to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint))
  with check (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy service on tenant_erasure to limpid_service using (true) with check (true);
grant select, insert on tenant_erasure to limpid_tenant;
grant select, insert, update on tenant_erasure to limpid_service;
