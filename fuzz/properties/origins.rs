//! What must hold whatever tenants, clients and origins say: shared by the fuzz targets and the crate's own test over
//! `fuzz/seeds`.
#![expect(
    clippy::string_slice,
    reason = "secrets are ASCII, and a panic is a finding"
)]
#![expect(clippy::too_many_lines, reason = "a property is said at once")]

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use limpid_domain::failure::{AttemptFailure, Reason};
use limpid_domain::origin::{OriginCredentials, OriginDraft, OriginKind, OriginLocation};
use limpid_origins::offline::{self, Answered, Asked, Moment};
use percent_encoding::percent_decode_str;
use serde_json::json;
use url::Url;

/// Six lines: number of the kind, address, bucket, prefix, path, query. Every request for the path goes where the settings say,
/// to the host that was judged, and stays in its folder.
pub(crate) fn origin_url(text: &str) {
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (kind, address, bucket, prefix, path) = (line(), line(), line(), line(), line());
    let query = lines.next();
    let Some(location) = location(kind, address, bucket, prefix) else {
        return;
    };
    match offline::asked(&location, path, query) {
        Ok(requests) => {
            assert!((1..=2).contains(&requests.len()));
            for request in &requests {
                is_one_host(request);
                goes_where_it_should(&location, request, path, query);
            }
        }
        Err(refused) => {
            let reasons = [
                Reason::ObjectNotFound,
                Reason::BucketNotFound,
                Reason::HostNotAllowed,
                Reason::PortNotAllowed,
                Reason::SchemeNotAllowed,
                Reason::HttpProtocolError,
            ];
            assert!(reasons.contains(&refused.reason), "{refused:?}");
            texts_are_safe(&refused);
        }
    }
}

fn location(kind: &str, address: &str, bucket: &str, prefix: &str) -> Option<OriginLocation> {
    let kind = OriginKind::from_number(kind.parse().ok()?)?;
    let mut body = json!({"type": kind.as_str(), "name": "a"});
    let fields = match kind {
        OriginKind::S3 | OriginKind::CloudinaryBackup => {
            json!({"bucket": bucket, "prefix": prefix, "accessKey": "a", "secretKey": "s"})
        }
        OriginKind::S3Compatible => {
            let (bucket, forced) = bucket
                .strip_prefix('/')
                .map_or((bucket, false), |bucket| (bucket, true));
            json!({"bucket": bucket, "prefix": prefix, "accessKey": "a", "secretKey": "s", "endpoint": address,
                "s3ForcePathStyle": forced})
        }
        OriginKind::Gcs => {
            json!({"bucket": bucket, "prefix": prefix, "clientEmail": "a@b.example", "privateKey": "p"})
        }
        OriginKind::AzureBlob => {
            json!({"container": bucket, "accountName": address, "prefix": prefix, "sasToken": "?sig=1"})
        }
        OriginKind::WebFolder => json!({"baseUrl": address}),
        OriginKind::WebProxy => json!({}),
        OriginKind::AkeneoPim => {
            json!({"baseUrl": address, "clientId": "1", "clientSecret": "2", "username": "3", "password": "4"})
        }
    };
    for (name, value) in fields.as_object()? {
        body[name.as_str()] = value.clone();
    }
    Some(OriginDraft::parse(body).ok()?.settings.location)
}

/// Guard, connection, `Host` and URL speak of the same server, and a second reading of the URL changes nothing.
fn is_one_host(request: &Asked) {
    let url = &request.url;
    assert!(matches!(url.scheme(), "http" | "https"), "{url}");
    assert!(
        url.username().is_empty() && url.password().is_none(),
        "{url}"
    );
    assert_eq!(url.host_str(), Some(request.host.as_str()), "{url}");
    assert_eq!(url.port_or_known_default(), Some(request.port), "{url}");
    assert_eq!(url.scheme() == "https", request.https, "{url}");
    let port = url.port().map(|port| format!(":{port}"));
    let host = format!("{}{}", request.host, port.unwrap_or_default());
    assert_eq!(request.host_header, host, "{url}");
    assert!(request.target.starts_with('/'), "{}", request.target);
    assert_eq!(url.fragment(), None, "{url}");
    assert_eq!(Url::parse(url.as_str()).as_ref(), Ok(url));
    if let Some(server) = &request.server {
        assert_eq!(*server, format!("{}:{}", request.host, request.port));
    }
}

