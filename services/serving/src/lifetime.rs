//! How long a picture may be kept where its origin decides. Source: `imagekit.md` 6.3; the words are those of RFC 9111.

use std::time::Duration;

use http::HeaderValue;

/// Longest time that is passed on. Units: seconds. Source: RFC 9111 1.2.2, at most 2^31.
const MAX_SECONDS: u64 = 1 << 31;

/// What an origin's `Cache-Control` comes to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Lifetime {
    storing: Storing,
    private: bool,
    must_revalidate: bool,
    immutable: bool,
    /// Units: seconds.
    max_age: Option<u64>,
    /// Units: seconds.
    shared_max_age: Option<u64>,
}

/// Whether caches may keep it, the stricter the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Storing {
    #[default]
    Allowed,
    /// `no-cache`: to be asked for again each time.
    AskAgain,
    /// `no-store`
    Forbidden,
}

impl Lifetime {
    /// Reads the value; what is unknown in it is passed over. `None` where nothing in it decides.
    pub(crate) fn parse(cache_control: &str) -> Option<Self> {
        let mut lifetime = Self::default();
        for directive in cache_control.split(',') {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            let seconds = || value.trim().trim_matches('"').parse::<u64>().ok();
            match name.trim().to_ascii_lowercase().as_str() {
                "no-store" => lifetime.storing = Storing::Forbidden,
                "no-cache" => lifetime.storing = lifetime.storing.max(Storing::AskAgain),
                "private" => lifetime.private = true,
                "must-revalidate" => lifetime.must_revalidate = true,
                "immutable" => lifetime.immutable = true,
                "max-age" => lifetime.max_age = seconds(),
                "s-maxage" => lifetime.shared_max_age = seconds(),
                _ => {}
            }
        }
        let decides = lifetime.storing > Storing::Allowed || lifetime.private;
        let has_age = lifetime.max_age.is_some() || lifetime.shared_max_age.is_some();
        (decides || has_age).then_some(lifetime)
    }

    /// For how long a cache that many share, ours among them, may answer with it.
    pub(crate) fn shared(&self) -> Duration {
        if self.storing > Storing::Allowed || self.private {
            return Duration::ZERO;
        }
        let seconds = self.shared_max_age.or(self.max_age).unwrap_or(0);
        Duration::from_secs(seconds.min(MAX_SECONDS))
    }

    /// `Cache-Control` as it leaves; `is_private` where the file itself is.
    pub(crate) fn header(&self, is_private: bool) -> Option<HeaderValue> {
        if self.storing == Storing::Forbidden {
            return Some(HeaderValue::from_static("no-store"));
        }
        let is_private = is_private || self.private;
        let mut parts = vec![if is_private { "private" } else { "public" }.to_owned()];
        if self.storing == Storing::AskAgain {
            parts.push("no-cache".to_owned());
        }
        if let Some(seconds) = self.shared_max_age.filter(|_| !is_private) {
            parts.push(format!("s-maxage={}", seconds.min(MAX_SECONDS)));
        }
        if let Some(seconds) = self.max_age {
            parts.push(format!("max-age={}", seconds.min(MAX_SECONDS)));
        }
        for (is_said, word) in [
            (self.must_revalidate, "must-revalidate"),
            (self.immutable, "immutable"),
        ] {
            if is_said {
                parts.push(word.to_owned());
            }
        }
        HeaderValue::from_str(&parts.join(", ")).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_origin_says_is_passed_on_and_kept_to() {
        for (said, header, shared) in [
            ("max-age=77", "public, max-age=77", 77),
            (
                "public, s-maxage=9, max-age=\"5\"",
                "public, s-maxage=9, max-age=5",
                9,
            ),
            ("private, max-age=60", "private, max-age=60", 0),
            ("s-maxage=9, private", "private", 0),
            ("no-cache", "public, no-cache", 0),
            ("No-Store, max-age=5", "no-store", 0),
            (
                "max-age=60,must-revalidate , immutable",
                "public, max-age=60, must-revalidate, immutable",
                60,
            ),
            (
                "max-age=99999999999",
                "public, max-age=2147483648",
                2_147_483_648,
            ),
        ] {
            let lifetime = Lifetime::parse(said).unwrap();
            assert_eq!(lifetime.header(false).unwrap(), header, "{said}");
            assert_eq!(lifetime.shared(), Duration::from_secs(shared), "{said}");
        }
        let of_private_file = Lifetime::parse("s-maxage=9, max-age=5").unwrap();
        assert_eq!(of_private_file.header(true).unwrap(), "private, max-age=5");
    }

    #[test]
    fn what_decides_nothing_is_none() {
        for said in [
            "",
            "public",
            "max-age=",
            "max-age=-1",
            "stale-if-error=60, must-revalidate",
        ] {
            assert_eq!(Lifetime::parse(said), None, "{said}");
        }
    }
}
