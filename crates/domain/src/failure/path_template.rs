//! Paths folded to templates, so that failures of one kind fall together however many files they hit.

/// Version of the folding rules; stored with what is derived from them.
pub const PATH_TEMPLATE_VERSION: u16 = 1;

/// Folds the variable pieces of a path to `*`.
///
/// In each segment, runs of digits, UUIDs and hexadecimal runs of 8 or more characters that contain a digit become `*`:
/// `/p/1234/img-9f86d081884c7d65.jpg` → `/p/*/img-*.jpg`.
pub fn path_template(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut run = String::new();
    for c in path.chars() {
        if c.is_ascii_alphanumeric() {
            run.push(c);
        } else {
            push_folded(&mut out, &run);
            run.clear();
            out.push(c);
        }
    }
    push_folded(&mut out, &run);
    out
}

fn push_folded(out: &mut String, run: &str) {
    let is_hash = run.len() >= 8
        && run.bytes().all(|b| b.is_ascii_hexdigit())
        && run.bytes().any(|b| b.is_ascii_digit());
    if is_hash {
        push_star(out);
        return;
    }
    let mut in_digits = false;
    for c in run.chars() {
        if c.is_ascii_digit() {
            if !in_digits {
                push_star(out);
            }
            in_digits = true;
        } else {
            out.push(c);
            in_digits = false;
        }
    }
}

/// Appends `*`, folding `*-` before it away, so that a UUID is one star.
fn push_star(out: &mut String) {
    if out.ends_with("*-") {
        out.pop();
    } else {
        out.push('*');
    }
}

/// 64-bit FNV-1a of a text, as the signed number PostgreSQL stores. Not for security: groups and index keys only.
pub fn stable_hash(text: &str) -> i64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in text.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    i64::from_ne_bytes(hash.to_ne_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_hashes_and_uuids_fold() {
        for (path, template) in [
            ("/p/1234/img-9f86d081884c7d65.jpg", "/p/*/img-*.jpg"),
            (
                "/u/018f4e2a-1c3b-7d4e-9f00-aabbccddeeff/a.jpg",
                "/u/*/a.jpg",
            ),
            ("/shop/cover.jpg", "/shop/cover.jpg"),
            ("/deadbeef/x", "/deadbeef/x"),
            ("/v2/item7b.png", "/v*/item*b.png"),
            ("", ""),
        ] {
            assert_eq!(path_template(path), template);
        }
    }
}
