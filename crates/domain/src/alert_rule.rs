//! Alert rules: when to tell somebody. A rule has a condition, webhooks, and perhaps hours in which it keeps what it has to say.
//!
//! | module | holds |
//! |---|---|
//! | `condition` | what a rule looks at, and whether it holds |
//! | `quiet_hours` | when a rule is silent |
//! | `draft` | a request body becomes settings |
//! | `decide` | the rules of a rule's life |

mod condition;
mod decide;
mod draft;
mod quiet_hours;

use serde::{Deserialize, Serialize};

use crate::ids::WebhookId;

pub use condition::{
    AlertCondition, AlertingState, ConditionKind, GroupFilter, GroupSubject, SharePast, Verdict,
};
pub use decide::{AlertRuleCommand, AlertRuleContext, AlertRuleState, decide, evolve};
pub use quiet_hours::QuietHours;

/// Most alert rules of one account. Source: ours.
pub const MAX_ALERT_RULES: usize = 50;

/// Most webhooks, origins, endpoints or reasons that one rule names. Source: ours.
const MAX_NAMED: usize = 50;

/// Longest name. Source: ours.
const MAX_NAME_CHARS: usize = 100;

/// Everything about an alert rule that its tenant chooses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertRuleSettings {
    /// What people call it, 1 to 100 characters.
    pub name: String,
    /// When it alerts.
    pub condition: AlertCondition,
    /// Whom it tells; nobody where it is empty, its alerts can be read all the same.
    pub webhooks: Vec<WebhookId>,
    /// When it tells nobody; what happened meanwhile is told at their end, at once.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub quiet_hours: Option<QuietHours>,
    /// Whether it is looked at.
    pub enabled: bool,
}

impl AlertRuleSettings {
    /// The time zone of its quiet hours, where they have one.
    pub fn time_zone(&self) -> Option<&str> {
        self.quiet_hours.as_ref()?.time_zone.as_deref()
    }
}
