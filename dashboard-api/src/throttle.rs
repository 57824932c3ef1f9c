//! How often one account may ask for what costs more than a query, and what answers say about it.
//!
//! What is left is noted beside the request, so that every answer says so, whether it was refused or not, and whichever handler counted.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue};
use limpid_domain::ids::TenantId;

tokio::task_local! {
    static NOTED: Mutex<Option<Allowance>>;
}

const WINDOW: Duration = Duration::from_mins(1);

/// Counts per account and minute. Accounts that have not asked for a minute are forgotten.
#[derive(Debug)]
pub(crate) struct Throttle {
    name: &'static str,
    per_minute: u32,
    windows: Mutex<HashMap<TenantId, (Instant, u32)>>,
}

/// What an account has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    name: &'static str,
    per_minute: u32,
    left: u32,
    /// Until there are all of them again.
    renewed_in: Duration,
}

/// Asked too often; the time after which to ask again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooOften(pub(crate) Duration);

impl Throttle {
    /// So many per account and minute, under the name that answers call it by.
    pub(crate) fn new(name: &'static str, per_minute: u32) -> Self {
        Self {
            name,
            per_minute,
            windows: Mutex::default(),
        }
    }

    /// Counts one.
    ///
    /// Errors: [`TooOften`]; refused ones are not counted.
    pub(crate) fn count(&self, tenant_id: TenantId, now: Instant) -> Result<(), TooOften> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.retain(|_, (began, _)| now.saturating_duration_since(*began) < WINDOW);
        let (began, count) = windows.entry(tenant_id).or_insert((now, 0));
        let renewed_in = WINDOW.saturating_sub(now.saturating_duration_since(*began));
        let is_left = *count < self.per_minute;
        *count += u32::from(is_left);
        note(Allowance {
            name: self.name,
            per_minute: self.per_minute,
            left: self.per_minute - *count,
            renewed_in,
        });
        if is_left {
            Ok(())
        } else {
            Err(TooOften(renewed_in))
        }
    }
}

/// Answers a request, and says what was counted meanwhile.
pub(crate) async fn noting<T>(answer: impl Future<Output = T>) -> (T, Option<Allowance>) {
    let noted = NOTED.scope(Mutex::new(None), async {
        let answer = answer.await;
        let noted = NOTED.with(|noted| *noted.lock().unwrap_or_else(PoisonError::into_inner));
        (answer, noted)
    });
    noted.await
}

fn note(allowance: Allowance) {
    let noted = NOTED.try_with(|noted| {
        *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(allowance);
    });
    if noted.is_err() {
        tracing::trace!("counted outside of a request: nobody is told what is left");
    }
}

impl Allowance {
    /// ImageKit's three headers, in its units, and on routes of ours those of the draft. Source: `imagekit.md` 4.11;
    /// draft-ietf-httpapi-ratelimit-headers-11.
    pub(crate) fn write(self, headers: &mut HeaderMap, is_ours: bool) {
        let Self {
            name,
            per_minute,
            left,
            renewed_in,
        } = self;
        let window = WINDOW.as_secs();
        let seconds = renewed_in.as_secs_f64().ceil();
        let mut entries = vec![
            ("x-ratelimit-limit", per_minute.to_string()),
            ("x-ratelimit-reset", renewed_in.as_millis().to_string()),
            ("x-ratelimit-interval", WINDOW.as_millis().to_string()),
        ];
        if is_ours {
            let policy = format!("\"{name}\";q={per_minute};w={window}");
            entries.push(("ratelimit-policy", policy));
            entries.push(("ratelimit", format!("\"{name}\";r={left};t={seconds}")));
        }
        for (name, value) in entries {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_waits_for_its_minute_and_others_do_not() {
        let throttle = Throttle::new("things", 2);
        let now = Instant::now();
        let later = now + Duration::from_secs(20);
        assert_eq!(throttle.count(TenantId(1), now), Ok(()));
        assert_eq!(throttle.count(TenantId(1), now), Ok(()));
        let wait = TooOften(Duration::from_secs(40));
        assert_eq!(throttle.count(TenantId(1), later), Err(wait));
        assert_eq!(throttle.count(TenantId(2), later), Ok(()));
        assert_eq!(throttle.count(TenantId(1), now + WINDOW), Ok(()));
    }

    #[tokio::test]
    async fn what_is_left_is_noted_for_the_answer() {
        let throttle = Throttle::new("things", 2);
        let now = Instant::now();
        let later = now + Duration::from_millis(20_500);
        let count = async |at| throttle.count(TenantId(1), at);
        let (counted, first) = noting(count(now)).await;
        assert_eq!(counted, Ok(()));
        assert_eq!(first.map(|allowance| allowance.left), Some(1));
        noting(count(now)).await.0.unwrap();
        let (counted, third) = noting(count(later)).await;
        assert!(counted.is_err());
        let mut headers = HeaderMap::new();
        third.unwrap().write(&mut headers, true);
        for (name, value) in [
            ("x-ratelimit-limit", "2"),
            ("x-ratelimit-reset", "39500"),
            ("x-ratelimit-interval", "60000"),
            ("ratelimit-policy", "\"things\";q=2;w=60"),
            ("ratelimit", "\"things\";r=0;t=40"),
        ] {
            assert_eq!(headers.get(name).unwrap(), value, "{name}");
        }
        assert_eq!(noting(async {}).await.1, None);
    }
}
