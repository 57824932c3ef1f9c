-- Alerts: rules and webhooks as projections of the configuration log, what is open, and what is on its way to whom.

-- Both are part of the projection `delivery_config`. A rule looks at what happens from active_since on: when it was made, enabled, or given
-- another condition.
create table alert_rule (
  tenant_id     bigint      not null,
  generation    smallint    not null,
  alert_rule_id uuid        not null,
  created_seq   bigint      not null,
  version       integer     not null,
  kind          text        not null,
  enabled       boolean     not null,
  settings      jsonb       not null,
  created_at    timestamptz not null,
  updated_at    timestamptz not null,
  active_since  timestamptz not null,
  primary key (tenant_id, generation, alert_rule_id)
);
create index alert_rule_kind on alert_rule (kind, tenant_id) where generation = 0 and enabled;

create table webhook (
  tenant_id      bigint      not null,
  generation     smallint    not null,
  webhook_id     uuid        not null,
  created_seq    bigint      not null,
  version        integer     not null,
  enabled        boolean     not null,
  settings       jsonb       not null,
  secret_version integer     not null,
  secret_hint    text        not null,
  disabled_by    text,
  created_at     timestamptz not null,
  updated_at     timestamptz not null,
  primary key (tenant_id, generation, webhook_id)
);

-- One row per rule and thing it is about, from its opening to its end: state 1 is firing, 2 recovered. opened_by tells what opened it (the
-- number of a group's event, or a moment), so that what is looked at twice opens once. announced is the state that was told last, 0 none.
create table alert (
  tenant_id     bigint      not null,
  alert_id      uuid        not null,
  alert_rule_id uuid        not null,
  subject       text        not null,
  opened_by     bigint      not null,
  state         smallint    not null,
  announced     smallint    not null default 0,
  opened_at     timestamptz not null,
  closed_at     timestamptz,
  recorded_at   timestamptz not null default clock_timestamp(),
  detail        jsonb       not null,
  primary key (tenant_id, alert_id),
  unique (tenant_id, alert_rule_id, subject, opened_by)
);
create unique index alert_firing on alert (tenant_id, alert_rule_id, subject) where state = 1;
create index alert_not_done on alert (tenant_id, alert_rule_id) where announced < 2;
create index alert_closed on alert (closed_at);

-- How far the events of groups have been looked at.
create table alert_checkpoint (
  only_row    boolean     not null primary key default true check (only_row),
  recorded_at timestamptz not null
);
-- Events of a group are numbered within the group only; looking at the latest ones of all needs their moment.
create index failure_group_event_recorded on failure_group_event (recorded_at);

-- Counts of the present hour as they stood at the beginning of a minute, of the tenants that have a rule about shares. 0 is all endpoints.
create table alert_sample (
  tenant_id   bigint      not null,
  sampled_at  timestamptz not null,
  endpoint_no integer     not null,
  requests    bigint      not null,
  failed      bigint      not null,
  primary key (tenant_id, sampled_at, endpoint_no)
);
create index alert_sample_at on alert_sample (sampled_at);

-- Messages on their way, and what became of them: state 1 is pending, 2 delivered, 3 given up, 4 cancelled. Repetitions of one message
-- share message_id; resent_from names the delivery that somebody repeated.
create table webhook_delivery (
  tenant_id       bigint      not null,
  delivery_id     uuid        not null,
  webhook_id      uuid        not null,
  message_id      uuid        not null,
  resent_from     uuid,
  alert_rule_id   uuid,
  type            text        not null,
  payload         text        not null,
  state           smallint    not null default 1,
  attempts        smallint    not null default 0,
  created_at      timestamptz not null,
  next_attempt_at timestamptz,
  leased_until    timestamptz,
  finished_at     timestamptz,
  tries           jsonb       not null default '[]',
  primary key (tenant_id, delivery_id)
);
create index webhook_delivery_due on webhook_delivery (next_attempt_at) where state = 1;
create index webhook_delivery_of_webhook on webhook_delivery (tenant_id, webhook_id, delivery_id);
create index webhook_delivery_created on webhook_delivery (created_at);

-- Since when nothing could be delivered to a webhook. A fact of the network and no configuration, so no rebuild touches it.
create table webhook_standing (
  tenant_id       bigint      not null,
  webhook_id      uuid        not null,
  failing_since   timestamptz,
  last_success_at timestamptz,
  last_failure_at timestamptz,
  primary key (tenant_id, webhook_id)
);

alter table alert_rule enable row level security;
alter table alert_rule force row level security;
create policy tenant on alert_rule to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint))
  with check (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy service on alert_rule to limpid_service using (true) with check (true);
alter table webhook enable row level security;
alter table webhook force row level security;
create policy tenant on webhook to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint))
  with check (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy service on webhook to limpid_service using (true) with check (true);
alter table alert enable row level security;
alter table alert force row level security;
create policy tenant on alert for select to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy service on alert to limpid_service using (true) with check (true);
alter table alert_sample enable row level security;
alter table alert_sample force row level security;
create policy tenant on alert_sample for select to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy service on alert_sample to limpid_service using (true) with check (true);
alter table webhook_delivery enable row level security;
alter table webhook_delivery force row level security;
create policy tenant on webhook_delivery to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint))
  with check (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy service on webhook_delivery to limpid_service using (true) with check (true);
alter table webhook_standing enable row level security;
alter table webhook_standing force row level security;
create policy tenant on webhook_standing for select to limpid_tenant
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
create policy service on webhook_standing to limpid_service using (true) with check (true);

grant select, insert, update, delete on alert_rule, webhook to limpid_tenant;
grant select on alert_rule, webhook to limpid_service;
grant select on alert, alert_sample, webhook_standing to limpid_tenant;
grant select, insert on webhook_delivery to limpid_tenant;
grant select, insert, update, delete on alert, alert_checkpoint, alert_sample, webhook_delivery, webhook_standing to limpid_service;
