//! Origins in the OpenAPI document, as one table of fields per type.
//!
//! Requests are read by `limpid_domain::origin`, which answers in ImageKit's words; tests hold the two together.

use std::borrow::Cow;

use limpid_domain::origin::OriginKind;
use serde_json::Value;
use utoipa::openapi::schema::{
    AdditionalProperties, Object, ObjectBuilder, OneOfBuilder, SchemaType,
};
use utoipa::openapi::{KnownFormat, RefOr, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

/// An origin as it is sent: everything, secrets included.
pub(crate) struct OriginRequest;

/// An origin as it is answered: never with a secret.
pub(crate) struct OriginResponse;

impl PartialSchema for OriginRequest {
    fn schema() -> RefOr<Schema> {
        one_of(request_object)
    }
}

impl ToSchema for OriginRequest {
    fn name() -> Cow<'static, str> {
        "OriginRequest".into()
    }
}

impl PartialSchema for OriginResponse {
    fn schema() -> RefOr<Schema> {
        one_of(response_object)
    }
}

impl ToSchema for OriginResponse {
    fn name() -> Cow<'static, str> {
        "OriginResponse".into()
    }
}

struct Field {
    name: &'static str,
    shape: Shape,
    presence: Presence,
}

enum Shape {
    /// At most this many characters.
    Text(usize),
    Uri,
    Email,
    /// `false` where it is not sent.
    Flag,
}

#[derive(PartialEq, Eq)]
enum Presence {
    Required,
    /// Required, and never answered.
    Secret,
    /// Optional in requests, always answered with its default filled in.
    Defaulted,
}

const fn required(name: &'static str, shape: Shape) -> Field {
    Field {
        name,
        shape,
        presence: Presence::Required,
    }
}

const fn secret(name: &'static str, max_chars: usize) -> Field {
    Field {
        name,
        shape: Shape::Text(max_chars),
        presence: Presence::Secret,
    }
}

const fn defaulted(name: &'static str, shape: Shape) -> Field {
    Field {
        name,
        shape,
        presence: Presence::Defaulted,
    }
}

const BUCKET: Field = required("bucket", Shape::Text(100));
const PREFIX: Field = defaulted("prefix", Shape::Text(100));
const ACCESS_KEY: Field = secret("accessKey", 100);
const SECRET_KEY: Field = secret("secretKey", 100);
const AMBIENT_ROLE: Field = defaulted("useIAMRole", Shape::Flag);
const BASE_URL: Field = required("baseUrl", Shape::Uri);
const ENDPOINT: Field = required("endpoint", Shape::Uri);
const PATH_STYLE: Field = defaulted("s3ForcePathStyle", Shape::Flag);
const FORWARD_HOST: Field = defaulted("forwardHostHeaderToOrigin", Shape::Flag);
const CLIENT_EMAIL: Field = required("clientEmail", Shape::Email);
const PRIVATE_KEY: Field = secret("privateKey", 16_384);
const ACCOUNT_NAME: Field = required("accountName", Shape::Text(100));
const CONTAINER: Field = required("container", Shape::Text(100));
const SAS_TOKEN: Field = secret("sasToken", 4096);
const CLIENT_ID: Field = secret("clientId", 100);
const CLIENT_SECRET: Field = secret("clientSecret", 100);
const USERNAME: Field = secret("username", 100);
const PASSWORD: Field = secret("password", 100);

/// What a type has besides what all have. Source: `imagekit.md` 4.1.
const fn fields_of(kind: OriginKind) -> &'static [Field] {
    match kind {
        OriginKind::S3 | OriginKind::CloudinaryBackup => {
            &[BUCKET, PREFIX, AMBIENT_ROLE, ACCESS_KEY, SECRET_KEY]
        }
        OriginKind::S3Compatible => &[BUCKET, PREFIX, ENDPOINT, PATH_STYLE, ACCESS_KEY, SECRET_KEY],
        OriginKind::WebFolder => &[BASE_URL, FORWARD_HOST],
        OriginKind::WebProxy => &[],
        OriginKind::Gcs => &[BUCKET, PREFIX, CLIENT_EMAIL, PRIVATE_KEY],
        OriginKind::AzureBlob => &[ACCOUNT_NAME, CONTAINER, PREFIX, SAS_TOKEN],
        OriginKind::AkeneoPim => &[BASE_URL, CLIENT_ID, CLIENT_SECRET, USERNAME, PASSWORD],
    }
}

fn one_of(object_of: fn(OriginKind) -> Object) -> RefOr<Schema> {
    let kinds = OriginKind::ALL.into_iter();
    let choice = kinds.fold(OneOfBuilder::new(), |choice, kind| {
        choice.item(Schema::Object(object_of(kind)))
    });
    RefOr::T(Schema::OneOf(choice.build()))
}

