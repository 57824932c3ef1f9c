//! The rows of stores that want an access token first.

use limpid_domain::failure::Reason;

use super::rows::{Fault, Row, row};

/// `GCS`.
pub(super) fn google() -> Vec<Row> {
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

/// `AKENEO_PIM`.
pub(super) fn akeneo() -> Vec<Row> {
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
