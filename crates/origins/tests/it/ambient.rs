//! `useIAMRole`: the machine's own credentials, from each of their sources, and only where the operator allows it.

use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use limpid_domain::clock::Clock;
use limpid_domain::failure::{AttemptFailure, Reason};
use limpid_domain::origin::OriginLocation;
use limpid_origins::AmbientSources;
use limpid_testkit::dead_ends::RefusingPort;
use limpid_testkit::fake_origin::script::{PHOTO_JPEG, Script};
use limpid_testkit::fake_origin::{FakeOrigin, ReceivedRequest};

use crate::fetching::{Fetching, config};

const ROLES: &str = "/latest/meta-data/iam/security-credentials/";

fn clock() -> Clock {
    Clock::fixed("2026-11-26T12:00:00Z".parse().unwrap())
}

fn sources(variables: &[(&str, &str)]) -> AmbientSources {
    AmbientSources::from_variables(|name| {
        variables
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).to_owned())
    })
    .unwrap()
}

/// A bucket on the fake origin; only it may be reached by tenants' fetches.
fn asking(bucket: &FakeOrigin, ambient: Option<AmbientSources>, clock: &Clock) -> Fetching {
    let mut config = config();
    config.allow_addresses = vec![bucket.addr().to_string().parse().unwrap()];
    config.amazon_s3_endpoint = Some(bucket.base_url().parse().unwrap());
    config.ambient_credentials = ambient;
    config.clock = clock.clone();
    let location = OriginLocation::S3 {
        bucket: "pictures".to_owned(),
        prefix: String::new(),
        use_iam_role: true,
    };
    Fetching::with_config(location, config)
}

/// A failure that gives no key and no token away.
async fn failure(fetching: &Fetching, path: &str) -> Box<AttemptFailure> {
    let ended = fetching.get(path).await;
    let shown = format!("{:?} {:?}", ended.result, ended.steps);
    assert!(!shown.contains("canary"), "{shown}");
    ended.result.unwrap_err()
}

fn document(number: usize, expiration: &str) -> String {
    serde_json::json!({
        "Code": "Success",
        "AccessKeyId": format!("ASIAcanary{number}"),
        "SecretAccessKey": "canary-secret",
        "Token": format!("canary-session-{number}"),
        "Expiration": expiration,
    })
    .to_string()
}

/// Source: EC2 user guide, "Use IMDSv2": no answer without a session, no session without its header.
fn instance(request: &ReceivedRequest, number: usize) -> Script {
    let plain =
        |text: &str| Script::response(200, &[("content-type", "text/plain")], text.as_bytes());
    if request.target == "/latest/api/token" {
        let asks_for_a_session = request.method == "PUT"
            && request.header("x-aws-ec2-metadata-token-ttl-seconds") == Some("21600")
            && request.header("x-forwarded-for").is_none();
        return if asks_for_a_session {
            plain("canary-session==\n")
        } else {
            Script::response(400, &[], b"")
        };
    }
    if request.header("x-aws-ec2-metadata-token") != Some("canary-session==") {
        return Script::response(401, &[], b"");
    }
    match request.target.strip_prefix(ROLES) {
        Some("") => plain("limpid-role\n"),
        Some("limpid-role") => plain(&document(number, "2026-11-26T18:00:00Z")),
        _ => Script::response(404, &[], b""),
    }
}

fn signs_with(request: &ReceivedRequest, key: &str) -> bool {
    let authorization = request.header("authorization").unwrap_or_default();
    authorization.contains(&format!("Credential={key}/"))
        && authorization.contains("x-amz-security-token")
}

#[tokio::test]
async fn the_instances_role_signs_and_is_renewed_before_it_ends() {
    let bucket = FakeOrigin::start().await;
    let metadata = FakeOrigin::start().await;
    let number = Arc::new(Mutex::new(1));
    let current = Arc::clone(&number);
    metadata.judge(move |request| Some(instance(request, *current.lock().unwrap())));
    let clock = clock();
    let endpoint = metadata.base_url();
    let sources = sources(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &endpoint)]);
    let fetching = asking(&bucket, Some(sources), &clock);
    let both = tokio::join!(
        fetching.original("photo.jpg"),
        fetching.original("photo.jpg")
    );
    assert_eq!(both.0.bytes, PHOTO_JPEG);
    assert_eq!(metadata.requests().len(), 3);
    clock.advance(TimeDelta::minutes(354));
    fetching.original("photo.jpg").await;
    assert_eq!(metadata.requests().len(), 3);
    *number.lock().unwrap() = 2;
    clock.advance(TimeDelta::minutes(2));
    fetching.original("photo.jpg").await;
    assert_eq!(metadata.requests().len(), 6);
    let requests = bucket.requests();
    assert!(signs_with(&requests[0], "ASIAcanary1"), "{requests:?}");
    assert!(signs_with(requests.last().unwrap(), "ASIAcanary2"));
    assert_eq!(
        requests[0].header("x-amz-security-token"),
        Some("canary-session-1")
    );
}

