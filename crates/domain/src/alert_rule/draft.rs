//! A request body becomes the settings of a rule.

use serde_json::Value;

use super::{
    AlertCondition, AlertRuleSettings, AlertingState, ConditionKind, GroupFilter, MAX_NAME_CHARS,
    MAX_NAMED, QuietHours,
};
use crate::failure::Reason;
use crate::ids::{OriginId, UrlEndpointId, WebhookId};
use crate::refusal::Refusal;
use crate::request_body::Fields;
use crate::url_endpoint::UrlEndpointName;

impl AlertRuleSettings {
    /// Reads the body of a rule; `enabled` is true where it is not sent.
    ///
    /// Errors: [`Refusal::Invalid`] with the first broken rule.
    pub fn parse(body: Value) -> Result<Self, Refusal> {
        let mut fields = Fields::of(body)?;
        let name = fields.required_text("name", MAX_NAME_CHARS)?;
        let condition = match fields.any("condition") {
            Some(condition @ Value::Object(_)) => AlertCondition::parse(condition)?,
            _ => {
                return Err(Refusal::invalid(
                    "condition is required and must be an object",
                ));
            }
        };
        let webhooks = ids(&mut fields, "webhooks", str::parse::<WebhookId>)?;
        let quiet_hours = match fields.any("quietHours") {
            None | Some(Value::Null) => None,
            Some(hours) => Some(QuietHours::parse(hours)?),
        };
        let enabled = fields.optional_flag("enabled")?.unwrap_or(true);
        fields.finish()?;
        Ok(Self {
            name,
            condition,
            webhooks,
            quiet_hours,
            enabled,
        })
    }
}

impl AlertCondition {
    fn parse(body: Value) -> Result<Self, Refusal> {
        let mut fields = Fields::of(body)?;
        let kind = fields.required_text("type", MAX_NAME_CHARS)?;
        let kind = ConditionKind::ALL
            .into_iter()
            .find(|known| known.as_str() == kind);
        let condition = match kind {
            Some(ConditionKind::GroupState) => group_state(&mut fields)?,
            Some(ConditionKind::FailingShare) => failing_share(&mut fields)?,
            Some(ConditionKind::OriginTest) => Self::OriginTest {
                origins: ids(&mut fields, "origins", str::parse::<OriginId>)?,
                failures: number(&mut fields, "failures", (1, 1_000))?.unwrap_or(3),
            },
            Some(ConditionKind::Expiry) => Self::Expiry {
                days: number(&mut fields, "days", (1, 365))?.unwrap_or(14),
            },
            None => {
                let known = ConditionKind::ALL.map(ConditionKind::as_str).join(", ");
                return Err(Refusal::invalid(format!(
                    "condition.type must be one of {known}"
                )));
            }
        };
        fields.finish()?;
        Ok(condition)
    }
}

fn group_state(fields: &mut Fields) -> Result<AlertCondition, Refusal> {
    let mut states = Vec::new();
    for name in fields.texts("states")? {
        let state = AlertingState::from_name(&name).ok_or_else(|| {
            let known = AlertingState::ALL.map(AlertingState::as_str).join(", ");
            Refusal::invalid(format!("states must be of {known}"))
        })?;
        if !states.contains(&state) {
            states.push(state);
        }
    }
    if states.is_empty() {
        return Err(Refusal::invalid("states must not be empty."));
    }
    states.sort_unstable();
    let endpoints = bounded(fields, "endpoints")?;
    if endpoints
        .iter()
        .any(|name| UrlEndpointName::parse(name).is_none())
    {
        return Err(Refusal::invalid(
            "endpoints must be ids of URL endpoints, or default",
        ));
    }
    let reasons = bounded(fields, "reasons")?;
    if reasons.iter().any(|name| Reason::from_name(name).is_none()) {
        return Err(Refusal::invalid("reasons must be names of failure reasons"));
    }
    let filter = GroupFilter {
        endpoints,
        origins: ids(fields, "origins", str::parse::<OriginId>)?,
        reasons,
    };
    Ok(AlertCondition::GroupState { states, filter })
}

fn failing_share(fields: &mut Fields) -> Result<AlertCondition, Refusal> {
    let required = |field: &str, given: Option<u16>| {
        given.ok_or_else(|| Refusal::invalid(format!("{field} is required and must be an integer")))
    };
    let over = number(fields, "overPercent", (0, 99))?;
    let minutes = number(fields, "forMinutes", (5, 60))?;
    let minimum = fields.optional_number("minimumRequests", 1..=1_000_000_000)?;
    let endpoint = fields.optional_text("endpoint", MAX_NAME_CHARS)?;
    if endpoint
        .as_deref()
        .is_some_and(|name| UrlEndpointName::parse(name).is_none())
    {
        return Err(Refusal::invalid(
            "endpoint must be the id of a URL endpoint, or default",
        ));
    }
    let over = required("overPercent", over)?;
    Ok(AlertCondition::FailingShare {
        over_percent: u8::try_from(over).unwrap_or(u8::MAX),
        for_minutes: required("forMinutes", minutes)?,
        minimum_requests: u32::try_from(minimum.unwrap_or(100)).unwrap_or(u32::MAX),
        endpoint,
    })
}

