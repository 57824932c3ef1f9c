//! Every URL the official SDKs' own tests expect (R70, R112): understood, or refused for what we do not do.

use limpid_delivery_url::signature::{SignedRequest, verify};
use limpid_delivery_url::transformation::parse;
use limpid_delivery_url::{Mount, ResolvedTarget, Transformation, target};

/// Columns: SDKs, what was asked of the builder, the URL or transformation it wrote.
const VECTORS: &str = include_str!("sdk_vectors.tsv");

/// What the builders write although no server can or should take it.
const NOT_FOR_US: [&str; 14] = [
    "ar-4:3",
    "vc-",
    "so-",
    "eo-",
    "du-",
    "e-bgremove",
    "e-removedotbg",
    "e-dropshadow",
    "e-changebg",
    "e-edit",
    "e-upscale",
    "e-retouch",
    "e-genvar",
    "genfill",
];

struct Vector {
    description: &'static str,
    text: &'static str,
}

fn vectors() -> impl Iterator<Item = Vector> {
    VECTORS.lines().skip(1).filter_map(|line| {
        let mut columns = line.split('\t').skip(1);
        Some(Vector {
            description: columns.next()?,
            text: columns.next().filter(|text| !text.is_empty())?,
        })
    })
}

/// Path and query of an absolute URL, and whether its first segment is the account.
fn resolved(url: &str) -> Option<ResolvedTarget> {
    let (host, rest) = url.strip_prefix("https://")?.split_once('/')?;
    let mount = if host == "ik.imagekit.io" {
        Mount::Account
    } else {
        Mount::Domain
    };
    let is_prefix = |segment: &str| {
        [
            "pattern",
            "endpoint",
            "new-endpoint",
            "url-pattern",
            "test-endpoint",
        ]
        .contains(&segment)
    };
    target::parse(&format!("/{rest}"))
        .ok()?
        .resolve(mount, is_prefix)
        .ok()
}

fn transformation_texts(vector: &Vector) -> Vec<String> {
    match resolved(vector.text) {
        Some(resolved) => resolved.transformations,
        None if vector.text.starts_with("https://") => Vec::new(),
        None => vec![vector.text.to_owned()],
    }
}

/// Next to `orig-true` nothing else counts (R145).
fn is_for_us(text: &str) -> bool {
    text.contains("orig-true") || !NOT_FOR_US.iter().any(|piece| text.contains(piece))
}

#[test]
fn every_transformation_we_support_is_understood_and_comes_back() {
    let mut understood = 0;
    let mut refused = Vec::new();
    for vector in vectors() {
        for text in transformation_texts(&vector)
            .iter()
            .filter(|text| is_for_us(text))
        {
            match parse(text) {
                Ok(transformation) => {
                    understood += 1;
                    assert_eq!(
                        parse(&transformation.to_string()),
                        Ok(transformation),
                        "{text}"
                    );
                }
                Err(error) => refused.push(format!("{text}: {error}")),
            }
        }
    }
    let expected = [
        "rndm_trnsf-abcd",
        "di-",
        "not_mapped",
        "undocumented-param",
        "l-video",
        "l-subtitles",
        "bg-genfill",
        "custom-",
        "l-image,i-:",
    ];
    let surprising: Vec<_> = refused
        .iter()
        .filter(|text| !expected.iter().any(|piece| text.contains(piece)))
        .collect();
    assert!(surprising.is_empty(), "{surprising:#?}");
    assert!(understood > 100, "only {understood}");
}

#[test]
fn what_we_do_not_do_is_refused_with_a_sentence() {
    for vector in vectors() {
        for text in transformation_texts(&vector)
            .iter()
            .filter(|text| !is_for_us(text))
        {
            let error = parse(text).expect_err(text);
            assert!(!error.sentence().is_empty());
        }
    }
}

#[test]
fn steps_are_as_many_as_the_builder_was_asked_for() {
    for vector in vectors() {
        let Some((before, _)) = vector.description.split_once(" chained steps") else {
            continue;
        };
        let asked: usize = before
            .rsplit(' ')
            .next()
            .and_then(|number| number.parse().ok())
            .expect(vector.description);
        let understood: Vec<Transformation> = transformation_texts(&vector)
            .iter()
            .filter_map(|text| parse(text).ok())
            .collect();
        if let [transformation] = understood.as_slice() {
            assert_eq!(transformation.steps.len(), asked, "{}", vector.text);
        }
    }
}

#[test]
fn no_row_is_skipped() {
    let (mut without_url, mut plain, mut understood, mut refused) = (0, 0, 0, 0);
    for line in VECTORS.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        assert_eq!(columns.len(), 3, "{line}");
        if columns[2].is_empty() {
            without_url += 1;
            continue;
        }
        let vector = Vector {
            description: columns[1],
            text: columns[2],
        };
        let texts = transformation_texts(&vector);
        match texts
            .iter()
            .map(|text| parse(text))
            .collect::<Result<Vec<_>, _>>()
        {
            Ok(all) if all.is_empty() => {
                let is_empty = vector.text.ends_with("tr=");
                let asks = vector.text.contains("tr:") || vector.text.contains("tr=");
                assert!(is_empty || !asks, "{}", vector.text);
                plain += 1;
            }
            Ok(_) => understood += 1,
            Err(_) => refused += 1,
        }
    }
    // What is refused is refused for a reason: see the two tests above.
    assert_eq!((without_url, plain, understood, refused), (1, 24, 152, 30));
}

#[test]
fn every_signed_row_verifies_under_its_key() {
    let mut verified = 0;
    for vector in vectors().filter(|vector| {
        vector.description.contains("verified") || vector.description.contains("same algorithm")
    }) {
        let key = ["dummy-key", "private_key_test", "test_private_key"]
            .into_iter()
            .find(|key| vector.description.contains(key));
        let key = key.unwrap_or("dummy-key");
        let (host, rest) = vector
            .text
            .trim_start_matches("https://")
            .split_once('/')
            .expect(vector.text);
        let target = target::parse(&format!("/{rest}")).expect(vector.text);
        let (mount, endpoint_prefix) = if host == "ik.imagekit.io" {
            (Mount::Account, "")
        } else {
            (Mount::Domain, "test-endpoint")
        };
        let request = SignedRequest {
            target: &target,
            mount,
            endpoint_prefix,
            site: None,
        };
        assert_eq!(
            verify(&request, [key], 0),
            Ok(()),
            "{} {}",
            vector.description,
            vector.text
        );
        verified += 1;
    }
    assert!(verified >= 13, "only {verified}");
}
