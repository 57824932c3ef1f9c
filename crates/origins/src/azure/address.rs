//! Where a container is, and the URL of a blob in it.

use limpid_domain::failure::Reason;
use limpid_domain::origin::OriginLocation;
use url::Url;

use crate::attempt::{AttemptResult, failure};
use crate::config::FetchConfig;
use crate::store::Folder;

/// Longest blob name. Source: "Naming and referencing containers, blobs, and metadata". Units: characters.
const MAX_NAME_CHARS: usize = 1024;

/// A container at an address.
#[derive(Debug)]
pub(super) struct Container(Folder);

impl Container {
    /// The container of an Azure origin.
    ///
    /// Errors: `host_not_allowed` and `bucket_not_found` when no account, no container can have that name.
    pub(super) fn of(location: &OriginLocation, config: &FetchConfig) -> AttemptResult<Self> {
        let OriginLocation::AzureBlob {
            account_name,
            container,
            prefix,
        } = location
        else {
            return Err(failure(Reason::Internal, "not an Azure origin"));
        };
        if !is_account_name(account_name) {
            let note = "no storage account can have this name; no origin was asked";
            return Err(failure(Reason::HostNotAllowed, note));
        }
        if !is_container_name(container) {
            let note = "no container can have this name; no origin was asked";
            return Err(failure(Reason::BucketNotFound, note));
        }
        let service = match &config.azure_blob_endpoint {
            Some(endpoint) => {
                let endpoint = endpoint.as_str().trim_end_matches('/');
                format!("{endpoint}/{account_name}")
            }
            None => format!("https://{account_name}.blob.core.windows.net"),
        };
        let base = Url::parse(&format!("{service}/{container}")).map_err(|error| {
            let note = format!("account and container make no URL: {error}");
            failure(Reason::HostNotAllowed, note)
        })?;
        Ok(Self(Folder::new(base, prefix)))
    }

    /// The address whose port is open.
    pub(super) fn configured(&self) -> &Url {
        self.0.base()
    }

    /// The URL of a blob, without the signature.
    ///
    /// Errors: `object_not_found` when no blob can have that name.
    pub(super) fn url(&self, path: &str) -> AttemptResult<Url> {
        let name = self.0.key(path)?;
        if name.chars().count() > MAX_NAME_CHARS {
            let note =
                format!("the name is longer than {MAX_NAME_CHARS} characters; no origin was asked");
            return Err(failure(Reason::ObjectNotFound, note));
        }
        Ok(self.0.url(&name))
    }
}

/// Source: "Storage account overview": 3 to 24 lower-case letters and digits. Secondary endpoints end in `-secondary`.
fn is_account_name(name: &str) -> bool {
    let name = name.strip_suffix("-secondary").unwrap_or(name);
    (3..=24).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

/// Source: "Naming and referencing containers": 3 to 63 lower-case letters, digits and single hyphens; and the special ones.
fn is_container_name(name: &str) -> bool {
    if matches!(name, "$root" | "$web" | "$logs") {
        return true;
    }
    (3..=63).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(account: &str, container: &str, prefix: &str) -> AttemptResult<Container> {
        let location = OriginLocation::AzureBlob {
            account_name: account.to_owned(),
            container: container.to_owned(),
            prefix: prefix.to_owned(),
        };
        Container::of(&location, &FetchConfig::default())
    }

    #[test]
    fn a_blob_is_below_account_container_and_prefix() {
        let url = |prefix, path| {
            let container = container("acmephotos", "raw", prefix).unwrap();
            String::from(container.url(path).unwrap())
        };
        let host = "https://acmephotos.blob.core.windows.net/raw";
        for prefix in ["", "/"] {
            assert_eq!(url(prefix, "a.jpg"), format!("{host}/a.jpg"));
        }
        for prefix in ["in/side", "/in/side/"] {
            assert_eq!(
                url(prefix, "a b+c/ä%2F.jpg"),
                format!("{host}/in/side/a%20b%2Bc/%C3%A4%252F.jpg")
            );
        }
        assert_eq!(url("", "a?b#c"), format!("{host}/a%3Fb%23c"));
    }

    #[test]
    fn names_that_nothing_can_have_are_never_asked_for() {
        for account in ["evil.example/", "UPPER", "ab", "a@b", "127.0.0.1:80/x"] {
            let refused = container(account, "raw", "").unwrap_err();
            assert_eq!(refused.reason, Reason::HostNotAllowed, "{account}");
        }
        for name in ["ab", "a--b", "-ab", "../x", "a/b", "Caps", "$nope"] {
            let refused = container("acmephotos", name, "").unwrap_err();
            assert_eq!(refused.reason, Reason::BucketNotFound, "{name}");
        }
        assert!(container("acmephotos", "$web", "").is_ok());
        let climbing = container("acmephotos", "raw", "..").unwrap();
        assert_eq!(
            climbing.url("a.jpg").unwrap_err().reason,
            Reason::ObjectNotFound
        );
        let long = container("acmephotos", "raw", "").unwrap();
        assert!(long.url(&"x".repeat(1024)).is_ok());
        assert!(long.url(&"x".repeat(1025)).is_err());
    }
}
