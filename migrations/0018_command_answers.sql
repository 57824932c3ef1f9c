-- Answers to commands, kept for a day so that a command that is sent again is answered again and not done again. Each is written in the
-- transaction of what it answers. What was asked and what was answered, secrets shown once among it, are sealed; the key is a digest.
create table command_answer (
  tenant_id  bigint      not null,
  scope      text        not null check (scope in ('tenant', 'operator')),
  key_digest bytea       not null check (octet_length(key_digest) = 32),
  command_id uuid        not null,
  sealed     bytea       not null,
  expires_at timestamptz not null,
  primary key (tenant_id, scope, key_digest)
);
-- The operator's keys are found before the account is known that a command makes.
create unique index command_answer_operator on command_answer (key_digest) where scope = 'operator';
create index command_answer_expires_at on command_answer (expires_at);

alter table command_answer enable row level security;
alter table command_answer force row level security;
create policy tenant on command_answer to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint))
  with check (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy service on command_answer to limpid_service using (true) with check (true);
grant select, insert, update, delete on command_answer to limpid_tenant;
grant select, delete on command_answer to limpid_service;
