//! Debug tokens: who sends one with a request is told everything about its failure. Made by the tenant, with a private key of the
//! account, for a day at most; nothing of them is stored.
//!
//! A token is the end of its time, a hyphen, and the HMAC-SHA1 of account and end. What is signed has line breaks, which no URL has:
//! a signature of a URL is no token, and a token signs no URL.

use subtle::ConstantTimeEq;

use crate::signature::sign;

/// How far ahead the end of a token's time may be. Units: seconds.
pub const LONGEST_SECONDS: u64 = 24 * 60 * 60;

/// Why a token opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DebugTokenError {
    /// Not `<Unix seconds>-<40 hexadecimal digits>`.
    #[error("the debug token is not written as <Unix seconds>-<40 hexadecimal digits>")]
    Malformed,
    /// No active key of the account makes it.
    #[error("the debug token was not made with a private key of this account")]
    Mismatch,
    /// Its time is over.
    #[error("the time of the debug token is over")]
    Expired,
    /// Its time is longer than any may have.
    #[error("the debug token would be good for more than a day")]
    TooLong,
}

/// A token for an account until `ends`.
///
/// Units: `ends` in Unix seconds.
pub fn mint(private_key: &str, imagekit_id: &str, ends: u64) -> String {
    let text = format!("ik-debug-token\n{imagekit_id}\n");
    format!("{ends}-{}", sign(private_key, &text, ends))
}

/// Checks a token against every active private key of the account.
///
/// Units: `now` in Unix seconds.
///
/// # Errors
///
/// See [`DebugTokenError`].
pub fn verify<'k>(
    token: &str,
    imagekit_id: &str,
    private_keys: impl IntoIterator<Item = &'k str>,
    now: u64,
) -> Result<(), DebugTokenError> {
    let (ends, _) = token.split_once('-').ok_or(DebugTokenError::Malformed)?;
    let is_number = (1..=12).contains(&ends.len()) && ends.bytes().all(|b| b.is_ascii_digit());
    let ends: u64 = ends
        .parse()
        .ok()
        .filter(|_| is_number)
        .ok_or(DebugTokenError::Malformed)?;
    let mut is_match = false;
    for key in private_keys {
        let expected = mint(key, imagekit_id, ends);
        is_match |= bool::from(expected.as_bytes().ct_eq(token.as_bytes()));
    }
    if !is_match {
        return Err(DebugTokenError::Mismatch);
    }
    if ends < now {
        return Err(DebugTokenError::Expired);
    }
    if ends - now > LONGEST_SECONDS {
        return Err(DebugTokenError::TooLong);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn checked(token: &str) -> Result<(), DebugTokenError> {
        verify(token, "acme", ["private_old", "private_new"], NOW)
    }

    #[test]
    fn a_token_is_good_for_its_account_for_its_time_and_for_a_day_at_most() {
        assert_eq!(checked(&mint("private_new", "acme", NOW + 60)), Ok(()));
        assert_eq!(checked(&mint("private_old", "acme", NOW)), Ok(()));
        for (token, error) in [
            (
                mint("private_new", "acme", NOW - 1),
                DebugTokenError::Expired,
            ),
            (
                mint("private_new", "acme", NOW + LONGEST_SECONDS + 1),
                DebugTokenError::TooLong,
            ),
            (
                mint("private_new", "other", NOW + 60),
                DebugTokenError::Mismatch,
            ),
            (
                mint("private_x", "acme", NOW + 60),
                DebugTokenError::Mismatch,
            ),
            (String::new(), DebugTokenError::Malformed),
            ("1e9-00".to_owned(), DebugTokenError::Malformed),
            ("-".to_owned(), DebugTokenError::Malformed),
        ] {
            assert_eq!(checked(&token), Err(error), "{token}");
        }
    }

    #[test]
    fn the_signature_of_a_url_is_no_token() {
        let ends = NOW + 60;
        for path in ["acme", "ik-debug-token/acme/", "ik-debug-token%0Aacme%0A"] {
            let token = format!("{ends}-{}", sign("private_new", path, ends));
            assert_eq!(checked(&token), Err(DebugTokenError::Mismatch), "{path}");
        }
    }
}
