//! How receivers know that a message is ours: `ImageKit`'s header, and those of the Standard Webhooks specification, which its official SDKs
//! of today verify. Both are keyed by the secret as text, byte by byte.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use limpid_read_models::webhook_deliveries::ClaimedDelivery;
use sha2::Sha256;

/// The header fields of one attempt. The id is the message's and the same in every repetition of it; the time is that of the attempt, because
/// receivers refuse what is older than five minutes.
pub(super) fn headers(secret: &[u8], delivery: &ClaimedDelivery, now: DateTime<Utc>) -> HeaderMap {
    let (id, body) = (delivery.message_id.to_string(), delivery.payload.as_str());
    let (millis, seconds) = (now.timestamp_millis(), now.timestamp());
    let fields = [
        (
            HeaderName::from_static("x-ik-signature"),
            imagekit(secret, millis, body),
        ),
        (
            HeaderName::from_static("webhook-signature"),
            standard(secret, (&id, seconds), body),
        ),
        (
            HeaderName::from_static("webhook-timestamp"),
            seconds.to_string(),
        ),
        (HeaderName::from_static("webhook-id"), id),
        (
            HeaderName::from_static("limpid-delivery-id"),
            delivery.id.to_string(),
        ),
    ];
    let mut headers = HeaderMap::with_capacity(fields.len() + 1);
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    for (name, value) in fields {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    headers
}

/// `t=<milliseconds>,v1=<hexadecimal HMAC-SHA256 of t.body>`. Source: `imagekit.md` 1.6.
fn imagekit(secret: &[u8], millis: i64, body: &str) -> String {
    let digest = digest(secret, &format!("{millis}.{body}"));
    format!("t={millis},v1={}", hex::encode(digest))
}

/// `v1,<base64 of the HMAC-SHA256 of id.seconds.body>`. Source: the Standard Webhooks specification, "Signature scheme"; that the whole text of
/// the secret is the key is the official SDKs' doing: they encode it and hand it to the library, which decodes it.
fn standard(secret: &[u8], (id, seconds): (&str, i64), body: &str) -> String {
    let digest = digest(secret, &format!("{id}.{seconds}.{body}"));
    format!("v1,{}", STANDARD.encode(digest))
}

fn digest(secret: &[u8], text: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Worked out with `openssl dgst -sha256 -hmac`.
    #[test]
    fn signatures_are_those_that_others_work_out() {
        let body = r#"{"type":"webhook.test"}"#;
        assert_eq!(
            imagekit(b"whsec_test", 1_655_788_406_333, body),
            "t=1655788406333,v1=a67cfaa13b47a0bba8a2093947992849a2a774c17ac87b42f5537013e499fe49"
        );
        assert_eq!(
            standard(b"whsec_test", ("msg_1", 1_655_788_406), body),
            "v1,H8oHny0WJqnUbvygBqDnNCjDFUg3z4J6dgliozrC+2c="
        );
    }
}
