//! Commands on caches.

use limpid_domain::ids::{PurgeId, StreamVersion, TenantId};
use limpid_domain::purge::{NotPurged, PurgeContext, decide};
use limpid_event_store::StoreError;
use limpid_read_models::{delivery_config, purges};

use super::transaction::CommandTx;
use super::{CommandContext, CommandError};

/// Makes every serving node forget what it holds of delivered URLs, or of every URL that begins like one of them. Each is a purge of its
/// own, with its id or why there is none, in the order they were given.
///
/// Errors: [`CommandError::Unavailable`]; then none of them is purged.
pub async fn purge_caches(
    context: &CommandContext<'_>,
    tenant_id: TenantId,
    urls: &[String],
) -> Result<Vec<Result<PurgeId, NotPurged>>, CommandError> {
    let mut command = CommandTx::begin(context, tenant_id).await?;
    let tenant = delivery_config::tenant(&mut command.tx).await?;
    let tenant = tenant.ok_or(StoreError::Corrupt("a tenant is not in the projection"))?;
    let endpoints = delivery_config::url_endpoints(&mut command.tx).await?;
    let endpoints = endpoints.into_iter().filter(|endpoint| !endpoint.deleted);
    let prefixes: Vec<_> = endpoints
        .map(|endpoint| (endpoint.id, endpoint.settings.url_prefix))
        .collect();
    let domains = delivery_config::custom_domains(&mut command.tx).await?;
    let domains: Vec<(String, String)> = domains
        .iter()
        .filter_map(|bound| {
            let mut prefixes = prefixes.iter();
            let (_, prefix) = prefixes.find(|(id, _)| *id == bound.url_endpoint_id)?;
            Some((bound.domain.to_string(), prefix.clone()))
        })
        .collect();
    let prefixes: Vec<String> = prefixes.into_iter().map(|(_, prefix)| prefix).collect();
    let mut account = PurgeContext {
        imagekit_id: &tenant.imagekit_id,
        domains: &domains,
        prefixes: &prefixes,
        purges_this_month: purges::purges_this_month(&mut command.tx).await?,
    };
    let mut answers = Vec::with_capacity(urls.len());
    for url in urls {
        let events = match decide(url, &account) {
            Ok(events) => events,
            Err(reason) => {
                answers.push(Err(reason));
                continue;
            }
        };
        let id = PurgeId::mint();
        command.record(id.into(), StreamVersion(0), events).await?;
        account.purges_this_month += 1;
        answers.push(Ok(id));
    }
    command.commit().await?;
    Ok(answers)
}
