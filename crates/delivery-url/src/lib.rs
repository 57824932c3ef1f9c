//! Delivery URLs: what a request target means, and the transformation grammar. Pure: no I/O, no pixels, no tenants' data.
//!
//! | module | holds |
//! |---|---|
//! | [`transformation`] | what a transformation string means: the types the parser makes and the imaging engine plans from |

pub mod transformation;

pub use transformation::Transformation;
