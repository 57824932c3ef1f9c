//! SVG: made safe, and drawn as pixels when a raster format is asked for by name.
//!
//! | module | holds |
//! |---|---|
//! | `sanitize` | a document that runs nothing and loads nothing |
//! | `policy` | which elements, attributes and addresses may stay |
//! | `style` | the same for style sheets |
//! | `budget` | how much work a document asks for, before any is done |
//! | `filters` | the same for filters that ask for much work per pixel |
//! | `fonts` | the bundled fonts, for text in drawings |
//! | `lettering` | text written anew where the drawing library would stumble over it |
//! | `text_work` | how much work text asks for |
//! | `raster` | drawing |

mod budget;
mod filters;
mod fonts;
mod lettering;
mod policy;
pub(crate) mod raster;
mod sanitize;
mod style;
mod text_work;

pub use sanitize::sanitize;

use crate::error::ImagingError;

/// Shorthand of the modules.
fn rejected(reason: impl Into<String>) -> ImagingError {
    ImagingError::SvgRejected {
        reason: reason.into(),
    }
}
