//! Paths folded to templates, so that failures of one kind fall together however many files they hit.

/// Version of the folding rules; stored with what is derived from them.
pub const PATH_TEMPLATE_VERSION: i16 = 2;

/// Longest extension that a template keeps. Units: bytes.
const MAX_EXTENSION_BYTES: usize = 8;

/// Folds the variable pieces of a path to `*`.
///
/// In folders UUIDs, runs of digits, and hexadecimal runs of 8 or more characters that contain a digit become `*`; of the file's
/// name only the extension is kept, for it is the files of a folder that fail together: `/p/1234/red-shoe.jpg` → `/p/*/*.jpg`.
pub fn path_template(path: &str) -> String {
    let (folders, name) = match path.rfind('/') {
        Some(slash) => path.split_at(slash + 1),
        None => ("", path),
    };
    let mut out = folded_folders(folders);
    if !name.is_empty() {
        out.push('*');
        out.push_str(extension(name));
    }
    out
}

/// The extension with its dot, or nothing where what follows the last dot does not look like one.
fn extension(name: &str) -> &str {
    let dot = name.rfind('.').unwrap_or(name.len());
    let (_, extension) = name.split_at(dot);
    let plausible = (2..=MAX_EXTENSION_BYTES).contains(&extension.len())
        && extension.bytes().skip(1).all(|b| b.is_ascii_alphanumeric());
    if plausible { extension } else { "" }
}

fn folded_folders(folders: &str) -> String {
    let mut out = String::with_capacity(folders.len() + 2 + MAX_EXTENSION_BYTES);
    let mut rest = folders;
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
    fn files_and_numbers_hashes_and_uuids_in_folders_fold() {
        for (path, template) in [
            ("/p/1234/img-9f86d081884c7d65.jpg", "/p/*/*.jpg"),
            (
                "/u/018f4e2a-1c3b-7d4e-9f00-aabbccddeeff/a.jpg",
                "/u/*/*.jpg",
            ),
            ("/u/9f86d081884c7d65-big/a.jpg", "/u/*-big/*.jpg"),
            ("/shop/cover.jpg", "/shop/*.jpg"),
            ("/deadbeef/x", "/deadbeef/*"),
            ("/v2/item7b.png", "/v*/*.png"),
            ("cover.tar.gz", "*.gz"),
            ("/a/Smith vs. Jones", "/a/*"),
            ("/a/.", "/a/*"),
            ("/a/name.averylongtail", "/a/*"),
            ("/a/é.jpg", "/a/*.jpg"),
            ("/folder/", "/folder/"),
            ("", ""),
        ] {
            assert_eq!(path_template(path), template);
        }
    }
}
