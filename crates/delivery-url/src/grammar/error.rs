//! Why a transformation is refused.

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
}