fn number(
    fields: &mut Fields,
    field: &str,
    (least, most): (u16, u16),
) -> Result<Option<u16>, Refusal> {
    let number = fields.optional_number(field, u64::from(least)..=u64::from(most))?;
    Ok(number.and_then(|number| u16::try_from(number).ok()))
}

fn bounded(fields: &mut Fields, field: &str) -> Result<Vec<String>, Refusal> {
    let mut texts = fields.texts(field)?;
    if texts.len() > MAX_NAMED {
        return Err(Refusal::invalid(format!(
            "{field} must have at most {MAX_NAMED} entries"
        )));
    }
    texts.sort_unstable();
    texts.dedup();
    Ok(texts)
}

fn ids<T, E>(
    fields: &mut Fields,
    field: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, Refusal> {
    let texts = bounded(fields, field)?;
    let ids: Result<Vec<T>, E> = texts.iter().map(|text| parse(text)).collect();
    ids.map_err(|_no_id| Refusal::invalid(format!("{field} must be an array of ids")))
}

/// The endpoint ids that a rule names.
pub(super) fn named_endpoints(condition: &AlertCondition) -> Vec<UrlEndpointId> {
    let names: Vec<&String> = match condition {
        AlertCondition::GroupState { filter, .. } => filter.endpoints.iter().collect(),
        AlertCondition::FailingShare { endpoint, .. } => endpoint.iter().collect(),
        AlertCondition::OriginTest { .. } | AlertCondition::Expiry { .. } => Vec::new(),
    };
    names.iter().filter_map(|name| name.parse().ok()).collect()
}

/// The origins that a rule names.
pub(super) fn named_origins(condition: &AlertCondition) -> &[OriginId] {
    match condition {
        AlertCondition::GroupState { filter, .. } => &filter.origins,
        AlertCondition::OriginTest { origins, .. } => origins,
        AlertCondition::FailingShare { .. } | AlertCondition::Expiry { .. } => &[],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(condition: &Value) -> Value {
        json!({"name": "Night watch", "condition": condition})
    }

    #[test]
    fn a_rule_reads_back_as_it_was_written() {
        let id = OriginId::mint();
        for condition in [
            json!({"type": "group_state", "states": ["new", "escalating"], "endpoints": ["default"], "origins": [id],
                "reasons": ["object_not_found"]}),
            json!({"type": "failing_share", "overPercent": 5, "forMinutes": 10, "minimumRequests": 200, "endpoint": "default"}),
            json!({"type": "origin_test", "origins": [id], "failures": 3}),
            json!({"type": "expiry", "days": 14}),
        ] {
            let parsed = AlertRuleSettings::parse(rule(&condition)).unwrap();
            assert!(parsed.enabled);
            assert_eq!(serde_json::to_value(&parsed.condition).unwrap(), condition);
            let read: AlertRuleSettings =
                serde_json::from_value(serde_json::to_value(&parsed).unwrap()).unwrap();
            assert_eq!(read, parsed);
        }
    }

    #[test]
    fn what_breaks_a_rule_is_refused_by_name() {
        for (condition, message) in [
            (
                json!({"type": "count"}),
                "condition.type must be one of group_state, failing_share, origin_test, expiry",
            ),
            (json!({"type": "group_state"}), "states must not be empty."),
            (
                json!({"type": "group_state", "states": ["ongoing"]}),
                "states must be of new, regressed, escalating",
            ),
            (
                json!({"type": "group_state", "states": ["new"], "reasons": ["x"]}),
                "reasons must be names of failure reasons",
            ),
            (
                json!({"type": "group_state", "states": ["new"], "origins": ["x"]}),
                "origins must be an array of ids",
            ),
            (
                json!({"type": "failing_share", "overPercent": 5}),
                "forMinutes is required and must be an integer",
            ),
            (
                json!({"type": "failing_share", "overPercent": 5, "forMinutes": 3}),
                "forMinutes must be an integer from 5 to 60",
            ),
            (
                json!({"type": "expiry", "days": 0}),
                "days must be an integer from 1 to 365",
            ),
            (
                json!({"type": "expiry", "hours": 1}),
                "\"hours\" is not allowed",
            ),
        ] {
            let refused = AlertRuleSettings::parse(rule(&condition)).unwrap_err();
            assert_eq!(refused.message(), message);
        }
        let refused = AlertRuleSettings::parse(json!({"name": "x"})).unwrap_err();
        assert_eq!(
            refused.message(),
            "condition is required and must be an object"
        );
    }
}
