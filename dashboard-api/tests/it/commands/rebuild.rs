//! Rebuilt equals incremental, whatever was commanded.

use limpid_dashboard_api::commands::{
    ChangeNamedTransformation, ChangeTenantSettings, CommandContext, CommandError,
    DeleteNamedTransformation, DeleteOrigin, DeleteUrlEndpoint, ReplaceOrigin, ReplaceUrlEndpoint,
    SetCustomDomains, SetRestrictions, SetTenantLimits, change_named_transformation,
    change_tenant_settings, create_key_pair, create_named_transformation, create_origin,
    create_url_endpoint, delete_named_transformation, delete_origin, delete_url_endpoint,
    replace_origin, replace_url_endpoint, revoke_key_pair, set_custom_domains, set_restrictions,
    set_tenant_limits,
};
use limpid_domain::ids::{KeyPairId, NamedTransformationId, OriginId, TenantId, UrlEndpointId};
use limpid_domain::named_transformation::{NamedTransformationChange, NamedTransformationSettings};
use limpid_domain::origin::OriginDraft;
use limpid_domain::restrictions::Restrictions;
use limpid_domain::tenant::{TenantLimits, TenantSettingsChange};
use limpid_domain::url_endpoint::{UrlEndpointDraft, UrlEndpointName};
use limpid_read_models::delivery_config::{
    key_pairs, named_transformations, origins, rebuild, url_endpoints, verify,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::json;

use super::{House, s3, web_folder};

/// What somebody might do next; numbers choose among what is there.
#[derive(Debug, Clone, Copy)]
enum Step {
    Origin(Change, u8, u8),
    Endpoint(Change, u8, u8),
    Domains(u8, u8),
    KeyPair(Change, u8),
    Named(Change, u8, u8),
    Account(u8),
    Restrictions(u8, u8),
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Create,
    Replace,
    Delete,
}

fn step() -> impl Strategy<Value = Step> {
    let change = || prop_oneof![3 => Just(Change::Create), 2 => Just(Change::Replace), 2 => Just(Change::Delete)];
    prop_oneof![
        3 => (change(), any::<(u8, u8)>()).prop_map(|(change, (a, b))| Step::Origin(change, a, b)),
        3 => (change(), any::<(u8, u8)>()).prop_map(|(change, (a, b))| Step::Endpoint(change, a, b)),
        1 => any::<(u8, u8)>().prop_map(|(a, b)| Step::Domains(a, b)),
        1 => (change(), any::<u8>()).prop_map(|(change, a)| Step::KeyPair(change, a)),
        2 => (change(), any::<(u8, u8)>()).prop_map(|(change, (a, b))| Step::Named(change, a, b)),
        1 => any::<u8>().prop_map(Step::Account),
        1 => any::<(u8, u8)>().prop_map(|(a, b)| Step::Restrictions(a, b)),
    ]
}

fn pick<T: Copy>(items: &[T], at: u8) -> Option<T> {
    items.get(usize::from(at) % items.len().max(1)).copied()
}

fn origin_draft(which: u8) -> OriginDraft {
    let body = if which.is_multiple_of(2) {
        s3("x")
    } else {
        web_folder(&format!("o{which}"))
    };
    OriginDraft::parse(body).unwrap()
}

fn endpoint_draft(origins: &[OriginId], which: u8) -> UrlEndpointDraft {
    let chosen: Vec<_> = pick(origins, which).into_iter().collect();
    let prefix = if which.is_multiple_of(9) {
        String::new()
    } else {
        format!("p{}", which % 5)
    };
    let body = json!({"description": format!("d{which}"), "urlPrefix": prefix, "origins": chosen});
    UrlEndpointDraft::parse(body).unwrap()
}

/// A tenant as it is before a step.
struct Stage<'a> {
    context: CommandContext<'a>,
    tenant: TenantId,
    origins: Vec<OriginId>,
    endpoints: Vec<UrlEndpointId>,
    key_pairs: Vec<KeyPairId>,
    named: Vec<NamedTransformationId>,
}

impl<'a> Stage<'a> {
    async fn of(house: &'a House, tenant: TenantId) -> Self {
        let mut tx = house.database.tenant_tx(tenant).await.unwrap();
        let origins = origins(&mut tx).await.unwrap();
        let endpoints = url_endpoints(&mut tx).await.unwrap();
        let key_pairs = key_pairs(&mut tx).await.unwrap();
        let named = named_transformations(&mut tx).await.unwrap();
        Self {
            context: house.context(),
            tenant,
            origins: origins.iter().map(|origin| origin.id).collect(),
            endpoints: endpoints.iter().map(|endpoint| endpoint.id).collect(),
            key_pairs: key_pairs.iter().map(|pair| pair.id).collect(),
            named: named.iter().map(|named| named.id).collect(),
        }
    }

