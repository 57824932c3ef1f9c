//! The configuration as it was at any version, folded from the log, and what differs between two.

mod difference;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use limpid_domain::event::{ConfigEvent, StreamKind};
use limpid_domain::ids::{StreamId, StreamVersion, TenantSeq};
use limpid_domain::secret::SecretRef;
use limpid_event_store::config_log::{self, StoredEvent};
use limpid_event_store::{StoreError, TenantTx};
use serde_json::{Map, Value, json};

pub use difference::{FieldChange, differences};

/// Events that are read at once.
const PAGE: u32 = 1_000;

/// A tenant's configuration at one moment, without secrets.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigState {
    /// The last change that is in it; 0 before the first.
    pub version: TenantSeq,
    /// When that was made; `None` before the first.
    pub changed_at: Option<DateTime<Utc>>,
    /// Everything there is, by stream.
    pub resources: BTreeMap<StreamId, Resource>,
}

/// One thing of a configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// What it is.
    pub kind: StreamKind,
    /// Its own version.
    pub version: StreamVersion,
    /// When that was made.
    pub changed_at: DateTime<Utc>,
    /// Its fields; secrets as version and fingerprint.
    pub fields: Value,
}

/// Up to where the log is folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Up to this version, itself included.
    Version(TenantSeq),
    /// Up to this moment, itself included.
    Moment(DateTime<Utc>),
    /// All of it.
    Now,
}

impl Until {
    fn includes(self, event: &StoredEvent) -> bool {
        match self {
            Self::Version(version) => event.tenant_seq <= version,
            Self::Moment(moment) => event.recorded_at <= moment,
            Self::Now => true,
        }
    }
}

/// Reads the configuration as it was.
///
/// # Errors
/// [`StoreError::Undecodable`], [`StoreError::Unavailable`].
pub async fn config_at(tx: &mut TenantTx, until: Until) -> Result<ConfigState, StoreError> {
    let mut state = ConfigState::default();
    loop {
        let page = config_log::read_since(tx, state.version, PAGE).await?;
        let is_last = page.len() < PAGE as usize;
        for event in &page {
            if !until.includes(event) {
                return Ok(state);
            }
            state.apply(event);
        }
        if is_last {
            return Ok(state);
        }
    }
}

impl Default for ConfigState {
    fn default() -> Self {
        Self {
            version: TenantSeq(0),
            changed_at: None,
            resources: BTreeMap::new(),
        }
    }
}

impl ConfigState {
    /// Brings the state up to the next event.
    pub fn apply(&mut self, event: &StoredEvent) {
        self.version = event.tenant_seq;
        self.changed_at = Some(event.recorded_at);
        let before = self.resources.remove(&event.stream_id);
        let fields = before.map(|resource| resource.fields);
        if let Some(fields) = fields_after(fields, &event.event) {
            let resource = Resource {
                kind: event.event.stream_kind(),
                version: event.version,
                changed_at: event.recorded_at,
                fields,
            };
            self.resources.insert(event.stream_id, resource);
        }
    }

    /// The fields of one thing; null where there is none.
    pub fn fields(&self, stream_id: StreamId) -> Value {
        let resource = self.resources.get(&stream_id);
        resource.map_or(Value::Null, |resource| resource.fields.clone())
    }
}

/// The fields of a thing after an event, or `None` when it is gone.
fn fields_after(before: Option<Value>, event: &ConfigEvent) -> Option<Value> {
    let data = event.to_data();
    Some(match event {
        ConfigEvent::KeyPairCreated {
            name, public_key, ..
        } => json!({"name": name, "publicKey": public_key, "revoked": false}),
        ConfigEvent::KeyPairRevoked {} => merged(before, json!({"revoked": true})),
        ConfigEvent::OriginCreated {
            settings,
            credentials,
        }
        | ConfigEvent::OriginReplaced {
            settings,
            credentials,
        } => {
            let credentials = credentials.as_ref().map(credentials_shown);
            merged(
                serde_json::to_value(settings).ok(),
                json!({"credentials": credentials}),
            )
        }
        ConfigEvent::WebhookCreated {
            settings, secret, ..
        } => merged(
            serde_json::to_value(settings).ok(),
            json!({"secret": credentials_shown(secret)}),
        ),
        ConfigEvent::WebhookSecretRotated { secret, .. } => {
            merged(before, json!({"secret": credentials_shown(secret)}))
        }
        ConfigEvent::WebhookDisabled { reason } => {
            merged(before, json!({"enabled": false, "disabledBy": reason}))
        }
        ConfigEvent::WebhookChanged { .. } => {
            merged(merged(before, json!({"disabledBy": null})).into(), data)
        }
        // Conditions of different kinds have different fields: nothing of an earlier one may stay.
        ConfigEvent::AlertRuleCreated { .. } | ConfigEvent::AlertRuleReplaced { .. } => data,
        ConfigEvent::OriginAttached { origin_id } => attached(before, json!(origin_id)),
        ConfigEvent::TenantSettingsChanged { .. } => merged(before, json!({"settings": data})),
        ConfigEvent::TenantLimitsSet { .. } => merged(before, json!({"limits": data})),
        ConfigEvent::UrlEndpointRestrictionsSet { .. } => {
            merged(before, json!({"restrictions": data}))
        }
        ConfigEvent::UrlEndpointCachingSet { .. } => merged(before, json!({"caching": data})),
        ConfigEvent::CustomDomainsSet { domains } => {
            merged(before, json!({"customDomains": domains}))
        }
        ConfigEvent::TenantCreated { .. }
        | ConfigEvent::UrlEndpointCreated { .. }
        | ConfigEvent::UrlEndpointReplaced { .. }
        | ConfigEvent::NamedTransformationCreated { .. }
        | ConfigEvent::NamedTransformationChanged { .. } => merged(before, data),
        // A purge leaves nothing behind in the configuration.
        ConfigEvent::OriginDeleted {}
        | ConfigEvent::UrlEndpointDeleted {}
        | ConfigEvent::NamedTransformationDeleted {}
        | ConfigEvent::AlertRuleDeleted {}
        | ConfigEvent::WebhookDeleted {}
        | ConfigEvent::TenantErased {}
        | ConfigEvent::CachePurged { .. } => return None,
    })
}

/// The later fields in place of the earlier ones; those only the earlier ones have stay.
fn merged(before: Option<Value>, after: Value) -> Value {
    let mut fields = match before {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    if let Value::Object(after) = after {
        fields.extend(after);
    }
    Value::Object(fields)
}

fn attached(before: Option<Value>, origin: Value) -> Value {
    let mut fields = merged(before, Value::Null);
    if let Some(Value::Array(origins)) = fields.get_mut("origins") {
        origins.push(origin);
    }
    fields
}

/// Enough to see that a secret changed and when it was set, and nothing of it.
fn credentials_shown(secret: &SecretRef) -> Value {
    json!(format!("v{} #{}", secret.version, secret.fingerprint.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_names_some_fields_leaves_the_others() {
        let before = json!({"name": "a", "publicKey": "public_x", "revoked": false});
        let after = fields_after(Some(before), &ConfigEvent::KeyPairRevoked {});
        assert_eq!(
            after,
            Some(json!({"name": "a", "publicKey": "public_x", "revoked": true}))
        );
        assert_eq!(
            fields_after(Some(json!({"name": "a"})), &ConfigEvent::OriginDeleted {}),
            None
        );
    }
}
