//! The rows. Read `name: code, stage, blame, retry, negative TTL in seconds, Proxy-Status; sentence; title; meaning; advice.`

use std::time::Duration;

use super::{Blame, NegativeTtl, ReasonRow, RetryRule, SentenceRule, Stage};
use crate::failure::code::FailureCode;

macro_rules! ttl {
    (For($seconds:literal)) => {
        NegativeTtl::For(Duration::from_secs($seconds))
    };
    (RetryAfterAtMost($seconds:literal)) => {
        NegativeTtl::RetryAfterAtMost(Duration::from_secs($seconds))
    };
    (UntilProbe) => {
        NegativeTtl::UntilProbe
    };
}

macro_rules! table {
    ($($variant:ident = $number:literal, $name:literal: $code:ident, $stage:ident, $blame:ident, $retry:ident,
        $ttl:ident $(($seconds:literal))?, $proxy:expr;
        $sentence:ident $(($text:literal))?; $title:literal; $meaning:literal; $advice:literal.)+) => {
        /// Why an image failed. The variants are the rows of [`TABLE`], in its order.
        #[expect(clippy::doc_markdown, reason = "the meanings are prose that is also sent as text")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $(#[doc = $meaning] $variant,)+
        }

        /// The table.
        pub const TABLE: &[ReasonRow] = &[$(ReasonRow {
            reason: Reason::$variant,
            number: $number,
            name: $name,
            code: FailureCode::$code,
            stage: Stage::$stage,
            blame: Blame::$blame,
            retry: RetryRule::$retry,
            negative_ttl: ttl!($ttl $(($seconds))?),
            proxy_status: $proxy,
            sentence: SentenceRule::$sentence $(($text))?,
            title: $title,
            meaning: $meaning,
            advice: $advice,
        },)+];
    };
}

