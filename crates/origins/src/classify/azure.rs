//! What Azure Blob Storage answers: the error code, and what it stands for.

use http::{HeaderMap, StatusCode};
use limpid_domain::failure::Reason;

use super::status::reason_of_status;
use super::text::printable;
use super::xml::element;

/// The error code: the header's, else the document's.
pub(crate) fn code_of(headers: &HeaderMap, document: &[u8]) -> Option<String> {
    headers
        .get("x-ms-error-code")
        .and_then(|value| value.to_str().ok())
        .map(printable)
        .or_else(|| element(&String::from_utf8_lossy(document), "Code"))
}

/// The provider's sentence: the first line, because request id and time follow, and then the detail where there is one.
pub(crate) fn message_of(document: &[u8]) -> Option<String> {
    let document = String::from_utf8_lossy(document);
    let message = element(&document, "Message")?;
    let sentence = message.split("\\n").next().unwrap_or_default().trim();
    // A detail about the signature quotes what was signed; it helps nobody who pasted the token.
    match element(&document, "AuthenticationErrorDetail") {
        Some(detail) if !detail.contains("String to sign") => {
            Some(printable(&format!("{sentence} {detail}")))
        }
        _ => Some(sentence.to_owned()),
    }
}

/// The reason behind an answer other than 200. Source: "Common REST API error codes" and "Blob Storage error codes".
pub(crate) fn reason_of(status: StatusCode, code: Option<&str>, document: &[u8]) -> Reason {
    match code.unwrap_or_default() {
        "BlobNotFound"
        | "ResourceNotFound"
        | "PathNotFound"
        | "InvalidUri"
        | "InvalidResourceName"
        | "OutOfRangeInput" => Reason::ObjectNotFound,
        "ContainerNotFound"
        | "ContainerBeingDeleted"
        | "ContainerDisabled"
        | "FilesystemNotFound" => Reason::BucketNotFound,
        "BlobArchived" | "BlobBeingRehydrated" => Reason::ObjectArchived,
        "AuthenticationFailed" => authentication_failed(document),
        "InvalidAuthenticationInfo" | "NoAuthenticationInformation" => Reason::CredentialsInvalid,
        "AccountIsDisabled"
        | "InsufficientAccountPermissions"
        | "PublicAccessNotPermitted"
        | "FeatureVersionMismatch" => Reason::AccessDenied,
        code if code.starts_with("Authorization") => Reason::AccessDenied,
        "BlobUsesCustomerSpecifiedEncryption" => Reason::EncryptionKeyDenied,
        code if code.starts_with("KeyVault") => Reason::EncryptionKeyDenied,
        "ServerBusy" | "TooManyRequests" => Reason::OriginRateLimited,
        "OperationTimedOut" | "InternalError" => Reason::OriginServerError,
        _ => reason_of_status(status),
    }
}

/// One code for a token that is wrong and for one whose time is over; the detail tells them apart:
/// `Signature not valid in the specified time frame: Start [...] - Expiry [Wed, 01 Jan 2020 …] - Current [Thu, 26 Nov …]`.
fn authentication_failed(document: &[u8]) -> Reason {
    let document = String::from_utf8_lossy(document);
    let detail = element(&document, "AuthenticationErrorDetail").unwrap_or_default();
    let date = |name: &str| {
        let (_, rest) = detail.split_once(name)?;
        let (text, _) = rest.strip_prefix(" [")?.split_once(']')?;
        httpdate::parse_http_date(text).ok()
    };
    match (date("Expiry"), date("Current")) {
        (Some(end), Some(now)) if end < now => Reason::CredentialsExpired,
        _ => Reason::CredentialsInvalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(status: u16, code: &str) -> Reason {
        reason_of(StatusCode::from_u16(status).unwrap(), Some(code), b"")
    }

    #[test]
    fn codes_stand_for_the_reasons_of_the_table() {
        for (status, code, expected) in [
            (404, "BlobNotFound", Reason::ObjectNotFound),
            (404, "ResourceNotFound", Reason::ObjectNotFound),
            (400, "InvalidResourceName", Reason::ObjectNotFound),
            (404, "ContainerNotFound", Reason::BucketNotFound),
            (409, "ContainerBeingDeleted", Reason::BucketNotFound),
            (409, "BlobArchived", Reason::ObjectArchived),
            (409, "BlobBeingRehydrated", Reason::ObjectArchived),
            (403, "AuthenticationFailed", Reason::CredentialsInvalid),
            (
                401,
                "NoAuthenticationInformation",
                Reason::CredentialsInvalid,
            ),
            (403, "AuthorizationFailure", Reason::AccessDenied),
            (403, "AuthorizationPermissionMismatch", Reason::AccessDenied),
            (403, "AuthorizationSourceIPMismatch", Reason::AccessDenied),
            (409, "PublicAccessNotPermitted", Reason::AccessDenied),
            (403, "AccountIsDisabled", Reason::AccessDenied),
            (
                403,
                "KeyVaultEncryptionKeyNotFound",
                Reason::EncryptionKeyDenied,
            ),
            (503, "ServerBusy", Reason::OriginRateLimited),
            (500, "OperationTimedOut", Reason::OriginServerError),
            (500, "InternalError", Reason::OriginServerError),
            (418, "Teapot", Reason::OriginUnexpectedStatus),
            (403, "", Reason::AccessDenied),
            (404, "", Reason::ObjectNotFound),
        ] {
            assert_eq!(reason(status, code), expected, "{code}");
        }
    }

    #[test]
    fn the_detail_tells_an_expired_token_from_a_wrong_one() {
        let judged = |detail: &str| {
            let document = format!(
                "<Error><Code>AuthenticationFailed</Code><AuthenticationErrorDetail>{detail}</AuthenticationErrorDetail></Error>"
            );
            reason_of(
                StatusCode::FORBIDDEN,
                Some("AuthenticationFailed"),
                document.as_bytes(),
            )
        };
        assert_eq!(
            judged(
                "Signature not valid in the specified time frame: Start [Sun, 06 Nov 1994 08:49:37 GMT] - Expiry [Mon, 07 Nov 1994 08:49:37 GMT] - Current [Tue, 08 Nov 1994 08:49:37 GMT]"
            ),
            Reason::CredentialsExpired
        );
        assert_eq!(
            judged(
                "Signature not valid in the specified time frame: Start [Tue, 08 Nov 1994 08:49:37 GMT] - Expiry [Wed, 09 Nov 1994 08:49:37 GMT] - Current [Mon, 07 Nov 1994 08:49:37 GMT]"
            ),
            Reason::CredentialsInvalid
        );
        assert_eq!(
            judged("Signature did not match. String to sign used was r"),
            Reason::CredentialsInvalid
        );
    }

    #[test]
    fn the_sentence_is_kept_and_what_was_signed_is_not() {
        let document = b"<Error><Code>X</Code><Message>Server failed.\nRequestId:1\nTime:2</Message>\
            <AuthenticationErrorDetail>String to sign used was r\n/blob/a</AuthenticationErrorDetail></Error>";
        assert_eq!(message_of(document).unwrap(), "Server failed.");
        let document = b"<Error><Message>Server failed.</Message>\
            <AuthenticationErrorDetail>Not before tomorrow.</AuthenticationErrorDetail></Error>";
        assert_eq!(
            message_of(document).unwrap(),
            "Server failed. Not before tomorrow."
        );
    }
}
