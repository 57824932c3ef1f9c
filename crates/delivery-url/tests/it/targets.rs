//! Request target → endpoint, file, transformation, switches (R49 to R63, R111, R119; `reliability.md` 2.2).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use limpid_delivery_url::target::{self, Fault};
use limpid_delivery_url::transformation::parse;
use limpid_delivery_url::{FilePath, Mount, ResolvedTarget, TargetError};

fn resolve_at(mount: Mount<'_>, target: &str) -> Result<ResolvedTarget, TargetError> {
    target::parse(target)
        .unwrap()
        .resolve(mount, |prefix| prefix == "shop")
}

fn resolve(target: &str) -> Result<ResolvedTarget, TargetError> {
    resolve_at(Mount::Account, target)
}

fn file(target: &str) -> String {
    resolve(target).unwrap().file.as_raw().to_owned()
}

#[test]
fn account_is_the_first_segment() {
    let account = |target: &str| target::parse(target).unwrap().account().map(str::to_owned);
    assert_eq!(account("/demo/a.jpg").as_deref(), Some("demo"));
    assert_eq!(account("//demo//a.jpg").as_deref(), Some("demo"));
    assert_eq!(account("/demo?x").as_deref(), Some("demo"));
    assert_eq!(account("/"), None);
}

#[test]
fn what_is_not_a_path_is_refused() {
    for target in ["", "*", "demo/a.jpg", "http://evil/demo/a.jpg", "?tr=w-1"] {
        assert_eq!(
            target::parse(target),
            Err(TargetError::NotAPath),
            "{target}"
        );
    }
}

#[test]
fn prefix_chooses_the_endpoint_exactly() {
    let resolved = resolve("/demo/shop/a.jpg").unwrap();
    assert_eq!(
        (resolved.endpoint_prefix.as_str(), resolved.file.as_raw()),
        ("shop", "a.jpg")
    );
    let resolved = resolve("/demo/Shop/a.jpg").unwrap();
    assert_eq!(
        (resolved.endpoint_prefix.as_str(), resolved.file.as_raw()),
        ("", "Shop/a.jpg")
    );
    let resolved = resolve("/demo/tr:w-1/shop/a.jpg").unwrap();
    assert_eq!(
        (resolved.endpoint_prefix.as_str(), resolved.file.as_raw()),
        ("", "shop/a.jpg")
    );
}

#[test]
fn custom_domain_has_no_account_segment() {
    let resolved = resolve_at(Mount::Domain, "/shop/tr:w-1/a.jpg").unwrap();
    assert_eq!(
        (resolved.endpoint_prefix.as_str(), resolved.file.as_raw()),
        ("shop", "a.jpg")
    );
    let resolved = resolve_at(Mount::Domain, "/a.jpg").unwrap();
    assert_eq!(
        (resolved.endpoint_prefix.as_str(), resolved.file.as_raw()),
        ("", "a.jpg")
    );
    let resolved = resolve_at(Mount::Endpoint("shop"), "/shop/a.jpg").unwrap();
    assert_eq!(
        (resolved.endpoint_prefix.as_str(), resolved.file.as_raw()),
        ("shop", "shop/a.jpg")
    );
}

#[test]
fn transformation_may_stand_in_path_and_query() {
    assert_eq!(
        resolve("/demo/tr:w-1/a.jpg").unwrap().transformations,
        ["w-1"]
    );
    assert_eq!(
        resolve("/demo/a.jpg?tr=w-1").unwrap().transformations,
        ["w-1"]
    );
    assert_eq!(
        resolve("/demo/tr:w-1:rt-90/a.jpg?x=1&tr=h-2")
            .unwrap()
            .transformations,
        ["w-1:rt-90", "h-2"]
    );
    assert!(
        resolve("/demo/a.jpg?tr=")
            .unwrap()
            .transformations
            .is_empty()
    );
    let path = resolve("/demo/tr:w-10,h-20:rt-90/a.jpg")
        .unwrap()
        .transformation()
        .unwrap();
    let query = resolve("/demo/a.jpg?tr=w-10,h-20:rt-90")
        .unwrap()
        .transformation()
        .unwrap();
    let split = resolve("/demo/tr:w-10,h-20/a.jpg?tr=rt-90")
        .unwrap()
        .transformation()
        .unwrap();
    assert_eq!(path, query);
    assert_eq!(path, split);
}

