//! The rows. Ids are those of `reliability.md`, section 3.

#![expect(clippy::too_many_lines, reason = "a table is as long as it is")]

use limpid_domain::failure::Reason;
use limpid_testkit::fake_dns::DnsAnswer;
use limpid_testkit::fake_origin::script::Script;
use limpid_testkit::tls_origin::CertificateKind;

use super::refusals::refusals;
use super::token_rows::{akeneo, google};

const DOWN: &str = "ECONNREFUSED";
const ODD: &str = "UNIDENTIFIED";

/// One misbehaviour.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) fault: Fault,
    pub(super) code: &'static str,
    pub(super) reason: Reason,
    /// How often the request is repeated before it fails.
    pub(super) repeats: u8,
    /// The longest it may take, with the time-outs of the tests. Units: seconds.
    pub(super) seconds: u64,
}

/// Who misbehaves, and how.
#[derive(Debug)]
pub(super) enum Fault {
    /// A page of the fake origin.
    Page(String),
    /// An answer of the fake origin.
    Answer(Script),
    /// A certificate, and the name it is for.
    Certificate(CertificateKind, &'static str),
    /// Plain HTTP on the TLS port.
    NoTls,
    /// TLS that an origin never finishes.
    SilentTls,
    /// A certificate nobody trusts.
    UnknownAuthority,
    /// A name, and what name servers say about it.
    Name(&'static str, Option<DnsAnswer>),
    /// A URL that a web proxy is asked for, with nothing exempt from the guard.
    Proxied(&'static str),
    /// Credentials that the key ring does not open.
    Unreadable,
    /// Nothing listens.
    ClosedPort,
    /// Nothing answers.
    SilentPort,
    /// No route leads there.
    NoRoute,
    /// S3's error document.
    S3(u16, &'static str, &'static str),
    /// An object that S3 has under another encoding of the key.
    S3OtherEncoding,
    /// Azure's error.
    Azure(u16, &'static str),
    /// A shared access signature whose end has passed, and what Azure answers.
    AzureEnded,
    /// Google's error document.
    Google(u16, &'static str, &'static str),
    /// Google's token endpoint.
    GoogleToken(u16, &'static str),
    /// A private key that is none.
    GoogleKey,
    /// Akeneo's answer about a media file.
    Akeneo(u16),
    /// Akeneo's token endpoint.
    AkeneoToken(u16),
}

impl Row {
    /// The path to ask for.
    pub(super) fn path(&self) -> String {
        match &self.fault {
            Fault::Page(page) => page.clone(),
            Fault::Proxied(url) => (*url).to_owned(),
            Fault::S3OtherEncoding => "a+b.jpg".to_owned(),
            Fault::Akeneo(_) | Fault::AkeneoToken(_) => "asset-media-files/a.jpg".to_owned(),
            _ => "a.jpg".to_owned(),
        }
    }
}

/// All rows.
pub(super) fn rows() -> Vec<Row> {
    let mut rows = names_and_connections();
    rows.extend(web_servers());
    rows.extend(statuses());
    rows.extend(amazon());
    rows.extend(azure());
    rows.extend(google());
    rows.extend(akeneo());
    rows.extend(refusals());
    rows
}

pub(super) fn row(id: &str, fault: Fault, code: &'static str, reason: Reason, repeats: u8) -> Row {
    let shown: String = format!("{fault:?}").chars().take(80).collect();
    Row {
        id: format!("{id} {shown}"),
        fault,
        code,
        reason,
        repeats,
        seconds: 5,
    }
}

fn names_and_connections() -> Vec<Row> {
    use CertificateKind as Kind;
    let name = |id, name, answer, reason, repeats| {
        row(id, Fault::Name(name, answer), DOWN, reason, repeats)
    };
    let certificate =
        |id, kind, name, reason| row(id, Fault::Certificate(kind, name), DOWN, reason, 0);
    vec![
        name("F1", "nowhere.example", None, Reason::DnsNotFound, 0),
        name(
            "F2",
            "nodata.example",
            Some(DnsAnswer::NoData),
            Reason::DnsNotFound,
            0,
        ),
        name(
            "F3",
            "servfail.example",
            Some(DnsAnswer::ServerFailure),
            Reason::DnsFailed,
            1,
        ),
        name(
            "F4",
            "refused.example",
            Some(DnsAnswer::Refused),
            Reason::DnsFailed,
            1,
        ),
        name(
            "F5",
            "silent.example",
            Some(DnsAnswer::Silence),
            Reason::DnsTimeout,
            1,
        ),
        name(
            "F5b",
            "garbage.example",
            Some(DnsAnswer::Garbage),
            Reason::DnsTimeout,
            1,
        ),
        row("F9", Fault::ClosedPort, DOWN, Reason::ConnectionRefused, 1),
        row("F10", Fault::SilentPort, DOWN, Reason::ConnectionTimeout, 0),
        row("F11", Fault::NoRoute, DOWN, Reason::NetworkUnreachable, 0),
        certificate(
            "F14",
            Kind::Expired,
            "localhost",
            Reason::TlsCertificateExpired,
        ),
        certificate(
            "F15",
            Kind::NotYetValid,
            "localhost",
            Reason::TlsCertificateExpired,
        ),
        certificate(
            "F16",
            Kind::SelfSigned,
            "localhost",
            Reason::TlsCertificateUntrusted,
        ),
        row(
            "F16b",
            Fault::UnknownAuthority,
            DOWN,
            Reason::TlsCertificateUntrusted,
            0,
        ),
        certificate(
            "F17",
            Kind::Good,
            "other.example",
            Reason::TlsCertificateNameMismatch,
        ),
        certificate(
            "F18",
            Kind::ClientOnly,
            "localhost",
            Reason::TlsCertificateUntrusted,
        ),
        row("F20", Fault::NoTls, DOWN, Reason::TlsHandshakeFailed, 0),
        row("F21", Fault::SilentTls, DOWN, Reason::TlsHandshakeFailed, 0),
    ]
}

fn web_servers() -> Vec<Row> {
    let page = |id, page: &str, code, reason, repeats| {
        row(id, Fault::Page(page.to_owned()), code, reason, repeats)
    };
    let head =
        |fields: &str| format!("HTTP/1.1 200 OK\r\ncontent-type: image/jpeg\r\n{fields}\r\n");
    let wire = |id, bytes: String, code, reason, repeats| {
        row(id, Fault::Answer(Script::raw(bytes)), code, reason, repeats)
    };
    vec![
        page("F12", "reset", DOWN, Reason::ConnectionReset, 1),
        page("F13", "close", DOWN, Reason::ConnectionReset, 1),
        page("F23", "silent", DOWN, Reason::ResponseTimeout, 0),
        page("F24", "slow-headers", DOWN, Reason::ResponseTimeout, 0),
        page("F25", "half-head", DOWN, Reason::ConnectionReset, 1),
        page("F26", "garbage", ODD, Reason::HttpProtocolError, 0),
        wire(
            "F26b",
            "<html>hello</html>\n".to_owned(),
            ODD,
            Reason::HttpProtocolError,
            0,
        ),
        page("F27", "many-headers", ODD, Reason::HttpProtocolError, 0),
        wire(
            "F27b",
            head(&format!("x: {}\r\n", "y".repeat(2 << 20))),
            ODD,
            Reason::HttpProtocolError,
            0,
        ),
        wire(
            "F28",
            head("x: a\0b\r\ncontent-length: 1\r\n") + "x",
            ODD,
            Reason::HttpProtocolError,
            0,
        ),
        wire(
            "F29",
            head("content-length: 1\r\ncontent-length: 2\r\n") + "xy",
            ODD,
            Reason::HttpProtocolError,
            0,
        ),
        wire(
            "F29b",
            head("content-length: -1\r\n"),
            ODD,
            Reason::HttpProtocolError,
            0,
        ),
        wire(
            "F29c",
            head("content-length: 99999999999999999999999\r\n"),
            ODD,
            Reason::HttpProtocolError,
            0,
        ),
        wire(
            "F30",
            head("content-length: 3\r\ntransfer-encoding: chunked\r\n") + "1\r\nx\r\n0\r\n\r\n",
            ODD,
            Reason::HttpProtocolError,
            0,
        ),
        page("F31", "broken-chunk", ODD, Reason::HttpProtocolError, 0),
        page("F31b", "cut-chunk", DOWN, Reason::BodyIncomplete, 1),
        wire(
            "F31c",
            head("transfer-encoding: chunked\r\n") + "fffffffffffffffff\r\nx",
            ODD,
            Reason::HttpProtocolError,
            0,
        ),
        page("F32", "short-body", DOWN, Reason::BodyIncomplete, 1),
        page("F34", "reset-body", DOWN, Reason::BodyIncomplete, 1),
        page("F35", "stall-body", DOWN, Reason::BodyStalled, 0),
        page("F36", "drip", DOWN, Reason::BodyStalled, 0),
        page("F37", "huge", "ELIMIT", Reason::SourceTooLarge, 0),
        page("F37b", "endless", "ELIMIT", Reason::SourceTooLarge, 0),
        page("F37c", "gzip-bomb", "ELIMIT", Reason::SourceTooLarge, 0),
        page("F38", "gzip-cut", ODD, Reason::ContentEncodingInvalid, 0),
        page("F38b", "brotli", ODD, Reason::ContentEncodingInvalid, 0),
        page("F78", "empty", ODD, Reason::BodyEmpty, 0),
        page("F80", "redirect-loop", ODD, Reason::TooManyRedirects, 0),
        page("F80b", "redirects/9", ODD, Reason::TooManyRedirects, 0),
        page("F80c", "redirect-nowhere", ODD, Reason::RedirectInvalid, 0),
        wire(
            "F80d",
            "HTTP/1.1 302 Found\r\nlocation: file:///etc/hostname\r\ncontent-length: 0\r\n\r\n"
                .to_owned(),
            ODD,
            Reason::RedirectInvalid,
            0,
        ),
        row(
            "F88",
            Fault::Answer(early_hints()),
            DOWN,
            Reason::ResponseTimeout,
            0,
        ),
        page("bot", "challenge", "EACCES", Reason::BotChallenge, 0),
    ]
}

/// 103 after 103, and never the answer itself.
fn early_hints() -> Script {
    let hint = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n";
    Script::raw(hint.repeat(8)).then(limpid_testkit::fake_origin::script::Step::Stall)
}

fn statuses() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut all = |id: &str, statuses: &[u16], code, reason, repeats| {
        for status in statuses {
            let fault = Fault::Page(format!("status/{status}"));
            rows.push(row(id, fault, code, reason, repeats));
        }
    };
    let unexpected = [400, 405, 406, 408, 409, 412, 415, 416, 418, 421, 422, 425];
    all(
        "F69",
        &unexpected,
        "UNIDENTIFIED",
        Reason::OriginUnexpectedStatus,
        0,
    );
    all("F70", &[401], "EACCES", Reason::CredentialsInvalid, 0);
    all(
        "F70",
        &[402, 403, 407, 451],
        "EACCES",
        Reason::AccessDenied,
        0,
    );
    all("F72", &[404, 410], "ENOENT", Reason::ObjectNotFound, 0);
    all("F75", &[429], "ECONNREFUSED", Reason::OriginRateLimited, 0);
    all(
        "F76",
        &[500, 501, 520, 530, 599],
        "UNIDENTIFIED",
        Reason::OriginServerError,
        1,
    );
    all(
        "F77",
        &[502, 503, 504],
        "ECONNREFUSED",
        Reason::OriginOverloaded,
        1,
    );
    let odd = [201, 202, 203, 204, 206, 300, 304, 999];
    all(
        "F79",
        &odd,
        "UNIDENTIFIED",
        Reason::OriginUnexpectedStatus,
        0,
    );
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
