//! Signed URLs (R69 to R79, R81; `imagekit.md` 3.9, `reliability.md` 2.6).

use limpid_delivery_url::signature::{NEVER, SignatureError, SignedRequest, sign, verify};
use limpid_delivery_url::{Mount, target};
use proptest::prelude::*;

const KEY: &str = "dummy-key";
/// The table of `imagekit.md` 3.9.
const VECTORS: &str = include_str!("signature_vectors.tsv");
const HINDI: &str = "sdk-testing-files/%E0%A4%B9%E0%A4%BF%E0%A4%A8%E0%A5%8D%E0%A4%A6%E0%A5%80.png";

fn check_at(
    mount: Mount<'_>,
    prefix: &str,
    url: &str,
    keys: &[&str],
    now: u64,
) -> Result<(), SignatureError> {
    let target = target::parse(url).expect(url);
    let request = SignedRequest {
        target: &target,
        mount,
        endpoint_prefix: prefix,
        site: Some("https://img.example.com"),
    };
    verify(&request, keys.iter().copied(), now)
}

fn check(url: &str) -> Result<(), SignatureError> {
    check_at(Mount::Account, "", url, &[KEY], 1_600_000_000)
}

#[test]
fn all_published_vectors_are_reproduced() {
    let mut reproduced = 0;
    for row in VECTORS.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let [key, path_and_query, expires, signature] = columns.try_into().expect(row);
        assert_eq!(
            sign(key, path_and_query, expires.parse().expect(row)),
            signature,
            "{row}"
        );
        reproduced += 1;
    }
    assert_eq!(reproduced, 16);
}

#[test]
fn signed_urls_verify_wherever_the_parameters_stand() {
    let signature = sign(KEY, "a.jpg?x=1&y=2", 1_700_000_000);
    for query in [
        format!("x=1&y=2&ik-t=1700000000&ik-s={signature}"),
        format!("ik-s={signature}&x=1&ik-t=1700000000&y=2"),
        format!("x=1&ik-s={signature}&y=2&ik-t=1700000000"),
    ] {
        assert_eq!(check(&format!("/demo/a.jpg?{query}")), Ok(()), "{query}");
    }
    let plain = sign(KEY, "a.jpg", NEVER);
    assert_eq!(check(&format!("/demo/a.jpg?ik-s={plain}")), Ok(()));
}

#[test]
fn endpoint_prefix_account_root_and_seo_may_be_the_endpoint() {
    let on_shop = |url: &str| check_at(Mount::Account, "shop", url, &[KEY], 0);
    for signed in ["a/n.jpg", "shop/a/n.jpg"] {
        assert_eq!(
            on_shop(&format!(
                "/demo/shop/a/n.jpg?ik-s={}",
                sign(KEY, signed, NEVER)
            )),
            Ok(()),
            "{signed}"
        );
    }
    for signed in ["a/n.jpg", "ik-seo/a/n.jpg", "shop/ik-seo/a/n.jpg"] {
        assert_eq!(
            on_shop(&format!(
                "/demo/shop/ik-seo/a/n.jpg?ik-s={}",
                sign(KEY, signed, NEVER)
            )),
            Ok(()),
            "{signed}"
        );
    }
    let on_domain = |mount, prefix| {
        check_at(
            mount,
            prefix,
            &format!("/shop/a.jpg?ik-s={}", sign(KEY, "shop/a.jpg", NEVER)),
            &[KEY],
            0,
        )
    };
    assert_eq!(
        (
            on_domain(Mount::Domain, "shop"),
            on_domain(Mount::Endpoint("shop"), "shop")
        ),
        (Ok(()), Ok(()))
    );
}

#[test]
fn whole_urls_of_custom_domains_verify() {
    let signature = sign(KEY, "https://img.example.com/a.jpg?tr=w-5", NEVER);
    assert_eq!(
        check_at(
            Mount::Domain,
            "",
            &format!("/a.jpg?tr=w-5&ik-s={signature}"),
            &[KEY],
            0
        ),
        Ok(())
    );
}

#[test]
fn raw_utf8_and_old_encodings_verify_as_sent() {
    let signature = sign(KEY, HINDI, NEVER);
    assert_eq!(
        check(&format!(
            "/demo/sdk-testing-files/हिन्दी.png?ik-s={signature}"
        )),
        Ok(())
    );
    let old = sign(KEY, "a.jpg?tr=h-300%2Cw-400", NEVER);
    assert_eq!(
        check(&format!("/demo/a.jpg?tr=h-300%2Cw-400&ik-s={old}")),
        Ok(())
    );
    assert_eq!(
        check(&format!("/demo/a.jpg?tr=h-300,w-400&ik-s={old}")),
        Err(SignatureError::Mismatch)
    );
}

