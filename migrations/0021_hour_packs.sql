-- Failures of one account and hour, counted by its 24 parts of 150 seconds and packed: what the ragged ends of a question are answered from
-- where an hour has many, instead of from the failures one by one. `origin_failure` stays what counts; a pack says the same again, of parts
-- that are over, and can be made anew at any time.

create table failure_hour_pack (
  tenant_id     bigint      not null,
  hour          timestamptz not null,
  -- Parts from the start of the hour that are or are to be packed. Raised by whoever holds the lock of the counts of groups, before it packs:
  -- from then on every failure of these parts that is counted is noted here.
  claimed_parts smallint    not null check (claimed_parts between 0 and 24),
  -- Parts from the start that are packed as they are counted. Whoever counts a failure of one of them sets this back to before it in the same
  -- transaction, and the failures answer for the rest.
  packed_parts  smallint    not null default 0 check (packed_parts between 0 and claimed_parts),
  -- One more with every failure that is noted: what was packed meanwhile is not stored.
  generation    bigint      not null default 0,
  -- What is counted by, once for all parts; then the counts, and the moments of the first and last failure of each.
  keys          bytea       not null default '',
  part_counts   bytea       not null default '',
  part_times    bytea       not null default '',
  primary key (tenant_id, hour)
) with (fillfactor = 80);

-- Numbers of few bytes each: nothing that compressing would make much smaller, and reading it would cost more.
alter table failure_hour_pack alter column keys set storage external, alter column part_counts set storage external,
  alter column part_times set storage external;

-- Before this moment parts may be packed: whoever counts a failure of before it looks for a pack. Raised under the lock, with the claims.
alter table failure_retention add column parts_packed_to timestamptz not null default '-infinity';
grant update (parts_packed_to) on failure_retention to limpid_service;

-- An hour of all tenants, and those of which no single failure is kept.
create index failure_hour_pack_hour on failure_hour_pack (hour);
-- What is to be packed.
create index failure_hour_pack_stale on failure_hour_pack (hour) where packed_parts < claimed_parts;

alter table failure_hour_pack enable row level security;
alter table failure_hour_pack force row level security;
create policy tenant on failure_hour_pack for select to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy service on failure_hour_pack to limpid_service using (true) with check (true);
grant select on failure_hour_pack to limpid_tenant;
grant select, insert, update, delete on failure_hour_pack to limpid_service;