table! {
    AccountNotFound = 1, "account_not_found": Enoent, Route, Client, Never, For(5), Some("destination_not_found");
        Fixed("No account with this ID exists");
        "Unknown account";
        "The first path segment (or the host) names no account, so the failure is attributed to nobody.";
        "Check the ID right after the host: it is the account's imagekitId.".
    NoOriginAttached = 2, "no_origin_attached": Enoent, Route, TenantConfig, Never, For(2), Some("proxy_configuration_error");
        Fixed("No origin is attached to this URL endpoint");
        "No origin attached";
        "The URL endpoint has an empty list of origins, so there is nowhere to look.";
        "Attach at least one origin to the URL endpoint {endpoint}: PUT /v1/accounts/url-endpoints/{endpointId} with \"origins\": [\"<origin id>\"].".
    ObjectNotFound = 3, "object_not_found": Enoent, Headers, TenantContent, Never, For(5), None;
        PerOriginKind;
        "File not found";
        "The origin answered that nothing exists at this location (404, 410, NoSuchKey, BlobNotFound).";
        "Check that {location} exists at origin {origin}: the spelling, upper and lower case, and the folder prefix {prefix}.".
    BucketNotFound = 4, "bucket_not_found": Enoent, Headers, TenantConfig, Never, For(10), None;
        Fixed("The bucket or container of the origin does not exist");
        "Bucket not found";
        "The provider knows no bucket or container of this name (NoSuchBucket, ContainerNotFound).";
        "Check the bucket name {bucket} of origin {origin}, and that it lives at the address the origin is configured with.".
    ObjectArchived = 5, "object_archived": Enoent, Headers, TenantContent, Never, For(60), None;
        Fixed("The file is archived and must be restored before it can be read");
        "File is archived";
        "The object exists but lies in an archive tier that cannot be read directly (InvalidObjectState, BlobArchived).";
        "Restore {location} from the archive tier, or keep delivered images in a tier that can be read at once.".
    KeyEncodingMismatch = 6, "key_encoding_mismatch": Enoent, Headers, Client, Never, For(5), None;
        Fixed("The file exists under another encoding of this path");
        "Other encoding exists";
        "Nothing exists under the key as requested, but the other decoding of the key (percent-encoded against decoded) does.";
        "Request the path the way the key is stored, or rename the object: requested {location}.".
    AccessDenied = 7, "access_denied": Eacces, Headers, TenantConfig, Never, For(10), None;
        PerOriginKind;
        "Access denied";
        "The origin understood who we are and refused (403, AccessDenied; also 407 and 451).";
        "Allow reading for origin {origin}. Web server: allow-list requests that carry the header x-req-from. S3: grant s3:GetObject on arn:aws:s3:::{bucket}/{prefixPath}* to the key.".
    AccessDeniedOrMissing = 8, "access_denied_or_missing": Eacces, Headers, TenantConfig, Never, For(10), None;
        PerOriginKind;
        "Access denied, or missing";
        "S3 answers 403 for a missing object when the key may not list the bucket; a denied object looks the same.";
        "Grant s3:ListBucket on arn:aws:s3:::{bucket} beside s3:GetObject on arn:aws:s3:::{bucket}/{prefixPath}*; then a missing object is reported as ENOENT. Until then check both: that {location} exists, and that the key may read it.".
    CredentialsInvalid = 9, "credentials_invalid": Eacces, Headers, TenantConfig, Never, For(5), None;
        PerOriginKind;
        "Credentials rejected";
        "The origin does not accept the credentials at all (401, InvalidAccessKeyId, AuthenticationFailed, a refused token).";
        "Enter valid credentials for origin {origin} and save it again: the key was deleted, disabled or mistyped.".
    CredentialsExpired = 10, "credentials_expired": Eacces, Headers, TenantConfig, Never, For(5), None;
        Fixed("The credentials of the origin have expired");
        "Credentials expired";
        "The credentials were valid once but their time is over (ExpiredToken, a SAS past its end).";
        "Issue new credentials for origin {origin} and save it again.".
    SignatureMismatch = 11, "signature_mismatch": Eacces, Headers, TenantConfig, Never, For(5), None;
        Fixed("The origin rejected our signature, check the secret key of the origin");
        "Signature rejected";
        "The provider knows the access key but computed another signature (SignatureDoesNotMatch): the secret key is wrong.";
        "Enter the secret key of origin {origin} again; copy it whole, without spaces or line breaks.".
    ClockSkew = 12, "clock_skew": Eacces, Headers, Platform, Never, For(5), None;
        Fixed("The origin rejected our request because the clocks differ");
        "Clock skew";
        "The provider's clock and ours differ by too much (RequestTimeTooSkewed).";
        "Set the clock of the serving machine (NTP). The tenant can do nothing about it.".
    EncryptionKeyDenied = 13, "encryption_key_denied": Eacces, Headers, TenantConfig, Never, For(10), None;
        Fixed("The encryption key of the file may not be used");
        "Encryption key denied";
        "The object is encrypted with a key (KMS) that the credentials may not use, or that is disabled.";
        "Grant kms:Decrypt on the key that encrypts {location} to the credentials of origin {origin}.".
    WrongRegion = 14, "wrong_region": Eacces, Headers, TenantConfig, Once, For(10), None;
        Fixed("The bucket lies in another region than the origin is configured with");
        "Wrong region";
        "The provider redirected to another region, and the region it named did not work either.";
        "Check the address of origin {origin}: it must be the one of the region the bucket {bucket} lies in.".
    BotChallenge = 15, "bot_challenge": Eacces, Headers, Origin, Never, For(10), None;
        Fixed("The origin answered with a bot challenge instead of the file");
        "Bot challenge";
        "A firewall in front of the origin answered with a challenge page meant for browsers.";
        "Allow our requests in the firewall of {host}: match the header x-req-from, and switch the challenge off for them.".
    AddressProhibited = 16, "address_prohibited": Eacces, Policy, TenantConfig, Never, For(60), Some("destination_ip_prohibited");
        Fixed("The address of the origin is not allowed");
        "Address not allowed";
        "The origin's address, or one it redirected to, is private, loopback, link-local, a metadata service or otherwise reserved.";
        "Use an origin with a public address. Who hosts this service can exempt networks with origins.allow_addresses.".
    SchemeNotAllowed = 17, "scheme_not_allowed": Eacces, Policy, TenantConfig, Never, For(60), Some("http_request_denied");
        Fixed("Only http and https origins are allowed");
        "Scheme not allowed";
        "The URL, or one it redirected to, is neither http nor https, or steps down from https to http.";
        "Use an http or https address, and let https not redirect to http.".
    PortNotAllowed = 18, "port_not_allowed": Eacces, Policy, TenantConfig, Never, For(60), Some("http_request_denied");
        Fixed("The port of the origin is not allowed");
        "Port not allowed";
        "The port is one that other protocols use, so requests to it are refused.";
        "Serve the originals on port 80, 443 or one above 1023 that belongs to no other protocol.".
    HostNotAllowed = 19, "host_not_allowed": Eacces, Policy, TenantConfig, Never, For(60), Some("http_request_denied");
        Fixed("The host of the origin is not allowed");
        "Host not allowed";
        "The host name is empty, malformed, carries credentials, or points back at this service.";
        "Check the address of origin {origin}: a plain host name without user name or password.".
    DnsNotFound = 20, "dns_not_found": Econnrefused, Dns, TenantConfig, Never, For(5), Some("dns_error");
        Fixed("The host name of the origin does not exist");
        "Host name not found";
        "The name server says that the origin's host name does not exist or has no address.";
        "Check the host name {host} of origin {origin}, and its DNS records.".
    DnsFailed = 21, "dns_failed": Econnrefused, Dns, Network, Once, For(2), Some("dns_error");
        Fixed("The name servers of the origin failed");
        "Name server failed";
        "The name servers answered with an error (SERVFAIL, REFUSED).";
        "Check the DNS zone of {host}: its name servers answer with an error.".
    DnsTimeout = 22, "dns_timeout": Econnrefused, Dns, Network, Once, For(2), Some("dns_timeout");
        Fixed("The name servers of the origin did not answer in time");
        "Name server silent";
        "No name server answered in time.";
        "Check the DNS zone of {host}; its name servers do not answer.".
    ConnectionRefused = 23, "connection_refused": Econnrefused, Connect, Origin, Once, For(2), Some("connection_refused");
        PerOriginKind;
        "Connection refused";
        "Nothing listens at the origin's address and port, or a firewall rejects the connection.";
        "Start the server at {host}, or open its firewall for us. Check the port.".
    ConnectionTimeout = 24, "connection_timeout": Econnrefused, Connect, Origin, Never, For(2), Some("connection_timeout");
        Fixed("The origin did not accept the connection in time");
        "Connection timed out";
        "The origin's address answered nothing at all: it is down, or a firewall drops our packets.";
        "Check that {host} is up and that its firewall lets us in.".
    NetworkUnreachable = 25, "network_unreachable": Econnrefused, Connect, Network, Never, For(2), Some("destination_ip_unroutable");
        Fixed("No network route leads to the origin");
        "Network unreachable";
        "The operating system knows no route to the origin's address.";
        "Check the address of {host}; if it is right, the serving machine's network is at fault.".
    ConnectionReset = 26, "connection_reset": Econnrefused, Request, Origin, Once, For(2), Some("connection_terminated");
        Fixed("The origin closed the connection without an answer");
        "Connection closed";
        "The connection was accepted, then closed or reset before any answer.";
        "Look at the log of {host}: the server or a proxy in front of it drops the connection.".
    TlsHandshakeFailed = 27, "tls_handshake_failed": Econnrefused, Tls, Origin, Never, For(10), Some("tls_protocol_error");
        Fixed("The TLS handshake with the origin failed");
        "TLS handshake failed";
        "No TLS connection could be agreed: wrong port, too old a protocol, or no common cipher.";
        "Check that {host} speaks TLS 1.2 or newer on this port.".
    TlsCertificateExpired = 28, "tls_certificate_expired": Econnrefused, Tls, TenantConfig, Never, For(30), Some("tls_certificate_error");
        Fixed("The TLS certificate of the origin has expired or is not valid yet");
        "Certificate expired";
        "The certificate's validity does not include today.";
        "Renew the certificate of {host}.".
    TlsCertificateNameMismatch = 29, "tls_certificate_name_mismatch": Econnrefused, Tls, TenantConfig, Never, For(30), Some("tls_certificate_error");
        Fixed("The TLS certificate of the origin is for another host name");
        "Certificate for another name";
        "The certificate does not name the host we asked for.";
        "Issue a certificate that names {host}, or use the host name it was issued for.".
    TlsCertificateUntrusted = 30, "tls_certificate_untrusted": Econnrefused, Tls, TenantConfig, Never, For(30), Some("tls_certificate_error");
        Fixed("The TLS certificate of the origin is not trusted");
        "Certificate not trusted";
        "The certificate is self-signed, or the chain to a known authority is incomplete.";
        "Install the full certificate chain of a public authority on {host}.".
    ResponseTimeout = 31, "response_timeout": Econnrefused, Headers, Origin, Never, For(2), Some("http_response_timeout");
        Fixed("The origin did not answer in time");
        "No answer in time";
        "The connection stands, but no answer began within the time-out.";
        "Find out why {host} is slow for {location}; the log of the origin shows the request.".
    BodyStalled = 32, "body_stalled": Econnrefused, Body, Origin, Never, For(2), Some("connection_read_timeout");
        Fixed("The origin stopped sending in the middle of the file");
        "Transfer stalled";
        "The answer began, then no bytes came for longer than the time-out, or the whole took too long.";
        "Find out why {host} stops sending {location}.".
    BodyIncomplete = 33, "body_incomplete": Econnrefused, Body, Origin, Once, For(2), Some("http_response_incomplete");
        Fixed("The origin sent less of the file than it announced");
        "Transfer incomplete";
        "The connection ended before the announced length, or was reset in the middle.";
        "Check {host} and what stands before it: the file {location} arrives shorter than announced.".
    OriginRateLimited = 34, "origin_rate_limited": Econnrefused, Headers, Origin, RetryAfterIfShort, RetryAfterAtMost(60), None;
        Fixed("The origin limits the rate of our requests");
        "Rate limited";
        "The origin asks us to slow down (429, SlowDown).";
        "Raise the request limit of {host} for us, or let it answer faster.".
    OriginOverloaded = 35, "origin_overloaded": Econnrefused, Headers, Origin, Once, For(2), None;
        Fixed("The origin is overloaded or down for maintenance");
        "Origin overloaded";
        "The origin, or a gateway in front of it, answered 502, 503 or 504.";
        "Check the health of {host}: a gateway in front of it cannot reach it, or it is overloaded.".
    CircuitOpen = 36, "circuit_open": Econnrefused, Policy, Origin, Never, UntilProbe, Some("destination_unavailable");
        Fixed("The origin failed repeatedly and is not asked for a moment");
        "Circuit open";
        "After repeated failures the origin is left alone until a probe succeeds.";
        "Repair the origin {origin}; requests resume by themselves as soon as a probe succeeds.".
    OriginConcurrencyLimit = 37, "origin_concurrency_limit": Econnrefused, Policy, Origin, Never, For(0), Some("connection_limit_reached");
        Fixed("Too many requests wait for the origin");
        "Too many at once";
        "As many requests as allowed are already waiting for this origin.";
        "The origin {origin} answers too slowly for its traffic: make it faster, or ask who hosts this service to raise origins.max_concurrency_per_origin.".
    SourceTooLarge = 38, "source_too_large": Elimit, Body, TenantContent, Never, For(60), Some("http_response_body_size");
        Limit;
        "File too large";
        "The file has more bytes than allowed; reading stopped at the limit.";
        "Store a smaller file at {location}, or have the limit raised.".
    SourceResolutionTooLarge = 39, "source_resolution_too_large": Elimit, Decode, TenantContent, Never, For(60), None;
        Limit;
        "Too many pixels";
        "The picture has more pixels than allowed; it was not decoded.";
        "Store a smaller picture at {location}, or have the limit raised.".
    TooManyFrames = 40, "too_many_frames": Elimit, Decode, TenantContent, Never, For(60), None;
        Limit;
        "Too many frames";
        "All frames of the animation together have more pixels than allowed.";
        "Store a shorter or smaller animation at {location}, or have the limit raised.".
    OutputTooLarge = 41, "output_too_large": Elimit, Plan, Client, Never, For(60), None;
        Limit;
        "Output too large";
        "A step of the transformation, or the output format, cannot hold that many pixels.";
        "Ask for a smaller width or height, or another format.".
    ProcessingTimeout = 42, "processing_timeout": Elimit, Transform, Platform, Never, For(10), None;
        Limit;
        "Processing took too long";
        "The transformation did not finish within its deadline.";
        "Ask for a simpler transformation, or start from a smaller picture.".
    OriginServerError = 43, "origin_server_error": Unidentified, Headers, Origin, Once, For(2), None;
        Fixed("The origin answered with an internal error");
        "Origin error";
        "The origin answered 500 or another 5xx.";
        "Look at the error log of {host}: it fails on {location}.".
    OriginUnexpectedStatus = 44, "origin_unexpected_status": Unidentified, Headers, Origin, Never, For(5), None;
        Fixed("The origin answered with an unexpected status");
        "Unexpected status";
        "The origin answered a status that makes no sense for fetching a file.";
        "Try {location} with curl: the origin must answer 200 with the file.".
    TooManyRedirects = 45, "too_many_redirects": Unidentified, Headers, TenantConfig, Never, For(10), None;
        Fixed("The origin redirects too many times");
        "Too many redirects";
        "More redirects than allowed, or a loop.";
        "Use the address at which the redirects of {location} end.".
    RedirectInvalid = 46, "redirect_invalid": Unidentified, Headers, TenantConfig, Never, For(10), None;
        Fixed("The origin redirects to an unusable address");
        "Redirect unusable";
        "The redirect names no address, a malformed one, or one of another scheme.";
        "Correct the redirect that {host} answers for {location}.".
    HttpProtocolError = 47, "http_protocol_error": Unidentified, Body, Origin, Never, For(5), Some("http_protocol_error");
        Fixed("The answer of the origin is not valid HTTP");
        "Not valid HTTP";
        "What the origin sent violates the protocol.";
        "Check that {host} speaks HTTP on this port, and what proxies stand before it.".
    ContentEncodingInvalid = 48, "content_encoding_invalid": Unidentified, Body, Origin, Never, For(5), Some("http_protocol_error");
        Fixed("The answer of the origin is encoded in an unknown or broken way");
        "Encoding broken";
        "The Content-Encoding is unknown, or the body does not decode with it.";
        "Let {host} send images without Content-Encoding.".
    BodyEmpty = 49, "body_empty": Unidentified, Body, TenantContent, Never, For(5), None;
        Fixed("The file at the origin is empty");
        "Empty file";
        "The origin answered successfully, with no bytes.";
        "Upload {location} again: the stored file is empty.".
    NotAnImage = 50, "not_an_image": Unidentified, Sniff, TenantContent, Never, For(10), None;
        Fixed("The file at the origin is not an image");
        "Not an image";
        "A transformation was asked for, but the bytes are no image: often a login or error page answered with 200.";
        "Open {location} at the origin: it must answer with the image itself, not a page.".
    FormatUnsupported = 51, "format_unsupported": Unidentified, Sniff, TenantContent, Never, For(60), None;
        Fixed("The image format of the file is not supported");
        "Format not supported";
        "The bytes are an image of a kind this server does not decode, such as HEIC, JPEG 2000 or Photoshop.";
        "Convert {location} and store it as JPEG, PNG, WebP, AVIF, JPEG XL or GIF; phones do so when set to the most compatible format.".
    ImageTruncated = 52, "image_truncated": Unidentified, Decode, TenantContent, Never, For(60), None;
        Fixed("The image is cut off");
        "Image cut off";
        "The file ends before the picture does, though it arrived whole.";
        "Upload {location} again: the stored file is cut off.".
    ImageCorrupt = 53, "image_corrupt": Unidentified, Decode, TenantContent, Never, For(60), None;
        Fixed("The image is damaged");
        "Image damaged";
        "The file begins like an image but cannot be decoded.";
        "Upload {location} again: the stored file is damaged.".
    SvgRejected = 54, "svg_rejected": Unidentified, Sniff, TenantContent, Never, For(60), None;
        Fixed("The SVG file is not acceptable");
        "SVG rejected";
        "The SVG is malformed, too large, or cannot be made safe.";
        "Store a plain SVG at {location}, without scripts and external references.".
    EncodeFailed = 55, "encode_failed": Unidentified, Encode, Platform, Never, For(0), Some("proxy_internal_error");
        Fixed("The image could not be encoded");
        "Encoding failed";
        "The picture was read but could not be written in the chosen format.";
        "Try another format with f-; report the URL to who hosts this service.".
    Internal = 56, "internal": Unidentified, Encode, Platform, Never, For(0), Some("proxy_internal_error");
        Fixed("The exact cause of the error could not be identified");
        "Internal error";
        "Something failed on our side.";
        "Report the request ID to who hosts this service.".
    LayerInputNotFound = 57, "layer_input_not_found": Enoent, Headers, Client, Never, For(5), None;
        Fixed("A picture or font that a layer of the transformation names was not found");
        "Layer input not found";
        "The original was found, but a file that l-image or ff names is at none of the default URL endpoint's origins. The sentence ends by saying which: (layer input 2 of 3), in the order of the URL.";
        "Check the path after i-, ie- or ff- (with @@ for slashes): {location} has to exist at an origin of the default URL endpoint.".
}
