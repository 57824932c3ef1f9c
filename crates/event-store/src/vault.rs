//! Envelope encryption of secrets: each version of a secret has a key of its own (DEK), which is wrapped by a key from the key ring
//! (KEK). Rotating the ring rewraps DEKs and touches no ciphertext; deleting a row destroys the secret for good, while the event log
//! keeps only a reference to it. Source: `events.md` 5.
//!
//! AES-256-GCM throughout. A DEK encrypts exactly one text, so a random 96-bit nonce can't repeat under it. The additional data of
//! both layers names tenant, stream and version: a row moved elsewhere does not open.

mod key_ring;
mod message;
mod storage;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use hmac::{Hmac, Mac};
use limpid_domain::ids::{StreamId, StreamVersion, TenantId};
use limpid_domain::key_pair::KeyEntropy;
use limpid_domain::secret::SecretFingerprint;
use rand::{TryRng, rngs::SysRng};
use sha2::Sha256;
use zeroize::Zeroizing;

pub use key_ring::{KekId, KeyRing, KeyRingError};
pub use storage::{
    KekUse, fetch, fetch_all, keep_newest_versions, kek_use, put, remove_stream, remove_tenant,
    rewrap_tenant,
};

/// Draws the random bits of an API key.
///
/// Errors: [`VaultError::NoEntropy`].
pub fn draw_key_entropy() -> Result<KeyEntropy, VaultError> {
    let mut bytes = Zeroizing::new([0; 32]);
    fill_random(&mut *bytes)?;
    Ok(KeyEntropy::new(*bytes))
}

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
/// Ciphertext of a 32-byte key and its 16-byte tag, after the nonce.
const WRAPPED_BYTES: usize = NONCE_BYTES + KEY_BYTES + 16;

/// Seals and opens secrets. Holds the key ring; prints none of it.
#[derive(Debug, Clone)]
pub struct Vault {
    ring: KeyRing,
}

/// Where a secret belongs; sealed into its envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretAddress {
    /// Whose.
    pub tenant_id: TenantId,
    /// Of which origin or key pair.
    pub stream_id: StreamId,
    /// The stream version of the event that set it.
    pub version: StreamVersion,
}

/// A secret as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedSecret {
    /// Which key of the ring wraps its DEK.
    pub kek_id: KekId,
    /// The DEK under that key. Shape: 12 bytes nonce, 32 bytes key, 16 bytes tag; the key is encrypted.
    pub wrapped_dek: Vec<u8>,
    /// Nonce of the ciphertext. Shape: 12 bytes.
    pub nonce: Vec<u8>,
    /// The secret under the DEK, with its tag.
    pub ciphertext: Vec<u8>,
}

/// Why a secret can't be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The key that wrapped it is not in the ring. The operator's: put the old key back.
    #[error("key {0} is not in the key ring")]
    UnknownKek(KekId),
    /// It was tampered with, moved, or wrapped by another key of the same name.
    #[error("a sealed secret does not open")]
    Unreadable,
    /// The operating system gave no random bytes.
    #[error("no random numbers available")]
    NoEntropy,
}

impl Vault {
    /// A vault with these keys.
    pub fn new(ring: KeyRing) -> Self {
        Self { ring }
    }

    /// Which key seals today.
    pub fn active_kek(&self) -> KekId {
        self.ring.active_id()
    }

    /// Seals a secret for its place.
    ///
    /// Errors: [`VaultError::NoEntropy`].
    pub fn seal(
        &self,
        address: SecretAddress,
        plaintext: &[u8],
    ) -> Result<SealedSecret, VaultError> {
        let mut dek = Zeroizing::new([0; KEY_BYTES]);
        fill_random(&mut *dek)?;
        let mut nonce = [0; NONCE_BYTES];
        fill_random(&mut nonce)?;
        let ciphertext = encrypt(&dek, &nonce, &address.bound_to_text(), plaintext)?;
        let kek_id = self.ring.active_id();
        Ok(SealedSecret {
            wrapped_dek: wrap(self.ring.active_key(), kek_id, address, &dek)?,
            kek_id,
            nonce: nonce.to_vec(),
            ciphertext,
        })
    }

    /// Opens a secret.
    ///
    /// Errors: [`VaultError::UnknownKek`], [`VaultError::Unreadable`].
    pub fn open(
        &self,
        address: SecretAddress,
        sealed: &SealedSecret,
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let dek = self.unwrap_dek(address, sealed)?;
        decrypt(
            &dek,
            &sealed.nonce,
            &address.bound_to_text(),
            &sealed.ciphertext,
        )
    }

