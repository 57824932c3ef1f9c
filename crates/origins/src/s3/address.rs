//! Where a bucket is: its URL in virtual-hosted or path style, and the key of a path.

use limpid_domain::failure::Reason;
use limpid_domain::origin::OriginLocation;
use percent_encoding::utf8_percent_encode;
use url::{Host, Url};

use crate::attempt::{AttemptResult, failure};
use crate::config::FetchConfig;
use crate::path::FilePath;
use crate::store::KEY;

/// Longest key. Source: S3 user guide, "Naming Amazon S3 objects". Units: bytes of UTF-8.
const MAX_KEY_BYTES: usize = 1024;

/// Where buckets are looked for until the provider names another region.
const DEFAULT_REGION: &str = "us-east-1";

/// A bucket at an address.
#[derive(Debug)]
pub(super) struct Bucket {
    name: String,
    prefix: String,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// Amazon's own addresses, by region.
    Amazon,
    /// One address for every region.
    Endpoint { url: Url, path_style: bool },
}

impl Bucket {
    /// The bucket of an S3 origin.
    ///
    /// Errors: `bucket_not_found` when no bucket can have that name.
    pub(super) fn of(location: &OriginLocation, config: &FetchConfig) -> AttemptResult<Self> {
        let (name, prefix, place) = match location {
            OriginLocation::S3 { bucket, prefix, .. }
            | OriginLocation::CloudinaryBackup { bucket, prefix, .. } => {
                let place = match &config.amazon_s3_endpoint {
                    Some(url) => Place::Endpoint {
                        url: url.clone(),
                        path_style: true,
                    },
                    None => Place::Amazon,
                };
                (bucket, prefix, place)
            }
            OriginLocation::S3Compatible {
                bucket,
                prefix,
                endpoint,
                s3_force_path_style,
            } => {
                // A name can't be put before an address.
                let path_style =
                    *s3_force_path_style || !matches!(endpoint.host(), Some(Host::Domain(_)));
                let place = Place::Endpoint {
                    url: Url::clone(endpoint),
                    path_style,
                };
                (bucket, prefix, place)
            }
            OriginLocation::WebFolder { .. }
            | OriginLocation::WebProxy
            | OriginLocation::Gcs { .. }
            | OriginLocation::AzureBlob { .. }
            | OriginLocation::AkeneoPim { .. } => {
                return Err(failure(Reason::Internal, "not an S3 origin"));
            }
        };
        if !is_bucket_name(name) {
            let note = "no bucket can have this name; no origin was asked";
            return Err(failure(Reason::BucketNotFound, note));
        }
        Ok(Self {
            name: name.clone(),
            prefix: prefix.trim_matches('/').to_owned(),
            place,
        })
    }

    /// The bucket's name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The key of a path: the prefix, one slash, the path.
    ///
    /// Errors: `object_not_found` when no object can have that key, and where it climbs: as a URL it would name another bucket.
    pub(super) fn key(&self, path: &str) -> AttemptResult<String> {
        let key = if self.prefix.is_empty() {
            path.to_owned()
        } else {
            format!("{}/{path}", self.prefix)
        };
        FilePath::parse(&key)?;
        if key.len() > MAX_KEY_BYTES {
            let note = format!("the key is longer than {MAX_KEY_BYTES} bytes; no origin was asked");
            return Err(failure(Reason::ObjectNotFound, note));
        }
        Ok(key)
    }

    /// The region to sign for until the provider names another: the one in the endpoint's name, if it looks like one.
    pub(super) fn default_region(&self) -> String {
        let in_name = match &self.place {
            Place::Amazon => None,
            Place::Endpoint { url, .. } => url
                .host_str()
                .and_then(|host| host.split('.').find(|label| looks_like_region(label))),
        };
        in_name.unwrap_or(DEFAULT_REGION).to_owned()
    }

    /// The URL of an object.
    ///
    /// Errors: `host_not_allowed` when bucket and endpoint make no host name.
    pub(super) fn url(&self, key: &str, region: &str) -> AttemptResult<Url> {
        let key = utf8_percent_encode(key, KEY);
        let name = &self.name;
        let text = match &self.place {
            Place::Amazon => {
                let zone = if region.starts_with("cn-") {
                    "amazonaws.com.cn"
                } else {
                    "amazonaws.com"
                };
                // A dot in the name would not match the wildcard certificate of the virtual hosts.
                if is_host_label(name) {
                    format!("https://{name}.s3.{region}.{zone}/{key}")
                } else {
                    format!("https://s3.{region}.{zone}/{name}/{key}")
                }
            }
            Place::Endpoint { url, path_style } => {
                let scheme = url.scheme();
                let host = url.host_str().unwrap_or_default();
                let port = url
                    .port()
                    .map(|port| format!(":{port}"))
                    .unwrap_or_default();
                let folder = url.path().trim_end_matches('/');
                if *path_style {
                    format!("{scheme}://{host}{port}{folder}/{name}/{key}")
                } else {
                    format!("{scheme}://{name}.{host}{port}{folder}/{key}")
                }
            }
        };
        Url::parse(&text).map_err(|error| {
            failure(
                Reason::HostNotAllowed,
                format!("bucket and endpoint make no URL: {error}"),
            )
        })
    }
}

