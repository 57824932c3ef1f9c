//! URLs written for other image services, translated to ours: [`Rewriter::rewrite`]. Source: `imagekit.md` 3.12.
//!
//! | module | whose |
//! |---|---|
//! | `cloudinary` | `w_300,c_fit/a_90/dir/a.jpg`: transformations are path segments |
//! | `imgix` | `dir/a.jpg?w=300&fit=clip`: transformations are query parameters |
//! | `akamai` | `dir/a.jpg?imwidth=300` |
//! | `color` | the colours all of them write |
//!
//! A parameter with a valid key and an invalid value is dropped without a word, as the source says: whoever migrates can't
//! rewrite millions of URLs. So nothing a rewriter emits is refused by the grammar later, but for video, which we do not do.

mod akamai;
mod cloudinary;
mod color;
mod imgix;

use crate::grammar;
use crate::target::{FilePath, ResolvedTarget, TargetError};

/// Whose URLs are understood besides our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rewriter {
    /// Cloudinary's.
    Cloudinary {
        /// Keep `<asset_type>/<delivery_type>` (`image/upload`) in the origin path.
        preserve_asset_delivery_types: bool,
    },
    /// Imgix's.
    Imgix,
    /// Akamai's.
    Akamai,
}

impl Rewriter {
    /// The target with the foreign transformation taken out of path or query and, in our syntax, put behind whatever our own
    /// syntax asked for. A target without one, and the URL of a web proxy, stay as they are.
    ///
    /// # Errors
    ///
    /// The path that is left is none a file may have.
    pub fn rewrite(self, mut target: ResolvedTarget) -> Result<ResolvedTarget, TargetError> {
        let translated = match self {
            Self::Cloudinary { .. } if target.file.absolute_url().is_some() => return Ok(target),
            Self::Cloudinary {
                preserve_asset_delivery_types,
            } => {
                let found =
                    cloudinary::rewrite(target.file.as_raw(), preserve_asset_delivery_types);
                target.file = FilePath::new(&found.path)?;
                found.transformation
            }
            Self::Imgix => rewrite_query(&mut target, imgix::rewrite),
            Self::Akamai => rewrite_query(&mut target, akamai::rewrite),
        };
        if !translated.is_empty() {
            target.transformations.push(translated);
        }
        Ok(target)
    }
}

/// A path without its transformation, and that in our syntax; empty for none.
struct RewrittenPath {
    path: String,
    transformation: String,
}

/// Parameters of a query that are not a rewriter's, and the others in our syntax; each empty for none.
struct RewrittenQuery {
    rest: String,
    transformation: String,
}

fn rewrite_query(target: &mut ResolvedTarget, rewrite: fn(&str) -> RewrittenQuery) -> String {
    let Some(query) = &target.forwarded_query else {
        return String::new();
    };
    let found = rewrite(query);
    target.forwarded_query = Some(found.rest).filter(|rest| !rest.is_empty());
    found.transformation
}

/// The token, unless the grammar would refuse it.
fn valid(token: String) -> Option<String> {
    (is_single(&token) && grammar::parse(&token).is_ok()).then_some(token)
}

/// Whether a foreign value brought no separator with it that would make two parameters of one.
fn is_single(token: &str) -> bool {
    !token.contains([',', ':', '%'])
}
