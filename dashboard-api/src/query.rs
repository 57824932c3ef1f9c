//! Query parameters: read once, every fault collected, unknown names refused with a suggestion.

mod cursor;
mod moment;

use chrono::{DateTime, Utc};
use url::form_urlencoded;

use crate::error::{ApiError, FieldError};

pub(crate) use cursor::Listing;
pub(crate) use moment::parse_moment;

/// Values one repeated parameter may have: more is no question a person asks.
const MAX_VALUES: usize = 100;

/// Faults that are told of one query: enough for a person, not for an echo.
const MAX_FAULTS: usize = 20;

/// Similarity from which a known name is suggested for an unknown one. Units: Jaro-Winkler, 0 to 1.
const SUGGESTION_SIMILARITY: f64 = 0.8;

/// The query of one request while it is being read. [`Parameters::finish`] says whether all of it could be.
#[derive(Debug)]
pub(crate) struct Parameters {
    pairs: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

impl Parameters {
    /// Splits a raw query. Only `known` names may appear.
    pub(crate) fn parse(raw: Option<&str>, known: &[&str]) -> Self {
        let pairs: Vec<(String, String)> = form_urlencoded::parse(raw.unwrap_or("").as_bytes())
            .into_owned()
            .collect();
        let mut parameters = Self {
            pairs,
            errors: Vec::new(),
        };
        parameters.refuse_unknown(known);
        parameters
    }

    fn refuse_unknown(&mut self, known: &[&str]) {
        let mut unknown: Vec<String> = self
            .pairs
            .iter()
            .map(|(name, _)| name.clone())
            .filter(|name| !known.contains(&name.as_str()))
            .collect();
        unknown.dedup();
        for name in unknown {
            let detail = match closest(&name, known) {
                Some(suggestion) => {
                    format!("Unknown parameter \"{name}\"; did you mean \"{suggestion}\"?")
                }
                None => format!("Unknown parameter \"{name}\"; known are {}.", listed(known)),
            };
            self.refuse(&name, detail);
        }
    }

    /// The value of a parameter that may appear once; empty counts as absent.
    pub(crate) fn one(&mut self, name: &str) -> Option<String> {
        let mut values = self.values(name);
        if values.len() > 1 {
            self.refuse(name, format!("{name} may be given once."));
        }
        values.pop().filter(|value| !value.is_empty())
    }

