-- Notes that people put on the time line: a deployment, a campaign, a guess. Configuration changes need none: they are in the log.
create table annotation (
  tenant_id     bigint      not null,
  annotation_id uuid        not null,
  at            timestamptz not null,
  note          text        not null,
  author        text        not null,
  created_at    timestamptz not null default now(),
  primary key (tenant_id, annotation_id)
);
create index annotation_at on annotation (tenant_id, at);

alter table annotation enable row level security;
alter table annotation force row level security;
create policy tenant on annotation to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint))
  with check (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy service on annotation for select to limpid_service using (true);
grant select, insert, delete on annotation to limpid_tenant;
grant select on annotation to limpid_service;
