//! Which spellings of a URL a purge means.

use limpid_delivery_url::{Mount, target};
use limpid_domain::caching::Caching;
use limpid_domain::ids::{StreamVersion, TenantId, UrlEndpointId, UrlEndpointNo};
use limpid_domain::named_transformation::NamedTransformationSettings;
use limpid_domain::purge::PurgeTarget;
use limpid_domain::restrictions::Restrictions;
use limpid_domain::tenant::{TenantLifecycle, TenantLimits, TenantSettings};
use limpid_domain::url_endpoint::UrlRewriter;

use super::*;
use crate::config_snapshot::Account;
use crate::config_snapshot::build::{AccountParts, EndpointParts};

fn account() -> Account {
    let endpoint = |prefix: &str, url_rewriter| EndpointParts {
        no: UrlEndpointNo(2),
        id: UrlEndpointId::mint(),
        version: StreamVersion(1),
        is_default: prefix.is_empty(),
        prefix: prefix.to_owned(),
        description: String::new(),
        url_rewriter,
        restrictions: Restrictions::default(),
        caching: Caching::default(),
        origins: Vec::new(),
    };
    Account::from(AccountParts {
        tenant_id: TenantId(1),
        imagekit_id: "demo".parse().unwrap(),
        config_version: TenantSeq(9),
        lifecycle: TenantLifecycle::Active,
        settings: TenantSettings::default(),
        limits: TenantLimits::default(),
        private_keys: Vec::new(),
        origins: Vec::new(),
        endpoints: vec![
            endpoint("", None),
            endpoint("shop", None),
            endpoint("old", Some(UrlRewriter::Imgix)),
        ],
        domains: Vec::new(),
        named_transformations: vec![NamedTransformationSettings {
            name: "small".to_owned(),
            transformation: "w-30".to_owned(),
            enabled: true,
        }],
    })
}

/// What these, purged one after the other from number 1 on, mean; a `*` at the end is a wildcard.
fn purged(addresses: &[&str]) -> Account {
    let target = |address: &str| PurgeTarget {
        address: address.trim_end_matches('*').to_owned(),
        is_prefix: address.ends_with('*'),
    };
    let numbered = addresses.iter().zip(1..);
    let newer: Vec<_> = numbered
        .map(|(address, number)| (TenantSeq(number), target(address)))
        .collect();
    account().purged(&Purges::default(), &newer)
}

/// The number under which a request for `address` is answered.
fn number(account: &Account, address: &str) -> i64 {
    let resolved = target::parse(address).unwrap();
    let is_prefix = |prefix: &str| account.endpoints.contains_key(prefix);
    let resolved = resolved.resolve(Mount::Domain, is_prefix).unwrap();
    let resolved = match account.endpoints[&resolved.endpoint_prefix].rewriter() {
        Some(rewriter) => rewriter.rewrite(resolved).unwrap(),
        None => resolved,
    };
    let url = Spelling::of(address, &resolved, account);
    account.purges.of_url(&url).0
}

#[test]
fn a_url_has_the_number_of_the_newest_purge_that_means_it() {
    let account = purged(&["/a.jpg", "/images/up*", "/images/upload.jpg", "/a.jpg*"]);
    for (address, expected) in [
        ("/a.jpg", 4),
        ("/a.jpg?tr=w-3", 4),
        ("/tr:w-3/a.jpg", 0),
        ("/images/upload.jpg", 3),
        ("/images/up/b.jpg", 2),
        ("/images/u", 0),
    ] {
        assert_eq!(number(&account, address), expected, "{address}");
    }
}

#[test]
fn every_spelling_of_a_picture_is_purged_by_every_other() {
    let alike: [&[&str]; 6] = [
        &[
            "/a~b/c d.jpg",
            "/a%7Eb/c%20d.jpg",
            "/a%7eb//c%20d.jpg",
            "/a~b/c%20d.jpg?ik-s=9&ik-t=8",
        ],
        &[
            "/tr:w-30,h-40/a.jpg",
            "/tr:h-40,w-30/a.jpg",
            "/a.jpg?tr=w-30,h-40",
            "/a.jpg?ik-attachment=true&tr=w-30%2Ch-40",
            "/ik-seo/tr:w-30,h-40/a/shown.jpg",
        ],
        &["/tr:n-small/a.jpg", "/a.jpg?tr=n-small", "/tr:w-30/a.jpg"],
        &["/a.jpg?b=1&c=x%20y", "/a.jpg?c=x+y&b=1&ik-s=77"],
        &[
            "/old/a.jpg?w=30",
            "/old/tr:w-30/a.jpg",
            "/old/a.jpg?tr=w-30",
        ],
        &["/a.pdf/ik-thumbnail.jpg", "/a.pdf?tr=pg-1"],
    ];
    for alike in alike {
        for purged_as in alike {
            let account = purged(&["/other.jpg", purged_as]);
            for asked_as in alike {
                assert_eq!(number(&account, asked_as), 2, "{purged_as} -> {asked_as}");
            }
        }
    }
}

