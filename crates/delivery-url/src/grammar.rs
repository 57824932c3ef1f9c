//! The text form of transformations: `parse`, and `Display` for the way back.

mod error;

pub use error::TransformationError;

use crate::Transformation;

/// The longest accepted text. Source: `reliability.md` T135.
pub const MAX_TRANSFORMATION_BYTES: usize = 64 * 1024;

/// Reads a transformation as it stands in a URL, percent-encoded or not, without `tr:` or `tr=`.
///
/// Errors: the first thing wrong, as one sentence.
pub fn parse(_text: &str) -> Result<Transformation, TransformationError> {
    todo!()
}
