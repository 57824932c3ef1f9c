//! Delivery URLs: what a request target means, and the transformation grammar. Pure: no I/O, no pixels, no tenants' data.
//!
//! | module | holds |
//! |---|---|
//! | [`target`] | request target → account, endpoint, file path, transformation text, switches |
//! | [`transformation`] | what a transformation string means: the types the parser makes and the imaging engine plans from |
//! | [`grammar`] | the text form: lexer, parser, printer |
//! | [`signature`] | signed URLs: sign and verify |
//!
//! One request goes through it like this:
//!
//! ```ignore
//! let target = target::parse("/demo/tr:w-300/photos/storm.jpg?v=2")?;    // Err: not a path at all
//! let tenant = accounts.get(target.account().unwrap_or_default());       // "demo"
//! let resolved = target.resolve(Mount::Account, |prefix| tenant.has_endpoint(prefix))?;
//! let transformation = resolved.transformation()?;                       // Err: one sentence for `ik-error`
//! ```

pub mod grammar;
pub mod signature;
pub mod target;
pub mod transformation;

pub use grammar::TransformationError;
pub use target::{DeliveryTarget, FilePath, Mount, ResolvedTarget, Switches, TargetError};
pub use transformation::Transformation;
