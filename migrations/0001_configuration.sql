-- Configuration: the log, the secrets it points at, and the projection that serving reads.
--
-- Every key begins with tenant_id; rows of one tenant are all that the role limpid_tenant can see. The exceptions are the
-- unique indexes that find a tenant by something global: its public name, the hash of a key, a host name.
-- Column `generation` of a projection is 0 for what is in force and 1 while `limpid rebuild` compares a fresh one with it.

create table tenant_head (
  tenant_id  bigint generated always as identity primary key,
  last_seq   bigint not null default 0 check (last_seq >= 0),
  changed_at timestamptz not null default clock_timestamp()
);
create index tenant_head_changed_at on tenant_head (changed_at);

create table config_stream (
  tenant_id bigint not null references tenant_head,
  stream_id uuid not null,
  kind      text not null,
  version   integer not null check (version > 0),
  primary key (tenant_id, stream_id)
);

create table config_event (
  tenant_id   bigint not null,
  tenant_seq  bigint not null check (tenant_seq > 0),
  stream_id   uuid not null,
  version     integer not null check (version > 0),
  event_id    uuid not null,
  kind        text not null,
  schema_v    smallint not null,
  data        jsonb not null,
  meta        jsonb not null,
  recorded_at timestamptz not null default clock_timestamp(),
  primary key (tenant_id, tenant_seq),
  unique (tenant_id, stream_id, version),
  unique (tenant_id, event_id),
  foreign key (tenant_id, stream_id) references config_stream
);

create table sealed_secret (
  tenant_id   bigint not null references tenant_head,
  stream_id   uuid not null,
  version     integer not null check (version > 0),
  kek_id      bytea not null,
  wrapped_dek bytea not null,
  nonce       bytea not null,
  ciphertext  bytea not null,
  primary key (tenant_id, stream_id, version)
);

create table tenant (
  tenant_id   bigint not null,
  generation  smallint not null,
  imagekit_id text not null,
  name        text not null,
  lifecycle   text not null,
  settings    jsonb not null,
  created_at  timestamptz not null,
  primary key (tenant_id, generation)
);
create unique index tenant_imagekit_id on tenant (imagekit_id) where generation = 0;

create table key_pair (
  tenant_id        bigint not null,
  generation       smallint not null,
  key_pair_id      uuid not null,
  created_seq      bigint not null,
  name             text not null,
  public_key       text not null,
  private_key_hash bytea not null,
  private_key_hint text not null,
  secret_version   integer not null,
  created_at       timestamptz not null,
  revoked_at       timestamptz,
  primary key (tenant_id, generation, key_pair_id)
);
create unique index key_pair_private_key_hash on key_pair (private_key_hash) where generation = 0;

create table origin (
  tenant_id      bigint not null,
  generation     smallint not null,
  origin_id      uuid not null,
  origin_no      integer not null,
  version        integer not null,
  settings       jsonb not null,
  secret_version integer,
  updated_at     timestamptz not null,
  deleted        boolean not null,
  primary key (tenant_id, generation, origin_id),
  unique (tenant_id, generation, origin_no)
);

create table url_endpoint (
  tenant_id       bigint not null,
  generation      smallint not null,
  url_endpoint_id uuid not null,
  url_endpoint_no integer not null,
  version         integer not null,
  is_default      boolean not null,
  url_prefix      text not null,
  settings        jsonb not null,
  updated_at      timestamptz not null,
  deleted         boolean not null,
  primary key (tenant_id, generation, url_endpoint_id),
  unique (tenant_id, generation, url_endpoint_no)
);
create unique index url_endpoint_url_prefix on url_endpoint (tenant_id, generation, url_prefix) where not deleted;
create unique index url_endpoint_default on url_endpoint (tenant_id, generation) where is_default;

create table custom_domain (
  tenant_id       bigint not null,
  generation      smallint not null,
  domain          text not null,
  url_endpoint_id uuid not null,
  primary key (tenant_id, generation, domain)
);
create unique index custom_domain_domain on custom_domain (domain) where generation = 0;

-- Rights. The log is append-only for everybody but its owner.

grant usage on schema public to limpid_tenant, limpid_service;
grant select, insert on config_event to limpid_tenant;
grant select on config_event to limpid_service;
grant select, update on tenant_head to limpid_tenant;
grant select, insert on tenant_head to limpid_service;
grant select, insert, update on config_stream to limpid_tenant;
grant select on config_stream to limpid_service;
grant select, insert, update, delete on sealed_secret, tenant, key_pair, origin, url_endpoint, custom_domain to limpid_tenant;
grant select on sealed_secret, tenant, key_pair, origin, url_endpoint, custom_domain to limpid_service;

-- Row-level security. The sub-select makes PostgreSQL read the setting once per statement and not once per row; nullif, because
-- a setting that was local to an ended transaction reads as ''. No tenant set: no rows.

alter table tenant_head enable row level security;
alter table tenant_head force row level security;
create policy tenant_head_tenant on tenant_head to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint))
  with check (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy tenant_head_service on tenant_head to limpid_service using (true) with check (true);

alter table config_stream enable row level security;
alter table config_stream force row level security;
create policy config_stream_tenant on config_stream to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint))
  with check (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy config_stream_service on config_stream to limpid_service using (true) with check (true);

alter table config_event enable row level security;
alter table config_event force row level security;
create policy config_event_tenant on config_event to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint))
  with check (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy config_event_service on config_event to limpid_service using (true) with check (true);

alter table sealed_secret enable row level security;
alter table sealed_secret force row level security;
create policy sealed_secret_tenant on sealed_secret to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint))
  with check (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy sealed_secret_service on sealed_secret to limpid_service using (true) with check (true);

alter table tenant enable row level security;
alter table tenant force row level security;
create policy tenant_tenant on tenant to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint))
  with check (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy tenant_service on tenant to limpid_service using (true) with check (true);

alter table key_pair enable row level security;
alter table key_pair force row level security;
create policy key_pair_tenant on key_pair to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint))
  with check (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy key_pair_service on key_pair to limpid_service using (true) with check (true);

alter table origin enable row level security;
alter table origin force row level security;
create policy origin_tenant on origin to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint))
  with check (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy origin_service on origin to limpid_service using (true) with check (true);

alter table url_endpoint enable row level security;
alter table url_endpoint force row level security;
create policy url_endpoint_tenant on url_endpoint to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint))
  with check (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy url_endpoint_service on url_endpoint to limpid_service using (true) with check (true);

alter table custom_domain enable row level security;
alter table custom_domain force row level security;
create policy custom_domain_tenant on custom_domain to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint))
  with check (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy custom_domain_service on custom_domain to limpid_service using (true) with check (true);
