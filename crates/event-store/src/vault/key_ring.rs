//! The keys that wrap everything else, kept outside the database.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{KEY_BYTES, VaultError, fill_random};

/// Names a key by its own hash, so that a ring needs no names and two rings can't give one name to two keys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KekId(pub [u8; 8]);

/// Keys by age: the first one seals, all of them open. Cheap to clone; prints no key.
#[derive(Clone)]
pub struct KeyRing(Arc<Keys>);

struct Keys {
    active: Key,
    retired: Vec<Key>,
}

struct Key {
    id: KekId,
    bytes: Zeroizing<[u8; KEY_BYTES]>,
}

/// Why there is no key ring.
#[derive(Debug, thiserror::Error)]
pub enum KeyRingError {
    /// The file can't be read or written.
    #[error("key file {path} can't be used", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is not 64 hexadecimal characters, or there is none.
    #[error("a key ring is lines of 64 hexadecimal characters, the active key first")]
    Malformed,
    /// The operating system gave no random bytes.
    #[error("no key could be drawn")]
    NoEntropy(#[from] VaultError),
}

impl KeyRing {
    /// A ring of one fresh key.
    ///
    /// Errors: [`KeyRingError::NoEntropy`].
    pub fn generate() -> Result<Self, KeyRingError> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        fill_random(&mut *bytes)?;
        Ok(Self::of(Key::new(bytes), Vec::new()))
    }

    /// Reads a ring: one key per line, the active one first; empty lines and lines that begin with `#` are skipped.
    ///
    /// Errors: [`KeyRingError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, KeyRingError> {
        let mut keys = Vec::new();
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut bytes = Zeroizing::new([0; KEY_BYTES]);
            hex::decode_to_slice(line, &mut *bytes).map_err(|_| KeyRingError::Malformed)?;
            keys.push(Key::new(bytes));
        }
        if keys.is_empty() {
            return Err(KeyRingError::Malformed);
        }
        let retired = keys.split_off(1);
        let active = keys.pop().ok_or(KeyRingError::Malformed)?;
        Ok(Self::of(active, retired))
    }

    /// Reads a ring from a file; where there is none, draws a key and writes it there, readable by its owner only.
    ///
    /// Errors: [`KeyRingError`].
    pub fn load_or_create(path: &Path) -> Result<Self, KeyRingError> {
        match fs::read_to_string(path).map(Zeroizing::new) {
            Ok(text) => Self::parse(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::create(path),
            Err(source) => Err(KeyRingError::File {
                path: path.to_owned(),
                source,
            }),
        }
    }

    /// This ring with a fresh active key; the former ones still open.
    ///
    /// Errors: [`KeyRingError::NoEntropy`].
    pub fn rotated(&self) -> Result<Self, KeyRingError> {
        let text = self.to_text();
        let fresh = Self::generate()?.to_text();
        Self::parse(&Zeroizing::new(format!("{}{}", *fresh, *text)))
    }

    /// The ring as [`KeyRing::parse`] reads it.
    pub fn to_text(&self) -> Zeroizing<String> {
        let keys = std::iter::once(&self.0.active).chain(&self.0.retired);
        // Reserved in full: growing would leave copies of keys behind.
        let mut text = Zeroizing::new(String::with_capacity(
            (2 * KEY_BYTES + 1) * (1 + self.0.retired.len()),
        ));
        for key in keys {
            text.push_str(&Zeroizing::new(hex::encode(*key.bytes)));
            text.push('\n');
        }
        text
    }

    pub(super) fn active_id(&self) -> KekId {
        self.0.active.id
    }

    pub(super) fn active_key(&self) -> &[u8; KEY_BYTES] {
        &self.0.active.bytes
    }

    pub(super) fn key(&self, id: KekId) -> Option<&[u8; KEY_BYTES]> {
        let mut keys = std::iter::once(&self.0.active).chain(&self.0.retired);
        keys.find(|key| key.id == id).map(|key| &*key.bytes)
    }

    fn of(active: Key, retired: Vec<Key>) -> Self {
        Self(Arc::new(Keys { active, retired }))
    }

    /// Writes to a name of its own first and links it: two programs that start at once agree on one ring, and a crash leaves no
    /// half a file.
    fn create(path: &Path) -> Result<Self, KeyRingError> {
        let ring = Self::generate()?;
        let file_error = |source| KeyRingError::File {
            path: path.to_owned(),
            source,
        };
        let draft = path.with_extension(format!("{}.draft", ring.active_id()));
        write_private(&draft, ring.to_text().as_bytes()).map_err(file_error)?;
        let linked = fs::hard_link(&draft, path);
        fs::remove_file(&draft).map_err(file_error)?;
        match linked {
            Ok(()) => Ok(ring),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let text = fs::read_to_string(path)
                    .map(Zeroizing::new)
                    .map_err(file_error)?;
                Self::parse(&text)
            }
            Err(error) => Err(file_error(error)),
        }
    }
}

impl Key {
    fn new(bytes: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        let digest = Sha256::new()
            .chain_update(b"limpid kek id v1|")
            .chain_update(*bytes)
            .finalize();
        let mut id = [0; 8];
        for (to, from) in id.iter_mut().zip(digest) {
            *to = from;
        }
        Self {
            id: KekId(id),
            bytes,
        }
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = std::iter::once(&self.0.active)
            .chain(&self.0.retired)
            .map(|key| key.id);
        f.write_str("KeyRing")?;
        f.debug_list().entries(ids).finish()
    }
}

impl fmt::Display for KekId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KekId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KekId({self})")
    }
}

fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(content)?;
    file.sync_all()
}
