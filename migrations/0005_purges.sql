-- Purges. A purge itself is an event of the configuration log, which is append-only; what is added here is how far each serving node has come, so
-- that a purge can be called completed when, and only when, every node that may hold something of it has forgotten it.

create index config_event_purge on config_event (tenant_id, tenant_seq) where kind = 'cache_purged';

-- Nodes that may hold answers in memory. A node says so before it loads the configuration, then every few seconds, and when it stops.
create table purge_node (
  node_id bigint      not null primary key,
  seen_at timestamptz not null default now(),
  stopped boolean     not null
);

-- The configuration version up to which a node has applied a tenant's purges. Only for tenants that have purged anything.
create table purge_applied (
  tenant_id   bigint      not null references tenant_head,
  node_id     bigint      not null,
  applied_seq bigint      not null check (applied_seq > 0),
  applied_at  timestamptz not null default now(),
  primary key (tenant_id, node_id)
);

grant select on purge_node, purge_applied to limpid_tenant;
grant select, insert, update on purge_node, purge_applied to limpid_service;

alter table purge_applied enable row level security;
alter table purge_applied force row level security;
create policy purge_applied_tenant on purge_applied for select to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy purge_applied_service on purge_applied to limpid_service using (true) with check (true);
