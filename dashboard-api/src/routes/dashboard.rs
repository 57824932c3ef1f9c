//! `/dashboard/v1`: our own resources.

pub(crate) mod alert_rules;
pub(crate) mod alerts;
pub(crate) mod annotations;
pub(crate) mod api_keys;
pub(crate) mod caching;
pub(crate) mod change_effect;
pub(crate) mod changes;
pub(crate) mod config;
mod csv;
pub(crate) mod custom_domains;
pub(crate) mod diagnosis;
pub(crate) mod expiries;
pub(crate) mod onboarding;
pub(crate) mod origin_errors;
pub(crate) mod origin_health;
pub(crate) mod origin_metrics;
pub(crate) mod overview;
pub(crate) mod purges;
pub(crate) mod restore;
pub(crate) mod restrictions;
pub(crate) mod settings;
pub(crate) mod stream_tokens;
pub(crate) mod usage;
pub(crate) mod webhooks;
