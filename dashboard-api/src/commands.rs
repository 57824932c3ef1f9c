//! What can be done to a configuration. Every command is one transaction: lock the tenant's head, load the stream, `decide`, append,
//! project, notify. The API, the command line and the demo all come through here.

mod alert_rule;
mod error;
mod key_pair;
mod named_transformation;
mod origin;
mod purge;
mod tenant;
mod tenant_erasure;
mod tenant_settings;
mod transaction;
mod url_endpoint;
mod webhook;

use limpid_domain::event::EventMeta;
use limpid_event_store::Database;
use limpid_event_store::vault::Vault;

pub use alert_rule::{
    DeleteAlertRule, ReplaceAlertRule, create_alert_rule, delete_alert_rule, replace_alert_rule,
};
pub use error::CommandError;
pub use key_pair::{CreatedKeyPair, create_key_pair, revoke_key_pair};
pub use named_transformation::{
    ChangeNamedTransformation, DeleteNamedTransformation, change_named_transformation,
    create_named_transformation, delete_named_transformation,
};
pub use origin::{
    DeleteOrigin, ReplaceOrigin, RestoreOrigin, create_origin, delete_origin, replace_origin,
    restore_origin,
};
pub use purge::purge_caches;
pub use tenant::{CreatedTenant, create_tenant};
pub use tenant_erasure::erase_tenant;
pub use tenant_settings::{
    ChangeTenantSettings, SetTenantLimits, change_tenant_settings, set_tenant_limits,
};
pub use url_endpoint::{
    DeleteUrlEndpoint, ReplaceUrlEndpoint, RestoreUrlEndpoint, SetCaching, SetCustomDomains,
    SetRestrictions, create_url_endpoint, delete_url_endpoint, replace_url_endpoint,
    restore_url_endpoint, set_caching, set_custom_domains, set_restrictions,
};
pub use webhook::{
    ChangeWebhook, NamedWebhook, RevealedWebhook, change_webhook, create_webhook, delete_webhook,
    rotate_webhook_secret,
};

/// Where commands take effect, and what the log says about who gave them.
#[derive(Debug, Clone)]
pub struct CommandContext<'a> {
    /// The log and its projections.
    pub database: &'a Database,
    /// Seals credentials.
    pub vault: &'a Vault,
    /// Who, from where, as part of what.
    pub meta: EventMeta,
}