#[test]
fn any_change_of_path_or_query_is_a_mismatch() {
    let signature = sign(KEY, "tr:w-100/a.jpg?x=1", NEVER);
    for url in [
        "tr:w-101/a.jpg?x=1",
        "tr:w-100/b.jpg?x=1",
        "tr:w-100/a%2ejpg?x=1",
        "tr:w-100/%61.jpg?x=1",
        "tr:w-100/a.jpg/?x=1",
        "tr:w-100/A.jpg?x=1",
        "tr:w-100/a.jpg?x=2",
        "tr:w-100/a.jpg?x=1&tr=w-5000",
        "tr:w-100/a.jpg?tr=w-5000&x=1",
        "tr:w-100/a.jpg",
        "tr:w-100//a.jpg?x=1",
        "a.jpg?x=1",
    ] {
        let joint = if url.contains('?') { '&' } else { '?' };
        assert_eq!(
            check(&format!("/demo/{url}{joint}ik-s={signature}")),
            Err(SignatureError::Mismatch),
            "{url}"
        );
    }
    let repeated = sign(KEY, "a.jpg", NEVER);
    assert_eq!(
        check(&format!("/demo/demo/a.jpg?ik-s={repeated}")),
        Err(SignatureError::Mismatch)
    );
}

#[test]
fn badly_written_signatures_are_malformed() {
    let good = sign(KEY, "a.jpg", NEVER);
    let upper = good.to_ascii_uppercase();
    for query in [
        format!("ik-s={upper}"),
        format!("ik-s={}", good.get(..39).expect("40 digits")),
        format!("ik-s={good}0"),
        "ik-s=".to_owned(),
        "ik-s".to_owned(),
        format!("ik-s={good}&ik-s={good}"),
        format!("ik-s={good}&ik-t="),
        format!("ik-s={good}&ik-t=-1"),
        format!("ik-s={good}&ik-t=1e10"),
        format!("ik-s={good}&ik-t=+9"),
        format!("ik-s={good}&ik-t=99999999999999999999"),
        format!("ik-s={good}&ik-t=1&ik-t=1"),
    ] {
        assert_eq!(
            check(&format!("/demo/a.jpg?{query}")),
            Err(SignatureError::Malformed),
            "{query}"
        );
    }
    assert_eq!(check("/demo/a.jpg?ik-t=5"), Err(SignatureError::Missing));
    assert_eq!(check("/demo/a.jpg"), Err(SignatureError::Missing));
}

#[test]
fn expiry_is_covered_and_inclusive() {
    let url = format!(
        "/demo/a.jpg?ik-t=1700000000&ik-s={}",
        sign(KEY, "a.jpg", 1_700_000_000)
    );
    let at = |url: &str, now| check_at(Mount::Account, "", url, &[KEY], now);
    assert_eq!(at(&url, 1_700_000_000), Ok(()));
    assert_eq!(at(&url, 1_700_000_001), Err(SignatureError::Expired));
    assert_eq!(
        at(&url.replace("1700000000", "1800000000"), 0),
        Err(SignatureError::Mismatch)
    );
    assert_eq!(
        at(&url.replace("1700000000", "01700000000"), 0),
        Err(SignatureError::Mismatch)
    );
    assert_eq!(
        at(&url.replace("ik-t=1700000000&", ""), 0),
        Err(SignatureError::Mismatch)
    );
}

#[test]
fn every_active_key_verifies_and_no_other() {
    let url = format!("/demo/a.jpg?ik-s={}", sign("old", "a.jpg", NEVER));
    let with = |keys: &[&str]| check_at(Mount::Account, "", &url, keys, 0);
    assert_eq!(with(&["new", "old"]), Ok(()));
    assert_eq!(with(&["new"]), Err(SignatureError::Mismatch));
    assert_eq!(with(&[]), Err(SignatureError::Mismatch));
}

proptest! {
    #[test]
    fn any_changed_byte_outside_the_signature_is_refused(at in 6_usize..26, byte in 0x21_u8..0x7f) {
        let signed = "tr:w-100/dir/a.jpg?x=1";
        let mut url = format!("/demo/{signed}").into_bytes();
        prop_assume!(url[at] != byte && byte != b'#');
        url[at] = byte;
        let url = String::from_utf8(url).unwrap();
        let joint = if url.contains('?') { '&' } else { '?' };
        prop_assert!(check(&format!("{url}{joint}ik-s={}", sign(KEY, signed, NEVER))).is_err(), "{}", url);
    }
}
