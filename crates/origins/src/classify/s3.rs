//! What S3 and its look-alikes answer: the error document, and the provider's codes to reasons.

use http::StatusCode;
use limpid_domain::failure::Reason;

use super::status::reason_of_status;
use super::xml::element;

/// The elements of an error document that we use. Source: S3 API reference, "Error responses".
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct S3Error {
    /// `NoSuchKey`, …
    pub(crate) code: Option<String>,
    /// The provider's sentence.
    pub(crate) message: Option<String>,
    /// The region the bucket is in, when ours was wrong.
    pub(crate) region: Option<String>,
    /// The provider's request id.
    pub(crate) request_id: Option<String>,
}

impl S3Error {
    /// Reads what can be read; a broken or foreign document yields empty fields.
    pub(crate) fn parse(document: &[u8]) -> Self {
        let document = String::from_utf8_lossy(document);
        Self {
            code: element(&document, "Code"),
            message: element(&document, "Message"),
            region: element(&document, "Region"),
            request_id: element(&document, "RequestId"),
        }
    }
}

/// The reason behind an answer other than 200.
pub(crate) fn reason_of(status: StatusCode, error: &S3Error) -> Reason {
    let message = error.message.as_deref().unwrap_or_default();
    match error.code.as_deref().unwrap_or_default() {
        "NoSuchKey" | "NoSuchVersion" | "NotFound" => Reason::ObjectNotFound,
        // Said of version ids only where one was asked for: what is no id names no version.
        "InvalidArgument" if message.contains("version id") => Reason::ObjectNotFound,
        "NoSuchBucket" | "InvalidBucketName" => Reason::BucketNotFound,
        "InvalidObjectState" | "ObjectNotInActiveTierError" => Reason::ObjectArchived,
        "AccessDenied" => access_denied(message),
        "AllAccessDisabled" | "AccountProblem" | "UnauthorizedAccess" | "InvalidPayer" => {
            Reason::AccessDenied
        }
        "InvalidAccessKeyId" | "InvalidToken" | "NotSignedUp" | "InvalidSecurity"
        | "AuthFailure" | "Unauthorized" => Reason::CredentialsInvalid,
        "ExpiredToken" | "TokenRefreshRequired" | "RequestExpired" => Reason::CredentialsExpired,
        "SignatureDoesNotMatch" => Reason::SignatureMismatch,
        "RequestTimeTooSkewed" => Reason::ClockSkew,
        "PermanentRedirect"
        | "TemporaryRedirect"
        | "Redirect"
        | "AuthorizationHeaderMalformed"
        | "IllegalLocationConstraintException" => Reason::WrongRegion,
        "SlowDown"
        | "SlowDownRead"
        | "Throttling"
        | "ThrottlingException"
        | "RequestLimitExceeded"
        | "BandwidthLimitExceeded"
        | "TooManyRequests"
        | "TooManyRequestsException" => Reason::OriginRateLimited,
        "ServiceUnavailable" | "Busy" => Reason::OriginOverloaded,
        "InternalError" | "RequestTimeout" => Reason::OriginServerError,
        code if code.starts_with("KMS") => Reason::EncryptionKeyDenied,
        _ => match status.as_u16() {
            // Without ListBucket a missing object looks like a forbidden one.
            403 => Reason::AccessDeniedOrMissing,
            301 | 307 => Reason::WrongRegion,
            _ => reason_of_status(status),
        },
    }
}

/// `AccessDenied` has one code and many meanings; the message tells some of them apart.
fn access_denied(message: &str) -> Reason {
    if message.contains("kms:") || message.contains("KMS") {
        return Reason::EncryptionKeyDenied;
    }
    if message.contains("Request has expired") {
        return Reason::CredentialsExpired;
    }
    // "… is not authorized to perform: s3:GetObject …" is about this very object; s3:ListBucket would mean it is missing.
    if message.contains("s3:GetObject") {
        return Reason::AccessDenied;
    }
    Reason::AccessDeniedOrMissing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(status: u16, code: &str, message: &str) -> Reason {
        let document = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
        let status = StatusCode::from_u16(status).unwrap();
        reason_of(status, &S3Error::parse(document.as_bytes()))
    }

    #[test]
    fn provider_codes_stand_for_the_reasons_of_the_table() {
        for (status, code, expected) in [
            (404, "NoSuchKey", Reason::ObjectNotFound),
            (404, "NoSuchVersion", Reason::ObjectNotFound),
            (404, "NoSuchBucket", Reason::BucketNotFound),
            (403, "InvalidObjectState", Reason::ObjectArchived),
            (403, "AccessDenied", Reason::AccessDeniedOrMissing),
            (403, "AllAccessDisabled", Reason::AccessDenied),
            (403, "InvalidAccessKeyId", Reason::CredentialsInvalid),
            (400, "ExpiredToken", Reason::CredentialsExpired),
            (403, "SignatureDoesNotMatch", Reason::SignatureMismatch),
            (403, "RequestTimeTooSkewed", Reason::ClockSkew),
            (400, "KMS.DisabledException", Reason::EncryptionKeyDenied),
            (301, "PermanentRedirect", Reason::WrongRegion),
            (400, "AuthorizationHeaderMalformed", Reason::WrongRegion),
            (503, "SlowDown", Reason::OriginRateLimited),
            (503, "ServiceUnavailable", Reason::OriginOverloaded),
            (500, "InternalError", Reason::OriginServerError),
            (418, "Teapot", Reason::OriginUnexpectedStatus),
        ] {
            assert_eq!(reason(status, code, ""), expected, "{code}");
        }
    }

    #[test]
    fn the_message_tells_kinds_of_denial_apart() {
        let denied = |message| reason(403, "AccessDenied", message);
        assert_eq!(
            denied(
                "User: arn:aws:iam::1:user/x is not authorized to perform: s3:GetObject on resource: \"a\""
            ),
            Reason::AccessDenied
        );
        assert_eq!(
            denied("User: x is not authorized to perform: s3:ListBucket on resource: \"b\""),
            Reason::AccessDeniedOrMissing
        );
        assert_eq!(
            denied("User: x is not authorized to perform: kms:Decrypt on this resource"),
            Reason::EncryptionKeyDenied
        );
        assert_eq!(denied("Request has expired"), Reason::CredentialsExpired);
    }

    #[test]
    fn documents_that_are_none_are_judged_by_their_status() {
        let forbidden = S3Error::parse(b"<html>no</html>");
        assert_eq!(forbidden, S3Error::default());
        assert_eq!(
            reason_of(StatusCode::FORBIDDEN, &forbidden),
            Reason::AccessDeniedOrMissing
        );
        assert_eq!(
            reason_of(StatusCode::NOT_FOUND, &S3Error::default()),
            Reason::ObjectNotFound
        );
    }

    #[test]
    fn hostile_messages_become_one_harmless_line() {
        let error =
            S3Error::parse(b"<Error><Code>X</Code><Message>a&lt;b\r\nSet-Cookie: x</Message>");
        assert_eq!(error.message.unwrap(), "a<b\\r\\nSet-Cookie: x");
    }
}