#[test]
fn another_picture_keeps_what_is_known_of_it() {
    for (purged_as, kept) in [
        ("/a.jpg", "/a.jpg?tr=w-30"),
        ("/a.jpg", "/a.jpg?v=2"),
        ("/a.jpg", "/a.jpg?ik-obj-version=2"),
        ("/a.jpg", "/shop/a.jpg"),
        ("/a.jpg", "/A.jpg"),
        ("/tr:w-30/a.jpg", "/tr:w-31/a.jpg"),
        ("/tr:w-30:h-40/a.jpg", "/tr:h-40:w-30/a.jpg"),
        ("/a%2520b.jpg", "/a%20b.jpg"),
    ] {
        let account = purged(&[purged_as]);
        assert_eq!(number(&account, purged_as), 1, "{purged_as}");
        assert_eq!(number(&account, kept), 0, "{purged_as} -> {kept}");
    }
}

#[test]
fn a_beginning_is_compared_with_decoded_paths() {
    for (purged_as, meant) in [
        ("/images/caf%C3%A9*", "/images/café.jpg"),
        ("/images/caf%C3*", "/images/caf%C3%A9.jpg"),
        ("/images/caf%C*", "/images/caf%C3%A9.jpg"),
        ("/images/a%7E*", "/images/a~b.jpg"),
        ("/images/a~*", "/images//a%7eb.jpg?ik-s=1"),
        ("/tr:h-40,w-30/images/*", "/tr:w-30,h-40/images/a.jpg"),
        ("/sample.jpg?tr=*", "/sample.jpg?ik-s=1&tr=w-3"),
    ] {
        let account = purged(&[purged_as]);
        assert_eq!(number(&account, meant), 1, "{purged_as} -> {meant}");
        assert_eq!(number(&account, "/images/b.jpg"), 0, "{purged_as}");
    }
}

#[test]
fn a_file_has_the_number_of_its_urls_whatever_endpoint_and_transformation() {
    let account = purged(&[
        "/shop/tr:w-3/b%7E.jpg",
        "/tr:w-3/images/up*",
        "/old/c.jpg?w=3",
    ]);
    for (file, number) in [
        ("b~.jpg", 1),
        ("images/upload.jpg", 2),
        ("c.jpg", 3),
        ("d.jpg", 0),
    ] {
        assert_eq!(account.purges.of_file(file), TenantSeq(number), "{file}");
    }
}

#[test]
fn a_beginning_that_may_be_no_files_means_all_that_can_lie_behind_it() {
    for (purged_as, file) in [
        ("/images/tr:w-3*", "images/a.jpg"),
        ("/images/t*", "images/a.jpg"),
        ("/doc.pdf/ik-th*", "doc.pdf"),
        ("/ik-seo/dir/file/name.v1*", "dir/file.jpg"),
        ("/sho*", "a.jpg"),
        ("/old/dir/a*", "b.jpg"),
    ] {
        let account = purged(&[purged_as]);
        assert_eq!(account.purges.of_file(file), TenantSeq(1), "{purged_as}");
    }
}

#[test]
fn only_a_file_purged_as_it_is_stored_means_what_shows_it() {
    let account = purged(&[
        "/tr:w-3/logo.png",
        "/shop/other%7E.png",
        "/brand/*",
        "/logo.png?tr=w-9",
    ]);
    for (file, number) in [("logo.png", 0), ("other~.png", 2), ("brand/a.png", 3)] {
        assert_eq!(
            account.purges.of_stored_file(file),
            TenantSeq(number),
            "{file}"
        );
    }
}

#[test]
fn beyond_what_is_remembered_everything_is_purged_and_nothing_comes_back() {
    let last = 5_000;
    let addresses: Vec<String> = (1..=last).map(|seq| format!("/{seq}.jpg")).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let account = purged(&addresses);
    assert!(account.purges.urls.exact.len() <= MAX_REMEMBERED);
    let first = number(&account, "/1.jpg");
    assert!(first > 4_000 && first < last, "{first}");
    assert_eq!(number(&account, "/5000.jpg"), last);
    assert_eq!(number(&account, "/never-purged.jpg"), first);
}
