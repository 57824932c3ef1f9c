//! What a rule looks at, and whether it holds. All of it is about states, never about single failures.

use serde::{Deserialize, Serialize};

use crate::failure_group::GroupEvent;
use crate::ids::{OriginId, UrlEndpointId};

/// When a rule alerts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub enum AlertCondition {
    /// A group of failures enters one of these states.
    GroupState {
        /// Which states; never empty.
        states: Vec<AlertingState>,
        /// Which groups.
        #[serde(flatten)]
        filter: GroupFilter,
    },
    /// More than a share of requests fails.
    FailingShare {
        /// The share. Units: percent.
        over_percent: u8,
        /// Over how long it is taken. Units: minutes.
        for_minutes: u16,
        /// Fewer requests than this say nothing.
        minimum_requests: u32,
        /// Of one URL endpoint; of the whole account where it is not given.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        endpoint: Option<String>,
    },
    /// An origin fails, one fetch after the other.
    OriginTest {
        /// Which origins; all where it is empty.
        origins: Vec<OriginId>,
        /// How many fetches in a row.
        failures: u16,
    },
    /// A certificate or a credential of an origin ends soon.
    Expiry {
        /// How soon. Units: days.
        days: u16,
    },
}

/// The kinds of [`AlertCondition`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConditionKind {
    /// [`AlertCondition::GroupState`].
    GroupState,
    /// [`AlertCondition::FailingShare`].
    FailingShare,
    /// [`AlertCondition::OriginTest`].
    OriginTest,
    /// [`AlertCondition::Expiry`].
    Expiry,
}

/// The states of a group that somebody may want to hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertingState {
    /// It has just begun.
    New,
    /// It came back after it was over.
    Regressed,
    /// It fails far more than before.
    Escalating,
}

/// Which groups a rule is about: each list leaves the others out; an empty one leaves out none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupFilter {
    /// URL endpoints as the API calls them: `default` or an id.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub endpoints: Vec<String>,
    /// Origins.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub origins: Vec<OriginId>,
    /// Reasons by name.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub reasons: Vec<String>,
}

/// What a group's failures have in common, as a rule sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupSubject<'a> {
    /// The URL endpoint and whether it is the default one; `None` where none was found.
    pub endpoint: Option<(UrlEndpointId, bool)>,
    /// The origin; `None` where none was asked.
    pub origin: Option<OriginId>,
    /// The reason's name.
    pub reason: &'a str,
}

/// What is to become of a rule's alert about one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// There is something to tell: open one, whatever is open.
    Opens,
    /// What is open is over.
    Recovers,
    /// Nothing that matters.
    Stays,
}

/// Requests and failures of the minutes that a share is taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharePast {
    /// Requests answered.
    pub requests: i64,
    /// Of these, those whose client saw the error.
    pub failed: i64,
}

impl AlertingState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::New, Self::Regressed, Self::Escalating];

    /// Its name in bodies and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Regressed => "regressed",
            Self::Escalating => "escalating",
        }
    }

    /// The state of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

impl ConditionKind {
    /// Every kind, in the order they are told.
    pub const ALL: [Self; 4] = [
        Self::GroupState,
        Self::FailingShare,
        Self::OriginTest,
        Self::Expiry,
    ];

    /// Its name in bodies and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GroupState => "group_state",
            Self::FailingShare => "failing_share",
            Self::OriginTest => "origin_test",
            Self::Expiry => "expiry",
        }
    }
}

impl AlertCondition {
    /// Its kind.
    pub fn kind(&self) -> ConditionKind {
        match self {
            Self::GroupState { .. } => ConditionKind::GroupState,
            Self::FailingShare { .. } => ConditionKind::FailingShare,
            Self::OriginTest { .. } => ConditionKind::OriginTest,
            Self::Expiry { .. } => ConditionKind::Expiry,
        }
    }

    /// What an event of a group means to the rule, whose alert about that group was opened by `open`, if one is.
    ///
    /// Escalation ends when the group calms down; everything ends when it is resolved.
    pub fn after_group_event(&self, event: &GroupEvent, open: Option<AlertingState>) -> Verdict {
        let Self::GroupState { states, .. } = self else {
            return Verdict::Stays;
        };
        let entered = |state: AlertingState| {
            if states.contains(&state) {
                Verdict::Opens
            } else {
                Verdict::Stays
            }
        };
        match event {
            GroupEvent::Began {} => entered(AlertingState::New),
            GroupEvent::Regressed {} => entered(AlertingState::Regressed),
            GroupEvent::Escalated { .. } => entered(AlertingState::Escalating),
            GroupEvent::Calmed {} if open == Some(AlertingState::Escalating) => Verdict::Recovers,
            GroupEvent::Resolved { .. } if open.is_some() => Verdict::Recovers,
            GroupEvent::Calmed {}
            | GroupEvent::Resolved { .. }
            | GroupEvent::Continued {}
            | GroupEvent::Reopened {}
            | GroupEvent::Muted { .. }
            | GroupEvent::Unmuted {}
            | GroupEvent::VerificationFailed { .. } => Verdict::Stays,
        }
    }

