//! Who may ask, and what everybody else hears.

use limpid_dashboard_api::commands::{CommandContext, create_key_pair, revoke_key_pair};
use limpid_domain::event::{Actor, ActorKind, EventMeta};

use crate::dashboard::Dashboard;

const ORIGINS: &str = "/v1/accounts/origins";

#[tokio::test]
async fn no_key_is_401_and_a_wrong_one_403() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let without = dashboard.get(ORIGINS).send().await;
    let text = "Your request does not contain private API key.";
    assert_eq!(without.refusal(401), text);
    assert!(without.header("www-authenticate").starts_with("Basic "));
    let bearer = dashboard
        .get(ORIGINS)
        .bearer(&account.private_key)
        .send()
        .await;
    assert_eq!(bearer.refusal(401), text);
    let cut = account.private_key.get(..20).unwrap();
    let foreign = "private_0000000000000000000000000000000000000000000000000";
    for wrong in ["x", cut, foreign, account.public_key.as_str()] {
        let answer = dashboard.get(ORIGINS).private_key(wrong).send().await;
        let text = "Your account cannot be authenticated.";
        assert_eq!(answer.refusal(403), text, "{wrong}");
    }
    account.get(ORIGINS).await.expect(200);
}

#[tokio::test]
async fn every_route_of_a_tenant_wants_its_key_before_it_looks_at_anything_else() {
    let dashboard = Dashboard::start().await;
    for path in [
        ORIGINS,
        "/v1/accounts/origins/no-uuid",
        "/v1/accounts/url-endpoints",
        "/v1/accounts/url-endpoints/default",
        "/dashboard/v1/changes?limit=x",
        "/dashboard/v1/origin-errors/summary?nonsense=1",
        "/dashboard/v1/origin-errors/timeseries?from=x",
        "/dashboard/v1/origin-errors/events?limit=0",
        "/dashboard/v1/origin-errors/events/no-uuid",
        "/dashboard/v1/url-endpoints/default/custom-domains",
    ] {
        dashboard.get(path).send().await.expect(401);
    }
}

#[tokio::test]
async fn a_revoked_key_is_expired_and_the_others_stay_valid() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let context = CommandContext {
        database: &dashboard.database,
        vault: &dashboard.vault,
        meta: EventMeta {
            actor: Actor {
                kind: ActorKind::System,
                label: "test".to_owned(),
            },
            source: None,
            request_id: None,
            command_id: None,
            expected_version: None,
            note: None,
        },
    };
    let second = create_key_pair(&context, account.id, "second".to_owned())
        .await
        .unwrap();
    let with_second = || {
        dashboard
            .get(ORIGINS)
            .private_key(second.private_key.expose())
            .send()
    };
    with_second().await.expect(200);
    revoke_key_pair(&context, account.id, second.id)
        .await
        .unwrap();
    let text = "Your request contains expired private API key.";
    assert_eq!(with_second().await.refusal(403), text);
    account.get(ORIGINS).await.expect(200);
}