#[test]
fn first_tr_segment_counts_wherever_it_stands_but_last() {
    let resolved = resolve("/demo/img/tr:w-300/default-image.jpg").unwrap();
    assert_eq!(
        (resolved.transformations.as_slice(), resolved.file.as_raw()),
        (["w-300".to_owned()].as_slice(), "img/default-image.jpg")
    );
    assert_eq!(file("/demo/tr:w-1/tr:h-5/a.jpg"), "tr:h-5/a.jpg");
    assert_eq!(file("/demo/img/tr:w-1"), "img/tr:w-1");
    assert_eq!(file("/demo/tr/a.jpg"), "tr/a.jpg");
}

#[test]
fn empty_tr_segment_is_a_bad_request() {
    for target in ["/demo/tr:/a.jpg", "/demo/tr:", "/demo/x/tr:/a.jpg"] {
        let error = resolve(target).unwrap_err();
        assert_eq!(
            (error, error.fault()),
            (TargetError::EmptyTransformation, Fault::Invalid),
            "{target}"
        );
    }
}

#[test]
fn a_segment_that_was_encoded_as_a_whole_is_a_transformation_too() {
    for target in [
        "/demo/tr%3Aw-100%2Ch-50/a.jpg",
        "/demo/tr%3aw-100,h-50/a.jpg",
    ] {
        let resolved = resolve(target).unwrap();
        assert_eq!(resolved.file.as_raw(), "a.jpg", "{target}");
        let plain = resolve("/demo/tr:w-100,h-50/a.jpg").unwrap();
        let asked = |texts: &[String]| texts.iter().map(|text| parse(text)).collect::<Vec<_>>();
        assert_eq!(
            asked(&resolved.transformations),
            asked(&plain.transformations),
            "{target}"
        );
    }
    assert_eq!(file("/demo/tr%2Cw-100/a.jpg"), "tr%2Cw-100/a.jpg");
}

#[test]
fn repeated_slashes_before_the_path_become_one_and_those_inside_it_stay() {
    assert_eq!(file("/demo///a.jpg"), "a.jpg");
    assert_eq!(file("//demo/shop//tr:w-1//a.jpg"), "a.jpg");
    assert_eq!(file("/demo///a//b.jpg"), "a//b.jpg");
    assert_eq!(file("/demo/tr:w-1//a///b.jpg"), "a///b.jpg");
    assert_eq!(file("/demo/a//tr:w-1/b.jpg"), "a//b.jpg");
    assert_eq!(file("/demo/dir/"), "dir/");
    assert_eq!(file("/demo/ik-seo/dir//a//name.jpg"), "dir//a.jpg");
    assert!(resolve("/demo////").is_err());
}

#[test]
fn path_stays_percent_encoded_and_is_decoded_once_to_look() {
    let resolved = resolve("/demo/v0/b%2Fc%20d+e.jpg?alt=media&token=x").unwrap();
    assert_eq!(resolved.file.as_raw(), "v0/b%2Fc%20d+e.jpg");
    assert_eq!(resolved.file.decoded().as_deref(), Some("v0/b/c d+e.jpg"));
    assert_eq!(
        resolved.forwarded_query.as_deref(),
        Some("alt=media&token=x")
    );
    assert_eq!(file("/demo/%252e%252e%252fsecret"), "%252e%252e%252fsecret");
    assert_eq!(file("/demo/é.jpg"), "%C3%A9.jpg");
    assert_eq!(resolve("/demo/caf%E9.jpg").unwrap().file.decoded(), None);
}

