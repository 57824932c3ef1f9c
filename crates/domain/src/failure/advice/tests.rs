use super::*;
use crate::failure::after_redirects;
use crate::failure::reason::TABLE;

fn bucket_origin() -> OriginSettings {
    OriginSettings {
        name: "Product photos".to_owned(),
        location: OriginLocation::S3 {
            bucket: "acme-photos".to_owned(),
            prefix: "/raw/".to_owned(),
            use_iam_role: false,
        },
        include_canonical_header: false,
        base_url_for_canonical_header: None,
    }
}

#[test]
fn the_policy_names_the_tenants_own_bucket_and_prefix() {
    let origin = bucket_origin();
    let context = AdviceContext {
        origin: Some(&origin),
        ..AdviceContext::default()
    };
    let text = advice(Reason::AccessDeniedOrMissing, &context);
    assert!(
        text.contains("s3:ListBucket on arn:aws:s3:::acme-photos beside"),
        "{text}"
    );
    assert!(text.contains("arn:aws:s3:::acme-photos/raw/*"), "{text}");
}

#[test]
fn what_was_wrong_with_a_certificate_is_said() {
    let origin = bucket_origin();
    let context = AdviceContext {
        origin: Some(&origin),
        note: Some("certificate expired 2026-11-23 (3 days ago)"),
        ..AdviceContext::default()
    };
    let text = advice(Reason::TlsCertificateExpired, &context);
    assert!(text.ends_with("(3 days ago)."), "{text}");
    assert!(!advice(Reason::AccessDenied, &context).contains("days ago"));
}

#[test]
fn a_kind_with_words_of_its_own_never_hears_of_another_providers() {
    let azure = OriginSettings {
        location: OriginLocation::AzureBlob {
            account_name: "acmephotos".to_owned(),
            container: "pictures".to_owned(),
            prefix: String::new(),
        },
        ..bucket_origin()
    };
    let context = AdviceContext {
        origin: Some(&azure),
        ..AdviceContext::default()
    };
    for row in TABLE {
        let text = advice(row.reason, &context);
        assert!(
            !text.contains("arn:aws") || row.reason == Reason::AccessDeniedOrMissing,
            "{text}"
        );
        assert!(!text.contains('{'), "{}: {text}", row.name);
    }
    let text = advice(Reason::AccessDenied, &context);
    assert!(
        text.contains("container pictures of acmephotos.blob.core.windows.net"),
        "{text}"
    );
}

#[test]
fn keys_of_the_servers_own_role_are_not_the_tenants_to_mend() {
    let mut origin = bucket_origin();
    for is_lent in [false, true] {
        origin.location = OriginLocation::S3 {
            bucket: "acme-photos".to_owned(),
            prefix: String::new(),
            use_iam_role: is_lent,
        };
        let context = AdviceContext {
            origin: Some(&origin),
            location: Some("s3://acme-photos/a.jpg"),
            ..AdviceContext::default()
        };
        let text = advice(Reason::CredentialsInvalid, &context);
        assert_eq!(text.contains("mistyped"), !is_lent, "{text}");
        let names_who = text.contains("who hosts this service")
            && text.contains("origins.allow_ambient_credentials");
        assert_eq!(names_who, is_lent, "{text}");
        let shown = snippet(Reason::CredentialsInvalid, &context);
        assert_eq!(shown.is_none(), is_lent, "{shown:?}");
    }
}

#[test]
fn of_a_metadata_service_nobody_is_told_to_ask_for_an_exemption() {
    let mut origin = bucket_origin();
    for (host, may_be_exempt) in [
        ("metadata.google.internal", false),
        ("METADATA.goog.", false),
        ("files.acme.example", true),
    ] {
        origin.location = OriginLocation::WebFolder {
            base_url: format!("http://{host}/").parse().unwrap(),
            forward_host_header_to_origin: false,
        };
        let context = AdviceContext {
            origin: Some(&origin),
            note: Some("the host name is that of a metadata service"),
            ..AdviceContext::default()
        };
        let text = advice(Reason::AddressProhibited, &context);
        assert_eq!(text.contains("allow_addresses"), may_be_exempt, "{text}");
        let shown = snippet(Reason::AddressProhibited, &context);
        assert_eq!(shown.is_some(), may_be_exempt, "{shown:?}");
    }
}

#[test]
fn a_path_no_file_can_have_is_corrected_in_the_url() {
    let context = AdviceContext {
        note: Some("the URL names no file; add the path of a file after the endpoint"),
        ..AdviceContext::default()
    };
    let text = advice(Reason::ObjectNotFound, &context);
    assert!(
        text.contains("names no file") && !text.contains("prefix"),
        "{text}"
    );
}

