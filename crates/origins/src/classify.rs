//! From what an origin answered to the reason it stands for.

pub(crate) mod challenge;
pub(crate) mod s3;
pub(crate) mod status;
pub(crate) mod text;
