//! Akamai Image Manager: `imwidth` and `imheight`.

use super::{RewrittenQuery, valid};

pub(super) fn rewrite(query: &str) -> RewrittenQuery {
    let mut rest = Vec::new();
    let mut tokens = Vec::new();
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("imwidth", value)) => tokens.extend(valid(format!("w-{value}"))),
            Some(("imheight", value)) => tokens.extend(valid(format!("h-{value}"))),
            _ => rest.push(pair),
        }
    }
    RewrittenQuery {
        rest: rest.join("&"),
        transformation: tokens.join(","),
    }
}
