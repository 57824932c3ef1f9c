//! API keys: their text form, their hash, and the rules of their life.
//!
//! Shape: `private_` or `public_`, 43 characters of base 62 (256 random bits), 6 characters of base 62 (CRC-32 of everything
//! before). The check sum lets a typing error be told apart from a wrong key without a lookup, and lets secret scanners match.

use std::fmt;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::event::ConfigEvent;
use crate::refusal::Refusal;
use crate::secret::SecretRef;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM_CHARS: usize = 43;
const CHECKSUM_CHARS: usize = 6;
/// Longest display name. Source: ours.
const MAX_NAME_CHARS: usize = 100;
/// How much of a private key may be shown: its prefix and 4 of 43 characters, which leaves 232 unknown bits.
const HINT_CHARS: usize = "private_".len() + 4;

/// Random bits of one key. Wiped when dropped.
pub struct KeyEntropy(Zeroizing<[u8; 32]>);

impl KeyEntropy {
    /// Takes 32 bytes of a cryptographic random source.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl fmt::Debug for KeyEntropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyEntropy([REDACTED])")
    }
}

/// The secret half of a pair: authenticates API requests and signs URLs.
#[derive(Debug, Clone)]
pub struct PrivateKey(SecretString);

/// The half that names the pair; not a secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey(String);

/// SHA-256 of a private key. A fast hash is right here: a key holds 256 random bits, so there is nothing to guess.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyHash(pub [u8; 32]);

/// The text is not a key: wrong prefix, length, alphabet or check sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a well-formed API key")]
pub struct MalformedKey;

impl PrivateKey {
    /// The key that these random bits make.
    pub fn from_entropy(entropy: &KeyEntropy) -> Self {
        Self(SecretString::from(key_text("private_", entropy)))
    }

    /// The key as text.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The key as a secret.
    pub fn as_secret(&self) -> &SecretString {
        &self.0
    }

    /// What it is looked up by.
    pub fn hash(&self) -> KeyHash {
        KeyHash(Sha256::digest(self.expose()).into())
    }

    /// Its first characters, to recognise it by.
    pub fn hint(&self) -> String {
        self.expose().chars().take(HINT_CHARS).collect()
    }
}

impl FromStr for PrivateKey {
    type Err = MalformedKey;

    fn from_str(text: &str) -> Result<Self, MalformedKey> {
        check_key_text("private_", text)?;
        Ok(Self(SecretString::from(text)))
    }
}

