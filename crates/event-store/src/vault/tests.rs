use limpid_domain::ids::OriginId;

use super::*;

fn address() -> SecretAddress {
    SecretAddress {
        tenant_id: TenantId(7),
        stream_id: OriginId::mint().into(),
        version: StreamVersion(3),
    }
}

fn vault() -> Vault {
    Vault::new(KeyRing::generate().unwrap())
}

#[test]
fn a_sealed_secret_opens_in_its_place_and_hides_its_text() {
    let (vault, address) = (vault(), address());
    let sealed = vault.seal(address, b"hunter2 hunter2").unwrap();
    assert_eq!(&*vault.open(address, &sealed).unwrap(), b"hunter2 hunter2");
    assert!(
        !sealed
            .ciphertext
            .windows(7)
            .any(|window| window == b"hunter2")
    );
    let again = vault.seal(address, b"hunter2 hunter2").unwrap();
    assert_ne!(
        again.ciphertext, sealed.ciphertext,
        "every sealing has a key of its own"
    );
}

#[test]
fn a_secret_moved_to_another_place_does_not_open() {
    let (vault, here) = (vault(), address());
    let sealed = vault.seal(here, b"x").unwrap();
    let elsewhere = [
        SecretAddress {
            tenant_id: TenantId(8),
            ..here
        },
        SecretAddress {
            stream_id: OriginId::mint().into(),
            ..here
        },
        SecretAddress {
            version: StreamVersion(4),
            ..here
        },
    ];
    for address in elsewhere {
        assert_eq!(vault.open(address, &sealed), Err(VaultError::Unreadable));
        assert_eq!(vault.rewrap(address, &sealed), Err(VaultError::Unreadable));
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let (vault, address) = (vault(), address());
    let sealed = vault.seal(address, b"x").unwrap();
    let flip = |bytes: &[u8], at: usize| {
        let mut flipped = bytes.to_vec();
        flipped[at] ^= 1;
        flipped
    };
    for at in 0..sealed.wrapped_dek.len() {
        let mut wrong = sealed.clone();
        wrong.wrapped_dek = flip(&sealed.wrapped_dek, at);
        assert_eq!(vault.open(address, &wrong), Err(VaultError::Unreadable));
    }
    for at in 0..sealed.ciphertext.len() {
        let mut wrong = sealed.clone();
        wrong.ciphertext = flip(&sealed.ciphertext, at);
        assert_eq!(vault.open(address, &wrong), Err(VaultError::Unreadable));
    }
    let mut short = sealed.clone();
    short.wrapped_dek.truncate(10);
    short.nonce.clear();
    assert_eq!(vault.open(address, &short), Err(VaultError::Unreadable));
}

#[test]
fn a_rotated_ring_opens_old_secrets_and_rewrapping_frees_the_old_key() {
    let old_ring = KeyRing::generate().unwrap();
    let address = address();
    let sealed = Vault::new(old_ring.clone()).seal(address, b"x").unwrap();
    let vault = Vault::new(old_ring.rotated().unwrap());
    assert_eq!(&*vault.open(address, &sealed).unwrap(), b"x");

    let rewrapped = vault.rewrap(address, &sealed).unwrap();
    assert_eq!(
        rewrapped.ciphertext, sealed.ciphertext,
        "only the key is wrapped anew"
    );
    let text = vault.ring.to_text();
    let without_old = KeyRing::parse(text.lines().next().unwrap()).unwrap();
    let vault = Vault::new(without_old);
    assert_eq!(&*vault.open(address, &rewrapped).unwrap(), b"x");
    assert_eq!(
        vault.open(address, &sealed),
        Err(VaultError::UnknownKek(sealed.kek_id))
    );
}

#[test]
fn fingerprints_tell_equal_from_different_within_one_tenant() {
    let vault = vault();
    let print = |tenant, text: &[u8]| vault.fingerprint(TenantId(tenant), text);
    assert_eq!(print(1, b"a"), print(1, b"a"));
    assert_ne!(print(1, b"a"), print(1, b"b"));
    assert_ne!(print(1, b"a"), print(2, b"a"));
    assert_eq!(print(1, b"a").0.len(), 16);
}

#[test]
fn a_key_file_is_made_once_and_private() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    let first = KeyRing::load_or_create(&path).unwrap();
    let second = KeyRing::load_or_create(&path).unwrap();
    assert_eq!(first.active_id(), second.active_id());
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        1,
        "no draft is left over"
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_malformed_ring_is_refused_and_no_ring_prints_its_keys() {
    for text in [
        "",
        "# only a comment\n",
        "abc",
        &"z".repeat(64),
        &"0".repeat(63),
    ] {
        assert!(
            matches!(KeyRing::parse(text), Err(KeyRingError::Malformed)),
            "{text:?}"
        );
    }
    let text = format!("# comment\n\n{}\n", "ab".repeat(32));
    let ring = KeyRing::parse(&text).unwrap();
    assert!(!format!("{:?}", Vault::new(ring)).contains("abab"));
}