    /// Every value of a repeatable parameter, read by `parse`; `expected` says in words what it reads.
    pub(crate) fn many<T>(
        &mut self,
        name: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Vec<T> {
        let values = self.values(name);
        if values.len() > MAX_VALUES {
            self.refuse(name, format!("{name} may be given {MAX_VALUES} times."));
            return Vec::new();
        }
        let mut parsed = Vec::with_capacity(values.len());
        for value in values {
            match parse(&value) {
                Some(value) => parsed.push(value),
                None => self.refuse(
                    name,
                    format!(
                        "{name} is {expected}, not \"{}\"; repeat the parameter for several.",
                        shown(&value)
                    ),
                ),
            }
        }
        parsed
    }

    /// One of a few names, with what it stands for.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        name: &str,
        choices: &[(&'static str, T)],
    ) -> Option<(&'static str, T)> {
        let value = self.one(name)?;
        let chosen = choices.iter().find(|(choice, _)| *choice == value).copied();
        if chosen.is_none() {
            let known: Vec<&str> = choices.iter().map(|(choice, _)| *choice).collect();
            let (known, shown) = (known.join(", "), shown(&value));
            self.refuse(name, format!("{name} is one of {known}, not \"{shown}\"."));
        }
        chosen
    }

    /// A whole number within `allowed`, both ends included.
    pub(crate) fn number(&mut self, name: &str, allowed: (u16, u16), default: u16) -> u16 {
        let Some(value) = self.one(name) else {
            return default;
        };
        let (least, most) = allowed;
        match value.parse::<u16>() {
            Ok(number) if (least..=most).contains(&number) => number,
            _ => {
                let shown = shown(&value);
                self.refuse(
                    name,
                    format!("{name} is a whole number from {least} to {most}, not \"{shown}\"."),
                );
                default
            }
        }
    }

    /// A point in time, absolute or relative to `now`.
    pub(crate) fn moment(&mut self, name: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let value = self.one(name)?;
        let moment = parse_moment(&value, now);
        if moment.is_none() {
            let shown = shown(&value);
            self.refuse(
                name,
                format!(
                    "{name} is a time like 2026-11-22T08:00:00Z, or now, or now-6h (s, m, h, d, w), not \"{shown}\"."
                ),
            );
        }
        moment
    }

    /// Notes a fault of the parameter `name`.
    pub(crate) fn refuse(&mut self, name: &str, detail: String) {
        if self.errors.len() >= MAX_FAULTS {
            return;
        }
        self.errors.push(FieldError {
            parameter: shown(name),
            detail,
        });
    }

    /// # Errors
    ///
    /// Every fault noted so far.
    pub(crate) fn finish(self) -> Result<(), ApiError> {
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(ApiError::ParametersInvalid(self.errors))
        }
    }

    /// Names and values of the parameters that are `wanted`, in an order that does not depend on the query's; empty ones count as absent.
    fn given(&self, wanted: impl Fn(&str) -> bool) -> Vec<(&str, &str)> {
        let pairs = self.pairs.iter().map(|(name, value)| (&**name, &**value));
        let mut given: Vec<(&str, &str)> = pairs
            .filter(|(name, value)| wanted(name) && !value.is_empty())
            .collect();
        given.sort_unstable();
        given
    }

    fn values(&self, name: &str) -> Vec<String> {
        let of_name = self.pairs.iter().filter(|(given, _)| given == name);
        of_name.map(|(_, value)| value.clone()).collect()
    }
}

/// What of a caller's text is repeated to the caller: short, one line.
fn shown(text: &str) -> String {
    const MAX_CHARS: usize = 60;
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .take(MAX_CHARS)
        .collect();
    if text.chars().nth(MAX_CHARS).is_some() {
        format!("{line}…")
    } else {
        line
    }
}

/// Names in the order they are known; of a name and its negation only the name, and that there are negations.
fn listed(known: &[&str]) -> String {
    let (negations, names): (Vec<&str>, Vec<&str>) =
        known.iter().partition(|name| name.starts_with("not."));
    let names = names.join(", ");
    match negations.first() {
        Some(example) => format!("{names}; and negations such as {example}"),
        None => names,
    }
}

fn closest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), *candidate))
        .filter(|(similarity, _)| *similarity >= SUGGESTION_SIMILARITY)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(parameters: Parameters) -> Vec<String> {
        match parameters.finish() {
            Err(ApiError::ParametersInvalid(errors)) => {
                errors.into_iter().map(|error| error.detail).collect()
            }
            Err(other) => panic!("{other:?}"),
            Ok(()) => Vec::new(),
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_a_suggestion() {
        let parameters = Parameters::parse(Some("orign=x&zzz=1"), &["origin", "code"]);
        assert_eq!(
            faults(parameters),
            [
                "Unknown parameter \"orign\"; did you mean \"origin\"?",
                "Unknown parameter \"zzz\"; known are origin, code."
            ]
        );
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let mut parameters = Parameters::parse(
            Some("limit=0&to=1&to=2&code=X&from=yesterday"),
            &["limit", "to", "code", "from"],
        );
        let limit = parameters.number("limit", (1, 200), 50);
        parameters.one("to");
        let codes = parameters.many("code", "one of A, B", |code| (code == "A").then_some(()));
        parameters.moment("from", DateTime::UNIX_EPOCH);
        assert_eq!((limit, codes.len()), (50, 0));
        let faults = faults(parameters);
        assert_eq!(faults.len(), 4, "{faults:?}");
        assert_eq!(
            faults[2],
            "code is one of A, B, not \"X\"; repeat the parameter for several."
        );
    }

    #[test]
    fn repeated_keys_are_a_list_and_percent_encoding_is_undone() {
        let mut parameters = Parameters::parse(Some("q=a%20b&q=c+d"), &["q"]);
        let values = parameters.many("q", "a text", |text| Some(text.to_owned()));
        assert_eq!(values, ["a b", "c d"]);
    }

    #[test]
    fn of_very_many_faults_only_the_first_are_told() {
        let query: Vec<String> = (0..500).map(|n| format!("x{n}=1")).collect();
        let parameters = Parameters::parse(Some(&query.join("&")), &["code"]);
        assert_eq!(faults(parameters).len(), MAX_FAULTS);
    }

    #[test]
    fn what_is_repeated_of_the_callers_text_is_one_short_line() {
        assert_eq!(shown("a\r\nb"), "a??b");
        assert_eq!(shown(&"x".repeat(100)).chars().count(), 61);
    }
}