fn decoded(text: &str) -> Vec<u8> {
    percent_decode_str(text).collect()
}

fn has_dots(path: &[u8]) -> bool {
    let mut segments = path.split(|byte| matches!(byte, b'/' | b'\\'));
    segments.any(|segment| matches!(segment, b"." | b".."))
}

fn goes_where_it_should(
    location: &OriginLocation,
    request: &Asked,
    path: &str,
    query: Option<&str>,
) {
    let url = &request.url;
    let path = path.trim_start_matches('/');
    let whole = decoded(url.path());
    // What a store is asked for: the path decoded once, or as it came.
    let is_object = |folder: &str, prefix: &str| {
        let prefix = prefix.trim_matches('/');
        let joint = if prefix.is_empty() { "" } else { "/" };
        let folder = [&decoded(folder), format!("/{prefix}{joint}").as_bytes()].concat();
        let Some(key) = whole.strip_prefix(folder.as_slice()) else {
            return false;
        };
        !has_dots(key)
            && !has_dots(prefix.as_bytes())
            && (key == decoded(path) || key == path.as_bytes())
    };
    let is_object = |folder: &str, prefix: &str| {
        assert_eq!(url.query(), None, "{url}");
        assert!(is_object(folder, prefix), "{url}: {folder} {prefix} {path}");
    };
    match location {
        OriginLocation::WebFolder { base_url, .. } => {
            same_server(base_url, url);
            let folder = base_url.path().trim_end_matches('/');
            let file = url
                .path()
                .strip_prefix(folder)
                .and_then(|file| file.strip_prefix('/'));
            let file = decoded(file.unwrap_or_default());
            assert_eq!(file, decoded(path), "{url}");
            assert!(!has_dots(&file), "{url}");
            // No request target has line breaks and tabs; the URL drops them.
            let kept = |query: &str| query.replace(['\t', '\r', '\n'], "");
            let query = query.filter(|query| !query.is_empty()).map(kept);
            assert_eq!(
                url.query().map(decoded),
                query.as_deref().map(decoded),
                "{url}"
            );
        }
        OriginLocation::AkeneoPim { base_url } => {
            same_server(base_url, url);
            let folder = format!("{}/api/rest/v1/", base_url.path().trim_end_matches('/'));
            let file = url.path().strip_prefix(&folder).unwrap_or("..");
            assert!(!has_dots(&decoded(file)), "{url}");
        }
        OriginLocation::WebProxy => assert!(matches!(request.port, 80 | 443), "{url}"),
        OriginLocation::S3 { bucket, prefix, .. }
        | OriginLocation::CloudinaryBackup { bucket, prefix, .. } => {
            let amazon = "s3.us-east-1.amazonaws.com";
            assert!(request.https && request.port == 443, "{url}");
            if request.host == amazon {
                is_object(&format!("/{bucket}"), prefix);
            } else {
                assert_eq!(request.host, format!("{bucket}.{amazon}"));
                is_object("", prefix);
            }
        }
        OriginLocation::S3Compatible {
            bucket,
            prefix,
            endpoint,
            ..
        } => {
            assert_eq!(endpoint.scheme(), url.scheme());
            assert_eq!(endpoint.port(), url.port());
            let folder = endpoint.path().trim_end_matches('/');
            let host = endpoint.host_str().unwrap_or_default();
            if request.host == host {
                is_object(&format!("{folder}/{bucket}"), prefix);
            } else {
                let expected = format!("{bucket}.{host}").to_ascii_lowercase();
                assert_eq!(request.host, expected);
                is_object(folder, prefix);
            }
        }
        OriginLocation::Gcs { bucket, prefix, .. } => {
            assert_eq!(
                (request.host.as_str(), request.port),
                ("storage.googleapis.com", 443)
            );
            is_object(&format!("/{bucket}"), prefix);
        }
        OriginLocation::AzureBlob {
            account_name,
            container,
            prefix,
        } => {
            let host = format!("{account_name}.blob.core.windows.net");
            assert_eq!((&request.host, request.port), (&host, 443));
            is_object(&format!("/{container}"), prefix);
        }
    }
}

fn same_server(base: &Url, url: &Url) {
    let of = |url: &Url| {
        (
            url.scheme().to_owned(),
            url.host_str().map(str::to_owned),
            url.port(),
        )
    };
    assert_eq!(of(base), of(url), "{url}");
}

