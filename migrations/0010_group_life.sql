-- The life of groups of failures: began, goes on, escalates, was resolved, came back; and what people did about it.

-- What happened, for ever: nobody may change or remove a row. seq is dense per group, from 1. at may lie before recorded_at: a group
-- that was silent for seven days is over from then on, whenever that was noticed.
create table failure_group_event (
  tenant_id   bigint      not null,
  group_id    bigint      not null,
  seq         bigint      not null check (seq > 0),
  at          timestamptz not null,
  kind        text        not null,
  data        jsonb       not null,
  actor       jsonb       not null,
  note        text,
  recorded_at timestamptz not null default now(),
  primary key (tenant_id, group_id, seq)
);

-- The fold of those events: one row per group that has any.
create table failure_group_life (
  tenant_id   bigint      not null,
  group_id    bigint      not null,
  state       smallint    not null,
  since       timestamptz not null,
  episode_at  timestamptz not null,
  is_muted    boolean     not null,
  muted_until timestamptz,
  last_seq    bigint      not null,
  primary key (tenant_id, group_id)
) with (fillfactor = 80);

alter table failure_group_event enable row level security;
alter table failure_group_event force row level security;
create policy tenant on failure_group_event to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint))
  with check (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy service on failure_group_event to limpid_service using (true) with check (true);
alter table failure_group_life enable row level security;
alter table failure_group_life force row level security;
create policy tenant on failure_group_life to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint))
  with check (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy service on failure_group_life to limpid_service using (true) with check (true);

grant select, insert on failure_group_event to limpid_tenant, limpid_service;
grant select, insert, update on failure_group_life to limpid_tenant, limpid_service;
