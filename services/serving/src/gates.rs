//! From a request to an order: account, endpoint, signature, transformation. No I/O.

use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use limpid_delivery_url::{Mount, ResolvedTarget, Switches, Transformation};
use limpid_domain::clock::Clock;
use limpid_domain::failure::advice::RefusalCause;
use limpid_domain::failure::{AttemptFailure, DetailLevel, Reason};
use limpid_domain::ids::{StreamVersion, TenantId, TenantSeq, UrlEndpointNo};
use limpid_domain::origin::OriginLocation;
use limpid_imaging::AcceptedFormats;

use crate::config_snapshot::purges::Spelling;
use crate::config_snapshot::{Account, ConfigSnapshot, Endpoint};
use crate::error::Refusal;
use crate::failure_recorder::event::{Debugging, EventContext, FailedAttempt};
use crate::image_request::ImageRequest;
use crate::layer_files::LayerFiles;
use crate::picture;
use crate::preferences::{ChosenBy, Preferred};
use crate::production::Order;
use crate::response::{StandIn, SuccessContext};
use crate::steps::Steps;
use crate::variant::VariantKey;

use refused::{unexpanded, unresolved};
use restrictions::{Checked, needs_signed_files};

mod refused;
mod restrictions;

pub(crate) use refused::{place_of, refused_of, text_to_sign};

/// A request that passed every gate.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) order: Order,
    pub(crate) key: VariantKey,
    /// What the request's events share, should it fail.
    pub(crate) event_context: EventContext,
    /// When it passed.
    at: DateTime<Utc>,
    /// Name of the download, where one is asked for.
    pub(crate) attachment: Option<String>,
    /// Whether the request carries a valid signature.
    is_signed: bool,
    /// Whether all it asks for is named transformations.
    is_only_named: bool,
    /// Which header fields chose the variant, beside `Accept`.
    pub(crate) chosen_by: ChosenBy,
    /// `Content-DPR`
    pub(crate) content_dpr: Option<String>,
}

impl Admitted {
    /// What a success says beside the variant.
    pub(crate) fn success_context<'a>(
        &'a self,
        request: &'a ImageRequest,
        stand_in: Option<StandIn>,
    ) -> SuccessContext<'a> {
        SuccessContext {
            request_id: request.id,
            conditions: &request.conditions,
            codings: request.codings,
            attachment: self.attachment.as_deref(),
            stand_in,
            chosen_by: self.chosen_by,
            content_dpr: self.content_dpr.as_deref(),
            now: self.at,
        }
    }

    /// Whether it may have what its origin marked as private: what it shows was signed, or chosen by the tenant under a name.
    /// Source: `imagekit.md` 3.10.
    pub(crate) fn may_have_private(&self) -> bool {
        self.is_signed || self.is_only_named
    }
}

/// A request that ends at a gate.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// Nobody's: no event.
    UnknownAccount(FailedAttempt),
    /// No such file can exist: an event of the tenant.
    Failed(Box<EventContext>, FailedAttempt),
    /// Refused for what it is.
    Refused(Refusal),
}

/// The account a request is for, and how its host stands to it.
struct Route<'a> {
    account: Arc<Account>,
    mount: Mount<'a>,
}

impl Route<'_> {
    /// The number of the newest purge that means the URL of a request, in whatever spelling.
    fn purged(&self, request: &ImageRequest, resolved: &ResolvedTarget) -> TenantSeq {
        let purges = &self.account.purges;
        if purges.is_empty() {
            return TenantSeq(0);
        }
        // Inside the account, whatever host it came by: what purges name.
        let path = request.target.path();
        let (prefix, path) = match self.mount {
            Mount::Domain => (None, path),
            Mount::Endpoint(prefix) => (Some(prefix), path),
            Mount::Account => {
                let account = 1 + self.account.imagekit_id.as_str().len();
                (None, path.get(account..).unwrap_or_default())
            }
        };
        let mut address = prefix.map_or_else(String::new, |prefix| format!("/{prefix}"));
        address.push_str(path);
        if let Some(query) = request.target.query() {
            address.push('?');
            address.push_str(query);
        }
        purges.of_url(&Spelling::of(&address, resolved, &self.account))
    }
}