/// A line with the number of the kind and the status, header fields, an empty line, the document. `{0}` to `{3}` stand for the
/// origin's secrets. Whatever comes is one of the reasons an answer can have, and is told in few, safe words.
pub(crate) fn provider_error(input: &[u8]) {
    let (first, rest) = split_at(input, b"\n");
    let (head, document) = split_at(rest, b"\n\n");
    let first = String::from_utf8_lossy(first);
    let Some((kind, status)) = first.split_once(' ') else {
        return;
    };
    let kind = kind.parse().ok().and_then(OriginKind::from_number);
    let (Some(kind), Ok(status)) = (kind, StatusCode::from_bytes(status.as_bytes())) else {
        return;
    };
    let (credentials, secrets) = secrets_of(kind);
    let mut headers = HeaderMap::new();
    for line in head.split(|byte| *byte == b'\n') {
        let (name, value) = split_at(line, b": ");
        let name = HeaderName::from_bytes(name);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(&filled(value, &secrets))) {
            headers.append(name, value);
        }
    }
    let document = filled(document, &secrets);
    let answered = Answered {
        status,
        headers: &headers,
        document: &document,
        now: epoch(),
    };
    let telling = |secret: &&str| {
        let beginning = &secret.as_bytes()[..8];
        !input.windows(8).any(|window| window == beginning)
    };
    let unsaid: Vec<&str> = secrets.iter().copied().filter(telling).collect();
    for failed in [
        offline::refusal(kind, &credentials, answered),
        offline::token_refusal(&credentials, answered),
    ] {
        assert!(REFUSALS.contains(&failed.reason), "{failed:?}");
        assert_eq!(failed.upstream_status, Some(status.as_u16()));
        assert!(failed.note.is_some());
        texts_are_safe(&failed);
        for text in texts(&failed) {
            assert!(
                !secrets.iter().any(|secret| text.contains(secret)),
                "{text}"
            );
            assert!(
                !unsaid.iter().any(|secret| text.contains(&secret[..8])),
                "{text}"
            );
        }
    }
    if let Some(region) = offline::named_region(answered) {
        let is_plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        assert!(
            region.len() <= 32 && region.bytes().all(is_plain),
            "{region}"
        );
    }
}

/// What an answer other than the file can stand for.
const REFUSALS: [Reason; 16] = [
    Reason::ObjectNotFound,
    Reason::BucketNotFound,
    Reason::ObjectArchived,
    Reason::AccessDenied,
    Reason::AccessDeniedOrMissing,
    Reason::CredentialsInvalid,
    Reason::CredentialsExpired,
    Reason::SignatureMismatch,
    Reason::ClockSkew,
    Reason::WrongRegion,
    Reason::EncryptionKeyDenied,
    Reason::OriginRateLimited,
    Reason::OriginOverloaded,
    Reason::OriginServerError,
    Reason::OriginUnexpectedStatus,
    Reason::BotChallenge,
];

fn epoch() -> Moment {
    std::time::UNIX_EPOCH.into()
}

fn secrets_of(kind: OriginKind) -> (OriginCredentials, Vec<&'static str>) {
    const SAS: &str =
        "?sv=2024-11-04&se=2030-01-01T00:00Z&sr=c&sp=r&sig=qVz%2Frt7Kd%2B0pYx5wUe3mNb8%3D";
    const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n-----END PRIVATE KEY-----\n";
    match kind {
        OriginKind::S3 | OriginKind::S3Compatible | OriginKind::CloudinaryBackup => {
            let (access, secret) = (
                "AKIAZQ3DRSTUVWXY7ABC",
                "zx/cv+bnm/asdfGHJKLqwertyuiop1234567890a",
            );
            let credentials = OriginCredentials::AccessKey {
                access_key: access.into(),
                secret_key: secret.into(),
            };
            (credentials, vec![access, secret])
        }
        OriginKind::Gcs => {
            let credentials = OriginCredentials::ServiceAccountKey {
                private_key: PEM.into(),
            };
            let lines = PEM.lines().filter(|line| !line.starts_with('-'));
            (credentials, lines.collect())
        }
        OriginKind::AzureBlob => {
            let credentials = OriginCredentials::SasToken {
                sas_token: SAS.into(),
            };
            (
                credentials,
                vec!["qVz%2Frt7Kd%2B0pYx5wUe3mNb8%3D", "qVz/rt7Kd+0pYx5wUe3mNb8="],
            )
        }
        OriginKind::AkeneoPim => {
            let texts = [
                "1_client9identity",
                "2clientXsecret+of/ours",
                "nobody@pim.example",
                "pass word: {\"ü\"}",
            ];
            let [client_id, client_secret, username, password] = texts.map(Into::into);
            let credentials = OriginCredentials::PasswordGrant {
                client_id,
                client_secret,
                username,
                password,
            };
            (credentials, texts.to_vec())
        }
        OriginKind::WebFolder | OriginKind::WebProxy => (OriginCredentials::None, Vec::new()),
    }
}

