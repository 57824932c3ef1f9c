//! Why a transformation is refused.

use std::fmt::Write as _;

/// The longest echo of input in a sentence.
const MAX_TOKEN_BYTES: usize = 40;

/// The longest sentence: with `EINVAL - ` before it an `ik-error` stays below 256 bytes.
const MAX_SENTENCE_BYTES: usize = 200;

/// A refused transformation. The client's fault; serving answers 400 `EINVAL`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct TransformationError {
    token: String,
    sentence: String,
}

impl TransformationError {
    /// The parameter at fault: escaped, cut, printable ASCII.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// What is wrong and what is allowed: printable ASCII, at most 200 bytes.
    pub fn sentence(&self) -> &str {
        &self.sentence
    }

    /// Whether a reason is shown as a whole, whatever the token.
    pub(crate) fn has_room_for(reason: &str) -> bool {
        // the cut token, its three dots, a colon and a space
        MAX_TOKEN_BYTES + 5 + reason.len() <= MAX_SENTENCE_BYTES
    }

    /// `reason` is ours, ASCII, and reads on after the token and a colon.
    pub(crate) fn new(token: &str, reason: &str) -> Self {
        let token = escape(token);
        let mut sentence = format!("{token}: {reason}");
        sentence.truncate(MAX_SENTENCE_BYTES);
        Self { token, sentence }
    }
}

/// Percent-encodes all but letters, digits and `-_.~@` and cuts the result.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if escaped.len() + 3 > MAX_TOKEN_BYTES {
            escaped.push_str("...");
            break;
        }
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'@' => {
                escaped.push(char::from(byte));
            }
            _ => drop(write!(escaped, "%{byte:02X}")),
        }
    }
    escaped
}