#[tokio::test]
async fn a_container_endpoint_is_asked_with_its_authorization() {
    let bucket = FakeOrigin::start().await;
    let endpoint = FakeOrigin::start().await;
    endpoint.judge(|request| {
        let is_known = request.header("authorization") == Some("canary-authorization")
            && request.target == "/v1/credentials";
        Some(if is_known {
            Script::response(200, &[], document(7, "2026-11-26T18:00:00Z").as_bytes())
        } else {
            Script::response(403, &[], b"{\"code\":\"AccessDenied\"}")
        })
    });
    let url = format!("{}/v1/credentials", endpoint.base_url());
    let folder = std::env::temp_dir().join(format!("limpid-ambient-{}", std::process::id()));
    std::fs::write(&folder, "canary-authorization\n").unwrap();
    for (variable, value) in [
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "canary-authorization"),
        (
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            folder.to_str().unwrap(),
        ),
    ] {
        let sources = sources(&[
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url),
            (variable, value),
        ]);
        let fetching = asking(&bucket, Some(sources), &clock());
        fetching.original("photo.jpg").await;
        assert!(signs_with(bucket.requests().last().unwrap(), "ASIAcanary7"));
    }
    std::fs::remove_file(&folder).unwrap();
    let refused = sources(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url)]);
    let failed = failure(&asking(&bucket, Some(refused), &clock()), "photo.jpg").await;
    assert_eq!(failed.reason, Reason::CredentialsInvalid);
    assert!(
        failed
            .note
            .unwrap()
            .ends_with("answered 403 Forbidden AccessDenied")
    );
}

#[tokio::test]
async fn a_role_is_assumed_by_web_identity() {
    let bucket = FakeOrigin::start().await;
    let sts = FakeOrigin::start().await;
    sts.judge(|request| {
        let form = String::from_utf8_lossy(&request.body);
        let is_right = request.method == "POST"
            && form.contains("Action=AssumeRoleWithWebIdentity&Version=2011-06-15")
            && form.contains("RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Flimpid")
            && form.contains("WebIdentityToken=canary.web.identity");
        let answer = "<AssumeRoleWithWebIdentityResponse><Credentials><AccessKeyId>ASIAcanary9</AccessKeyId><SecretAccessKey>canary</SecretAccessKey><SessionToken>canary-9</SessionToken><Expiration>2026-11-26T13:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResponse>";
        let refusal = "<ErrorResponse><Error><Code>InvalidIdentityToken</Code></Error></ErrorResponse>";
        Some(if is_right {
            Script::response(200, &[], answer.as_bytes())
        } else {
            Script::response(400, &[], refusal.as_bytes())
        })
    });
    let path = std::env::temp_dir().join(format!("limpid-identity-{}", std::process::id()));
    std::fs::write(&path, "canary.web.identity\n").unwrap();
    let endpoint = sts.base_url();
    let variables = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", path.to_str().unwrap()),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/limpid"),
        ("AWS_ENDPOINT_URL_STS", endpoint.as_str()),
    ];
    let fetching = asking(&bucket, Some(sources(&variables)), &clock());
    fetching.original("photo.jpg").await;
    assert!(signs_with(&bucket.requests()[0], "ASIAcanary9"));
    std::fs::write(&path, "canary.other").unwrap();
    let fetching = asking(&bucket, Some(sources(&variables)), &clock());
    let failed = failure(&fetching, "photo.jpg").await;
    assert!(failed.note.unwrap().contains("InvalidIdentityToken"));
    std::fs::remove_file(&path).unwrap();
    let fetching = asking(&bucket, Some(sources(&variables)), &clock());
    let failed = failure(&fetching, "photo.jpg").await;
    assert!(failed.note.unwrap().contains("token file"));
}