fn filled(bytes: &[u8], secrets: &[&str]) -> Vec<u8> {
    let mut left = bytes;
    let mut filled = Vec::with_capacity(bytes.len());
    while let [first, rest @ ..] = left {
        let marked = match left {
            [b'{', digit @ b'0'..=b'3', b'}', ..] => secrets.get(usize::from(digit - b'0')),
            _ => None,
        };
        if let Some(secret) = marked {
            filled.extend_from_slice(secret.as_bytes());
            left = &left[3..];
        } else {
            filled.push(*first);
            left = rest;
        }
    }
    filled
}

fn split_at<'a>(bytes: &'a [u8], separator: &[u8]) -> (&'a [u8], &'a [u8]) {
    let found = bytes
        .windows(separator.len())
        .position(|window| window == separator);
    found.map_or((bytes, &[]), |at| {
        (&bytes[..at], &bytes[at + separator.len()..])
    })
}

fn texts(failed: &AttemptFailure) -> Vec<&str> {
    let texts = [
        &failed.note,
        &failed.location,
        &failed.body_excerpt,
        &failed.provider_code,
        &failed.provider_request_id,
    ];
    let values = failed
        .response_headers
        .iter()
        .map(|(_, value)| value.as_str());
    texts
        .into_iter()
        .flatten()
        .map(String::as_str)
        .chain(values)
        .collect()
}

/// Short, and nothing in it changes how the text around it is read.
fn texts_are_safe(failed: &AttemptFailure) {
    assert!(failed.response_headers.len() <= 23);
    for text in texts(failed) {
        assert!(text.chars().count() <= 640, "{text}");
        let is_odd = |c: char| {
            c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{feff}')
        };
        assert!(!text.contains(is_odd), "{text:?}");
    }
}

/// Lines: `c` where the URL is the origin's own, the URL, a `Host` of the client, and the `Location` of every answer (`-` for
/// none). No hop leaves what the guard allows, and the client's `Host` never reaches another host.
pub(crate) fn redirect(input: &[u8]) {
    let mut lines = input.split(|byte| *byte == b'\n');
    let own = lines.next() == Some(b"c");
    let first = lines.next().and_then(|line| std::str::from_utf8(line).ok());
    let Some(Ok(first)) = first.map(Url::parse) else {
        return;
    };
    let host = lines
        .next()
        .and_then(|line| HeaderValue::from_bytes(line).ok());
    let host = host.filter(|host| !host.is_empty());
    let answers: Vec<HeaderMap> = lines
        .map(|line| {
            let mut headers = HeaderMap::new();
            if let (false, Ok(location)) = (line == b"-", HeaderValue::from_bytes(line)) {
                headers.insert(header::LOCATION, location);
            }
            headers
        })
        .collect();
    let configured = own.then_some(&first);
    let (requests, refused) = offline::redirected(&first, configured, host.clone(), &answers);
    assert!(requests.len() <= 6);
    let hosts: Vec<&str> = requests
        .iter()
        .map(|request| request.host.as_str())
        .collect();
    for (at, request) in requests.iter().enumerate() {
        let url = &request.url;
        assert!(
            !requests[..at].iter().any(|before| before.url == *url),
            "{url} twice"
        );
        let was_secure = at > 0 && requests[at - 1].https;
        assert!(request.https || !was_secure, "{url} in the clear");
        let is_own = own
            && url.host() == first.host()
            && url.port_or_known_default() == first.port_or_known_default();
        assert!(matches!(request.port, 80 | 443) || is_own, "{url}");
        let never_left = hosts[..=at].iter().all(|host| *host == hosts[0]);
        let mut plain = request.clone();
        if let (true, Some(host)) = (never_left, &host) {
            assert_eq!(
                request.host_header.as_bytes(),
                String::from_utf8_lossy(host.as_bytes()).as_bytes()
            );
            let port = url.port().map(|port| format!(":{port}"));
            plain.host_header = format!("{}{}", request.host, port.unwrap_or_default());
        }
        if at == 0 {
            // The first URL is the tenant's or the client's; it may have a fragment, which is never sent.
            plain.url.set_fragment(None);
        }
        is_one_host(&plain);
    }
    if let Some(refused) = refused {
        let reasons = [
            Reason::RedirectInvalid,
            Reason::TooManyRedirects,
            Reason::SchemeNotAllowed,
            Reason::HostNotAllowed,
            Reason::PortNotAllowed,
            Reason::HttpProtocolError,
        ];
        assert!(reasons.contains(&refused.reason), "{refused:?}");
        texts_are_safe(&refused);
    } else {
        assert_eq!(requests.len(), answers.len() + 1);
    }
}

