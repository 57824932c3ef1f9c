-- The counts of groups of one account and day, packed into a few values: a question about a month reads thirty rows, where the counts
-- themselves lie on a page each. `failure_group_1h` stays what counts; a pack says the same again, of hours that are over, and can be made anew
-- at any time.

create table failure_day_pack (
  tenant_id    bigint      not null,
  day          timestamptz not null,
  -- Hours of the day, from its start, that are or are to be packed. Raised by whoever holds the lock of the counts of groups, before it packs:
  -- from then on every change of these hours is noted here.
  packed_hours smallint    not null check (packed_hours between 0 and 24),
  -- Bit n: hour n is packed as it is counted. Whoever changes a count clears it in the same transaction, and the counts answer for that hour.
  hours        integer     not null,
  -- One more with every change: what was packed meanwhile is not stored.
  generation   bigint      not null default 0,
  -- What is counted by, once for all counts of the day; then the counts, and the moments of the first and last failure of each.
  keys         bytea       not null default '',
  day_counts   bytea       not null default '',
  day_times    bytea       not null default '',
  hour_counts  bytea       not null default '',
  hour_times   bytea       not null default '',
  primary key (tenant_id, day)
) with (fillfactor = 80);

-- Numbers of few bytes each: nothing that compressing would make much smaller, and reading it would cost more.
alter table failure_day_pack alter column keys set storage external, alter column day_counts set storage external,
  alter column day_times set storage external, alter column hour_counts set storage external, alter column hour_times set storage external;

-- Before this moment hours may be packed: whoever changes a count of before it looks for a pack. Raised under the lock, with the claims.
alter table failure_retention add column packed_to timestamptz not null default '-infinity';
grant update (packed_to) on failure_retention to limpid_service;

-- What is to be packed again.
create index failure_day_pack_stale on failure_day_pack (day) where hours <> (1 << packed_hours) - 1;

alter table failure_day_pack enable row level security;
alter table failure_day_pack force row level security;
create policy tenant on failure_day_pack for select to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy service on failure_day_pack to limpid_service using (true) with check (true);
grant select on failure_day_pack to limpid_tenant;
grant select, insert, update, delete on failure_day_pack to limpid_service;

-- The paths that failed most in a closed hour or day, packed: takes the place of failure_top_path, which nothing writes any more and which
-- goes with a later release.
create table failure_path_pack (
  tenant_id      bigint      not null,
  span_hours     smallint    not null check (span_hours in (1, 24)),
  starts_at      timestamptz not null,
  -- Of how many events it is made: late ones make a difference to the hourly counts, and it is made anew.
  events         bigint      not null,
  distinct_paths bigint      not null,
  -- No path that is left out has more occurrences in this span than this.
  undercount     bigint      not null,
  -- Each path with its sum; and, in the same order, its counts by reason and origin.
  totals         bytea       not null,
  cells          bytea       not null,
  primary key (tenant_id, span_hours, starts_at)
);
alter table failure_path_pack alter column totals set storage external, alter column cells set storage external;

alter table failure_path_pack enable row level security;
alter table failure_path_pack force row level security;
create policy tenant on failure_path_pack for select to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy service on failure_path_pack to limpid_service using (true) with check (true);
grant select on failure_path_pack to limpid_tenant;
grant select, insert, update, delete on failure_path_pack to limpid_service;

-- The most used of hours and days that are over, one row per account and span: what a serving node still adds later stands in delivery_usage_top_1h
-- and _1d beside it until it is put to the rest. Moved, not copied: a request is counted in one of them.
create table delivery_usage_top_pack (
  tenant_id  bigint      not null,
  span_hours smallint    not null check (span_hours in (1, 24)),
  starts_at  timestamptz not null,
  -- Of one length: dimension, hash and name of each key, and its numbers. The key '' (hash 0) of a dimension is all that has no name.
  dimensions smallint[]  not null,
  key_hashes bigint[]    not null,
  keys       text[]      not null,
  requests   bigint[]    not null,
  bytes      bigint[]    not null,
  primary key (tenant_id, span_hours, starts_at)
);
alter table delivery_usage_top_pack alter column dimensions set storage external, alter column key_hashes set storage external,
  alter column keys set storage external, alter column requests set storage external, alter column bytes set storage external;

alter table delivery_usage_top_pack enable row level security;
alter table delivery_usage_top_pack force row level security;
create policy tenant on delivery_usage_top_pack for select to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy service on delivery_usage_top_pack to limpid_service using (true) with check (true);
grant select on delivery_usage_top_pack to limpid_tenant;
grant select, insert, update, delete on delivery_usage_top_pack to limpid_service;
