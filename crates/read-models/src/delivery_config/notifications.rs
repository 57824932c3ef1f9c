//! Alert rules and webhooks: from events to rows, and reads of them.

use chrono::{DateTime, Utc};
use limpid_domain::alert_rule::AlertRuleSettings;
use limpid_domain::event::ConfigEvent;
use limpid_domain::ids::{AlertRuleId, StreamVersion, WebhookId};
use limpid_domain::secret::SecretRef;
use limpid_domain::webhook::{WebhookDisabledReason, WebhookSettings};
use limpid_event_store::{StoreError, TenantTx};
use sqlx::types::Json;
use uuid::Uuid;

use super::apply::Row;

/// An alert rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRuleConfig {
    /// Its id.
    pub id: AlertRuleId,
    /// Its own version.
    pub version: StreamVersion,
    /// What the tenant chose.
    pub settings: AlertRuleSettings,
    /// When it came into being.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// A webhook: nothing secret in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookConfig {
    /// Its id.
    pub id: WebhookId,
    /// Its own version.
    pub version: StreamVersion,
    /// What the tenant chose; `enabled` is false where the program disabled it.
    pub settings: WebhookSettings,
    /// The first characters of its secret.
    pub secret_hint: String,
    /// Why the program disabled it.
    pub disabled_by: Option<WebhookDisabledReason>,
    /// When it came into being.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl Row<'_> {
    /// Brings the tables up to an event of theirs; other events are none of their business.
    pub(super) async fn notification_changed(self, event: &ConfigEvent) -> Result<(), StoreError> {
        if let ConfigEvent::AlertRuleCreated { settings } = event {
            return self.alert_rule_created(settings).await;
        }
        if let ConfigEvent::AlertRuleReplaced { settings } = event {
            return self.alert_rule_replaced(settings).await;
        }
        if let ConfigEvent::WebhookCreated {
            settings,
            secret_hint,
            secret,
        } = event
        {
            return self.webhook_created(settings, (secret_hint, secret)).await;
        }
        if let ConfigEvent::WebhookChanged { settings } = event {
            return self.webhook_changed(settings).await;
        }
        if let ConfigEvent::WebhookSecretRotated {
            secret_hint,
            secret,
        } = event
        {
            return self.webhook_secret_rotated(secret_hint, secret).await;
        }
        if let ConfigEvent::WebhookDisabled { reason } = event {
            return self.webhook_disabled(*reason).await;
        }
        let delete = match event {
            ConfigEvent::AlertRuleDeleted {} => {
                "delete from alert_rule where tenant_id = $1 and generation = $2 and alert_rule_id = $3"
            }
            ConfigEvent::WebhookDeleted {} => {
                "delete from webhook where tenant_id = $1 and generation = $2 and webhook_id = $3"
            }
            _ => return Ok(()),
        };
        self.statement(delete).execute(self.conn).await?;
        Ok(())
    }

    async fn alert_rule_created(self, settings: &AlertRuleSettings) -> Result<(), StoreError> {
        self.statement(
            "insert into alert_rule (tenant_id, generation, alert_rule_id, created_seq, version, kind, enabled, settings, created_at, \
             updated_at, active_since) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $9)",
        )
        .bind(self.at.tenant_seq.0)
        .bind(self.at.version.0)
        .bind(settings.condition.kind().as_str())
        .bind(settings.enabled)
        .bind(Json(settings))
        .bind(self.at.recorded_at)
        .execute(self.conn)
        .await?;
        Ok(())
    }

    async fn alert_rule_replaced(self, settings: &AlertRuleSettings) -> Result<(), StoreError> {
        self.statement(
            "update alert_rule set version = $4, kind = $5, enabled = $6, settings = $7, updated_at = $8, \
             active_since = case when enabled = $6 and settings -> 'condition' = $7::jsonb -> 'condition' then active_since else $8 end \
             where tenant_id = $1 and generation = $2 and alert_rule_id = $3",
        )
        .bind(self.at.version.0)
        .bind(settings.condition.kind().as_str())
        .bind(settings.enabled)
        .bind(Json(settings))
        .bind(self.at.recorded_at)
        .execute(self.conn)
        .await?;
        Ok(())
    }

    async fn webhook_created(
        self,
        settings: &WebhookSettings,
        (hint, secret): (&str, &SecretRef),
    ) -> Result<(), StoreError> {
        self.statement(
            "insert into webhook (tenant_id, generation, webhook_id, created_seq, version, enabled, settings, secret_version, \
             secret_hint, created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)",
        )
        .bind(self.at.tenant_seq.0)
        .bind(self.at.version.0)
        .bind(settings.enabled)
        .bind(Json(settings))
        .bind(secret.version.0)
        .bind(hint)
        .bind(self.at.recorded_at)
        .execute(self.conn)
        .await?;
        Ok(())
    }

    async fn webhook_changed(self, settings: &WebhookSettings) -> Result<(), StoreError> {
        self.statement(
            "update webhook set version = $4, enabled = $5, settings = $6, updated_at = $7, \
             disabled_by = case when $5 then null else disabled_by end \
             where tenant_id = $1 and generation = $2 and webhook_id = $3",
        )
        .bind(self.at.version.0)
        .bind(settings.enabled)
        .bind(Json(settings))
        .bind(self.at.recorded_at)
        .execute(self.conn)
        .await?;
        Ok(())
    }

    async fn webhook_secret_rotated(
        self,
        hint: &str,
        secret: &SecretRef,
    ) -> Result<(), StoreError> {
        self.statement(
            "update webhook set version = $4, secret_version = $5, secret_hint = $6, updated_at = $7 \
             where tenant_id = $1 and generation = $2 and webhook_id = $3",
        )
        .bind(self.at.version.0)
        .bind(secret.version.0)
        .bind(hint)
        .bind(self.at.recorded_at)
        .execute(self.conn)
        .await?;
        Ok(())
    }

    async fn webhook_disabled(self, reason: WebhookDisabledReason) -> Result<(), StoreError> {
        self.statement(
            "update webhook set version = $4, enabled = false, disabled_by = $5, updated_at = $6, \
             settings = jsonb_set(settings, '{enabled}', 'false') \
             where tenant_id = $1 and generation = $2 and webhook_id = $3",
        )
        .bind(self.at.version.0)
        .bind(reason.as_str())
        .bind(self.at.recorded_at)
        .execute(self.conn)
        .await?;
        Ok(())
    }
}

