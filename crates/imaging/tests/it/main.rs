//! The engine from outside: bytes in, bytes out, looked at with another decoder where there is one.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "test pictures are small and made from small numbers"
)]

mod animation;
mod asked;
mod colors;
mod combinations;
mod damaged;
mod documented;
mod effects;
mod extremes;
mod focus;
mod formats;
mod golden;
mod jxl;
mod layer_limits;
mod layers;
mod limits;
mod memory;
mod metadata;
mod orientation;
mod pictures;
mod pixels;
mod planes;
mod progressive;
mod shape;
mod svg;
mod svg_text;
mod text;
