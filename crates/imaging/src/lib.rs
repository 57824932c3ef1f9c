//! The imaging engine: bytes, a transformation and limits in, encoded bytes out. Synchronous, one thread per call, no
//! network, no files, no tenants.
//!
//! ```text
//! source ─ probe ─ limits ─ plan ─ decode (scaled) ─ steps ─ colour ─ encode ─ bytes
//!          header only      pure   one of six codecs                 format by negotiation
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`transform`] | the one entry point and what it takes and gives |
//! | [`sniff`] | what bytes are, or what they look like when they are no image |
//! | [`probe`] | size, orientation, alpha, frames and profile from the header alone, before anything is allocated |
//! | [`limits`] | how large sources and results may be, checked on numbers before pixels exist |
//! | [`geometry`] | integer arithmetic of sizes and boxes |
//! | [`plan`] | every step of a transformation as exact pixels; pure |
//! | [`format`](mod@format) | which format the answer has, from `f`, `Accept` and the tenant's settings |
//! | [`svg`] | drawings: made safe, and drawn where a raster format is asked for |
//! | `text` | text as a picture: bundled fonts, shaping, lines, ink |
//! | `inputs` | files that layers need |
//! | `deadline` | when nobody waits any more, looked at between stages and while pixels are worked on |
//! | `guard` | panics of libraries that read strangers' bytes, as refusals |
//! | [`error`] | why a transformation was refused |
//! | `rows` | pictures that arrive row by row, of which only what is wanted is held |
//! | `decode`, `steps`, `color`, `encode` | pixels: the codecs, the operations, and everything to sRGB |
//!
//! The codecs in C are called from `decode` and `encode` only, in modules that say `#![expect(unsafe_code)]` in their head.

mod color;
mod deadline;
mod decode;
mod encode;
pub mod error;
pub mod format;
pub mod geometry;
mod guard;
mod inputs;
pub mod limits;
mod metadata;
mod picture;
pub mod plan;
mod planes;
pub mod probe;
mod quantize;
mod rows;
pub mod sniff;
mod steps;
pub mod svg;
mod text;
pub mod transform;

pub use error::ImagingError;
pub use format::{AcceptedFormats, ImageFormat, ImageSettings};
pub use inputs::Inputs;
pub use limits::Limits;
pub use probe::{ImageInfo, Orientation, probe};
pub use sniff::{LooksLike, Sniffed, sniff};
pub use text::is_built_in_font;
pub use transform::{StageTimings, TransformRequest, Transformed, transform};
