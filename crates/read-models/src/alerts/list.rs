//! Alerts as people read them.

use chrono::{DateTime, Utc};
use limpid_domain::ids::{AlertId, AlertRuleId};
use limpid_event_store::{StoreError, TenantTx};
use serde_json::Value;
use sqlx::FromRow;
use uuid::Uuid;

/// What an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertState {
    /// Its rule holds.
    Firing,
    /// Its rule no longer holds.
    Recovered,
}

/// An alert.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertView {
    /// Its id.
    pub id: AlertId,
    /// The rule that opened it.
    pub rule_id: AlertRuleId,
    /// What it is about: `group:<id>`, `endpoint:<id>`, `account`.
    pub subject: String,
    /// Whether it is over.
    pub state: AlertState,
    /// When it began.
    pub opened_at: DateTime<Utc>,
    /// When it was over.
    pub closed_at: Option<DateTime<Utc>>,
    /// What was so when it began; by the kind of its rule.
    pub detail: Value,
}

/// Which alerts to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlertPage {
    /// Only those in this state.
    pub state: Option<AlertState>,
    /// Only those of this rule.
    pub rule: Option<AlertRuleId>,
    /// Only those before this one in the list.
    pub before: Option<AlertId>,
    /// How many at most.
    pub limit: u16,
}

/// The tenant's alerts, the latest first.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn alerts(tx: &mut TenantTx, page: AlertPage) -> Result<Vec<AlertView>, StoreError> {
    let rows: Vec<AlertRow> = sqlx::query_as(
        "select alert_id, alert_rule_id, subject, state, opened_at, closed_at, detail from alert
         where tenant_id = $1 and ($2::smallint is null or state = $2) and ($3::uuid is null or alert_rule_id = $3)
           and ($4::uuid is null or alert_id < $4)
         order by alert_id desc limit $5",
    )
    .bind(tx.tenant_id().0)
    .bind(page.state.map(AlertState::number))
    .bind(page.rule.map(|id| id.0))
    .bind(page.before.map(|id| id.0))
    .bind(i64::from(page.limit))
    .fetch_all(tx.as_conn())
    .await?;
    Ok(rows.into_iter().map(AlertView::from).collect())
}

impl AlertState {
    /// Its name in answers and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Recovered => "recovered",
        }
    }

    /// Its number in the database.
    pub(super) fn number(self) -> i16 {
        match self {
            Self::Firing => 1,
            Self::Recovered => 2,
        }
    }
}

#[derive(Debug, FromRow)]
pub(super) struct AlertRow {
    alert_id: Uuid,
    alert_rule_id: Uuid,
    subject: String,
    state: i16,
    opened_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
    detail: Value,
}

impl From<AlertRow> for AlertView {
    fn from(row: AlertRow) -> Self {
        Self {
            id: AlertId(row.alert_id),
            rule_id: AlertRuleId(row.alert_rule_id),
            subject: row.subject,
            state: if row.state == AlertState::Firing.number() {
                AlertState::Firing
            } else {
                AlertState::Recovered
            },
            opened_at: row.opened_at,
            closed_at: row.closed_at,
            detail: row.detail,
        }
    }
}
