//! What must hold for any text: shared by the fuzz targets and the crate's own test over `fuzz/seeds`.

use limpid_delivery_url::signature::{NEVER, SignedRequest, sign, verify};
use limpid_delivery_url::{
    ClientHints, Mount, Rewriter, target as targets, transformation as grammar,
};

/// A request target on every mount: names no file it may not, refuses in printable words.
pub(crate) fn request_target(text: &str) {
    let Ok(target) = targets::parse(text) else {
        return;
    };
    for mount in [Mount::Account, Mount::Domain, Mount::Endpoint("shop")] {
        let Ok(resolved) = target.resolve(mount, |prefix| prefix == "shop") else {
            continue;
        };
        let file = resolved.file.decoded().unwrap_or_default();
        let is_dots = |segment: &str| matches!(segment, "." | "..");
        assert!(!file.split('/').any(is_dots), "{file}");
        assert!(
            !file.contains(|c: char| c.is_ascii_control() || c == '\\'),
            "{file}"
        );
        match resolved.transformation() {
            Ok(transformation) => {
                ClientHints::new(Some("212"), Some("2")).apply(&transformation);
            }
            Err(error) => {
                let is_printable = |byte: u8| (0x20..0x7f).contains(&byte);
                assert!(error.sentence().bytes().all(is_printable), "{error}");
            }
        }
    }
}

/// A transformation: what is read, printed and read again is the same, and prints the same.
pub(crate) fn transformation(text: &str) {
    let Ok(first) = grammar::parse(text) else {
        return;
    };
    let printed = first.to_string();
    let second = grammar::parse(&printed);
    assert_eq!(second.as_ref(), Ok(&first), "{printed}");
    assert_eq!(second.map(|second| second.to_string()), Ok(printed));
}

/// A foreign URL: what a rewriter makes of it is, but for video, a transformation.
pub(crate) fn rewriter(text: &str) {
    let Ok(target) = targets::parse(text) else {
        return;
    };
    let Ok(resolved) = target.resolve(Mount::Domain, |_| false) else {
        return;
    };
    let own = resolved.transformations.len();
    let cloudinary = |preserve_asset_delivery_types| Rewriter::Cloudinary {
        preserve_asset_delivery_types,
    };
    for rewriter in [
        cloudinary(false),
        cloudinary(true),
        Rewriter::Imgix,
        Rewriter::Akamai,
    ] {
        let Ok(rewritten) = rewriter.rewrite(resolved.clone()) else {
            continue;
        };
        for text in rewritten.transformations.iter().skip(own) {
            if let Err(error) = grammar::parse(text) {
                let sentence = error.sentence();
                let is_expected = sentence.contains("video") || sentence.contains("100 steps");
                assert!(is_expected, "{text}: {error}");
            }
        }
    }
}

/// A signed URL: a right signature is accepted, and no other one is.
pub(crate) fn signature(text: &str) {
    assert!(!is_valid(&format!("/{text}")), "nobody guesses a signature");
    // What is signed has no signature of its own, and on the wire it is ASCII. A query that ends in nothing is taken off with
    // the signature; no SDK writes one.
    let is_signable = text.is_ascii()
        && !text.contains("ik-s")
        && !text.contains("ik-t")
        && !text.ends_with(['?', '&']);
    if !is_signable {
        return;
    }
    let signature = sign(KEY, text, NEVER);
    let joint = if text.contains('?') { '&' } else { '?' };
    let signed = format!("/{text}{joint}ik-s={signature}");
    assert!(is_valid(&signed), "{signed}");
    assert!(!is_valid(&format!("/x{text}{joint}ik-s={signature}")));
    assert!(!is_valid(&format!("{signed}&x=1")));
}

const KEY: &str = "private_fuzz";

fn is_valid(url: &str) -> bool {
    let Ok(target) = targets::parse(url) else {
        return false;
    };
    let request = SignedRequest {
        target: &target,
        mount: Mount::Domain,
        endpoint_prefix: "",
        site: None,
    };
    verify(&request, [KEY], 0).is_ok()
}
