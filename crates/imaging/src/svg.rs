//! SVG: made safe, and drawn as pixels when a raster format is asked for by name.
//!
//! | module | holds |
//! |---|---|
//! | `sanitize` | a document that runs nothing and loads nothing |
//! | `policy` | which elements, attributes and addresses may stay |
//! | `style` | the same for style sheets |
//! | `budget` | how much work a document asks for, before any is done |
//! | `filters` | the same for filters that ask for much work per pixel |
//! | `raster` | drawing |

mod budget;
mod filters;
mod policy;
pub(crate) mod raster;
mod sanitize;
mod style;

pub use sanitize::sanitize;

use crate::error::ImagingError;

/// Shorthand of the modules.
fn rejected(reason: impl Into<String>) -> ImagingError {
    ImagingError::SvgRejected {
        reason: reason.into(),
    }
}
