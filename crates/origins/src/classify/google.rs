//! What Google Cloud Storage answers: XML documents, JSON where a gateway translates, and what their codes stand for.

use http::StatusCode;
use limpid_domain::failure::Reason;
use serde_json::Value;

use super::status::reason_of_status;
use super::text::printable;
use super::xml::element;
use crate::store::ProviderError;

/// Reads what can be read; a broken or foreign document yields empty fields.
pub(crate) fn parse(document: &[u8]) -> ProviderError {
    if let Ok(answer) = serde_json::from_slice::<Value>(document) {
        return parse_json(&answer);
    }
    let document = String::from_utf8_lossy(document);
    let message = element(&document, "Message");
    let details = element(&document, "Details");
    ProviderError {
        code: element(&document, "Code"),
        // The details name the permission that is wanting, so they come first.
        message: match (details, message) {
            (Some(details), _) => Some(details),
            (None, message) => message,
        },
        request_id: None,
    }
}

/// Source: JSON interface, "Error responses": `error.errors[0].reason` and `error.message`.
fn parse_json(answer: &Value) -> ProviderError {
    let error = answer.get("error");
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(printable);
    let first = error
        .and_then(|error| error.get("errors"))
        .and_then(|errors| errors.get(0));
    ProviderError {
        code: text(first.and_then(|first| first.get("reason"))),
        message: text(error.and_then(|error| error.get("message"))),
        request_id: None,
    }
}

/// The reason behind an answer other than 200. Source: "HTTP status and error codes for XML" and "… for JSON".
pub(crate) fn reason_of(status: StatusCode, error: &ProviderError) -> Reason {
    let message = error.message.as_deref().unwrap_or_default();
    match error.code.as_deref().unwrap_or_default() {
        "notFound" if message.contains("bucket does not exist") => Reason::BucketNotFound,
        "NoSuchKey" | "notFound" => Reason::ObjectNotFound,
        "NoSuchBucket" | "InvalidBucketName" => Reason::BucketNotFound,
        "AccessDenied" | "forbidden" => access_denied(message),
        "AccountProblem"
        | "UserProjectAccountProblem"
        | "UserProjectMissing"
        | "UserProjectInconsistent"
        | "UserProjectAccessDenied"
        | "accountDisabled"
        | "userProjectMissing"
        | "userProjectAccessDenied" => Reason::AccessDenied,
        "AuthenticationRequired"
        | "InvalidSecurity"
        | "InvalidToken"
        | "authError"
        | "required" => Reason::CredentialsInvalid,
        "ExpiredToken" => Reason::CredentialsExpired,
        "CustomerEncryptionKeyIsIncorrect"
        | "CustomerEncryptionKeyFormatIsInvalid"
        | "ResourceIsEncryptedWithCustomerEncryptionKey"
        | "resourceIsEncryptedWithCustomerEncryptionKey" => Reason::EncryptionKeyDenied,
        code if code.to_ascii_lowercase().contains("kms") => Reason::EncryptionKeyDenied,
        "SlowDown"
        | "RateLimitExceeded"
        | "rateLimitExceeded"
        | "userRateLimitExceeded"
        | "TooManyRequests" => Reason::OriginRateLimited,
        "ServiceUnavailable" => Reason::OriginOverloaded,
        "InternalError" | "internalError" => Reason::OriginServerError,
        _ => reason_of_status(status),
    }
}

/// Without the permission to list, Google does not tell a missing object from a forbidden one, and says so.
fn access_denied(message: &str) -> Reason {
    if message.contains("cloudkms") {
        return Reason::EncryptionKeyDenied;
    }
    let may_be_missing =
        message.contains("it may not exist") || message.contains("storage.objects.list");
    if may_be_missing {
        Reason::AccessDeniedOrMissing
    } else {
        Reason::AccessDenied
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xml(status: u16, code: &str, details: &str) -> Reason {
        let document = format!(
            "<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>No.</Message><Details>{details}</Details></Error>"
        );
        let status = StatusCode::from_u16(status).unwrap();
        reason_of(status, &parse(document.as_bytes()))
    }

    fn json(status: u16, reason: &str, message: &str) -> Reason {
        let document = format!(
            r#"{{"error":{{"code":{status},"message":"{message}","errors":[{{"domain":"global","reason":"{reason}","message":"{message}"}}]}}}}"#
        );
        let status = StatusCode::from_u16(status).unwrap();
        reason_of(status, &parse(document.as_bytes()))
    }

    #[test]
    fn codes_of_both_interfaces_stand_for_the_reasons_of_the_table() {
        for (status, code, expected) in [
            (404, "NoSuchKey", Reason::ObjectNotFound),
            (404, "NoSuchBucket", Reason::BucketNotFound),
            (403, "AccessDenied", Reason::AccessDenied),
            (403, "AccountProblem", Reason::AccessDenied),
            (400, "UserProjectMissing", Reason::AccessDenied),
            (401, "AuthenticationRequired", Reason::CredentialsInvalid),
            (400, "ExpiredToken", Reason::CredentialsExpired),
            (
                400,
                "CustomerEncryptionKeyIsIncorrect",
                Reason::EncryptionKeyDenied,
            ),
            (400, "CloudKmsKeyDisabled", Reason::EncryptionKeyDenied),
            (429, "SlowDown", Reason::OriginRateLimited),
            (503, "ServiceUnavailable", Reason::OriginOverloaded),
            (500, "InternalError", Reason::OriginServerError),
        ] {
            assert_eq!(xml(status, code, ""), expected, "{code}");
        }
        for (status, code, expected) in [
            (404, "notFound", Reason::ObjectNotFound),
            (401, "authError", Reason::CredentialsInvalid),
            (403, "forbidden", Reason::AccessDenied),
            (403, "accountDisabled", Reason::AccessDenied),
            (400, "userProjectMissing", Reason::AccessDenied),
            (429, "rateLimitExceeded", Reason::OriginRateLimited),
            (500, "internalError", Reason::OriginServerError),
            (503, "backendError", Reason::OriginOverloaded),
        ] {
            assert_eq!(json(status, code, "x"), expected, "{code}");
        }
    }

    #[test]
    fn the_details_tell_kinds_of_denial_apart() {
        let denied = |details| xml(403, "AccessDenied", details);
        assert_eq!(
            denied(
                "a@b.example does not have storage.objects.get access to the Google Cloud Storage object. Permission 'storage.objects.get' denied on resource (or it may not exist)."
            ),
            Reason::AccessDeniedOrMissing
        );
        assert_eq!(
            denied("Permission denied on Cloud KMS key. cloudkms.cryptoKeyVersions.useToDecrypt"),
            Reason::EncryptionKeyDenied
        );
        assert_eq!(
            json(404, "notFound", "The specified bucket does not exist."),
            Reason::BucketNotFound
        );
    }

    #[test]
    fn documents_that_are_none_are_judged_by_their_status() {
        assert_eq!(parse(b"<html>no</html>"), ProviderError::default());
        assert_eq!(parse(b"\"text\""), ProviderError::default());
        let bare = ProviderError::default();
        assert_eq!(
            reason_of(StatusCode::FORBIDDEN, &bare),
            Reason::AccessDenied
        );
        assert_eq!(
            reason_of(StatusCode::NOT_FOUND, &bare),
            Reason::ObjectNotFound
        );
    }
}
