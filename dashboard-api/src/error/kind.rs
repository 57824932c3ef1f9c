//! The kinds of problems: status, name and meaning of each, in one table.

use http::StatusCode;

/// What stays the same for every instance of a problem. Its page is `/problems/{code}`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) status: StatusCode,
    /// Stable, kebab-case; the last segment of `type`.
    pub(crate) code: &'static str,
    pub(crate) title: &'static str,
    /// What it means and what to do.
    pub(crate) meaning: &'static str,
}

macro_rules! kinds {
    ($($name:ident: $status:ident, $code:literal, $title:literal, $meaning:literal;)+) => {
        $(pub(super) const $name: Kind = Kind {
            status: StatusCode::$status,
            code: $code,
            title: $title,
            meaning: $meaning,
        };)+

        /// Every kind.
        pub(crate) const ALL: &[Kind] = &[$($name),+];
    };
}

kinds! {
    PRIVATE_KEY_MISSING: UNAUTHORIZED, "private-key-missing", "Private key missing",
        "Send the account's private API key as the user name of HTTP Basic authentication; the password does not matter.";
    PRIVATE_KEY_UNKNOWN: FORBIDDEN, "private-key-unknown", "Private key unknown",
        "The private API key belongs to no account. Check for a missing character, and that it is a key of this installation.";
    PRIVATE_KEY_EXPIRED: FORBIDDEN, "private-key-expired", "Private key expired",
        "The private API key was revoked. Use the account's current one.";
    ACCOUNT_DISABLED: FORBIDDEN, "account-disabled", "Account disabled",
        "The operator disabled the account.";
    STREAM_TOKEN_INVALID: FORBIDDEN, "stream-token-invalid", "Stream token invalid",
        "A stream token opens one stream within a minute. Get another one from POST /dashboard/v1/stream-tokens; Last-Event-ID resumes without a gap.";
    OPERATOR_KEY_MISSING: UNAUTHORIZED, "operator-key-missing", "Operator key missing",
        "Send the operator key of the installation as bearer token.";
    OPERATOR_KEY_WRONG: FORBIDDEN, "operator-key-wrong", "Operator key wrong",
        "The bearer token is not the operator key of this installation.";
    ROUTE_NOT_FOUND: NOT_FOUND, "route-not-found", "Nothing at this address",
        "The path is not one of the API's. The OpenAPI document lists them.";
    NOT_FOUND: NOT_FOUND, "not-found", "Not found",
        "The account has nothing with this id, or no longer.";
    METHOD_NOT_ALLOWED: METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed",
        "The address answers other methods; the Allow header names them.";
    NOT_SUPPORTED: NOT_IMPLEMENTED, "not-supported", "Not supported",
        "The call exists in ImageKit's API and not here: Limpid delivers images from your own origins and keeps no library of its own.";
    BODY_TOO_LARGE: PAYLOAD_TOO_LARGE, "body-too-large", "Request body too large",
        "The request body is larger than any valid request.";
    BODY_TIMEOUT: REQUEST_TIMEOUT, "body-timeout", "Request body too slow",
        "The request body did not arrive in time. Send the request again.";
    BODY_INVALID: BAD_REQUEST, "body-invalid", "Request body invalid",
        "The request body is not a JSON object, or names a member twice; the detail says where.";
    PARAMETER_INVALID: BAD_REQUEST, "parameter-invalid", "Query parameter invalid",
        "The member errors lists each parameter that cannot be read and what it may be.";
    CURSOR_INVALID: BAD_REQUEST, "invalid-cursor", "Cursor invalid",
        "A cursor continues one list with one filter. Begin without a cursor, or repeat the filter it was made with.";
    REFUSED: BAD_REQUEST, "refused", "Refused by a rule",
        "A field is missing or breaks a rule; the detail says which.";
    CONFLICT: CONFLICT, "conflict", "Conflict",
        "Something else already has the name, or changed the object at the same moment. Read it again, then decide.";
    IDEMPOTENCY_KEY_INVALID: BAD_REQUEST, "idempotency-key-invalid", "Idempotency key invalid",
        "An Idempotency-Key is 1 to 255 visible ASCII characters, given once. A new UUID for every command is best.";
    IDEMPOTENCY_KEY_REUSED: UNPROCESSABLE_ENTITY, "idempotency-key-reused", "Idempotency key reused",
        "A key stands for one request of one method and path: for a day, it may only come with the same query, If-Match and body. Nothing was changed; another command needs a new key.";
    IDEMPOTENCY_KEY_IN_USE: CONFLICT, "idempotency-key-in-use", "Idempotency key in use",
        "The same command is being worked on at this moment. Send the same request again after Retry-After: it gets the answer of the first one.";
    CONDITION_MISSING: PRECONDITION_REQUIRED, "condition-missing", "If-Match missing",
        "PUT and DELETE below /dashboard/v1 say which version they are meant for: the ETag that the object was read with, as If-Match. If-Match: * means whichever is there.";
    VERSION_STALE: PRECONDITION_FAILED, "version-stale", "Changed in the meantime",
        "If-Match names another version than the present one, which the member current shows and ETag names. Merge, then send the change again with that ETag.";
    TOO_OFTEN: TOO_MANY_REQUESTS, "too-often", "Asked too often",
        "Diagnoses ask origins and purges reach every node, so an account may have a few a minute. Retry-After says when there is one again.";
    TOO_MANY_STREAMS: TOO_MANY_REQUESTS, "too-many-streams", "Too many open streams",
        "An account may hold ten streams open at each dashboard service. Close one; a place is free as soon as the service notices.";
    TOO_MANY_QUESTIONS: TOO_MANY_REQUESTS, "too-many-questions", "Too many questions at once",
        "An account has a few questions worked on at once and a few more waiting, so that no account holds up another. Ask again when some are answered; Retry-After says when at the latest.";
    QUESTION_TOO_LARGE: GATEWAY_TIMEOUT, "question-too-large", "Question too large",
        "The database did not answer the question within the time that the installation gives each. A shorter period, no search in paths, or a filter by code, origin or group makes it smaller; asking the same again does not help.";
    NO_SERVING_NODE: SERVICE_UNAVAILABLE, "no-serving-node", "No serving node answers",
        "Diagnoses are made by a serving node, and the one that is configured cannot be reached. The operator finds the cause in the log by the request id.";
    UNAVAILABLE: SERVICE_UNAVAILABLE, "unavailable", "Temporarily unavailable",
        "The installation cannot reach its database. Images are still delivered. Send the request again a little later.";
    INTERNAL: INTERNAL_SERVER_ERROR, "internal", "Internal error",
        "A fault of the installation. Its operator finds the cause in the log by the request id.";
}

/// The kind with this code.
pub(crate) fn kind_named(code: &str) -> Option<&'static Kind> {
    ALL.iter().find(|kind| kind.code == code)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_distinct_and_fit_a_url() {
        let codes: HashSet<&str> = ALL.iter().map(|kind| kind.code).collect();
        assert_eq!(codes.len(), ALL.len());
        for kind in ALL {
            let fits = kind
                .code
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b == b'-');
            assert!(fits && !kind.meaning.is_empty(), "{}", kind.code);
            assert_eq!(kind_named(kind.code), Some(kind));
        }
    }
}
