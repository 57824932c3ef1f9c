-- Settings of a tenant that change after its creation, limits the operator sets, and what the URLs of an endpoint may not ask
-- for. Part of the projection `delivery_config`. Rows that are there belong to tenants whose stream has one event.

alter table tenant
  add column version integer not null default 1,
  add column limits  jsonb   not null default '{}';

alter table url_endpoint
  add column restrictions jsonb not null default '{}';
