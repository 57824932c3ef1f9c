//! From what an origin answered to the reason it stands for.

pub(crate) mod azure;
pub(crate) mod challenge;
pub(crate) mod google;
pub(crate) mod s3;
pub(crate) mod status;
pub(crate) mod text;
pub(crate) mod xml;
