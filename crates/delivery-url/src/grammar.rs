//! The text form of transformations: [`parse`], and `Display` for the way back. `parse(print(t)) == t`.
//!
//! | module | holds |
//! |---|---|
//! | `lexer` | text → tokens; percent-decoding |
//! | `parser` | tokens → steps, layers and conditionals; nesting |
//! | `parameters` | one parameter's value → its type; which values are ignored and which refused |
//! | `layers` | what may stand between `l-…` and `l-end` |
//! | `arithmetic` | expressions and conditions |
//! | `number` | numbers as URLs write them |
//! | `unknown` | helpful refusals: retired, video, AI, misspelt |
//! | `printer` | types → canonical text |
//!
//! Source: `imagekit.md` section 5; ignored or refused: its section 2.

mod arithmetic;
mod error;
mod layers;
mod lexer;
mod number;
mod parameters;
mod parser;
mod printer;
mod unknown;

pub use error::TransformationError;
pub(crate) use error::escape;
pub(crate) use printer::{path_value, text_input};

use crate::Transformation;

/// The longest accepted text. Source: `reliability.md` T135.
pub const MAX_TRANSFORMATION_BYTES: usize = 64 * 1024;

/// The most steps one transformation may have, branches and layers included.
pub const MAX_STEPS: usize = 100;

/// Reads a transformation as it stands in a URL, percent-encoded or not; a leading `tr:` is allowed.
///
/// # Errors
///
/// The first thing wrong, as one sentence.
pub fn parse(text: &str) -> Result<Transformation, TransformationError> {
    if text.len() > MAX_TRANSFORMATION_BYTES {
        return Err(TransformationError::new(
            "tr",
            "the transformation is longer than 65536 bytes; shorten it or store it as a named transformation",
        ));
    }
    let text = text.strip_prefix("tr:").unwrap_or(text);
    if text.is_empty() {
        return Ok(Transformation::default());
    }
    let decoded_first = lexer::decode_separators(text)?;
    let tokens = match &decoded_first {
        Some(decoded) => lexer::Tokens::decoded(decoded),
        None => lexer::Tokens::encoded(text),
    };
    parser::Parser::new(tokens).transformation()
}

/// Refuses what several texts add up to, as [`parse`] refuses one.
pub(crate) fn check_length(transformation: &Transformation) -> Result<(), TransformationError> {
    if transformation.steps.len() > MAX_STEPS {
        return Err(too_many_steps());
    }
    Ok(())
}

fn too_many_steps() -> TransformationError {
    TransformationError::new(
        "tr",
        "the transformation has more than 100 steps; shorten it",
    )
}
