//! The last step of every failed fetch and of every trace: texts of the origin may echo what we sent, so secrets are taken out of them.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use limpid_domain::failure::AttemptFailure;
use limpid_domain::origin::OriginCredentials;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};

use crate::classify::text::{excerpt, printable_all};
use crate::trace::FetchTrace;

/// What most encoders of URLs leave as it is. Source: RFC 3986 section 2.3.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

const REMOVED: &str = "***";

/// Query values shorter than this are no secrets, and replacing them would make texts unreadable.
const SHORTEST_SECRET: usize = 6;

/// The least of a secret that is taken out at the end of a text, where the cap on its length may have cut it.
const SHORTEST_BEGINNING: usize = 8;

/// Replaces credentials and query values in every text of a failure.
pub(crate) fn scrub(
    failed: &mut AttemptFailure,
    credentials: &OriginCredentials,
    query: Option<&str>,
) {
    remove(failed, &sent_secrets(credentials, query));
}

/// The beginning of a file that turned out to be text: at most 512 bytes, printable, without credentials and query values. None
/// where it is no text.
pub fn text_excerpt(
    file: &[u8],
    credentials: &OriginCredentials,
    query: Option<&str>,
) -> Option<String> {
    let mut text = excerpt(file)?;
    remove_from(&mut text, &longest_first(&sent_secrets(credentials, query)));
    Some(text)
}

/// Replaces credentials, query values and what was sent beside them in everything a trace shows.
pub(crate) fn scrub_trace(
    trace: &mut FetchTrace,
    credentials: &OriginCredentials,
    query: Option<&str>,
) {
    let (steps, beside) = trace.recorded();
    if steps.is_empty() {
        return;
    }
    let mut secrets = sent_secrets(credentials, query);
    secrets.extend(
        beside
            .iter()
            .flat_map(|secret| spellings(secret.expose_secret())),
    );
    let secrets = longest_first(&secrets);
    for step in steps {
        remove_from(&mut step.detail, &secrets);
        if let Some(bytes) = &mut step.first_bytes {
            remove_from_bytes(bytes, &secrets);
        }
    }
}

/// What a request carries that nobody should read, in every spelling.
fn sent_secrets<'a>(
    credentials: &'a OriginCredentials,
    query: Option<&'a str>,
) -> Vec<Cow<'a, str>> {
    let mut secrets: Vec<Cow<'_, str>> = secrets_of(credentials)
        .into_iter()
        .flat_map(|secret| spellings(secret.expose_secret()))
        .collect();
    if let OriginCredentials::PasswordGrant {
        client_id,
        client_secret,
        ..
    } = credentials
    {
        let (id, secret) = (client_id.expose_secret(), client_secret.expose_secret());
        secrets.push(Cow::Owned(STANDARD.encode(format!("{id}:{secret}"))));
    }
    for pair in query.into_iter().flat_map(|query| query.split('&')) {
        // Names are words that texts are full of; what has none may be anything.
        let value = pair.split_once('=').map_or(pair, |(_, value)| value);
        for part in std::iter::once(value).chain(value.split('=')) {
            secrets.push(Cow::Borrowed(part));
            secrets.push(percent_decode_str(part).decode_utf8_lossy());
        }
    }
    if let OriginCredentials::SasToken { sas_token } = credentials {
        // The signature alone opens nothing, but nobody needs to read it.
        let parameters = sas_token.expose_secret().trim_start_matches('?').split('&');
        for signature in parameters.filter_map(|pair| pair.strip_prefix("sig=")) {
            secrets.push(Cow::Borrowed(signature));
            secrets.push(percent_decode_str(signature).decode_utf8_lossy());
        }
    }
    secrets
}