impl PublicKey {
    /// The key that these random bits make. They must not be those of the private key.
    pub fn from_entropy(entropy: &KeyEntropy) -> Self {
        Self(key_text("public_", entropy))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PublicKey {
    type Error = MalformedKey;

    fn try_from(text: String) -> Result<Self, MalformedKey> {
        check_key_text("public_", &text)?;
        Ok(Self(text))
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.0
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for KeyHash {
    type Error = MalformedKey;

    fn try_from(text: String) -> Result<Self, MalformedKey> {
        let mut hash = [0; 32];
        hex::decode_to_slice(text, &mut hash).map_err(|_| MalformedKey)?;
        Ok(Self(hash))
    }
}

impl From<KeyHash> for String {
    fn from(hash: KeyHash) -> Self {
        hex::encode(hash.0)
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyHash({})", hex::encode(self.0))
    }
}

/// What must be remembered of a key pair to decide the next command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPairState {
    /// Revoked pairs stay known, so that an old key is "expired" and not "wrong".
    pub revoked: bool,
}

/// What a tenant wants done to a key pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPairCommand {
    /// Issue it.
    Create {
        /// Display name.
        name: String,
        /// The public half.
        public_key: PublicKey,
        /// Hash of the private half.
        private_key_hash: KeyHash,
        /// First characters of the private half.
        private_key_hint: String,
        /// Where the private half was sealed.
        private_key: SecretRef,
    },
    /// Stop accepting it.
    Revoke,
}

/// What happens when `command` meets `state`.
///
/// Errors: [`Refusal`] with the sentence for the caller.
pub fn decide(
    state: Option<&KeyPairState>,
    command: KeyPairCommand,
) -> Result<Vec<ConfigEvent>, Refusal> {
    match command {
        KeyPairCommand::Create {
            name,
            public_key,
            private_key_hash,
            private_key_hint,
            private_key,
        } => {
            if state.is_some() {
                return Err(Refusal::invalid("Key pair already exists."));
            }
            if name.is_empty() || name.chars().nth(MAX_NAME_CHARS).is_some() {
                return Err(Refusal::invalid(format!(
                    "name must be 1 to {MAX_NAME_CHARS} characters long"
                )));
            }
            Ok(vec![ConfigEvent::KeyPairCreated {
                name,
                public_key,
                private_key_hash,
                private_key_hint,
                private_key,
            }])
        }
        KeyPairCommand::Revoke => match state {
            Some(KeyPairState { revoked: false }) => Ok(vec![ConfigEvent::KeyPairRevoked {}]),
            Some(KeyPairState { revoked: true }) | None => {
                Err(Refusal::not_found("Key pair not found."))
            }
        },
    }
}

/// The state after `event`.
pub fn evolve(state: Option<KeyPairState>, event: &ConfigEvent) -> Option<KeyPairState> {
    if let ConfigEvent::KeyPairCreated { .. } = event {
        return Some(KeyPairState { revoked: false });
    }
    if let ConfigEvent::KeyPairRevoked {} = event {
        return state.map(|_| KeyPairState { revoked: true });
    }
    state
}

pub(crate) fn key_text(prefix: &str, entropy: &KeyEntropy) -> String {
    let mut text = String::with_capacity(prefix.len() + RANDOM_CHARS + CHECKSUM_CHARS);
    text.push_str(prefix);
    push_base62(&mut text, &mut *entropy.0.clone(), RANDOM_CHARS);
    let checksum = crc32fast::hash(text.as_bytes());
    push_base62(&mut text, &mut checksum.to_be_bytes(), CHECKSUM_CHARS);
    text
}

/// Appends a big-endian number as exactly `digits` digits, most significant first, and zeroes it.
///
/// 62^43 exceeds 2^256 and 62^6 exceeds 2^32, so nothing is cut off and every number has one text.
fn push_base62(text: &mut String, number: &mut [u8], digits: usize) {
    let mut reversed = Vec::with_capacity(digits);
    for _ in 0..digits {
        let mut remainder = 0_u16;
        for byte in number.iter_mut() {
            let dividend = (remainder << 8) | u16::from(*byte);
            *byte = u8::try_from(dividend / 62)
                .expect("the remainder is below 62, so the quotient is below 256");
            remainder = dividend % 62;
        }
        let digit = DIGITS
            .get(usize::from(remainder))
            .expect("a remainder is below 62");
        reversed.push(char::from(*digit));
    }
    text.extend(reversed.iter().rev());
    reversed.zeroize();
}

fn check_key_text(prefix: &str, text: &str) -> Result<(), MalformedKey> {
    let rest = text.strip_prefix(prefix).ok_or(MalformedKey)?;
    if rest.len() != RANDOM_CHARS + CHECKSUM_CHARS
        || !rest.bytes().all(|b| b.is_ascii_alphanumeric())
    {
        return Err(MalformedKey);
    }
    let (body, checksum) = text
        .split_at_checked(prefix.len() + RANDOM_CHARS)
        .ok_or(MalformedKey)?;
    let mut expected = String::with_capacity(CHECKSUM_CHARS);
    let number = crc32fast::hash(body.as_bytes());
    push_base62(&mut expected, &mut number.to_be_bytes(), CHECKSUM_CHARS);
    if checksum == expected {
        Ok(())
    } else {
        Err(MalformedKey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::StreamVersion;
    use crate::secret::SecretFingerprint;

    fn private_key(seed: u8) -> PrivateKey {
        PrivateKey::from_entropy(&KeyEntropy::new([seed; 32]))
    }

    #[test]
    fn keys_have_the_documented_shape_and_read_back() {
        for seed in [0, 1, 0x7f, 0xff] {
            let key = private_key(seed);
            let text = key.expose().to_owned();
            assert_eq!(text.len(), "private_".len() + 49);
            assert_eq!(text.parse::<PrivateKey>().unwrap().hash(), key.hash());
            let public = PublicKey::from_entropy(&KeyEntropy::new([seed; 32]));
            assert_eq!(
                PublicKey::try_from(public.as_str().to_owned()).unwrap(),
                public
            );
        }
        assert!(
            private_key(0)
                .expose()
                .starts_with(&format!("private_{}", "0".repeat(43)))
        );
    }

    #[test]
    fn every_single_wrong_character_is_noticed_without_a_lookup() {
        let text = private_key(7).expose().to_owned();
        for at in 0..text.len() {
            let mut wrong = text.clone().into_bytes();
            wrong[at] = if wrong[at] == b'a' { b'b' } else { b'a' };
            let wrong = String::from_utf8(wrong).unwrap();
            assert!(wrong.parse::<PrivateKey>().is_err(), "{at}");
        }
        for bad in [
            "",
            "private_",
            "public_x",
            "private_ä",
            text.trim_start_matches('p'),
            &format!("{text}0"),
        ] {
            assert!(bad.parse::<PrivateKey>().is_err(), "{bad}");
        }
    }

    #[test]
    fn debug_output_and_hint_do_not_give_a_key_away() {
        let key = private_key(9);
        let random = key.expose().trim_start_matches("private_");
        assert!(!format!("{key:?}").contains(random));
        assert_eq!(key.hint().len(), 12);
        assert!(!format!("{:?}", KeyEntropy::new([9; 32])).contains('9'));
    }

    #[test]
    fn hashes_are_stored_as_hexadecimal_text() {
        let hash = private_key(3).hash();
        let json = serde_json::to_string(&hash).unwrap();
        assert_eq!(json.len(), 66);
        assert_eq!(serde_json::from_str::<KeyHash>(&json).unwrap(), hash);
    }

    fn create(name: &str) -> KeyPairCommand {
        KeyPairCommand::Create {
            name: name.to_owned(),
            public_key: PublicKey::from_entropy(&KeyEntropy::new([1; 32])),
            private_key_hash: private_key(2).hash(),
            private_key_hint: private_key(2).hint(),
            private_key: SecretRef {
                version: StreamVersion(1),
                fingerprint: SecretFingerprint("00".to_owned()),
            },
        }
    }

    #[test]
    fn given_a_pair_when_revoked_then_it_stays_revoked() {
        let events = decide(None, create("default")).unwrap();
        let state = events.iter().fold(None, evolve);
        assert!(decide(state.as_ref(), create("default")).is_err());
        let revoked = decide(state.as_ref(), KeyPairCommand::Revoke).unwrap();
        let state = revoked.iter().fold(state, evolve);
        assert_eq!(state, Some(KeyPairState { revoked: true }));
        assert!(decide(state.as_ref(), KeyPairCommand::Revoke).is_err());
        assert!(decide(None, KeyPairCommand::Revoke).is_err());
        assert!(decide(None, create("")).is_err());
    }
}
