//! Delivery URLs: what a request target means, and the transformation grammar. Pure: no I/O, no pixels, no tenants' data.
//!
//! | module | holds |
//! |---|---|
//! | [`target`] | request target → account, endpoint, file path, transformation text, switches |
//! | [`transformation`] | what a transformation string means: the types the parser makes and the imaging engine plans from |
//! | [`grammar`] | the text form: lexer, parser, printer |
//! | [`signature`] | signed URLs: sign and verify |
//! | [`debug_token`] | who may read everything about a failure: mint and verify |
//! | [`client_hints`] | `w-auto` and `dpr-auto` become numbers |
//! | [`rewriters`] | URLs written for other services, translated |
//!
//! One request goes through it like this:
//!
//! ```
//! use limpid_delivery_url::{Mount, target};
//!
//! let target = target::parse("/demo/tr:w-300/photos/storm.jpg?v=2")?; // Err: not a path at all
//! assert_eq!(target.account(), Some("demo")); // names the tenant
//! let resolved = target.resolve(Mount::Account, |prefix| prefix == "shop")?; // Err: says 404 or 400
//! assert_eq!(resolved.endpoint_prefix, "");
//! assert_eq!(resolved.file.as_raw(), "photos/storm.jpg");
//! assert_eq!(resolved.forwarded_query.as_deref(), Some("v=2"));
//! let transformation = resolved.transformation()?; // Err: one sentence for `ik-error`
//! assert_eq!(transformation.to_string(), "w-300");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod client_hints;
pub mod debug_token;
pub mod grammar;
pub mod rewriters;
pub mod signature;
pub mod target;
pub mod transformation;

pub use client_hints::{ClientHints, HintUse};
pub use grammar::TransformationError;
pub use rewriters::Rewriter;
pub use target::{DeliveryTarget, FilePath, Mount, ResolvedTarget, Switches, TargetError};
pub use transformation::Transformation;
