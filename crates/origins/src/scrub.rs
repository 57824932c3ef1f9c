//! The last step of every failed fetch: texts of the origin may echo what we sent, so secrets are taken out of them.

use std::borrow::Cow;

use limpid_domain::failure::AttemptFailure;
use limpid_domain::origin::OriginCredentials;
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};

const REMOVED: &str = "***";

/// Query values shorter than this are no secrets, and replacing them would make texts unreadable.
const SHORTEST_SECRET: usize = 6;

/// Replaces credentials and query values in every text of a failure.
pub(crate) fn scrub(
    failed: &mut AttemptFailure,
    credentials: &OriginCredentials,
    query: Option<&str>,
) {
    let mut secrets: Vec<Cow<'_, str>> = secrets_of(credentials)
        .into_iter()
        .map(|secret| Cow::Borrowed(secret.expose_secret()))
        .collect();
    for value in query.into_iter().flat_map(|query| query.split(['&', '='])) {
        secrets.push(Cow::Borrowed(value));
        secrets.push(percent_decode_str(value).decode_utf8_lossy());
    }
    if let OriginCredentials::SasToken { sas_token } = credentials {
        // The signature alone opens nothing, but nobody needs to read it.
        let parameters = sas_token.expose_secret().trim_start_matches('?').split('&');
        for signature in parameters.filter_map(|pair| pair.strip_prefix("sig=")) {
            secrets.push(Cow::Borrowed(signature));
            secrets.push(percent_decode_str(signature).decode_utf8_lossy());
        }
    }
    remove(failed, &secrets);
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
    for text in texts.into_iter().flatten().chain(values) {
        let long_enough = |secret: &&Cow<'_, str>| secret.len() >= SHORTEST_SECRET;
        for secret in secrets.iter().filter(long_enough) {
            if text.contains(secret.as_ref()) {
                *text = text.replace(secret.as_ref(), REMOVED);
            }
        }
    }
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