#[test]
fn dot_segments_are_not_found_however_they_are_written() {
    for path in [
        "../secret",
        "a/../../secret",
        "%2e%2e/secret",
        ".%2e/secret",
        "%2E%2E/secret",
        "..%2fsecret",
        "%2e%2e%2fsecret",
        "a/./b.jpg",
        "a/..",
        ".",
        "%c0%ae%c0%ae/x",
        "tr:w-100/../../b.jpg",
        "a.jpg%2f..%2fb.jpg",
        "https://h/a/../b",
        "https%3A%2F%2Fh%2F..%2Fb",
    ] {
        let error = resolve(&format!("/demo/{path}")).unwrap_err();
        assert_eq!(
            (error, error.fault()),
            (TargetError::DotSegment, Fault::NotFound),
            "{path}"
        );
    }
}

#[test]
fn control_characters_and_backslashes_are_not_found() {
    for path in [
        "a%00.jpg",
        "a.jpg%00.png",
        "a%0d%0aSet-Cookie:%20x=1.jpg",
        "a%7f",
        "..\\secret",
        "..%5csecret",
        "https://h\\@e/a",
    ] {
        let error = resolve(&format!("/demo/{path}")).unwrap_err();
        assert_eq!(
            (error, error.fault()),
            (TargetError::ForbiddenCharacter, Fault::NotFound),
            "{path}"
        );
    }
}

#[test]
fn ordinary_odd_names_pass() {
    for path in [
        "..;/x",
        "a;b=c",
        "...",
        "．．／x",
        "a%3fb",
        "a%23b",
        "a%zz",
        "%",
        "tr",
        "-",
        "a..b/c",
    ] {
        assert!(resolve(&format!("/demo/{path}")).is_ok(), "{path}");
    }
}

#[test]
fn url_without_a_file_is_not_found() {
    for target in [
        "/demo",
        "/demo/",
        "/demo/shop",
        "/demo/shop/",
        "/demo/tr:w-1/",
        "/demo?tr=w-1",
        "/",
    ] {
        assert_eq!(resolve(target), Err(TargetError::NoFile), "{target}");
    }
}

#[test]
fn too_long_a_path_is_refused_fast() {
    assert!(resolve(&format!("/demo/{}", "a".repeat(8000))).is_ok());
    assert_eq!(
        resolve(&format!("/demo/{}", "a/".repeat(35_000))),
        Err(TargetError::PathTooLong)
    );
}

#[test]
fn web_proxy_urls_are_recognised_in_all_three_forms() {
    for path in [
        "https://h.example/x/a.jpg",
        "https:/h.example/x/a.jpg",
        "https%3A%2F%2Fh.example%2Fx%2Fa.jpg",
        "HTTPS:////h.example/x/a.jpg",
    ] {
        for before in ["", "tr:w-300,h-300/", "shop/", "shop/tr:w-1/"] {
            let resolved = resolve(&format!("/demo/{before}{path}")).unwrap();
            assert_eq!(
                resolved.file.absolute_url(),
                Some("https://h.example/x/a.jpg"),
                "{before}{path}"
            );
        }
    }
    let inner = resolve("/demo/https://h/tr:w-1//a.jpg?v=1").unwrap();
    assert_eq!(inner.file.absolute_url(), Some("https://h/tr:w-1//a.jpg"));
    assert!(inner.transformations.is_empty());
    assert_eq!(inner.forwarded_query.as_deref(), Some("v=1"));
    let encoded = resolve("/demo/https%3A%2F%2Fh%2Fa%2520b.jpg%3Fq%3D1%202").unwrap();
    assert_eq!(
        encoded.file.absolute_url(),
        Some("https://h/a%20b.jpg?q=1%202")
    );
    for path in [
        "ftp://h/a",
        "httpx://h/a",
        "dir/https://h/a",
        "https:h/a",
        "https:/",
        "http",
    ] {
        assert_eq!(
            resolve(&format!("/demo/{path}"))
                .unwrap()
                .file
                .absolute_url(),
            None,
            "{path}"
        );
    }
}

