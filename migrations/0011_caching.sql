-- How long failures of a URL endpoint may be repeated, where its tenant wants another time than the table of failures gives. Part of the
-- projection `delivery_config`.

alter table url_endpoint
  add column caching jsonb not null default '{}';