/// Longest decoded body. Units: bytes.
const MAX_DECODED: usize = 1 << 16;

/// Lines: `e` where the body is to be encoded first, the length of the pieces in which it comes, `Content-Encoding` fields
/// separated by `;`, then the body. What was encoded is decoded again; whatever comes stays within the limit.
pub(crate) fn content_encoding(input: &[u8]) {
    let (mode, rest) = split_at(input, b"\n");
    let (piece, rest) = split_at(rest, b"\n");
    let (names, body) = split_at(rest, b"\n");
    let piece = std::str::from_utf8(piece)
        .ok()
        .and_then(|piece| piece.parse().ok());
    let piece = piece.filter(|piece| *piece > 0).unwrap_or(usize::MAX);
    let mut headers = HeaderMap::new();
    for field in names.split(|byte| *byte == b';') {
        if let Ok(field) = HeaderValue::from_bytes(field) {
            headers.append(header::CONTENT_ENCODING, field);
        }
    }
    let fields = headers.get_all(header::CONTENT_ENCODING).iter();
    let names: Vec<String> = fields
        .map(|field| String::from_utf8_lossy(field.as_bytes()).to_ascii_lowercase())
        .collect();
    let names: Vec<&str> = names
        .iter()
        .flat_map(|names| names.split(','))
        .map(str::trim)
        .filter(|name| !matches!(*name, "" | "identity" | "aws-chunked"))
        .collect();
    let is_known = |name: &&str| matches!(*name, "gzip" | "x-gzip" | "deflate");
    let is_decodable = names.len() <= 3 && names.iter().all(is_known);
    let gets_encoded = mode.first() == Some(&b'e') && is_decodable;
    let encoded = if gets_encoded {
        names
            .iter()
            .fold(body.to_vec(), |body, name| encode(name, mode, &body))
    } else {
        body.to_vec()
    };
    let pieces: Vec<&[u8]> = encoded.chunks(piece.min(encoded.len().max(1))).collect();
    match offline::decoded(&headers, &pieces, MAX_DECODED as u64) {
        Ok(decoded) => {
            assert!(is_decodable);
            assert!(decoded.len() <= MAX_DECODED || names.is_empty());
            assert!(!gets_encoded || decoded == body);
        }
        Err(failed) => {
            let is_encoding = failed.reason == Reason::ContentEncodingInvalid;
            assert!(
                is_encoding || failed.reason == Reason::SourceTooLarge,
                "{failed:?}"
            );
            assert!(
                !gets_encoded || (body.len() > MAX_DECODED - 1024 && !is_encoding),
                "{failed:?}"
            );
            texts_are_safe(&failed);
        }
    }
}

fn encode(name: &str, mode: &[u8], body: &[u8]) -> Vec<u8> {
    let level = Compression::fast();
    let is_bare = mode.get(1) == Some(&b'b');
    let encoded = if name == "deflate" && is_bare {
        let mut encoder = DeflateEncoder::new(Vec::new(), level);
        encoder.write_all(body).and_then(|()| encoder.finish())
    } else if name == "deflate" {
        let mut encoder = ZlibEncoder::new(Vec::new(), level);
        encoder.write_all(body).and_then(|()| encoder.finish())
    } else {
        let mut encoder = GzEncoder::new(Vec::new(), level);
        encoder.write_all(body).and_then(|()| encoder.finish())
    };
    encoded.unwrap_or_default()
}
