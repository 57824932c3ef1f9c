//! What a fetch decides without a network, on its own: for the fuzz targets and their seeds, which try it on any text. A
//! fetch comes by the same functions.

use chrono::{DateTime, Utc};
use futures::executor::block_on;
use http::{HeaderMap, StatusCode};
use limpid_domain::failure::AttemptFailure;
use limpid_domain::origin::{OriginCredentials, OriginKind, OriginLocation};
use secrecy::ExposeSecret;
use url::Url;

use crate::attempt::AttemptResult;
use crate::azure::Sas;
use crate::bearer::token_endpoint;
use crate::body::decode::Decoder;
use crate::config::FetchConfig;
use crate::exchange::{Outgoing, build_request};
use crate::existence::Part;
use crate::redirect::Journey;
use crate::store::{Marks, ProviderError, Refused};
use crate::trace::FetchTrace;
use crate::transport::guard::Guard;
use crate::{akeneo, azure, google, s3, scrub, web, web_folder, web_proxy};

/// A point in time, as answers are judged at it.
pub type Moment = DateTime<Utc>;

/// One request as it would be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The URL, before a token is added to it.
    pub url: Url,
    /// The host the guard judged and the connection goes to.
    pub host: String,
    /// The port of that connection.
    pub port: u16,
    /// Whether the connection is TLS.
    pub https: bool,
    /// `Host` of the request.
    pub host_header: String,
    /// The request target.
    pub target: String,
    /// Whose breaker counts.
    pub server: Option<String>,
}

/// An answer that is not the file.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub headers: &'a HeaderMap,
    /// The body, or what was read of it.
    pub document: &'a [u8],
    /// When it came.
    pub now: Moment,
}

/// The requests by which a path is looked for, in their order.
///
/// # Errors
///
/// Why nobody would be asked.
pub fn asked(
    location: &OriginLocation,
    path: &str,
    query: Option<&str>,
) -> Result<Vec<Asked>, Box<AttemptFailure>> {
    let config = FetchConfig::default();
    let (urls, configured) = match location {
        OriginLocation::WebFolder { base_url, .. } => {
            let url = web_folder::url(base_url, path, query)?;
            (vec![url], Some(base_url.url()))
        }
        OriginLocation::AkeneoPim { base_url } => {
            (vec![akeneo::url(location, path)?], Some(base_url.url()))
        }
        OriginLocation::WebProxy => (vec![web_proxy::url_of(path, query)?], None),
        OriginLocation::S3 { .. }
        | OriginLocation::S3Compatible { .. }
        | OriginLocation::CloudinaryBackup { .. } => {
            let urls = s3::urls(location, &config, path)?;
            // A bucket's own host is made of the tenant's words throughout.
            let sent = |url: &Url| sent(url, &HeaderMap::new(), Some(url), None);
            return urls.iter().map(sent).collect();
        }
        OriginLocation::Gcs { .. } => (google::urls(location, &config, path)?, None),
        OriginLocation::AzureBlob { .. } => (azure::urls(location, &config, path)?, None),
    };
    let server = matches!(location, OriginLocation::WebProxy).then(|| web_proxy::server_of(path));
    urls.iter()
        .map(|url| sent(url, &HeaderMap::new(), configured, server.clone()))
        .collect()
}

fn sent(
    url: &Url,
    headers: &HeaderMap,
    configured: Option<&Url>,
    server: Option<String>,
) -> AttemptResult<Asked> {
    let authority = Guard::new(Vec::new()).check_url(url, configured)?;
    let outgoing = Outgoing {
        method: Part::Whole.method(),
        url,
        configured,
        headers,
        body: bytes::Bytes::new(),
    };
    let request = build_request(&outgoing)?;
    let host_header = request
        .headers()
        .get(http::header::HOST)
        .map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned());
    Ok(Asked {
        host: authority.host.to_string(),
        port: authority.port,
        https: authority.https,
        host_header: host_header.unwrap_or_default(),
        target: request.uri().to_string(),
        server,
        url: url.clone(),
    })
}

