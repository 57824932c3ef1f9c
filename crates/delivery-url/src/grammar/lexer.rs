//! Text → tokens. Splits on raw separators first and percent-decodes each token after, exactly once; a text that holds no
//! separator but encoded ones is decoded first, because old SDKs encode the whole query value. Source: `imagekit.md` 5.1.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::TransformationError;

/// What stands between two separators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token<'t> {
    /// Decoded.
    pub(super) text: Cow<'t, str>,
    /// Whether a `:` stands before it (or nothing).
    pub(super) begins_step: bool,
}

/// The decoded text where only the encoded separators are there; none where the text splits as it is.
pub(super) fn decode_separators(text: &str) -> Result<Option<String>, TransformationError> {
    if text.contains([',', ':']) || !has_encoded_separator(text) {
        return Ok(None);
    }
    decode(text).map(|decoded| Some(decoded.into_owned()))
}

/// The tokens of a text from left to right; read as they are asked for, so that the first fault ends the work.
#[derive(Debug)]
pub(super) struct Tokens<'t> {
    rest: Option<&'t str>,
    begins_step: bool,
    is_encoded: bool,
}

impl<'t> Tokens<'t> {
    /// Of a text that is still percent-encoded.
    pub(super) fn encoded(text: &'t str) -> Self {
        Self {
            rest: Some(text),
            begins_step: true,
            is_encoded: true,
        }
    }

    /// Of a text that is already decoded.
    pub(super) fn decoded(text: &'t str) -> Self {
        Self {
            is_encoded: false,
            ..Self::encoded(text)
        }
    }

    /// The next token; none at the end. Errors: a token that is not UTF-8.
    pub(super) fn take(&mut self) -> Result<Option<Token<'t>>, TransformationError> {
        let Some(rest) = self.rest else {
            return Ok(None);
        };
        let begins_step = self.begins_step;
        let (part, after) = match rest.split_once([',', ':']) {
            Some((part, after)) => (part, Some(after)),
            None => (rest, None),
        };
        self.begins_step = rest.as_bytes().get(part.len()) == Some(&b':');
        self.rest = after;
        let text = if self.is_encoded {
            decode(part)?
        } else {
            Cow::Borrowed(part)
        };
        Ok(Some(Token { text, begins_step }))
    }
}

/// The printer asks too: such a text would be decoded before it is split.
pub(super) fn has_encoded_separator(text: &str) -> bool {
    text.as_bytes()
        .windows(3)
        .any(|window| matches!(window, b"%2C" | b"%2c" | b"%3A" | b"%3a"))
}

fn decode(text: &str) -> Result<Cow<'_, str>, TransformationError> {
    percent_decode_str(text).decode_utf8().map_err(|_| {
        TransformationError::new(
            text,
            "is not valid UTF-8 after percent-decoding; encode text as UTF-8",
        )
    })
}
