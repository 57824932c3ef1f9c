//! The rows of the object stores and of Akeneo: what they answer, in their own words.

#![expect(clippy::too_many_lines, reason = "a table is as long as it is")]

use limpid_domain::failure::Reason;

use super::rows::{Fault, Row, row};

/// Their rows.
pub(super) fn rows() -> Vec<Row> {
    let mut rows = amazon();
    rows.extend(azure());
    rows.extend(google());
    rows.extend(akeneo());
    rows
}

fn amazon() -> Vec<Row> {
    let s3 = |id, status, code, reason: Reason, repeats| {
        row(
            id,
            Fault::S3(status, code, ""),
            reason.code().as_str(),
            reason,
            repeats,
        )
    };
    let region = "<Region>eu-central-1</Region>";
    vec![
        s3("F39", 404, "NoSuchKey", Reason::ObjectNotFound, 0),
        row(
            "F39b",
            Fault::S3OtherEncoding,
            "ENOENT",
            Reason::KeyEncodingMismatch,
            0,
        ),
        s3("F40", 403, "AccessDenied", Reason::AccessDeniedOrMissing, 0),
        s3("F41", 404, "NoSuchBucket", Reason::BucketNotFound, 0),
        s3(
            "F42",
            403,
            "InvalidAccessKeyId",
            Reason::CredentialsInvalid,
            0,
        ),
        s3(
            "F43",
            403,
            "SignatureDoesNotMatch",
            Reason::SignatureMismatch,
            0,
        ),
        s3("F44", 400, "ExpiredToken", Reason::CredentialsExpired, 0),
        row(
            "F45",
            Fault::S3(301, "PermanentRedirect", region),
            "EACCES",
            Reason::WrongRegion,
            1,
        ),
        row(
            "F45b",
            Fault::S3(400, "AuthorizationHeaderMalformed", region),
            "EACCES",
            Reason::WrongRegion,
            1,
        ),
        s3("F46", 403, "RequestTimeTooSkewed", Reason::ClockSkew, 0),
        s3("F47", 503, "SlowDown", Reason::OriginRateLimited, 0),
        s3(
            "F47b",
            503,
            "ServiceUnavailable",
            Reason::OriginOverloaded,
            1,
        ),
        s3("F48", 500, "InternalError", Reason::OriginServerError, 1),
        s3("F49", 403, "InvalidObjectState", Reason::ObjectArchived, 0),
        s3("F50", 403, "AllAccessDisabled", Reason::AccessDenied, 0),
        s3(
            "F50b",
            400,
            "KMS.DisabledException",
            Reason::EncryptionKeyDenied,
            0,
        ),
    ]
}

fn azure() -> Vec<Row> {
    let azure = |id, status, code, reason: Reason, repeats| {
        row(
            id,
            Fault::Azure(status, code),
            reason.code().as_str(),
            reason,
            repeats,
        )
    };
    vec![
        azure("F55", 404, "BlobNotFound", Reason::ObjectNotFound, 0),
        azure("F55b", 404, "ContainerNotFound", Reason::BucketNotFound, 0),
        azure(
            "F56",
            403,
            "AuthenticationFailed",
            Reason::CredentialsInvalid,
            0,
        ),
        row(
            "F56b",
            Fault::AzureEnded,
            "EACCES",
            Reason::CredentialsExpired,
            0,
        ),
        azure(
            "F56c",
            403,
            "AuthorizationPermissionMismatch",
            Reason::AccessDenied,
            0,
        ),
        azure(
            "F57",
            401,
            "NoAuthenticationInformation",
            Reason::CredentialsInvalid,
            0,
        ),
        azure(
            "F57b",
            409,
            "PublicAccessNotPermitted",
            Reason::AccessDenied,
            0,
        ),
        azure("F58", 403, "AccountIsDisabled", Reason::AccessDenied, 0),
        azure("F59", 409, "BlobArchived", Reason::ObjectArchived, 0),
        azure("F60", 503, "ServerBusy", Reason::OriginRateLimited, 0),
        azure(
            "F60b",
            500,
            "OperationTimedOut",
            Reason::OriginServerError,
            1,
        ),
        azure("F61", 400, "InvalidResourceName", Reason::ObjectNotFound, 0),
    ]
}

fn google() -> Vec<Row> {
    let google = |id, status, code, details, reason: Reason, repeats| {
        let fault = Fault::Google(status, code, details);
        row(id, fault, reason.code().as_str(), reason, repeats)
    };
    let or_missing = "Permission 'storage.objects.get' denied on resource (or it may not exist).";
    let refused = "{\"error\":\"invalid_grant\",\"error_description\":\"Invalid JWT Signature.\"}";
    let skewed =
        "{\"error\":\"invalid_grant\",\"error_description\":\"Check your iat and exp values.\"}";
    vec![
        google("F62", 404, "NoSuchKey", "", Reason::ObjectNotFound, 0),
        google("F62b", 404, "NoSuchBucket", "", Reason::BucketNotFound, 0),
        google(
            "F63",
            401,
            "AuthenticationRequired",
            "",
            Reason::CredentialsInvalid,
            0,
        ),
        row(
            "F63b",
            Fault::GoogleToken(400, refused),
            "EACCES",
            Reason::CredentialsInvalid,
            0,
        ),
        row(
            "F63c",
            Fault::GoogleToken(400, skewed),
            "EACCES",
            Reason::ClockSkew,
            0,
        ),
        row(
            "F63d",
            Fault::GoogleKey,
            "EACCES",
            Reason::CredentialsInvalid,
            0,
        ),
        google(
            "F64",
            403,
            "AccessDenied",
            or_missing,
            Reason::AccessDeniedOrMissing,
            0,
        ),
        google(
            "F64b",
            400,
            "UserProjectMissing",
            "",
            Reason::AccessDenied,
            0,
        ),
        google("F65", 429, "SlowDown", "", Reason::OriginRateLimited, 0),
        google(
            "F66",
            500,
            "InternalError",
            "",
            Reason::OriginServerError,
            1,
        ),
        row(
            "F67",
            Fault::GoogleToken(503, "{}"),
            "ECONNREFUSED",
            Reason::OriginOverloaded,
            1,
        ),
    ]
}

fn akeneo() -> Vec<Row> {
    let media = |status, reason: Reason, repeats| {
        row(
            "A",
            Fault::Akeneo(status),
            reason.code().as_str(),
            reason,
            repeats,
        )
    };
    let token = |status, reason: Reason, repeats| {
        row(
            "A",
            Fault::AkeneoToken(status),
            reason.code().as_str(),
            reason,
            repeats,
        )
    };
    vec![
        media(401, Reason::CredentialsInvalid, 0),
        media(403, Reason::AccessDenied, 0),
        media(404, Reason::ObjectNotFound, 0),
        media(429, Reason::OriginRateLimited, 0),
        token(401, Reason::CredentialsInvalid, 0),
        token(422, Reason::CredentialsInvalid, 0),
        token(404, Reason::OriginUnexpectedStatus, 0),
        token(500, Reason::OriginServerError, 1),
    ]
}