/// Where redirects lead from a web folder's or, with nothing `configured`, a web proxy's URL: the first request and one for
/// each redirect.
///
/// # Errors
///
/// The requests so far, and why there is no other.
pub fn redirected(
    first: &Url,
    configured: Option<&Url>,
    host: Option<http::HeaderValue>,
    redirects: &[HeaderMap],
) -> (Vec<Asked>, Option<Box<AttemptFailure>>) {
    let mut headers = HeaderMap::new();
    if let Some(host) = host {
        headers.insert(http::header::HOST, host);
    }
    let mut journey = Journey::new(first.clone(), headers);
    let mut requests = Vec::new();
    let mut answers = redirects.iter();
    loop {
        match sent(journey.url(), journey.headers(), configured, None) {
            Ok(request) => requests.push(request),
            Err(refused) => return (requests, Some(refused)),
        }
        let Some(answer) = answers.next() else {
            return (requests, None);
        };
        if let Err(refused) = journey.follow(answer) {
            return (requests, Some(refused));
        }
    }
}

/// What an answer other than the file stands for, with secrets taken out.
pub fn refusal(
    kind: OriginKind,
    credentials: &OriginCredentials,
    answered: Answered<'_>,
) -> Box<AttemptFailure> {
    let Answered {
        status,
        headers,
        document,
        now,
    } = answered;
    let refused = |marks: Marks| Refused {
        marks,
        status,
        headers: headers.clone(),
        document: bytes::Bytes::copy_from_slice(document),
    };
    let failure = |refused: Refused, (reason, error): (_, ProviderError)| {
        refused.into_failure(now, reason, error, &mut FetchTrace::off())
    };
    let mut failed = match kind {
        OriginKind::S3 | OriginKind::S3Compatible | OriginKind::CloudinaryBackup => {
            let refused = refused(s3::MARKS);
            let (reason, error, _region) = s3::judged(&refused);
            failure(refused, (reason, error))
        }
        OriginKind::Gcs => {
            let refused = refused(google::MARKS);
            let judged = google::judged(&refused);
            failure(refused, judged)
        }
        OriginKind::AzureBlob => {
            let refused = refused(azure::MARKS);
            let sas = match credentials {
                OriginCredentials::SasToken { sas_token } => Sas::parse(sas_token.expose_secret()),
                _ => Sas::default(),
            };
            let judged = azure::judged(&refused, &sas, now);
            failure(refused, judged)
        }
        OriginKind::AkeneoPim => {
            let refused = refused(akeneo::MARKS);
            let judged = akeneo::judged(&refused);
            failure(refused, judged)
        }
        OriginKind::WebFolder | OriginKind::WebProxy => {
            web::classified(status, headers, document, now)
        }
    };
    scrub::scrub(&mut failed, credentials, None);
    failed
}

/// What an answer of a token endpoint without a token stands for, with secrets taken out.
pub fn token_refusal(
    credentials: &OriginCredentials,
    answered: Answered<'_>,
) -> Box<AttemptFailure> {
    let Answered {
        status,
        headers,
        document,
        now,
    } = answered;
    let mut failed = token_endpoint::classified(status, headers, document, now);
    scrub::scrub(&mut failed, credentials, None);
    failed
}

/// The region by which S3 names another one than was asked, if it is one.
pub fn named_region(answered: Answered<'_>) -> Option<String> {
    let refused = Refused {
        marks: s3::MARKS,
        status: answered.status,
        headers: answered.headers.clone(),
        document: bytes::Bytes::copy_from_slice(answered.document),
    };
    s3::judged(&refused).2
}

/// A body without its content encodings, as it would be decoded when it came in these pieces.
///
/// # Errors
///
/// `content_encoding_invalid`, `source_too_large`.
pub fn decoded(
    headers: &HeaderMap,
    pieces: &[&[u8]],
    max_bytes: u64,
) -> Result<Vec<u8>, Box<AttemptFailure>> {
    let Some(mut decoder) = Decoder::for_answer(headers, max_bytes)? else {
        return Ok(pieces.concat());
    };
    block_on(async {
        for piece in pieces {
            decoder.feed(piece).await?;
        }
        decoder.finish().await
    })
    .map(Vec::from)
}