/// A secret as texts may show it: as it is, in a URL, in JSON, and line by line where it has lines.
fn spellings(secret: &str) -> Vec<Cow<'_, str>> {
    let mut all = vec![Cow::Borrowed(secret)];
    all.push(
        utf8_percent_encode(secret, NON_ALPHANUMERIC)
            .to_string()
            .into(),
    );
    all.push(utf8_percent_encode(secret, UNRESERVED).to_string().into());
    let json = serde_json::Value::from(secret).to_string();
    all.push(json.trim_matches('"').to_owned().into());
    all.push(printable_all(secret).into());
    all.extend(secret.lines().map(str::trim).map(Cow::Borrowed));
    all.extend(secret.split("\\n").map(Cow::Borrowed));
    all
}

/// Replaces secrets in every text of a failure.
pub(crate) fn remove(failed: &mut AttemptFailure, secrets: &[Cow<'_, str>]) {
    let texts = [
        &mut failed.note,
        &mut failed.location,
        &mut failed.body_excerpt,
        &mut failed.provider_code,
        &mut failed.provider_request_id,
    ];
    let values = failed.response_headers.iter_mut().map(|(_, value)| value);
    let secrets = longest_first(secrets);
    for text in texts.into_iter().flatten().chain(values) {
        remove_from(text, &secrets);
    }
}

/// The longest first: a part of it may be a secret as well, and what would be left is the rest of it.
fn longest_first<'a>(secrets: &'a [Cow<'_, str>]) -> Vec<&'a str> {
    let mut secrets: Vec<&str> = secrets
        .iter()
        .map(AsRef::as_ref)
        .filter(|secret| secret.len() >= SHORTEST_SECRET)
        .collect();
    secrets.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    secrets.dedup();
    secrets
}

fn remove_from(text: &mut String, secrets: &[&str]) {
    for secret in secrets {
        if text.contains(secret) {
            *text = text.replace(secret, REMOVED);
        }
    }
    let cut = secrets
        .iter()
        .filter_map(|secret| beginning_at_end(text, secret));
    if let Some(longest) = cut.max() {
        text.truncate(text.len().saturating_sub(longest));
        text.push_str(REMOVED);
    }
}

fn remove_from_bytes(bytes: &mut Bytes, secrets: &[&str]) {
    for secret in secrets {
        let secret = secret.as_bytes();
        while let Some(at) = bytes.windows(secret.len()).position(|part| part == secret) {
            let after = bytes.slice(at + secret.len()..);
            let parts = [&bytes.slice(..at)[..], REMOVED.as_bytes(), &after[..]];
            *bytes = parts.concat().into();
        }
    }
}

/// How much of a secret a text ends with, if that is enough of it to matter. Units: bytes.
fn beginning_at_end(text: &str, secret: &str) -> Option<usize> {
    let longest = secret.len().saturating_sub(1).min(text.len());
    (SHORTEST_BEGINNING..=longest).rev().find(|length| {
        secret
            .get(..*length)
            .is_some_and(|beginning| text.ends_with(beginning))
    })
}

fn secrets_of(credentials: &OriginCredentials) -> Vec<&SecretString> {
    match credentials {
        OriginCredentials::None | OriginCredentials::Unreadable => Vec::new(),
        OriginCredentials::AccessKey {
            access_key,
            secret_key,
        } => vec![access_key, secret_key],
        OriginCredentials::ServiceAccountKey { private_key } => vec![private_key],
        OriginCredentials::SasToken { sas_token } => vec![sas_token],
        OriginCredentials::PasswordGrant {
            client_id,
            client_secret,
            username,
            password,
        } => vec![client_id, client_secret, username, password],
    }
}

#[cfg(test)]
mod tests {
    use limpid_domain::failure::Reason;

    use super::*;

    #[test]
    fn a_secret_cut_short_spelled_otherwise_or_line_by_line_is_taken_out_too() {
        let grant = OriginCredentials::PasswordGrant {
            client_id: "client".into(),
            client_secret: "of+the/client".into(),
            username: "some body".into(),
            password: "pass\"word\nsecond line".into(),
        };
        for (said, left) in [
            ("it was of%2Bthe%2Fclient", "it was ***"),
            ("Basic Y2xpZW50Om9mK3RoZS9jbGllbnQ=", "Basic ***"),
            (
                r#"{"password":"pass\"word\nsecond line"}"#,
                r#"{"password":"***"}"#,
            ),
            ("the second line of it", "the *** of it"),
            ("it was of+the/cli", "it was ***"),
            ("it was of+the/", "it was of+the/"),
        ] {
            let mut failed = AttemptFailure::new(Reason::AccessDenied).with_note(said);
            scrub(&mut failed, &grant, None);
            assert_eq!(failed.note.as_deref(), Some(left));
        }
    }

    #[test]
    fn names_of_a_query_are_words_and_stay() {
        let mut failed = AttemptFailure::new(Reason::AccessDenied)
            .with_note("no version of /images/a.jpg for tok+en1, dG9r%3D%3D or alone7");
        let query = "version=abcdefg&images=tok%2Ben1&sig=dG9rdG9r==&alone7";
        failed.body_excerpt = Some("dG9rdG9r%3D%3D".to_owned());
        scrub(&mut failed, &OriginCredentials::None, Some(query));
        assert_eq!(
            failed.note.as_deref(),
            Some("no version of /images/a.jpg for ***, dG9r%3D%3D or ***")
        );
        assert_eq!(failed.body_excerpt.as_deref(), Some("***%3D%3D"));
    }

    #[test]
    fn the_beginning_of_a_file_that_is_text_shows_no_secret() {
        let credentials = OriginCredentials::AccessKey {
            access_key: "AKIACANARY".into(),
            secret_key: "s3cr3t+canary".into(),
        };
        let page = b"<title>Login</title> AKIACANARY tok+en1";
        assert_eq!(
            text_excerpt(page, &credentials, Some("token=tok%2Ben1")).as_deref(),
            Some("<title>Login</title> *** ***")
        );
        assert_eq!(text_excerpt(b"a\0b", &credentials, None), None);
    }

    #[test]
    fn a_trace_shows_no_secret_that_a_page_quotes_not_even_a_token() {
        let mut trace = FetchTrace::recording();
        trace.hide(&"ya29.bearer".into());
        trace.first_bytes(&Bytes::from_static(
            b"<p>AKIACANARY AKIACANARY ya29.bearer alt=tok%2Ben1</p>",
        ));
        trace.step("classify", false, std::time::Instant::now(), || {
            "no such user AKIACANARY".to_owned()
        });
        let credentials = OriginCredentials::AccessKey {
            access_key: "AKIACANARY".into(),
            secret_key: "s3cr3t+canary".into(),
        };
        scrub_trace(&mut trace, &credentials, Some("alt=tok%2Ben1"));
        let steps = trace.steps();
        assert_eq!(
            steps[0].first_bytes.as_deref(),
            Some(&b"<p>*** *** *** alt=***</p>"[..])
        );
        assert_eq!(steps[1].detail, "no such user ***");
    }

    #[test]
    fn echoed_secrets_are_taken_out_of_every_text() {
        let credentials = OriginCredentials::AccessKey {
            access_key: "AKIACANARY".into(),
            secret_key: "s3cr3t+canary".into(),
        };
        let mut failed = AttemptFailure::new(Reason::AccessDenied)
            .with_note("no such user AKIACANARY, token tok%2Ben1 or tok+en1");
        failed.body_excerpt = Some("s3cr3t+canary".to_owned());
        failed.response_headers = vec![("server".to_owned(), "x AKIACANARY".to_owned())];
        scrub(&mut failed, &credentials, Some("alt=1&token=tok%2Ben1"));
        let shown = format!("{failed:?}");
        assert!(
            !shown.contains("CANARY") && !shown.contains("canary"),
            "{shown}"
        );
        assert!(!shown.contains("en1"), "{shown}");
    }
}
