-- The paths that failed most in a closed hour or day, for tenants with so many failures in it that counting them again for every
-- question would be slow. Smaller hours are counted from the events.

create table failure_top_path (
  tenant_id   bigint      not null,
  span_hours  smallint    not null check (span_hours in (1, 24)),
  starts_at   timestamptz not null,
  path_hash   bigint      not null,
  reason      smallint    not null,
  origin_no   integer     not null,
  path        text        not null,
  occurrences bigint      not null,
  first_at    timestamptz not null,
  last_at     timestamptz not null,
  primary key (tenant_id, span_hours, starts_at, path_hash, reason, origin_no)
);

-- The hours and days that are counted, and of how many events: late ones make a difference to the hourly counts, and it is counted again.
create table failure_top_path_span (
  tenant_id      bigint      not null,
  span_hours     smallint    not null check (span_hours in (1, 24)),
  starts_at      timestamptz not null,
  events         bigint      not null,
  distinct_paths bigint      not null,
  -- No path that is left out has more occurrences in this span than this.
  undercount     bigint      not null,
  primary key (tenant_id, span_hours, starts_at)
);

alter table failure_top_path enable row level security;
alter table failure_top_path force row level security;
create policy tenant on failure_top_path for select to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy service on failure_top_path to limpid_service using (true) with check (true);
alter table failure_top_path_span enable row level security;
alter table failure_top_path_span force row level security;
create policy tenant on failure_top_path_span for select to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy service on failure_top_path_span to limpid_service using (true) with check (true);
grant select on failure_top_path, failure_top_path_span to limpid_tenant;
grant select, insert, update, delete on failure_top_path, failure_top_path_span to limpid_service;
