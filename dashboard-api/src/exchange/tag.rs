//! Weak tags of answers that have no version, so that whoever asks again and again is told when nothing is new.
//!
//! Source: `dashboard.md` 2.6. The tag is of what the answer says and not of when it was asked for: the ends of a moving period and how fresh it
//! was are left out. It is of the content rather than of the position in the log, because names, states of groups and
//! notes change without any failure arriving.

use axum::body::{Body, HttpBody, to_bytes};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Longest answer that gets a tag; longer ones are answered as they are.
const MAX_TAGGED_BYTES: usize = 4 * 1024 * 1024;

/// Characters of a tag.
const TAG_CHARS: usize = 22;

/// What of `meta` says only when the question was asked; the position moves with the failures of all accounts.
const MOMENTS: [&str; 5] = ["from", "to", "asOf", "lagMs", "position"];

/// Gives the JSON answer to a read a tag, unless it has one.
pub(super) async fn with_tag(response: Response, reads: bool) -> Response {
    let is_json = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|media_type| media_type == "application/json");
    let has_tag = response.headers().contains_key(header::ETAG);
    // Of a stream nobody knows how long it is.
    let length = response.body().size_hint().exact();
    let fits = length.is_some_and(|length| length <= MAX_TAGGED_BYTES as u64);
    if !reads || !is_json || has_tag || !fits || response.status() != StatusCode::OK {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(body) = to_bytes(body, MAX_TAGGED_BYTES).await else {
        return Response::from_parts(parts, Body::empty());
    };
    if let Some(tag) = tag_of(&body) {
        parts.headers.insert(header::ETAG, tag);
    }
    Response::from_parts(parts, Body::from(body))
}

fn tag_of(body: &Bytes) -> Option<HeaderValue> {
    let mut answer: Value = serde_json::from_slice(body).ok()?;
    if let Some(meta) = answer.get_mut("meta").and_then(Value::as_object_mut) {
        for moment in MOMENTS {
            meta.remove(moment);
        }
    }
    let digest = Sha256::digest(answer.to_string().as_bytes());
    let mut tag = URL_SAFE_NO_PAD.encode(digest);
    tag.truncate(TAG_CHARS);
    HeaderValue::try_from(format!("W/\"{tag}\"")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(body: &'static str) -> HeaderValue {
        tag_of(&Bytes::from_static(body.as_bytes())).unwrap()
    }

    #[test]
    fn a_tag_is_of_the_content_and_not_of_the_moment() {
        let first = tag(
            r#"{"attempts":1,"meta":{"from":"a","to":"b","asOf":"c","lagMs":1,"complete":true}}"#,
        );
        let same = tag(
            r#"{"attempts":1,"meta":{"from":"d","to":"e","asOf":"f","lagMs":2,"complete":true}}"#,
        );
        assert_eq!(first, same);
        assert!(first.to_str().unwrap().starts_with("W/\""));
        for other in [
            r#"{"attempts":2,"meta":{"complete":true}}"#,
            r#"{"attempts":1,"meta":{"complete":false}}"#,
        ] {
            assert_ne!(tag(other), first);
        }
    }

    #[tokio::test]
    async fn streams_versions_and_refusals_are_left_as_they_are() {
        let json = |status: StatusCode| {
            let mut response = Response::new(Body::from("{}"));
            *response.status_mut() = status;
            let media_type = HeaderValue::from_static("application/json");
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, media_type);
            response
        };
        let tagged = with_tag(json(StatusCode::OK), true).await;
        assert!(tagged.headers().contains_key(header::ETAG));
        let refused = with_tag(json(StatusCode::NOT_FOUND), true).await;
        assert!(!refused.headers().contains_key(header::ETAG));
        let changed = with_tag(json(StatusCode::OK), false).await;
        assert!(!changed.headers().contains_key(header::ETAG));
        let mut versioned = json(StatusCode::OK);
        let version = HeaderValue::from_static("\"7\"");
        versioned
            .headers_mut()
            .insert(header::ETAG, version.clone());
        let versioned = with_tag(versioned, true).await;
        assert_eq!(versioned.headers().get(header::ETAG), Some(&version));
        let chunks = futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"{}"))]);
        let mut stream = json(StatusCode::OK);
        *stream.body_mut() = Body::from_stream(chunks);
        let stream = with_tag(stream, true).await;
        assert!(!stream.headers().contains_key(header::ETAG));
    }
}