    /// The same secret with its DEK under the active key.
    ///
    /// Errors: [`VaultError::UnknownKek`], [`VaultError::Unreadable`], [`VaultError::NoEntropy`].
    pub fn rewrap(
        &self,
        address: SecretAddress,
        sealed: &SealedSecret,
    ) -> Result<SealedSecret, VaultError> {
        let dek = self.unwrap_dek(address, sealed)?;
        let kek_id = self.ring.active_id();
        Ok(SealedSecret {
            wrapped_dek: wrap(self.ring.active_key(), kek_id, address, &dek)?,
            kek_id,
            ..sealed.clone()
        })
    }

    /// A hash that tells equal secrets of one tenant apart from different ones. Keyed, so that a short password can't be guessed
    /// from the event log.
    pub fn fingerprint(&self, tenant_id: TenantId, plaintext: &[u8]) -> SecretFingerprint {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.ring.active_key())
            .expect("HMAC takes keys of any length");
        mac.update(b"limpid secret fingerprint v1|");
        mac.update(&tenant_id.0.to_be_bytes());
        mac.update(plaintext);
        let digest = mac.finalize().into_bytes();
        SecretFingerprint(hex::encode(digest).chars().take(16).collect())
    }

    fn unwrap_dek(
        &self,
        address: SecretAddress,
        sealed: &SealedSecret,
    ) -> Result<Zeroizing<[u8; KEY_BYTES]>, VaultError> {
        let kek = self
            .ring
            .key(sealed.kek_id)
            .ok_or(VaultError::UnknownKek(sealed.kek_id))?;
        if sealed.wrapped_dek.len() != WRAPPED_BYTES {
            return Err(VaultError::Unreadable);
        }
        let (nonce, wrapped) = sealed.wrapped_dek.split_at(NONCE_BYTES);
        let opened = decrypt(kek, nonce, &address.bound_to_dek(sealed.kek_id), wrapped)?;
        let mut dek = Zeroizing::new([0; KEY_BYTES]);
        if opened.len() != KEY_BYTES {
            return Err(VaultError::Unreadable);
        }
        dek.copy_from_slice(&opened);
        Ok(dek)
    }
}

impl SecretAddress {
    fn bound_to_text(self) -> Vec<u8> {
        self.bound(b"limpid secret v1|")
    }

    fn bound_to_dek(self, kek_id: KekId) -> Vec<u8> {
        let mut bound = self.bound(b"limpid dek v1|");
        bound.extend_from_slice(&kek_id.0);
        bound
    }

    /// Every part has a fixed width, so no two addresses share a text.
    fn bound(self, purpose: &[u8]) -> Vec<u8> {
        let mut bound = purpose.to_vec();
        bound.extend_from_slice(&self.tenant_id.0.to_be_bytes());
        bound.extend_from_slice(self.stream_id.0.as_bytes());
        bound.extend_from_slice(&self.version.0.to_be_bytes());
        bound
    }
}

fn wrap(
    kek: &[u8; KEY_BYTES],
    kek_id: KekId,
    address: SecretAddress,
    dek: &[u8; KEY_BYTES],
) -> Result<Vec<u8>, VaultError> {
    let mut nonce = [0; NONCE_BYTES];
    fill_random(&mut nonce)?;
    let mut wrapped = nonce.to_vec();
    wrapped.extend(encrypt(kek, &nonce, &address.bound_to_dek(kek_id), dek)?);
    Ok(wrapped)
}

fn encrypt(
    key: &[u8; KEY_BYTES],
    nonce: &[u8],
    aad: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>, VaultError> {
    let nonce = Nonce::try_from(nonce).map_err(|_| VaultError::Unreadable)?;
    Aes256Gcm::new(key.into())
        .encrypt(
            &nonce,
            Payload {
                msg: plaintext,
                aad,
            },
        )
        .map_err(|_| VaultError::Unreadable)
}

fn decrypt(
    key: &[u8; KEY_BYTES],
    nonce: &[u8],
    aad: &[u8],
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let nonce = Nonce::try_from(nonce).map_err(|_| VaultError::Unreadable)?;
    Aes256Gcm::new(key.into())
        .decrypt(
            &nonce,
            Payload {
                msg: ciphertext,
                aad,
            },
        )
        .map(Zeroizing::new)
        .map_err(|_| VaultError::Unreadable)
}

fn fill_random(bytes: &mut [u8]) -> Result<(), VaultError> {
    SysRng
        .try_fill_bytes(bytes)
        .map_err(|_| VaultError::NoEntropy)
}

#[cfg(test)]
mod tests;
