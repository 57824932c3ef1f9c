//! Which of several failed attempts the client is told about.

use super::code::FailureCode;
use super::reason::Reason;

/// Index of the headline among `reasons` (in order of attempt), or `None` for no attempt at all.
///
/// A limit ends the search, so it is the headline wherever it stands; otherwise `EACCES` > `ECONNREFUSED` >
/// `UNIDENTIFIED` > `ENOENT`, ties to the earliest attempt. Source: `errors.md`, "Several origins".
pub fn headline(reasons: &[Reason]) -> Option<usize> {
    let rank = |reason: &Reason| match reason.code() {
        FailureCode::Elimit => 0_u8,
        FailureCode::Eacces => 1,
        FailureCode::Econnrefused => 2,
        FailureCode::Unidentified => 3,
        FailureCode::Enoent => 4,
    };
    reasons
        .iter()
        .enumerate()
        .min_by_key(|(index, reason)| (rank(reason), *index))
        .map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expired_key_does_not_hide_behind_a_plain_miss() {
        let attempts = [
            Reason::ObjectNotFound,
            Reason::CredentialsExpired,
            Reason::ConnectionRefused,
        ];
        assert_eq!(headline(&attempts), Some(1));
    }

    #[test]
    fn ties_go_to_the_earliest() {
        assert_eq!(
            headline(&[Reason::ResponseTimeout, Reason::ConnectionRefused]),
            Some(0)
        );
        assert_eq!(headline(&[]), None);
    }

    #[test]
    fn a_limit_is_always_the_headline() {
        assert_eq!(
            headline(&[Reason::AccessDenied, Reason::SourceTooLarge]),
            Some(1)
        );
    }
}
