//! Where a bucket is, and the URL of an object in it.

use limpid_domain::failure::Reason;
use limpid_domain::origin::OriginLocation;
use url::Url;

use crate::attempt::{AttemptResult, failure};
use crate::config::FetchConfig;
use crate::store::Folder;

/// Where Cloud Storage is.
const GOOGLE: &str = "https://storage.googleapis.com";

/// Longest key. Source: "About Cloud Storage objects", naming. Units: bytes of UTF-8.
const MAX_KEY_BYTES: usize = 1024;

/// A bucket at an address.
#[derive(Debug)]
pub(super) struct Bucket(Folder);

impl Bucket {
    /// The bucket of a Google origin.
    ///
    /// Errors: `bucket_not_found` when no bucket can have that name.
    pub(super) fn of(location: &OriginLocation, config: &FetchConfig) -> AttemptResult<Self> {
        let OriginLocation::Gcs { bucket, prefix, .. } = location else {
            return Err(failure(Reason::Internal, "not a Google origin"));
        };
        if !is_bucket_name(bucket) {
            let note = "no bucket can have this name; no origin was asked";
            return Err(failure(Reason::BucketNotFound, note));
        }
        let endpoint = config
            .google_storage_endpoint
            .as_ref()
            .map_or(GOOGLE, Url::as_str)
            .trim_end_matches('/');
        let base = Url::parse(&format!("{endpoint}/{bucket}"))
            .map_err(|error| failure(Reason::HostNotAllowed, error.to_string()))?;
        Ok(Self(Folder::new(base, prefix)))
    }

    /// The address whose port is open.
    pub(super) fn configured(&self) -> &Url {
        self.0.base()
    }

    /// The URL of an object.
    ///
    /// Errors: `object_not_found` when no object can have that key.
    pub(super) fn url(&self, path: &str) -> AttemptResult<Url> {
        let key = self.0.key(path)?;
        if key.len() > MAX_KEY_BYTES {
            let note = format!("the key is longer than {MAX_KEY_BYTES} bytes; no origin was asked");
            return Err(failure(Reason::ObjectNotFound, note));
        }
        Ok(self.0.url(&key))
    }
}

/// Source: "About Cloud Storage buckets", naming: 3 to 63 characters (222 with dots), of which the dots separate labels.
fn is_bucket_name(name: &str) -> bool {
    (3..=222).contains(&name.len())
        && name.bytes().all(|b| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.')
        })
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric())
        && !name.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(name: &str, prefix: &str) -> AttemptResult<Bucket> {
        let location = OriginLocation::Gcs {
            bucket: name.to_owned(),
            prefix: prefix.to_owned(),
            client_email: "a@b.example".to_owned(),
        };
        Bucket::of(&location, &FetchConfig::default())
    }

    #[test]
    fn an_object_is_below_bucket_and_prefix() {
        let url =
            |prefix, path| String::from(bucket("acme-photos", prefix).unwrap().url(path).unwrap());
        let base = "https://storage.googleapis.com/acme-photos";
        assert_eq!(url("/", "a b+ä.jpg"), format!("{base}/a%20b%2B%C3%A4.jpg"));
        assert_eq!(
            url("/in/", "a%2Fb?c#d"),
            format!("{base}/in/a%252Fb%3Fc%23d")
        );
    }

    #[test]
    fn names_that_nothing_can_have_are_never_asked_for() {
        for name in [
            "ab", "../x", "a/b/c", "Caps", "a..b", "-abc", "abc-", "a?b#",
        ] {
            let refused = bucket(name, "").unwrap_err();
            assert_eq!(refused.reason, Reason::BucketNotFound, "{name}");
        }
        assert!(bucket("acme-photos", "..").unwrap().url("a").is_err());
        assert!(
            bucket("acme-photos", "")
                .unwrap()
                .url(&"x".repeat(1025))
                .is_err()
        );
    }
}
