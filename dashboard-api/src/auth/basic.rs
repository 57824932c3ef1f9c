//! HTTP Basic as ImageKit's clients send it: the private key as user name, any password.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use secrecy::SecretString;

/// Longest user name that is looked at; real keys are much shorter.
const MAX_KEY_BYTES: usize = 256;

/// The private key of the request, or `None` where there is none to read.
///
/// The password does not matter: current SDKs send `do_not_set`, older ones nothing. Source: `imagekit.md` 4.11.
pub(super) fn private_key(headers: &HeaderMap) -> Option<SecretString> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(credentials.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let user = text.split_once(':').map_or(text.as_str(), |(user, _)| user);
    (!user.is_empty() && user.len() <= MAX_KEY_BYTES).then(|| SecretString::from(user))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use secrecy::ExposeSecret;

    use super::*;

    fn key_in(authorization: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(authorization).unwrap());
        private_key(&headers).map(|key| key.expose_secret().to_owned())
    }

    #[test]
    fn the_user_name_is_the_key_and_the_password_does_not_matter() {
        for pair in [
            "private_x:",
            "private_x:do_not_set",
            "private_x:a:b",
            "private_x",
        ] {
            let header = format!("Basic {}", STANDARD.encode(pair));
            assert_eq!(key_in(&header).as_deref(), Some("private_x"), "{pair}");
            let header = format!("bAsIc  {} ", STANDARD.encode(pair));
            assert_eq!(key_in(&header).as_deref(), Some("private_x"), "{pair}");
        }
    }

    #[test]
    fn anything_else_is_no_key() {
        let password_only = format!("Basic {}", STANDARD.encode(":secret"));
        let too_long = format!("Basic {}", STANDARD.encode("x".repeat(300)));
        let not_utf8 = format!("Basic {}", STANDARD.encode([0xff, 0xfe]));
        for header in [
            "",
            "Basic",
            "Basic !!!",
            "Bearer private_x",
            password_only.as_str(),
            too_long.as_str(),
            not_utf8.as_str(),
        ] {
            assert_eq!(key_in(header), None, "{header}");
        }
    }
}
