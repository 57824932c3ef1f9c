//! HTTP statuses to reasons, for origins that say nothing more precise.

use std::time::Duration;

use chrono::{DateTime, Utc};
use http::{HeaderMap, StatusCode};
use limpid_domain::failure::Reason;

/// The reason a status other than 200 stands for. Source: `errors.md`, the table.
pub(crate) fn reason_of_status(status: StatusCode) -> Reason {
    match status.as_u16() {
        404 | 410 => Reason::ObjectNotFound,
        401 => Reason::CredentialsInvalid,
        402 | 403 | 407 | 451 => Reason::AccessDenied,
        429 => Reason::OriginRateLimited,
        502..=504 => Reason::OriginOverloaded,
        500 | 501 | 505..=599 => Reason::OriginServerError,
        _ => Reason::OriginUnexpectedStatus,
    }
}

/// `Retry-After` as a time to wait, from seconds or a date.
pub(crate) fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let value = headers
        .get(http::header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = DateTime::<Utc>::from(httpdate::parse_http_date(value).ok()?);
    Some((at - now).to_std().unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_stand_for_the_reasons_of_the_table() {
        for (status, reason) in [
            (201, Reason::OriginUnexpectedStatus),
            (204, Reason::OriginUnexpectedStatus),
            (206, Reason::OriginUnexpectedStatus),
            (304, Reason::OriginUnexpectedStatus),
            (400, Reason::OriginUnexpectedStatus),
            (401, Reason::CredentialsInvalid),
            (403, Reason::AccessDenied),
            (404, Reason::ObjectNotFound),
            (407, Reason::AccessDenied),
            (410, Reason::ObjectNotFound),
            (418, Reason::OriginUnexpectedStatus),
            (429, Reason::OriginRateLimited),
            (451, Reason::AccessDenied),
            (500, Reason::OriginServerError),
            (502, Reason::OriginOverloaded),
            (503, Reason::OriginOverloaded),
            (504, Reason::OriginOverloaded),
            (520, Reason::OriginServerError),
            (999, Reason::OriginUnexpectedStatus),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(reason_of_status(status), reason, "{status}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = DateTime::from_timestamp(784_111_777, 0).unwrap();
        let parse = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("retry-after", http::HeaderValue::from_static(value));
            retry_after(&headers, now)
        };
        assert_eq!(parse("7"), Some(Duration::from_secs(7)));
        assert_eq!(
            parse("Sun, 06 Nov 1994 08:49:47 GMT"),
            Some(Duration::from_secs(10))
        );
        assert_eq!(parse("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(parse("soon"), None);
    }
}
