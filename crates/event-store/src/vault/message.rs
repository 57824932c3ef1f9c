//! Sealed messages between our own processes: who holds the key ring can read and write them, nobody else.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{KEY_BYTES, KekId, NONCE_BYTES, Vault, VaultError, decrypt, encrypt, fill_random};

const KEK_ID_BYTES: usize = 8;

impl Vault {
    /// Seals a message for `purpose`, which is no secret and the same for both ends.
    ///
    /// Shape: 8 bytes id of the key, 12 bytes nonce, ciphertext with its 16-byte tag.
    ///
    /// Errors: [`VaultError::NoEntropy`].
    pub fn seal_message(&self, purpose: &str, plaintext: &[u8]) -> Result<Vec<u8>, VaultError> {
        let kek_id = self.ring.active_id();
        let mut nonce = [0; NONCE_BYTES];
        fill_random(&mut nonce)?;
        let key = message_key(self.ring.active_key(), purpose);
        let ciphertext = encrypt(&key, &nonce, purpose.as_bytes(), plaintext)?;
        let mut message = kek_id.0.to_vec();
        message.extend_from_slice(&nonce);
        message.extend_from_slice(&ciphertext);
        Ok(message)
    }

    /// Opens a message sealed for `purpose` under any key of the ring.
    ///
    /// Errors: [`VaultError::UnknownKek`], [`VaultError::Unreadable`].
    pub fn open_message(
        &self,
        purpose: &str,
        message: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let (kek_id, rest) = message
            .split_first_chunk::<KEK_ID_BYTES>()
            .ok_or(VaultError::Unreadable)?;
        let (nonce, ciphertext) = rest
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(VaultError::Unreadable)?;
        let kek_id = KekId(*kek_id);
        let kek = self
            .ring
            .key(kek_id)
            .ok_or(VaultError::UnknownKek(kek_id))?;
        let key = message_key(kek, purpose);
        decrypt(&key, nonce, purpose.as_bytes(), ciphertext)
    }
}

/// A key of its own per purpose, so that messages and stored secrets never share one.
fn message_key(kek: &[u8], purpose: &str) -> Zeroizing<[u8; KEY_BYTES]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(kek).expect("HMAC takes keys of any length");
    mac.update(b"limpid message v1|");
    mac.update(purpose.as_bytes());
    Zeroizing::new(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::super::{KeyRing, Vault};

    fn vault() -> Vault {
        Vault::new(KeyRing::generate().expect("random numbers"))
    }

    #[test]
    fn a_message_opens_for_its_purpose_only_and_only_unchanged() {
        let vault = vault();
        let sealed = vault.seal_message("greeting", b"hello").expect("sealed");
        let opened = vault.open_message("greeting", &sealed).expect("opened");
        assert_eq!(opened.as_slice(), b"hello");
        assert!(vault.open_message("farewell", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(vault.open_message("greeting", &changed).is_err(), "{at}");
            assert!(vault.open_message("greeting", &sealed[..at]).is_err());
        }
    }

    #[test]
    fn a_message_of_another_ring_does_not_open() {
        let sealed = vault().seal_message("greeting", b"hello").expect("sealed");
        assert!(vault().open_message("greeting", &sealed).is_err());
    }
}
