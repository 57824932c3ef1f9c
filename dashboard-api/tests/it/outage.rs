//! The dashboard without its database.

use limpid_domain::key_pair::{KeyEntropy, PrivateKey};

use crate::dashboard::{Dashboard, OPERATOR_KEY};

#[tokio::test]
async fn it_lives_and_says_that_it_is_not_ready() {
    let dashboard = Dashboard::start_without_database().await;
    assert_eq!(
        dashboard.get("/livez").send().await.expect(200)["status"],
        "ok"
    );
    let readiness = dashboard.get("/readyz").send().await.expect(503);
    assert_eq!(readiness["status"], "not ready");
    assert_eq!(readiness["checks"][0]["name"], "database");
    assert_eq!(
        readiness["checks"][0]["reason"],
        "the database does not answer"
    );
}

#[tokio::test]
async fn requests_are_503_with_a_hint_to_retry_and_nothing_internal() {
    let dashboard = Dashboard::start_without_database().await;
    let key = PrivateKey::from_entropy(&KeyEntropy::new([7; 32]));
    let origins = dashboard.get("/v1/accounts/origins");
    let tenants = dashboard.get("/operator/v1/tenants");
    for call in [
        origins.private_key(key.expose()),
        tenants.bearer(OPERATOR_KEY),
    ] {
        let answer = call.send().await;
        let message = "Limpid cannot reach its database at the moment.";
        assert_eq!(answer.refusal(503), message);
        assert_eq!(answer.header("retry-after"), "1");
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        for internal in ["127.0.0.1", "pool", "sqlx", "nobody"] {
            assert!(!text.contains(internal), "{text}");
        }
    }
}

#[tokio::test]
async fn with_its_database_it_is_ready() {
    let dashboard = Dashboard::start().await;
    let readiness = dashboard.get("/readyz").send().await.expect(200);
    assert_eq!(readiness["status"], "ready");
}