/// Takes `request` through the gates.
pub(crate) fn admit(
    snapshot: &ConfigSnapshot,
    request: &ImageRequest,
    clock: &Clock,
    steps: &mut Steps,
) -> Result<Admitted, Box<Stopped>> {
    let started = Instant::now();
    let route = delivering_account(snapshot, request, clock, steps)?;
    let account = &route.account;
    let resolved = request
        .target
        .resolve(route.mount, |prefix| account.endpoints.contains_key(prefix))
        .map_err(|error| unresolved(error, account, (request, clock), steps))?;
    let Some(endpoint) = account.endpoint(&resolved.endpoint_prefix) else {
        let refusal = Refusal::invalid("The account has no URL endpoint");
        steps.failed("endpoint", started, || refusal.sentence().to_owned());
        let refusal = refusal.because(RefusalCause::NoEndpoint);
        return Err(Box::new(Stopped::Refused(refusal)));
    };
    steps.done("endpoint", started, || describe_endpoint(endpoint));
    let resolved = match endpoint.rewriter() {
        Some(rewriter) => rewriter
            .rewrite(resolved)
            .map_err(|error| unresolved(error, account, (request, clock), steps))?,
        None => resolved,
    };
    let checked = Checked {
        route: &route,
        endpoint,
        resolved: &resolved,
        request,
    };
    let purged = route.purged(request, &resolved);
    let stopped = |refusal| Box::new(Stopped::Refused(refusal));
    let is_signed = checked.signature(clock, steps).map_err(stopped)?;
    let ordered = order(&checked, steps).map_err(stopped)?;
    let Ordered {
        mut order,
        is_only_named,
        chosen_by,
        content_dpr,
    } = ordered;
    if !is_signed && needs_signed_files(&order) {
        steps.failed("signature", started, || {
            "missing, and the default endpoint, where layers' files and the default image are, wants one".to_owned()
        });
        let refusal = Refusal::unsigned().because(RefusalCause::DefaultEndpointSigned);
        return Err(stopped(refusal));
    }
    // whoever signs answers for what the file does; anybody else could switch it off for a file of somebody else
    order.sanitizes_svg = !is_signed || resolved.switches.sanitize_svg != Some(false);
    let mut event_context = event_context(account, Some(endpoint), Some(&resolved), request);
    event_context.debug = refused::debugging(account, request, clock);
    if order.layer_files.tells_codes_only() {
        event_context.detail_level = DetailLevel::Code;
    }
    Ok(Admitted {
        key: variant_key(&order, &resolved.switches, purged),
        event_context,
        at: clock.now(),
        attachment: attachment(&resolved),
        is_signed,
        is_only_named,
        chosen_by,
        content_dpr,
        order,
    })
}

/// The account the request is for, if it delivers.
fn delivering_account<'a>(
    snapshot: &'a ConfigSnapshot,
    request: &ImageRequest,
    clock: &Clock,
    steps: &mut Steps,
) -> Result<Route<'a>, Box<Stopped>> {
    let started = Instant::now();
    let Some(route) = find_account(snapshot, request) else {
        steps.failed("account", started, || "no such account".to_owned());
        let failure = AttemptFailure::new(Reason::AccountNotFound);
        let attempt = FailedAttempt::before_any_origin(failure, clock.now());
        return Err(Box::new(Stopped::UnknownAccount(attempt)));
    };
    let account = &route.account;
    steps.done("account", started, || {
        format!(
            "{}, configuration version {}",
            account.imagekit_id, account.config_version
        )
    });
    if !account.delivers() {
        let refusal = Refusal::forbidden("This account does not deliver images");
        steps.failed("delivery", started, || refusal.sentence().to_owned());
        return Err(Box::new(Stopped::Refused(refusal)));
    }
    Ok(route)
}

/// Whose URL a request is.
pub(crate) fn account_of(snapshot: &ConfigSnapshot, request: &ImageRequest) -> Option<TenantId> {
    find_account(snapshot, request).map(|route| route.account.tenant_id)
}

fn find_account<'a>(snapshot: &'a ConfigSnapshot, request: &ImageRequest) -> Option<Route<'a>> {
    if let Some(domain) = snapshot.domain(&request.host) {
        let mount = domain
            .endpoint_prefix
            .as_deref()
            .map_or(Mount::Domain, Mount::Endpoint);
        return Some(Route {
            account: Arc::clone(&domain.account),
            mount,
        });
    }
    let account = snapshot.account(request.target.account()?)?;
    Some(Route {
        account: Arc::clone(account),
        mount: Mount::Account,
    })
}

/// An order, and what the answer says about how it came about.
struct Ordered {
    order: Order,
    is_only_named: bool,
    chosen_by: ChosenBy,
    content_dpr: Option<String>,
}

/// What is to be made, by a transformation that is allowed here.
fn order(checked: &Checked<'_>, steps: &mut Steps) -> Result<Ordered, Refusal> {
    let started = Instant::now();
    let refused = |refusal: &Refusal, steps: &mut Steps| {
        steps.failed("transformation", started, || refusal.sentence().to_owned());
    };
    let asked = checked
        .resolved
        .transformation()
        .map_err(|error| Refusal::invalid(error.sentence()))
        .inspect_err(|refusal| refused(refusal, steps))?;
    checked.only_named(&asked, steps)?;
    let ordered = order_of(checked, &asked).inspect_err(|refusal| refused(refusal, steps))?;
    steps.done("transformation", started, || {
        describe_transformation(&ordered.order.transformation)
    });
    Ok(ordered)
}