#[test]
fn seo_paths_name_the_real_file() {
    for target in [
        "/demo/ik-seo/dir/name/pretty.jpg",
        "/demo/ik-seo/tr:w-1/dir/name/pretty.jpg",
        "/demo/tr:w-1/ik-seo/dir/name/pretty.jpg",
    ] {
        let resolved = resolve(target).unwrap();
        assert_eq!(
            (resolved.file.as_raw(), resolved.seo_name.as_deref()),
            ("dir/name.jpg", Some("pretty.jpg")),
            "{target}"
        );
    }
    assert_eq!(
        resolve("/demo/ik-seo/pretty.jpg"),
        Err(TargetError::IncompleteSeoPath)
    );
    assert_eq!(
        resolve("/demo/ik-seo/https://h/a.jpg"),
        Err(TargetError::IncompleteSeoPath)
    );
    assert_eq!(file("/demo/dir/ik-seo/a.jpg"), "dir/ik-seo/a.jpg");
}

#[test]
fn our_own_parameters_are_taken_out_of_the_forwarded_query() {
    let resolved = resolve(
        "/demo/a.svg?b=2&ik-attachment-filename=my%20file&tr=w-1&updatedAt=5&ik-sanitizeSvg=false&ik-obj-version=v%2F1&ik-sdk-version=x&ik-s=00&a=1",
    )
    .unwrap();
    assert_eq!(
        resolved.forwarded_query.as_deref(),
        Some("b=2&updatedAt=5&a=1")
    );
    let switches = resolved.switches;
    assert!(switches.attachment && switches.signed);
    assert_eq!(switches.attachment_filename.as_deref(), Some("my file"));
    assert_eq!(
        (switches.sanitize_svg, switches.object_version.as_deref()),
        (Some(false), Some("v/1"))
    );
    assert!(
        resolve("/demo/a.jpg?ik-attachment=true")
            .unwrap()
            .switches
            .attachment
    );
    assert!(
        !resolve("/demo/a.jpg?ik-attachment=no")
            .unwrap()
            .switches
            .attachment
    );
    assert_eq!(resolve("/demo/a.jpg?tr=w-1").unwrap().forwarded_query, None);
}

#[test]
fn reserved_file_names_are_understood() {
    let resolved = resolve("/demo/dir/file.pdf/ik-thumbnail.jpg").unwrap();
    assert_eq!(
        (resolved.file.as_raw(), resolved.thumbnail),
        ("dir/file.pdf", true)
    );
    assert_eq!(resolve("/demo/a.mp4/ik-video.mp4"), Err(TargetError::Video));
    assert_eq!(
        resolve("/demo/ik-genimg-prompt-cat/a.jpg"),
        Err(TargetError::Generated)
    );
}

#[test]
fn file_name_is_the_last_segment_decoded() {
    let name = |target: &str| resolve(target).unwrap().file.file_name();
    assert_eq!(name("/demo/a/b%20c.jpg"), "b c.jpg");
    assert_eq!(name("/demo/https%3A%2F%2Fh%2Fa.jpg%3Fq%3Dx/y"), "a.jpg");
}

#[test]
fn every_refusal_is_one_printable_line() {
    for error in [
        TargetError::NotAPath,
        TargetError::PathTooLong,
        TargetError::NoFile,
        TargetError::ForbiddenCharacter,
        TargetError::DotSegment,
        TargetError::EmptyTransformation,
        TargetError::IncompleteSeoPath,
        TargetError::Video,
        TargetError::Generated,
    ] {
        let sentence = error.to_string();
        assert!(
            sentence.len() <= 200 && sentence.bytes().all(|byte| (0x20..0x7f).contains(&byte)),
            "{sentence}"
        );
    }
}

#[test]
fn the_path_of_a_layer_is_encoded_and_held_to_the_same_rules() {
    let path = |text: &str| FilePath::from_decoded(text).map(|path| path.as_raw().to_owned());
    assert_eq!(path("logos/Ñ a?.png").unwrap(), "logos/%C3%91%20a%3F.png");
    assert_eq!(path("/a%2Fb.png").unwrap(), "a%252Fb.png");
    assert_eq!(
        path("https://h.example/a.png").unwrap(),
        "https://h.example/a.png"
    );
    for hostile in ["../secret.png", "a/../b.png", "a\\b.png", "a\nb", "", "/"] {
        assert!(path(hostile).is_err(), "{hostile:?}");
    }
}