#[test]
fn no_kind_of_origin_is_told_to_mend_what_it_does_not_have() {
    let location = |base_url: &str| OriginLocation::WebFolder {
        base_url: base_url.parse().unwrap(),
        forward_host_header_to_origin: false,
    };
    let mut origin = bucket_origin();
    let mut told = |location, reason| {
        origin.location = location;
        let context = AdviceContext {
            origin: Some(&origin),
            location: Some("https://www.acme.example/media/a.jpg"),
            ..AdviceContext::default()
        };
        advice(reason, &context)
    };
    let web = location("https://www.acme.example/media/");
    let text = told(web.clone(), Reason::CredentialsInvalid);
    assert!(
        !text.contains("save it again") && text.contains("x-req-from"),
        "{text}"
    );
    let text = told(web, Reason::ObjectNotFound);
    assert!(text.contains("folder prefix \"media\""), "{text}");
    let text = told(OriginLocation::WebProxy, Reason::ObjectNotFound);
    assert!(!text.contains("prefix"), "{text}");
    let text = told(bucket_origin().location, Reason::AccessDenied);
    assert!(!text.contains("Web server"), "{text}");
    assert!(text.contains("arn:aws:s3:::acme-photos/raw/*"), "{text}");
    let text = told(bucket_origin().location, Reason::WrongRegion);
    assert!(!text.contains("address of origin"), "{text}");
    let google = OriginLocation::Gcs {
        bucket: "acme-photos".to_owned(),
        prefix: String::new(),
        client_email: "reader@acme.example".to_owned(),
    };
    let text = told(google, Reason::EncryptionKeyDenied);
    assert!(!text.contains("kms:Decrypt"), "{text}");
}

#[test]
fn the_server_is_the_one_that_was_asked() {
    let google = OriginSettings {
        location: OriginLocation::Gcs {
            bucket: "acme-photos".to_owned(),
            prefix: String::new(),
            client_email: "reader@acme.example".to_owned(),
        },
        ..bucket_origin()
    };
    for (location, host) in [
        (None, "storage.googleapis.com"),
        (
            Some("https://oauth2.googleapis.com/token"),
            "oauth2.googleapis.com",
        ),
        (Some("s3://acme-photos/a.jpg"), "storage.googleapis.com"),
    ] {
        let context = AdviceContext {
            origin: Some(&google),
            location,
            ..AdviceContext::default()
        };
        let text = advice(Reason::ConnectionTimeout, &context);
        assert!(text.contains(&format!("that {host} is up")), "{text}");
        let shown = snippet(Reason::DnsNotFound, &context).unwrap().text;
        assert!(shown.starts_with(&format!("dig '{host}' A")), "{shown}");
    }
}

#[test]
fn a_redirect_is_mended_where_it_is_answered() {
    let origin = OriginSettings {
        location: OriginLocation::WebFolder {
            base_url: "https://shop.example/images".parse().unwrap(),
            forward_host_header_to_origin: false,
        },
        ..bucket_origin()
    };
    for followed in [1, 3] {
        for reason in [
            Reason::AddressProhibited,
            Reason::PortNotAllowed,
            Reason::HostNotAllowed,
        ] {
            let note = after_redirects(followed, "the address is private");
            let context = AdviceContext {
                origin: Some(&origin),
                location: Some("http://10.1.2.3/a.jpg"),
                note: Some(&note),
                ..AdviceContext::default()
            };
            let text = advice(reason, &context);
            let begins = "Correct the redirect that origin \"Product photos\" answers: it leads to \"http://10.1.2.3/a.jpg\"";
            assert!(text.starts_with(begins), "{text}");
            let itself = AdviceContext {
                note: Some("the address is private"),
                ..context
            };
            assert!(!advice(reason, &itself).contains("redirect"));
        }
    }
}

#[test]
fn a_web_proxy_is_told_about_the_url_and_a_path_that_is_none_about_the_path() {
    let proxy = OriginSettings {
        location: OriginLocation::WebProxy,
        ..bucket_origin()
    };
    for reason in [
        Reason::AddressProhibited,
        Reason::SchemeNotAllowed,
        Reason::PortNotAllowed,
        Reason::HostNotAllowed,
        Reason::DnsNotFound,
    ] {
        let context = AdviceContext {
            origin: Some(&proxy),
            location: Some("http://10.0.0.5/a.jpg"),
            ..AdviceContext::default()
        };
        let text = advice(reason, &context);
        assert!(
            text.contains("after the account") && !text.contains("origin \""),
            "{text}"
        );
    }
    let context = AdviceContext {
        origin: Some(&proxy),
        note: Some("the path is no absolute URL, so a web proxy has nothing to fetch"),
        ..AdviceContext::default()
    };
    assert_eq!(
        advice(Reason::ObjectNotFound, &context),
        "Correct the path of the URL: the path is no absolute URL, so a web proxy has nothing to fetch."
    );
}

#[test]
fn nobody_is_sent_to_the_log_of_a_provider_or_to_curl_with_a_key() {
    let s3 = bucket_origin();
    let context = AdviceContext {
        origin: Some(&s3),
        location: Some("s3://acme-photos/raw/a.jpg"),
        ..AdviceContext::default()
    };
    for reason in [
        Reason::OriginUnexpectedStatus,
        Reason::OriginServerError,
        Reason::OriginOverloaded,
        Reason::OriginRateLimited,
        Reason::NotAnImage,
    ] {
        let text = advice(reason, &context);
        assert!(
            !["curl", "error log", "health of", "a page", "for us"]
                .iter()
                .any(|of_a_server| text.contains(of_a_server)),
            "{text}"
        );
    }
    let shown = snippet(Reason::OriginUnexpectedStatus, &context).unwrap();
    assert_eq!(
        shown.text,
        "aws s3api get-object --bucket 'acme-photos' --key 'raw/a.jpg' /dev/null"
    );
}

#[test]
fn no_placeholder_survives() {
    let origin = bucket_origin();
    for context in [
        AdviceContext::default(),
        AdviceContext {
            origin: Some(&origin),
            ..AdviceContext::default()
        },
    ] {
        for row in TABLE {
            let text = advice(row.reason, &context);
            assert!(!text.contains('{'), "{}: {text}", row.name);
        }
    }
}