const RULE_COLUMNS: &str = "alert_rule_id, version, settings, created_at, updated_at";

/// The tenant's alert rules, oldest first.
///
/// Errors: [`StoreError::Unavailable`].
pub async fn alert_rules(tx: &mut TenantTx) -> Result<Vec<AlertRuleConfig>, StoreError> {
    let query = format!(
        "select {RULE_COLUMNS} from alert_rule where tenant_id = $1 and generation = 0 order by created_seq"
    );
    let rows: Vec<RuleRow> = sqlx::query_as(sqlx::AssertSqlSafe(query))
        .bind(tx.tenant_id().0)
        .fetch_all(tx.as_conn())
        .await?;
    Ok(rows.into_iter().map(AlertRuleConfig::from).collect())
}

/// One of the tenant's alert rules.
///
/// Errors: [`StoreError::Unavailable`].
pub async fn alert_rule(
    tx: &mut TenantTx,
    id: AlertRuleId,
) -> Result<Option<AlertRuleConfig>, StoreError> {
    let query = format!(
        "select {RULE_COLUMNS} from alert_rule where tenant_id = $1 and generation = 0 and alert_rule_id = $2"
    );
    let row: Option<RuleRow> = sqlx::query_as(sqlx::AssertSqlSafe(query))
        .bind(tx.tenant_id().0)
        .bind(id.0)
        .fetch_optional(tx.as_conn())
        .await?;
    Ok(row.map(AlertRuleConfig::from))
}

const WEBHOOK_COLUMNS: &str =
    "webhook_id, version, settings, secret_hint, disabled_by, created_at, updated_at";

/// The tenant's webhooks, oldest first.
///
/// Errors: [`StoreError::Unavailable`].
pub async fn webhooks(tx: &mut TenantTx) -> Result<Vec<WebhookConfig>, StoreError> {
    let query = format!(
        "select {WEBHOOK_COLUMNS} from webhook where tenant_id = $1 and generation = 0 order by created_seq"
    );
    let rows: Vec<WebhookRow> = sqlx::query_as(sqlx::AssertSqlSafe(query))
        .bind(tx.tenant_id().0)
        .fetch_all(tx.as_conn())
        .await?;
    Ok(rows.into_iter().map(WebhookConfig::from).collect())
}

/// One of the tenant's webhooks.
///
/// Errors: [`StoreError::Unavailable`].
pub async fn webhook(
    tx: &mut TenantTx,
    id: WebhookId,
) -> Result<Option<WebhookConfig>, StoreError> {
    let query = format!(
        "select {WEBHOOK_COLUMNS} from webhook where tenant_id = $1 and generation = 0 and webhook_id = $2"
    );
    let row: Option<WebhookRow> = sqlx::query_as(sqlx::AssertSqlSafe(query))
        .bind(tx.tenant_id().0)
        .bind(id.0)
        .fetch_optional(tx.as_conn())
        .await?;
    Ok(row.map(WebhookConfig::from))
}

#[derive(sqlx::FromRow)]
struct RuleRow {
    alert_rule_id: Uuid,
    version: i32,
    settings: Json<AlertRuleSettings>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<RuleRow> for AlertRuleConfig {
    fn from(row: RuleRow) -> Self {
        Self {
            id: AlertRuleId(row.alert_rule_id),
            version: StreamVersion(row.version),
            settings: row.settings.0,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

#[derive(sqlx::FromRow)]
struct WebhookRow {
    webhook_id: Uuid,
    version: i32,
    settings: Json<WebhookSettings>,
    secret_hint: String,
    disabled_by: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<WebhookRow> for WebhookConfig {
    fn from(row: WebhookRow) -> Self {
        let disabled_by = row.disabled_by.as_deref();
        Self {
            id: WebhookId(row.webhook_id),
            version: StreamVersion(row.version),
            disabled_by: disabled_by.and_then(WebhookDisabledReason::from_name),
            settings: row.settings.0,
            secret_hint: row.secret_hint,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}
