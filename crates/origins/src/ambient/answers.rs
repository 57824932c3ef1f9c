//! Documents that hold credentials.

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde_json::Value;

use super::Keys;
use crate::classify::text::printable;
use crate::classify::xml::element_text;

/// The document of the container endpoint and of the metadata service.
pub(super) fn from_json(document: &[u8]) -> Option<Keys> {
    let answer: Value = serde_json::from_slice(document).ok()?;
    let text = |name: &str| {
        let text = answer.get(name)?.as_str()?;
        (!text.is_empty()).then_some(text)
    };
    Some(Keys {
        access_key: SecretString::from(text("AccessKeyId")?),
        secret_key: SecretString::from(text("SecretAccessKey")?),
        session_token: text("Token").map(SecretString::from),
        ends_at: text("Expiration").and_then(moment),
    })
}

/// The answer of the token service.
pub(super) fn from_xml(document: &[u8]) -> Option<Keys> {
    let document = String::from_utf8_lossy(document);
    let text = |name: &str| element_text(&document, name);
    Some(Keys {
        access_key: SecretString::from(text("AccessKeyId")?),
        secret_key: SecretString::from(text("SecretAccessKey")?),
        session_token: Some(SecretString::from(text("SessionToken")?)),
        ends_at: text("Expiration").and_then(|end| moment(&end)),
    })
}

/// What a refusal calls itself, in either form.
pub(super) fn error_code(document: &[u8]) -> Option<String> {
    if let Ok(answer) = serde_json::from_slice::<Value>(document) {
        let code = answer.get("code").or_else(|| answer.get("Code"))?;
        return code.as_str().map(printable);
    }
    element_text(&String::from_utf8_lossy(document), "Code").map(|code| printable(&code))
}

fn moment(text: &str) -> Option<DateTime<Utc>> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn both_forms_hold_the_same_things() {
        let json = br#"{"Code":"Success","AccessKeyId":"ASIA1","SecretAccessKey":"s","Token":"t","Expiration":"2026-11-26T18:00:00Z"}"#;
        let token = "t".repeat(900);
        let xml = format!(
            "<AssumeRoleWithWebIdentityResponse><Credentials><SessionToken>{token}</SessionToken><SecretAccessKey>s/+</SecretAccessKey><Expiration>2026-11-26T18:00:00Z</Expiration><AccessKeyId>ASIA1</AccessKeyId></Credentials></AssumeRoleWithWebIdentityResponse>"
        );
        for keys in [from_json(json).unwrap(), from_xml(xml.as_bytes()).unwrap()] {
            assert_eq!(keys.access_key.expose_secret(), "ASIA1");
            assert_eq!(keys.ends_at.unwrap().timestamp(), 1_795_716_000);
        }
        let keys = from_xml(xml.as_bytes()).unwrap();
        assert_eq!(keys.session_token.unwrap().expose_secret().len(), 900);
    }

    #[test]
    fn documents_without_credentials_hold_none() {
        for document in [&b"{}"[..], b"", b"<html>", br#"{"AccessKeyId":""}"#] {
            assert!(from_json(document).is_none());
            assert!(from_xml(document).is_none());
        }
        assert_eq!(
            error_code(b"<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"),
            Some("AccessDenied".to_owned())
        );
        assert_eq!(error_code(br#"{"code":"X"}"#), Some("X".to_owned()));
    }
}
