//! Old payloads become today's, one version at a time, by pure functions over JSON. Stored rows are never rewritten.

use serde_json::Value;

use super::{ConfigEvent, EventDecodeError};

/// Turns the payload of `kind` from version `from` into version `from + 1`.
struct Upcaster {
    kind: &'static str,
    from: i16,
    upcast: fn(Value) -> Value,
}

/// Every step there is, in no particular order. Append only; each has a golden file of the version it reads.
const UPCASTERS: &[Upcaster] = &[];

/// The version written today: one past the newest upcaster.
pub(super) fn current_version(kind: &str) -> i16 {
    newest_version(UPCASTERS, kind)
}

pub(super) fn to_current(kind: &str, version: i16, data: Value) -> Result<Value, EventDecodeError> {
    climb(UPCASTERS, kind, version, data)
}

fn newest_version(steps: &[Upcaster], kind: &str) -> i16 {
    let newest = steps
        .iter()
        .filter(|step| step.kind == kind)
        .map(|step| step.from);
    newest.max().map_or(1, |from| from + 1)
}

fn climb(
    steps: &[Upcaster],
    kind: &str,
    version: i16,
    data: Value,
) -> Result<Value, EventDecodeError> {
    let newest = newest_version(steps, kind);
    if version > newest || !ConfigEvent::KINDS.contains(&kind) {
        return Err(EventDecodeError::Newer {
            kind: kind.to_owned(),
            schema_version: version,
        });
    }
    let mut data = data;
    for from in version..newest {
        if let Some(step) = steps
            .iter()
            .find(|step| step.kind == kind && step.from == from)
        {
            data = (step.upcast)(data);
        }
    }
    Ok(data)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rename_title(mut data: Value) -> Value {
        data["name"] = data["title"].take();
        data
    }

    fn add_flag(mut data: Value) -> Value {
        data["flag"] = json!(true);
        data
    }

    const STEPS: &[Upcaster] = &[
        Upcaster {
            kind: "origin_created",
            from: 2,
            upcast: add_flag,
        },
        Upcaster {
            kind: "origin_created",
            from: 1,
            upcast: rename_title,
        },
    ];

    #[test]
    fn an_old_payload_climbs_every_step_in_order() {
        let first = climb(STEPS, "origin_created", 1, json!({"title": "a"})).unwrap();
        assert_eq!(
            (&first["name"], &first["flag"]),
            (&json!("a"), &json!(true))
        );
        let second = climb(STEPS, "origin_created", 2, json!({"name": "a"})).unwrap();
        assert_eq!(second, json!({"name": "a", "flag": true}));
        let third = climb(STEPS, "origin_created", 3, json!({"name": "a"})).unwrap();
        assert_eq!(third, json!({"name": "a"}));
        assert_eq!(newest_version(STEPS, "origin_created"), 3);
        assert_eq!(newest_version(STEPS, "origin_deleted"), 1);
    }

    #[test]
    fn a_payload_from_the_future_is_an_error_of_its_own() {
        for (kind, version) in [("origin_created", 4), ("teleported", 1)] {
            let refused = climb(STEPS, kind, version, Value::Null).unwrap_err();
            assert!(
                matches!(refused, EventDecodeError::Newer { .. }),
                "{kind} {version}"
            );
        }
    }
}