    /// Does it, or hears that a rule forbids it; anything else fails the test.
    async fn take(&self, step: Step) {
        let outcome = match step {
            Step::Origin(change, at, which) => self.change_origin(change, at, which).await,
            Step::Endpoint(change, at, which) => self.change_endpoint(change, at, which).await,
            Step::Domains(at, which) => self.bind_domains(at, which).await,
            Step::KeyPair(change, at) => self.change_key_pair(change, at).await,
            Step::Named(change, at, which) => self.change_named(change, at, which).await,
            Step::Account(which) => self.change_account(which).await,
            Step::Restrictions(at, which) => self.restrict(at, which).await,
        };
        let forbidden = matches!(
            outcome,
            Err(CommandError::Refused { .. }
                | CommandError::NotFound { .. }
                | CommandError::Taken { .. })
        );
        assert!(outcome.is_ok() || forbidden, "{outcome:?}");
    }

    async fn change_origin(&self, change: Change, at: u8, which: u8) -> Result<(), CommandError> {
        let (context, tenant, expected) = (&self.context, self.tenant, None);
        let id = pick(&self.origins, at).unwrap_or_else(OriginId::mint);
        let draft = origin_draft(which);
        match change {
            Change::Create => create_origin(context, tenant, draft).await.map(drop),
            Change::Replace => {
                let replace = ReplaceOrigin {
                    id,
                    draft,
                    expected,
                };
                replace_origin(context, tenant, replace).await.map(drop)
            }
            Change::Delete => delete_origin(context, tenant, DeleteOrigin { id, expected }).await,
        }
    }

    async fn change_endpoint(&self, change: Change, at: u8, which: u8) -> Result<(), CommandError> {
        let (context, tenant, expected) = (&self.context, self.tenant, None);
        let name = self.endpoint(at);
        let draft = endpoint_draft(&self.origins, which);
        match change {
            Change::Create => create_url_endpoint(context, tenant, draft).await.map(drop),
            Change::Replace => {
                let replace = ReplaceUrlEndpoint {
                    name,
                    draft,
                    expected,
                };
                replace_url_endpoint(context, tenant, replace)
                    .await
                    .map(drop)
            }
            Change::Delete => {
                delete_url_endpoint(context, tenant, DeleteUrlEndpoint { name, expected }).await
            }
        }
    }

    async fn bind_domains(&self, at: u8, which: u8) -> Result<(), CommandError> {
        let names = (0..which % 3).map(|n| format!("d{}.example", which / 3 % 4 + n));
        let set = SetCustomDomains {
            name: self.endpoint(at),
            domains: names.map(|name| name.parse().unwrap()).collect(),
            expected: None,
        };
        set_custom_domains(&self.context, self.tenant, set)
            .await
            .map(drop)
    }

    async fn change_key_pair(&self, change: Change, at: u8) -> Result<(), CommandError> {
        match change {
            Change::Create | Change::Replace => {
                let name = "more".to_owned();
                create_key_pair(&self.context, self.tenant, name)
                    .await
                    .map(drop)
            }
            Change::Delete => {
                let id = pick(&self.key_pairs, at).unwrap();
                revoke_key_pair(&self.context, self.tenant, id).await
            }
        }
    }

    async fn change_named(&self, change: Change, at: u8, which: u8) -> Result<(), CommandError> {
        let (context, tenant, expected) = (&self.context, self.tenant, None);
        let id = pick(&self.named, at).unwrap_or_else(NamedTransformationId::mint);
        let name = format!("n{}", which % 6);
        match change {
            Change::Create => {
                let settings = NamedTransformationSettings {
                    name,
                    transformation: format!("w-{}", which.max(2)),
                    enabled: which.is_multiple_of(2),
                };
                create_named_transformation(context, tenant, settings)
                    .await
                    .map(drop)
            }
            Change::Replace => {
                let change = NamedTransformationChange {
                    name: which.is_multiple_of(3).then_some(name),
                    transformation: which.is_multiple_of(2).then(|| "h-9".to_owned()),
                    enabled: Some(which.is_multiple_of(5)),
                };
                let change = ChangeNamedTransformation {
                    id,
                    change,
                    expected,
                };
                change_named_transformation(context, tenant, change)
                    .await
                    .map(drop)
            }
            Change::Delete => {
                let delete = DeleteNamedTransformation { id, expected };
                delete_named_transformation(context, tenant, delete).await
            }
        }
    }

