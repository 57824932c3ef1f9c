//! Paths near one that is missing: what a person or a tool may have meant.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::path::FilePath;

/// Most paths offered, so that a diagnosis stays cheap for the origin.
pub const MAX_NEAR_PATHS: usize = 10;

/// Extensions that are written in more than one way.
const EXTENSIONS: &[(&str, &str)] = &[
    ("jpg", "jpeg"),
    ("jpeg", "jpg"),
    ("tif", "tiff"),
    ("tiff", "tif"),
];

/// What a path segment holds only encoded.
const ENCODED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'+')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// A path worth asking for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearPath {
    /// Percent-encoded, as [`OriginFetcher::exists`](crate::OriginFetcher::exists) takes it: with a leading slash if it is meant from the
    /// root, outside the folder of the origin.
    pub path: String,
    /// How it differs from the one that is missing.
    pub difference: &'static str,
}

/// Paths near `raw` (percent-encoded), likeliest first, none twice. `folder` is what the origin puts before every path: a
/// prefix or the folder of a base URL; a URL that repeats it is a common mistake.
pub fn near_paths(raw: &str, folder: &str) -> Vec<NearPath> {
    let raw = raw.trim_start_matches('/');
    let Ok(path) = percent_decode_str(raw).decode_utf8() else {
        return Vec::new();
    };
    let mut near = NearPaths {
        found: Vec::new(),
        missing: path.to_string(),
    };
    near.add(
        &path.replace('+', " "),
        "a space where there is a plus sign",
    );
    near.add(
        &path.replace(' ', "+"),
        "a plus sign where there is a space",
    );
    if let Ok(decoded) = percent_decode_str(&path).decode_utf8() {
        near.add(&decoded, "encoded once, not twice");
    }
    let single: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    near.add(&single.join("/"), "with one slash where there are several");
    let (stem, extension) = path.rsplit_once('.').unwrap_or((&path, ""));
    if !extension.is_empty() && !extension.contains('/') {
        near.extensions(stem, extension);
    }
    near.add(&path.to_lowercase(), "all in lower case");
    near.folders(&path, folder.trim_matches('/'));
    near.add(path.trim(), "without spaces around it");
    near.places(&path, folder.trim_matches('/'));
    near.found.truncate(MAX_NEAR_PATHS);
    near.found
}

struct NearPaths {
    missing: String,
    found: Vec<NearPath>,
}

impl NearPaths {
    fn add(&mut self, path: &str, difference: &'static str) {
        let encoded = utf8_percent_encode(path, ENCODED).to_string();
        let is_new = path != self.missing && self.found.iter().all(|near| near.path != encoded);
        if is_new && !path.is_empty() && FilePath::parse(&encoded).is_ok() {
            self.found.push(NearPath {
                path: encoded,
                difference,
            });
        }
    }

    /// Where the same name would be if it were stored outside the folder, or with a slash before it, as tools do that take the
    /// path of a URL for a key.
    fn places(&mut self, path: &str, folder: &str) {
        let path = utf8_percent_encode(path, ENCODED);
        let folder = utf8_percent_encode(folder, ENCODED).to_string();
        if !folder.is_empty() {
            self.push(
                format!("/{path}"),
                "at the root, outside the folder that the origin puts before every path",
            );
        }
        self.push(format!("%2F{path}"), "with a slash before its name");
        if !folder.is_empty() {
            self.push(
                format!("/%2F{folder}/{path}"),
                "with a slash before the folder, as the first character of its key",
            );
        }
    }

    fn push(&mut self, path: String, difference: &'static str) {
        if FilePath::parse(&path).is_ok() {
            self.found.push(NearPath { path, difference });
        }
    }

    fn extensions(&mut self, stem: &str, extension: &str) {
        let lower = extension.to_lowercase();
        self.add(
            &format!("{stem}.{lower}"),
            "with its extension in lower case",
        );
        self.add(
            &format!("{stem}.{}", extension.to_uppercase()),
            "with its extension in upper case",
        );
        for (from, to) in EXTENSIONS {
            if *from == lower {
                self.add(
                    &format!("{stem}.{to}"),
                    "with its extension spelled otherwise",
                );
            }
        }
    }

    fn folders(&mut self, path: &str, folder: &str) {
        if folder.is_empty() {
            return;
        }
        if let Some(inner) = path.strip_prefix(&format!("{folder}/")) {
            self.add(
                inner,
                "without the folder that the origin puts before it already",
            );
        }
        let last = folder.rsplit('/').next().unwrap_or(folder);
        if let Some(inner) = path.strip_prefix(&format!("{last}/")) {
            self.add(
                inner,
                "without the folder that the origin puts before it already",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_NEAR_PATHS, near_paths};

    fn paths(raw: &str, folder: &str) -> Vec<String> {
        near_paths(raw, folder)
            .into_iter()
            .map(|near| near.path)
            .collect()
    }

    #[test]
    fn other_cases_and_spellings_of_an_extension_are_near() {
        let near = paths("/shoes/Red.JPG", "");
        for path in ["shoes/Red.jpg", "shoes/Red.jpeg", "shoes/red.jpg"] {
            assert!(near.contains(&path.to_owned()), "{path}: {near:?}");
        }
        assert!(!near.contains(&"shoes/Red.JPG".to_owned()));
    }

    #[test]
    fn a_plus_may_be_a_space_and_encoded_twice_may_be_once() {
        assert!(paths("a+b.png", "").contains(&"a%20b.png".to_owned()));
        assert!(paths("a%2520b.png", "").contains(&"a%20b.png".to_owned()));
    }

    #[test]
    fn a_folder_that_the_origin_adds_may_be_there_twice() {
        assert!(paths("raw/shoes/a.png", "/raw/shoes/").contains(&"a.png".to_owned()));
        assert!(paths("shoes/a.png", "/raw/shoes/").contains(&"a.png".to_owned()));
    }

    #[test]
    fn slashes_that_were_joined_once_too_often_are_found() {
        let near = near_paths("dir//a.jpg", "");
        let found = near.iter().find(|near| near.path == "dir/a.jpg");
        assert_eq!(
            found.unwrap().difference,
            "with one slash where there are several"
        );
    }

    #[test]
    fn a_key_may_be_outside_the_folder_or_begin_with_a_slash() {
        let near = paths("/a b.jpg", "/pre/");
        assert!(near.ends_with(&[
            "/a%20b.jpg".to_owned(),
            "%2Fa%20b.jpg".to_owned(),
            "/%2Fpre/a%20b.jpg".to_owned(),
        ]));
        assert_eq!(paths("/lead.jpg", "").last().unwrap(), "%2Flead.jpg");
        assert!(
            paths("lead.jpg", "/")
                .iter()
                .all(|path| !path.starts_with('/'))
        );
    }

    #[test]
    fn nothing_near_climbs_and_there_are_few() {
        for raw in [
            "%252e%252e/a.png",
            "a/%252e%252e%252fb.JPG",
            "+/+.+",
            "%ff.png",
        ] {
            let near = paths(raw, "x");
            assert!(near.iter().all(|path| !path.contains("..")), "{near:?}");
            assert!(near.len() <= MAX_NEAR_PATHS);
        }
    }
}