#[tokio::test]
async fn keys_of_the_environment_come_first_and_need_nobody() {
    let bucket = FakeOrigin::start().await;
    let metadata = FakeOrigin::start().await;
    let endpoint = metadata.base_url();
    let sources = sources(&[
        ("AWS_ACCESS_KEY_ID", "AKIAcanary"),
        ("AWS_SECRET_ACCESS_KEY", "canary-secret"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &endpoint),
    ]);
    asking(&bucket, Some(sources), &clock())
        .original("photo.jpg")
        .await;
    assert!(metadata.requests().is_empty());
    let authorization = bucket.requests().remove(0);
    let authorization = authorization.header("authorization").unwrap();
    assert!(authorization.contains("Credential=AKIAcanary/"));
}

#[tokio::test]
async fn without_the_operators_word_nobody_is_asked() {
    let bucket = FakeOrigin::start().await;
    let failed = failure(&asking(&bucket, None, &clock()), "photo.jpg").await;
    assert_eq!(failed.reason, Reason::CredentialsInvalid);
    assert!(
        failed
            .note
            .unwrap()
            .contains("origins.allow_ambient_credentials")
    );
    assert!(bucket.requests().is_empty());
}

#[tokio::test]
async fn a_machine_without_a_role_says_so() {
    let bucket = FakeOrigin::start().await;
    let metadata = FakeOrigin::start().await;
    metadata.judge(|request| {
        let is_session = request.target == "/latest/api/token";
        Some(Script::response(
            if is_session { 200 } else { 404 },
            &[],
            b"canary",
        ))
    });
    let closed = RefusingPort::reserve();
    let gone = format!("http://{}", closed.addr());
    for (endpoint, why) in [
        (metadata.base_url(), "no role is attached to this machine"),
        (gone, "connection_refused"),
    ] {
        let sources = sources(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &endpoint)]);
        let failed = failure(&asking(&bucket, Some(sources), &clock()), "photo.jpg").await;
        assert_eq!(failed.reason, Reason::CredentialsInvalid);
        assert!(failed.note.as_deref().unwrap().contains(why), "{failed:?}");
    }
    let off = sources(&[("AWS_EC2_METADATA_DISABLED", "true")]);
    let failed = failure(&asking(&bucket, Some(off), &clock()), "photo.jpg").await;
    assert!(failed.note.unwrap().contains("no source"));
    assert!(bucket.requests().is_empty());
}

#[tokio::test]
async fn the_exemption_of_the_metadata_address_is_not_the_tenants() {
    let bucket = FakeOrigin::start().await;
    let metadata = FakeOrigin::start().await;
    metadata.judge(|request| Some(instance(request, 1)));
    let endpoint = metadata.base_url();
    let sources = sources(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &endpoint)]);
    let mut fetching = asking(&bucket, Some(sources), &clock());
    fetching.original("photo.jpg").await;
    let before = metadata.requests().len();
    // The same fetcher, on behalf of a tenant: another address of this machine stays closed.
    fetching.settings.location = OriginLocation::WebFolder {
        base_url: endpoint.parse().unwrap(),
        forward_host_header_to_origin: false,
    };
    assert_eq!(
        fetching.reason("latest/api/token").await,
        Reason::AddressProhibited
    );
    fetching.settings.location = OriginLocation::WebProxy;
    assert_eq!(
        fetching.reason("http://169.254.169.254/latest/").await,
        Reason::AddressProhibited
    );
    assert_eq!(metadata.requests().len(), before);
}

#[tokio::test]
async fn keys_the_provider_calls_expired_are_not_used_again() {
    let bucket = FakeOrigin::start().await;
    let metadata = FakeOrigin::start().await;
    metadata.judge(|request| Some(instance(request, 3)));
    let endpoint = metadata.base_url();
    let sources = sources(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &endpoint)]);
    let fetching = asking(&bucket, Some(sources), &clock());
    let expired = b"<Error><Code>ExpiredToken</Code><Message>ASIAcanary3 with canary-session-3 is over</Message></Error>";
    bucket.answer("/pictures/a.jpg", Script::response(400, &[], expired));
    bucket.answer("/pictures/a.jpg", Script::ok("image/jpeg", PHOTO_JPEG));
    let failed = failure(&fetching, "a.jpg").await;
    assert_eq!(failed.reason, Reason::CredentialsExpired);
    fetching.original("a.jpg").await;
    assert_eq!(metadata.requests().len(), 6);
}
