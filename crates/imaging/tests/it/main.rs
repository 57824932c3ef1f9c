//! The engine from outside: bytes in, bytes out, looked at with another decoder where there is one.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod colors;
mod damaged;
mod formats;
mod limits;
mod orientation;
mod pictures;
mod pixels;
