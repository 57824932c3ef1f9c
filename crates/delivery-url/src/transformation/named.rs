//! Named transformations: `n-thumb` stands for a stored string.

use super::Transformation;

/// Why a named transformation cannot be used. The client's fault, or the tenant's who removed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpansionError {
    /// No such name, or it is disabled.
    #[error("named transformation \"{0}\" does not exist or is disabled")]
    Unknown(String),
    /// A stored transformation names another one.
    #[error(
        "named transformation \"{0}\" itself uses a named transformation, which is not allowed"
    )]
    Nested(String),
}

impl Transformation {
    /// Replaces every `n-…` by the stored transformation that `lookup` knows, in layers and conditionals too.
    /// Errors: see [`ExpansionError`].
    pub fn expand<'s>(
        &self,
        _lookup: &dyn Fn(&str) -> Option<&'s Self>,
    ) -> Result<Self, ExpansionError> {
        todo!()
    }
}
