//! Paths folded to templates, so that failures of one kind fall together however many files they hit.

/// Version of the folding rules; stored with what is derived from them.
pub const PATH_TEMPLATE_VERSION: u16 = 1;

/// Folds the variable pieces of a path to `*`.
///
/// UUIDs, runs of digits, and hexadecimal runs of 8 or more characters that contain a digit become `*`:
/// `/p/1234/img-9f86d081884c7d65.jpg` → `/p/*/img-*.jpg`.
pub fn path_template(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(first) = rest.chars().next() {
        let run_bytes = rest
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(rest.len());
        let taken = if let Some(uuid_bytes) = uuid_prefix(rest) {
            out.push('*');
            uuid_bytes
        } else if run_bytes > 0 {
            push_folded(&mut out, rest.get(..run_bytes).unwrap_or_default());
            run_bytes
        } else {
            out.push(first);
            first.len_utf8()
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    out
}

/// Length of the UUID that `text` begins with, if it does and nothing alphanumeric follows.
fn uuid_prefix(text: &str) -> Option<usize> {
    const UUID_BYTES: usize = 36;
    let candidate = text.get(..UUID_BYTES)?;
    let shaped = candidate
        .bytes()
        .enumerate()
        .all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    let ends = !text
        .as_bytes()
        .get(UUID_BYTES)
        .is_some_and(u8::is_ascii_alphanumeric);
    (shaped && ends).then_some(UUID_BYTES)
}

fn push_folded(out: &mut String, run: &str) {
    let is_hash = run.len() >= 8
        && run.bytes().all(|b| b.is_ascii_hexdigit())
        && run.bytes().any(|b| b.is_ascii_digit());
    if is_hash {
        out.push('*');
        return;
    }
    let mut in_digits = false;
    for c in run.chars() {
        if !c.is_ascii_digit() {
            out.push(c);
        } else if !in_digits {
            out.push('*');
        }
        in_digits = c.is_ascii_digit();
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