fn order_of(checked: &Checked<'_>, asked: &Transformation) -> Result<Ordered, Refusal> {
    let Checked {
        route,
        endpoint,
        resolved,
        request,
    } = *checked;
    let account = &route.account;
    let expanded = asked
        .expand(&|name| account.named.get(name))
        .map_err(|error| unexpanded(&error))?;
    let Preferred {
        mut transformation,
        settings,
        chosen_by,
        content_dpr,
    } = request.preferences.apply(
        &expanded,
        account.image_settings,
        account.settings.data_saver,
    );
    picture::take_first_page(resolved, &mut transformation);
    if let Some(feature) = transformation.unsupported_by(limpid_imaging::plan::SUPPORTED) {
        return Err(Refusal::invalid(format!(
            "{feature} is not supported by this version"
        )));
    }
    let accept = if picture::has_fixed_format(&transformation) {
        AcceptedFormats::default()
    } else {
        request.accept
    };
    Ok(Ordered {
        order: Order {
            account: Arc::clone(account),
            endpoint: Arc::clone(endpoint),
            file: resolved.file.clone(),
            forwarded_query: resolved.forwarded_query.clone(),
            object_version: resolved.switches.object_version.clone(),
            host_field: request.host_field.clone(),
            layer_files: LayerFiles::of(&transformation, account)?,
            transformation,
            accept,
            settings,
            sanitizes_svg: true,
            request_id: request.id,
        },
        is_only_named: asked.is_named() && asked.is_only_named(),
        chosen_by,
        content_dpr,
    })
}

fn variant_key(order: &Order, switches: &Switches, purged: TenantSeq) -> VariantKey {
    let origins = &order.endpoint.origins;
    let sees_host = origins.iter().any(|origin| {
        matches!(
            origin.settings.location,
            OriginLocation::WebFolder {
                forward_host_header_to_origin: true,
                ..
            }
        )
    });
    VariantKey {
        tenant: order.account.tenant_id,
        revision: Arc::clone(&order.endpoint.revision),
        layers_revision: order.layer_files.revision(),
        layers_purged: order.layer_files.purged(&order.account.purges),
        purged,
        path: order.file.as_raw().to_owned(),
        query: order.forwarded_query.clone(),
        object_version: switches.object_version.clone(),
        forwarded_host: sees_host.then(|| order.host_field.to_ascii_lowercase()),
        transformation: order.transformation.to_string(),
        sanitizes_svg: order.sanitizes_svg,
        accept: order.accept,
        default_quality: order.settings.default_quality,
    }
}

fn attachment(resolved: &ResolvedTarget) -> Option<String> {
    if !resolved.switches.attachment {
        return None;
    }
    let chosen = resolved.switches.attachment_filename.as_ref();
    let name = chosen.or(resolved.seo_name.as_ref()).cloned();
    Some(name.unwrap_or_else(|| resolved.file.file_name()))
}

/// What the events of a request share; `resolved` is missing where the path could not be understood.
fn event_context(
    account: &Account,
    endpoint: Option<&Endpoint>,
    resolved: Option<&ResolvedTarget>,
    request: &ImageRequest,
) -> EventContext {
    let path = resolved.map_or_else(
        || path_after_account(request.target.path(), account),
        |resolved| format!("/{}", resolved.file.as_raw()),
    );
    EventContext {
        tenant_id: account.tenant_id,
        config_version: account.config_version,
        endpoint: endpoint.map_or((UrlEndpointNo::NONE, StreamVersion(0)), |endpoint| {
            (endpoint.no, endpoint.version)
        }),
        detail_level: endpoint.map_or(DetailLevel::Reason, |endpoint| endpoint.detail_level),
        debug: Debugging::Unasked,
        request_id: request.id,
        method: request.method.as_str().to_owned(),
        target: request.raw_target.clone(),
        path,
        transformation: resolved
            .filter(|resolved| !resolved.transformations.is_empty())
            .map(|resolved| resolved.transformations.join(":")),
        referrer: request.referrer.clone(),
        user_agent: request.user_agent.clone(),
        trace_id: crate::telemetry::sampled_trace_id(),
    }
}

/// A path that cannot be understood further, without the account where it begins with it.
fn path_after_account(path: &str, account: &Account) -> String {
    let rest = path
        .strip_prefix('/')
        .and_then(|path| path.strip_prefix(account.imagekit_id.as_str()))
        .filter(|rest| rest.starts_with('/'));
    rest.unwrap_or(path).to_owned()
}

fn describe_transformation(transformation: &Transformation) -> String {
    match transformation.steps.len() {
        0 => "none: as it is, in the best format".to_owned(),
        1 => transformation.to_string(),
        steps => format!("{steps} steps: {transformation}"),
    }
}

fn describe_endpoint(endpoint: &Endpoint) -> String {
    let name = if endpoint.is_default {
        "the default endpoint".to_owned()
    } else {
        format!("prefix \"{}\"", endpoint.prefix)
    };
    format!(
        "{name} (\"{}\", {}), {} origins attached",
        endpoint.description,
        endpoint.id,
        endpoint.origins.len()
    )
}