fn request_object(kind: OriginKind) -> Object {
    let object = with_common_fields(ObjectBuilder::new(), kind)
        .additional_properties(Some(AdditionalProperties::FreeForm(false)));
    let object = fields_of(kind).iter().fold(object, |object, field| {
        let object = object.property(field.name, property(field));
        match field.presence {
            Presence::Required | Presence::Secret => object.required(field.name),
            Presence::Defaulted => object,
        }
    });
    object.build()
}

fn response_object(kind: OriginKind) -> Object {
    let id = ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)));
    let object = with_common_fields(ObjectBuilder::new().property("id", id), kind)
        .required("id")
        .required("includeCanonicalHeader");
    let answered = fields_of(kind)
        .iter()
        .filter(|field| field.presence != Presence::Secret);
    answered
        .fold(object, |object, field| {
            object
                .property(field.name, property(field))
                .required(field.name)
        })
        .build()
}

fn with_common_fields(object: ObjectBuilder, kind: OriginKind) -> ObjectBuilder {
    let name = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(100))
        .pattern(Some("^[a-zA-Z0-9 ]+$"));
    let kind = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some([kind.as_str()]));
    let canonical = defaulted("includeCanonicalHeader", Shape::Flag);
    let canonical_base = defaulted("baseUrlForCanonicalHeader", Shape::Uri);
    object
        .property("name", name)
        .required("name")
        .property("type", kind)
        .required("type")
        .property(canonical.name, property(&canonical))
        .property(canonical_base.name, property(&canonical_base))
}

fn property(field: &Field) -> ObjectBuilder {
    let text = ObjectBuilder::new().schema_type(Type::String);
    let property = match field.shape {
        Shape::Text(max_chars) => text.max_length(Some(max_chars)),
        Shape::Uri => text.format(Some(SchemaFormat::Custom("uri".to_owned()))),
        Shape::Email => text.format(Some(SchemaFormat::Custom("email".to_owned()))),
        Shape::Flag => ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::Boolean))
            .default(Some(Value::Bool(false))),
    };
    if field.presence == Presence::Secret {
        property.write_only(true)
    } else {
        property
    }
}

#[cfg(test)]
mod tests {
    use limpid_domain::origin::OriginDraft;
    use serde_json::{Map, json};

    use super::*;

    /// A request with every field the schema requires and nothing else.
    fn smallest_request(kind: OriginKind) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("name".to_owned(), json!("Photos"));
        body.insert("type".to_owned(), json!(kind.as_str()));
        for field in fields_of(kind)
            .iter()
            .filter(|field| field.presence != Presence::Defaulted)
        {
            let value = match (field.name, &field.shape) {
                ("sasToken", _) => "?sv=1",
                ("privateKey", _) => {
                    "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"
                }
                (_, Shape::Uri) => "https://origin.example",
                (_, Shape::Email) => "reader@origin.example",
                (_, Shape::Text(_) | Shape::Flag) => "x",
            };
            body.insert(field.name.to_owned(), json!(value));
        }
        body
    }

    #[test]
    fn what_the_schema_requires_is_what_the_parser_requires() {
        for kind in OriginKind::ALL {
            let body = smallest_request(kind);
            let parsed = OriginDraft::parse(Value::Object(body.clone()));
            assert!(parsed.is_ok(), "{kind:?}: {parsed:?}");
            for name in body.keys().filter(|name| *name != "type") {
                let mut incomplete = body.clone();
                incomplete.remove(name);
                let refused = OriginDraft::parse(Value::Object(incomplete)).unwrap_err();
                let expected = format!("{name} is required and must be a string");
                assert_eq!(refused.message(), expected, "{kind:?}");
            }
        }
    }

    #[test]
    fn what_the_schema_answers_is_what_settings_serialise_to() {
        for kind in OriginKind::ALL {
            let draft = OriginDraft::parse(Value::Object(smallest_request(kind))).unwrap();
            let answer = serde_json::to_value(&draft.settings).unwrap();
            let schema = serde_json::to_value(response_object(kind)).unwrap();
            let required = schema["required"].as_array().unwrap();
            for name in required.iter().filter(|name| *name != "id") {
                assert!(
                    answer.get(name.as_str().unwrap()).is_some(),
                    "{kind:?} {name}"
                );
            }
            for name in answer.as_object().unwrap().keys() {
                assert!(schema["properties"].get(name).is_some(), "{kind:?} {name}");
            }
        }
    }
}
