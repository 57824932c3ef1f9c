//! What differs between two documents, field by field.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// A field that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldChange {
    /// Its name; of a field within a field, joined by dots.
    pub field: String,
    /// Its value before; null where it was not there.
    pub from: Value,
    /// Its value after; null where it is not there.
    pub to: Value,
}

/// Compares two objects; what is no object counts as an empty one. Lists are compared as wholes, for their order has a meaning.
pub fn differences(before: &Value, after: &Value) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    compare("", before, after, &mut changes);
    changes
}

fn compare(prefix: &str, before: &Value, after: &Value, changes: &mut Vec<FieldChange>) {
    let nothing = Map::new();
    let before = before.as_object().unwrap_or(&nothing);
    let after = after.as_object().unwrap_or(&nothing);
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let from = before.get(name).unwrap_or(&Value::Null);
        let to = after.get(name).unwrap_or(&Value::Null);
        if from == to {
            continue;
        }
        let field = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        if from.is_object() || to.is_object() {
            compare(&field, from, to, changes);
        } else {
            changes.push(FieldChange {
                field,
                from: from.clone(),
                to: to.clone(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_differs_is_named_with_its_place() {
        let before = json!({"name": "a", "bucket": "b", "settings": {"x": 1, "y": 2}, "origins": ["1", "2"]});
        let after = json!({"name": "a", "settings": {"x": 1, "y": 3}, "origins": ["2", "1"], "new": {"z": true}});
        let found = differences(&before, &after);
        let named: Vec<(&str, &Value, &Value)> = found
            .iter()
            .map(|change| (change.field.as_str(), &change.from, &change.to))
            .collect();
        assert_eq!(
            named,
            [
                ("bucket", &json!("b"), &json!(null)),
                ("new.z", &json!(null), &json!(true)),
                ("origins", &json!(["1", "2"]), &json!(["2", "1"])),
                ("settings.y", &json!(2), &json!(3)),
            ]
        );
        assert!(differences(&after, &after).is_empty());
        assert_eq!(differences(&Value::Null, &json!({"a": 1})).len(), 1);
    }
}