    async fn change_account(&self, which: u8) -> Result<(), CommandError> {
        let (context, tenant, expected) = (&self.context, self.tenant, None);
        if which.is_multiple_of(2) {
            let change = TenantSettingsChange {
                default_quality: Some(which / 4 + 1),
                data_saver: Some(which.is_multiple_of(3)),
                ..TenantSettingsChange::default()
            };
            let change = ChangeTenantSettings { change, expected };
            return change_tenant_settings(context, tenant, change)
                .await
                .map(drop);
        }
        let limits = TenantLimits {
            max_pixels: which.is_multiple_of(3).then_some(u64::from(which)),
            ..TenantLimits::default()
        };
        let set = SetTenantLimits { limits, expected };
        set_tenant_limits(context, tenant, set).await.map(drop)
    }

    async fn restrict(&self, at: u8, which: u8) -> Result<(), CommandError> {
        let set = SetRestrictions {
            name: self.endpoint(at),
            restrictions: Restrictions {
                restrict_unsigned_urls: which.is_multiple_of(2),
                restrict_unnamed_transformations: which.is_multiple_of(3),
            },
            expected: None,
        };
        set_restrictions(&self.context, self.tenant, set)
            .await
            .map(drop)
    }

    fn endpoint(&self, at: u8) -> UrlEndpointName {
        pick(&self.endpoints, at).map_or(UrlEndpointName::Default, UrlEndpointName::Id)
    }
}

#[tokio::test]
async fn rebuilt_equals_incremental_after_any_commands() {
    let house = House::new().await;
    let tenants = [
        house.tenant("first").await.tenant_id,
        house.tenant("second").await.tenant_id,
    ];
    let mut runner = TestRunner::deterministic();
    let sequences = prop::collection::vec((any::<bool>(), step()), 40);
    for _ in 0..4 {
        for (second, step) in sequences.new_tree(&mut runner).unwrap().current() {
            let stage = Stage::of(&house, tenants[usize::from(second)]).await;
            stage.take(step).await;
        }
        assert_eq!(verify(&house.database).await.unwrap(), []);
    }
    let before = dump(&house).await;
    assert!(before.len() > 20, "the commands did something: {before:?}");
    assert_eq!(rebuild(&house.database).await.unwrap(), []);
    assert_eq!(dump(&house).await, before);
}

#[tokio::test]
async fn drift_is_reported_by_verify_and_repaired_by_rebuild() {
    let house = House::new().await;
    let tenant = house.tenant("acme").await.tenant_id;
    house.origin(tenant, web_folder("a")).await;
    let mut owner = house.database.owner_tx().await.unwrap();
    sqlx::raw_sql(
        "update origin set settings = settings || '{\"name\": \"forged\"}'; delete from key_pair",
    )
    .execute(&mut *owner)
    .await
    .unwrap();
    owner.commit().await.unwrap();

    for _ in 0..2 {
        let drifts = verify(&house.database).await.unwrap();
        let tables: Vec<_> = drifts
            .iter()
            .map(|drift| (drift.table, drift.unexplained.len(), drift.missing.len()))
            .collect();
        assert_eq!(
            tables,
            [("key_pair", 0, 1), ("origin", 1, 1)],
            "verify changes nothing"
        );
        assert!(drifts[1].unexplained[0].contains("forged"));
    }
    assert_eq!(rebuild(&house.database).await.unwrap().len(), 2);
    assert_eq!(verify(&house.database).await.unwrap(), []);
    assert_eq!(house.config(tenant).await.key_pairs.len(), 1);
}

/// The projection, row by row.
async fn dump(house: &House) -> Vec<String> {
    let mut conn = house.database.service().await.unwrap();
    let rows: Vec<(String,)> = sqlx::query_as(
        "select t::text from tenant t union all select t::text from key_pair t union all select t::text from origin t \
         union all select t::text from url_endpoint t union all select t::text from custom_domain t order by 1",
    )
    .fetch_all(&mut *conn)
    .await
    .unwrap();
    rows.into_iter().map(|(row,)| row).collect()
}