/// Whether a text may stand in a host name as a region; the provider's answers are not trusted further than that.
pub(super) fn is_region(text: &str) -> bool {
    (2..=32).contains(&text.len()) && is_host_label(text)
}

/// Regions as Amazon and most others name them: `eu-central-1`, `us-gov-west-1`.
fn looks_like_region(label: &str) -> bool {
    let ends_in_number = label
        .rsplit_once('-')
        .is_some_and(|(_, number)| number.len() == 1 && number.bytes().all(|b| b.is_ascii_digit()));
    ends_in_number && label.matches('-').count() >= 2 && is_region(label)
}

fn is_host_label(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Source: S3 user guide, "Bucket naming rules", including the older ones (255 characters, capitals, underscores).
fn is_bucket_name(name: &str) -> bool {
    (3..=255).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && name.bytes().any(|b| b != b'.')
        && !name.contains("..")
        && !name.starts_with(['.', '-'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compatible(bucket: &str, endpoint: &str, path_style: bool) -> AttemptResult<Bucket> {
        let location = OriginLocation::S3Compatible {
            bucket: bucket.to_owned(),
            prefix: "/in/side/".to_owned(),
            endpoint: endpoint.parse().unwrap(),
            s3_force_path_style: path_style,
        };
        Bucket::of(&location, &FetchConfig::default())
    }

    fn amazon(bucket: &str, prefix: &str) -> Bucket {
        let location = OriginLocation::S3 {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            use_iam_role: false,
        };
        Bucket::of(&location, &FetchConfig::default()).unwrap()
    }

    #[test]
    fn amazon_is_addressed_by_region_and_in_path_style_only_for_dotted_names() {
        let url =
            |bucket, region| String::from(amazon(bucket, "").url("a b+c/ä.jpg", region).unwrap());
        assert_eq!(
            url("pictures", "eu-central-1"),
            "https://pictures.s3.eu-central-1.amazonaws.com/a%20b%2Bc/%C3%A4.jpg"
        );
        assert_eq!(
            url("www.example.com", "us-east-1"),
            "https://s3.us-east-1.amazonaws.com/www.example.com/a%20b%2Bc/%C3%A4.jpg"
        );
        assert!(url("pictures", "cn-north-1").contains("amazonaws.com.cn/"));
    }

    #[test]
    fn endpoints_are_addressed_as_configured() {
        let url = |endpoint, path_style| {
            let bucket = compatible("pictures", endpoint, path_style).unwrap();
            String::from(bucket.url(&bucket.key("a.jpg").unwrap(), "x").unwrap())
        };
        assert_eq!(
            url("https://s3.example:9000/", true),
            "https://s3.example:9000/pictures/in/side/a.jpg"
        );
        assert_eq!(
            url("https://s3.example", false),
            "https://pictures.s3.example/in/side/a.jpg"
        );
        assert_eq!(
            url("http://127.0.0.1:9000", false),
            "http://127.0.0.1:9000/pictures/in/side/a.jpg"
        );
    }

    #[test]
    fn prefixes_join_with_one_slash() {
        for prefix in ["", "/"] {
            assert_eq!(amazon("pictures", prefix).key("a.jpg").unwrap(), "a.jpg");
        }
        for prefix in ["a", "/a", "a/", "/a//"] {
            assert_eq!(amazon("pictures", prefix).key("b.jpg").unwrap(), "a/b.jpg");
        }
    }

    #[test]
    fn the_endpoints_name_may_tell_the_region() {
        let region = |endpoint| {
            compatible("pictures", endpoint, true)
                .unwrap()
                .default_region()
        };
        assert_eq!(
            region("https://s3.eu-central-1.wasabisys.com"),
            "eu-central-1"
        );
        assert_eq!(
            region("https://s3.us-gov-west-1.amazonaws.com"),
            "us-gov-west-1"
        );
        assert_eq!(region("https://minio.example"), "us-east-1");
    }

    #[test]
    fn bucket_names_cannot_change_the_host() {
        for name in [
            "x@127.0.0.1:80/",
            "a/../b",
            "a?b#c",
            "",
            "a",
            "..",
            "-abc",
            "a..b",
            "ä-b",
        ] {
            let refused = compatible(name, "https://s3.example", true).unwrap_err();
            assert_eq!(refused.reason, Reason::BucketNotFound, "{name}");
        }
        assert!(!is_region("evil.example/"));
    }
}
