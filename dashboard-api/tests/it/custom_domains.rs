//! `/dashboard/v1/url-endpoints/{id}/custom-domains`.

use serde_json::json;

use crate::dashboard::Dashboard;

const DEFAULT: &str = "/dashboard/v1/url-endpoints/default/custom-domains";

#[tokio::test]
async fn domains_are_set_read_and_freed() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    assert_eq!(
        account.get(DEFAULT).await.expect(200),
        json!({"customDomains": []})
    );
    let domains = json!({"customDomains": ["a.example", "images.example.com"]});
    assert_eq!(account.put(DEFAULT, &domains).await.expect(200), domains);
    assert_eq!(account.get(DEFAULT).await.expect(200), domains);
    let fewer = json!({"customDomains": ["a.example"]});
    assert_eq!(account.put(DEFAULT, &fewer).await.expect(200), fewer);
}

#[tokio::test]
async fn a_domain_of_another_tenant_is_refused_without_saying_whose_it_is() {
    let dashboard = Dashboard::start().await;
    let (ours, theirs) = (
        dashboard.account("ours").await,
        dashboard.account("theirs").await,
    );
    let domains = json!({"customDomains": ["a.example"]});
    theirs.put(DEFAULT, &domains).await.expect(200);
    let refused = ours.put(DEFAULT, &domains).await.refusal(400);
    assert_eq!(refused, "One of the custom domains is not available.");
    assert!(
        !ours
            .put(DEFAULT, &json!({"customDomains": ["localhost"]}))
            .await
            .refusal(400)
            .is_empty()
    );
    assert!(
        !ours
            .put(DEFAULT, &json!({"domains": []}))
            .await
            .refusal(400)
            .is_empty()
    );
    let missing = "/dashboard/v1/url-endpoints/01900000-0000-7000-8000-000000000000/custom-domains";
    let refused = ours.put(missing, &json!({"customDomains": []})).await;
    assert_eq!(refused.refusal(404), "URL-endpoint not found.");
}
