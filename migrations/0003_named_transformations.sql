-- Named transformations: `n-thumb` in a URL stands for a stored transformation. Part of the projection `delivery_config`.

create table named_transformation (
  tenant_id               bigint not null,
  generation              smallint not null,
  named_transformation_id uuid not null,
  created_seq             bigint not null,
  version                 integer not null,
  name                    text not null,
  transformation          text not null,
  enabled                 boolean not null,
  created_at              timestamptz not null,
  primary key (tenant_id, generation, named_transformation_id)
);
create unique index named_transformation_name on named_transformation (tenant_id, generation, name);

grant select, insert, update, delete on named_transformation to limpid_tenant;
grant select on named_transformation to limpid_service;

alter table named_transformation enable row level security;
alter table named_transformation force row level security;
create policy named_transformation_tenant on named_transformation to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint))
  with check (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy named_transformation_service on named_transformation to limpid_service using (true) with check (true);
