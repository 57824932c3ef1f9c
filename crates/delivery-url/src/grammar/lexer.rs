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

/// Splits a text that is already decoded.
pub(super) fn split_decoded(text: &str) -> Vec<Token<'_>> {
    split(text)
        .map(|(begins_step, part)| Token {
            text: Cow::Borrowed(part),
            begins_step,
        })
        .collect()
}

/// Splits, then decodes each token. Errors: a token that is not UTF-8.
pub(super) fn split_encoded(text: &str) -> Result<Vec<Token<'_>>, TransformationError> {
    split(text)
        .map(|(begins_step, part)| {
            Ok(Token {
                text: decode(part)?,
                begins_step,
            })
        })
        .collect()
}

/// The printer asks too: such a text would be decoded before it is split.
pub(super) fn has_encoded_separator(text: &str) -> bool {
    text.as_bytes()
        .windows(3)
        .any(|window| matches!(window, b"%2C" | b"%2c" | b"%3A" | b"%3a"))
}

fn split(text: &str) -> impl Iterator<Item = (bool, &str)> {
    text.split(':').flat_map(|step| {
        step.split(',')
            .enumerate()
            .map(|(index, part)| (index == 0, part))
    })
}

fn decode(text: &str) -> Result<Cow<'_, str>, TransformationError> {
    percent_decode_str(text).decode_utf8().map_err(|_| {
        TransformationError::new(
            text,
            "is not valid UTF-8 after percent-decoding; encode text as UTF-8",
        )
    })
}
