//! One HTTP request as an image request: host, target and header fields read once, wrong input refused before any I/O.

use http::header::{self, HeaderMap, HeaderName};
use http::request::Parts;
use http::{Method, Version};
use limpid_delivery_url::{DeliveryTarget, target};
use limpid_domain::ids::RequestId;
use limpid_imaging::AcceptedFormats;

use crate::content_coding::AcceptedCodings;
use crate::preferences::Preferences;
use crate::response::conditional::Conditions;

/// A request for an image, parsed.
#[derive(Debug, Clone)]
pub(crate) struct ImageRequest {
    pub(crate) id: RequestId,
    /// `GET` or `HEAD`.
    pub(crate) method: Method,
    /// Lower case, without port and final dot: what custom domains are compared with.
    pub(crate) host: String,
    /// `Host` as received, for origins that want it forwarded.
    pub(crate) host_field: String,
    /// Path and query as received.
    pub(crate) raw_target: String,
    pub(crate) target: DeliveryTarget,
    pub(crate) accept: AcceptedFormats,
    pub(crate) preferences: Preferences,
    pub(crate) codings: AcceptedCodings,
    pub(crate) conditions: Conditions,
    pub(crate) referrer: Option<String>,
    pub(crate) user_agent: Option<String>,
    /// What opens the full detail of a failure.
    pub(crate) debug_token: Option<String>,
}

/// Carries a debug token.
const IK_DEBUG_TOKEN: HeaderName = HeaderName::from_static("ik-debug-token");

/// Why a request is not even looked at as an image request. The client's (or a proxy's) fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadRequest {
    /// Absolute-form or authority-form: only proxies are asked like this.
    #[error("the request target must be a path that begins with a slash")]
    NotAPath,
    /// No `Host`, several, or one that names no host.
    #[error("exactly one valid Host field is needed")]
    Host,
    /// A body, which a delivery request never has; refusing it leaves no room for request smuggling.
    #[error("a delivery request has no body")]
    Body,
}

impl ImageRequest {
    /// Reads what the delivery needs from the head of a request.
    ///
    /// # Errors
    /// See [`BadRequest`].
    pub(crate) fn parse(id: RequestId, parts: &Parts) -> Result<Self, BadRequest> {
        check_framing(parts)?;
        let host_field = only_host(&parts.headers)?;
        let raw_target = parts
            .uri
            .path_and_query()
            .ok_or(BadRequest::NotAPath)?
            .as_str();
        let target = target::parse(raw_target).map_err(|_| BadRequest::NotAPath)?;
        let text = |name: HeaderName| field(&parts.headers, &name);
        Ok(Self {
            id,
            method: parts.method.clone(),
            host: normal_host(host_field).ok_or(BadRequest::Host)?,
            host_field: host_field.to_owned(),
            raw_target: raw_target.to_owned(),
            target,
            accept: AcceptedFormats::from_accept(&joined(&parts.headers, &header::ACCEPT)),
            preferences: Preferences::from_headers(&parts.headers),
            codings: AcceptedCodings::from_accept_encoding(&joined(
                &parts.headers,
                &header::ACCEPT_ENCODING,
            )),
            conditions: Conditions::from_headers(&parts.headers),
            referrer: text(header::REFERER),
            user_agent: text(header::USER_AGENT),
            debug_token: text(IK_DEBUG_TOKEN),
        })
    }
}

/// Refuses what reaches two parties differently: absolute targets, bodies, transfer codings.
pub(crate) fn check_framing(parts: &Parts) -> Result<(), BadRequest> {
    if parts.uri.scheme().is_some() || parts.uri.authority().is_some() {
        return Err(BadRequest::NotAPath);
    }
    let has_body = parts.headers.contains_key(header::TRANSFER_ENCODING)
        || parts
            .headers
            .get_all(header::CONTENT_LENGTH)
            .iter()
            .any(|length| length != "0");
    if has_body {
        return Err(BadRequest::Body);
    }
    let hosts = parts.headers.get_all(header::HOST).iter().count();
    if hosts > 1 || (hosts == 0 && parts.version != Version::HTTP_10) {
        return Err(BadRequest::Host);
    }
    Ok(())
}

fn only_host(headers: &HeaderMap) -> Result<&str, BadRequest> {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().map_err(|_| BadRequest::Host),
        _ => Err(BadRequest::Host),
    }
}

/// Host name of a `Host` field: lower case, without port and final dot.
fn normal_host(field: &str) -> Option<String> {
    let authority: http::uri::Authority = field.parse().ok()?;
    if authority.as_str().contains('@') {
        return None;
    }
    let host = authority.host();
    let host = host.strip_suffix('.').unwrap_or(host);
    (!host.is_empty()).then(|| host.to_ascii_lowercase())
}

fn field(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// The values of a field that may be repeated, as one list.
fn joined(headers: &HeaderMap, name: &HeaderName) -> String {
    let values: Vec<&str> = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    values.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(target: &str, headers: &[(&'static str, &str)]) -> Parts {
        let mut request = http::Request::builder().uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn parse(target: &str, headers: &[(&'static str, &str)]) -> Result<ImageRequest, BadRequest> {
        ImageRequest::parse(RequestId::mint(), &parts(target, headers))
    }

    #[test]
    fn hosts_are_compared_without_case_port_and_final_dot() {
        for field in ["IMG.Example.", "img.example:443", "img.example"] {
            let request = parse("/demo/a.jpg", &[("host", field)]).unwrap();
            assert_eq!(request.host, "img.example");
            assert_eq!(request.host_field, field);
        }
    }

    #[test]
    fn what_two_parties_may_read_differently_is_refused() {
        let host = ("host", "h");
        let refused = |target: &str, headers: &[(&'static str, &str)]| {
            parse(target, headers).map(|_| ()).unwrap_err()
        };
        assert_eq!(
            refused("http://evil/t/a.jpg", &[host]),
            BadRequest::NotAPath
        );
        assert_eq!(refused("/a", &[]), BadRequest::Host);
        assert_eq!(refused("/a", &[host, ("host", "i")]), BadRequest::Host);
        assert_eq!(refused("/a", &[("host", "u@h")]), BadRequest::Host);
        assert_eq!(
            refused("/a", &[host, ("content-length", "5")]),
            BadRequest::Body
        );
        assert_eq!(
            refused("/a", &[host, ("transfer-encoding", "chunked")]),
            BadRequest::Body
        );
        assert!(parse("/a", &[host, ("content-length", "0")]).is_ok());
    }

    #[test]
    fn repeated_accept_fields_are_one_list() {
        let headers = [
            ("host", "h"),
            ("accept", "image/webp"),
            ("accept", "image/avif"),
        ];
        let request = parse("/demo/a.jpg", &headers).unwrap();
        assert!(request.accept.webp && request.accept.avif);
    }
}
