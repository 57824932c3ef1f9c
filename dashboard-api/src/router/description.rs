//! What the OpenAPI document says about the API as a whole.

use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Ref, Required, Response, ResponseBuilder};
use utoipa::{Modify, OpenApi};

/// Title, tags and ways to authenticate; the routes add themselves.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Limpid dashboard API",
        description = "Origins, URL endpoints, and why images failed. `/v1` is ImageKit's management API: its SDKs work unchanged. `/dashboard/v1` is Limpid's own and takes the same private key. `/operator/v1` is for whoever runs the installation."
    ),
    tags(
        (name = "origins", description = "Where originals live."),
        (name = "URL endpoints", description = "Prefixes of delivery URLs and the origins behind them."),
        (name = "named transformations", description = "Names that stand for stored transformations."),
        (name = "settings", description = "What holds for all images of an account."),
        (name = "origin errors", description = "Failures: how many, which, why, and what to do."),
        (name = "usage", description = "What was delivered: requests, bytes, caches, the most used."),
        (name = "cache", description = "Purges: which delivered URLs every cache is to forget, and whether it has."),
        (name = "alerts", description = "When to tell somebody that images fail, and whom."),
        (name = "changes", description = "What was changed in the configuration, when and by whom."),
        (name = "tenants", description = "Accounts, for the operator."),
        (name = "health", description = "Whether the service runs and can work."),
        (name = "problems", description = "What an error's `type` means.")
    ),
    modifiers(&SecuritySchemes)
)]
pub(super) struct Description;

struct SecuritySchemes;

impl Modify for SecuritySchemes {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let basic = HttpBuilder::new()
            .scheme(HttpAuthScheme::Basic)
            .description(Some("The private API key as user name; any password."));
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The operator key of the installation."));
        components.add_security_scheme("privateKey", SecurityScheme::Http(basic.build()));
        components.add_security_scheme("operatorKey", SecurityScheme::Http(bearer.build()));
    }
}

/// What holds for every operation that changes something: it may be sent again under a key.
pub(super) fn describe_keys(document: &mut utoipa::openapi::OpenApi) {
    for item in document.paths.paths.values_mut() {
        let PathItem {
            post,
            put,
            patch,
            delete,
            ..
        } = item;
        for operation in [post, put, patch, delete].into_iter().flatten() {
            describe_key(operation);
        }
    }
}

fn describe_key(operation: &mut Operation) {
    operation
        .parameters
        .get_or_insert_default()
        .push(key().into());
    let responses = &mut operation.responses.responses;
    for (status, description) in [
        (
            "409",
            "A request with the same `Idempotency-Key` is being worked on.",
        ),
        (
            "422",
            "The `Idempotency-Key` was sent with another request.",
        ),
    ] {
        responses
            .entry(status.to_owned())
            .or_insert_with(|| problem(description).into());
    }
}

fn key() -> Parameter {
    let schema = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(255));
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "A new UUID for every command. The same command sent again under its key is answered again, with `Idempotent-Replayed: true`, and not done again; for a day.",
        ))
        .schema(Some(schema))
        .build()
}

fn problem(description: &str) -> Response {
    let body = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem")));
    ResponseBuilder::new()
        .description(description)
        .content("application/json", body.build())
        .build()
}