    /// What a share of failing requests means to the rule. Too few requests say neither that it began nor that it is over.
    pub fn after_share(&self, past: SharePast, is_open: bool) -> Verdict {
        let Self::FailingShare {
            over_percent,
            minimum_requests,
            ..
        } = self
        else {
            return Verdict::Stays;
        };
        if past.requests < i64::from(*minimum_requests).max(1) {
            return Verdict::Stays;
        }
        let is_over = past.failed.saturating_mul(100)
            > past.requests.saturating_mul(i64::from(*over_percent));
        match (is_over, is_open) {
            (true, false) => Verdict::Opens,
            (false, true) => Verdict::Recovers,
            (true, true) | (false, false) => Verdict::Stays,
        }
    }
}

impl GroupFilter {
    /// Whether a rule with this filter is about the group.
    pub fn includes(&self, group: &GroupSubject<'_>) -> bool {
        let endpoint = || {
            group.endpoint.is_some_and(|(id, is_default)| {
                let name = id.to_string();
                self.endpoints
                    .iter()
                    .any(|named| *named == name || (is_default && named == DEFAULT))
            })
        };
        let origin = || group.origin.is_some_and(|id| self.origins.contains(&id));
        let reason = || self.reasons.iter().any(|named| named == group.reason);
        (self.endpoints.is_empty() || endpoint())
            && (self.origins.is_empty() || origin())
            && (self.reasons.is_empty() || reason())
    }
}

const DEFAULT: &str = crate::url_endpoint::DEFAULT_ENDPOINT_NAME;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure_group::ResolvedBy;

    fn on(states: &[AlertingState]) -> AlertCondition {
        AlertCondition::GroupState {
            states: states.to_vec(),
            filter: GroupFilter::default(),
        }
    }

    #[test]
    fn only_the_states_that_were_asked_for_open_an_alert() {
        let rule = on(&[AlertingState::New, AlertingState::Escalating]);
        let escalated = GroupEvent::Escalated {
            hour: 90,
            hourly_mean: 1,
        };
        assert_eq!(
            rule.after_group_event(&GroupEvent::Began {}, None),
            Verdict::Opens
        );
        assert_eq!(
            rule.after_group_event(&escalated, Some(AlertingState::New)),
            Verdict::Opens
        );
        assert_eq!(
            rule.after_group_event(&GroupEvent::Regressed {}, None),
            Verdict::Stays
        );
    }

    #[test]
    fn calming_down_ends_an_escalation_and_nothing_else() {
        let rule = on(&AlertingState::ALL);
        let calmed = GroupEvent::Calmed {};
        let resolved = GroupEvent::Resolved {
            by: ResolvedBy::Silence,
        };
        for (event, open, verdict) in [
            (&calmed, Some(AlertingState::Escalating), Verdict::Recovers),
            (&calmed, Some(AlertingState::New), Verdict::Stays),
            (&resolved, Some(AlertingState::New), Verdict::Recovers),
            (&resolved, None, Verdict::Stays),
        ] {
            assert_eq!(rule.after_group_event(event, open), verdict);
        }
    }

    #[test]
    fn a_share_is_judged_only_by_enough_requests() {
        let rule = AlertCondition::FailingShare {
            over_percent: 5,
            for_minutes: 10,
            minimum_requests: 100,
            endpoint: None,
        };
        for (requests, failed, is_open, verdict) in [
            (100, 6, false, Verdict::Opens),
            (100, 5, false, Verdict::Stays),
            (100, 6, true, Verdict::Stays),
            (100, 5, true, Verdict::Recovers),
            (99, 99, false, Verdict::Stays),
            (99, 0, true, Verdict::Stays),
        ] {
            let past = SharePast { requests, failed };
            assert_eq!(rule.after_share(past, is_open), verdict, "{past:?}");
        }
    }

    #[test]
    fn a_filter_is_an_and_of_ors_and_an_empty_one_lets_everything_in() {
        let (endpoint, origin) = (UrlEndpointId::mint(), OriginId::mint());
        let group = GroupSubject {
            endpoint: Some((endpoint, true)),
            origin: Some(origin),
            reason: "object_not_found",
        };
        assert!(GroupFilter::default().includes(&group));
        let mut filter = GroupFilter {
            endpoints: vec!["default".to_owned()],
            origins: vec![OriginId::mint(), origin],
            reasons: vec!["object_not_found".to_owned()],
        };
        assert!(filter.includes(&group));
        filter.endpoints = vec![endpoint.to_string()];
        assert!(filter.includes(&group));
        filter.reasons = vec!["access_denied".to_owned()];
        assert!(!filter.includes(&group));
        let nowhere = GroupSubject {
            endpoint: None,
            ..group
        };
        filter.reasons.clear();
        assert!(!filter.includes(&nowhere));
    }
}
