//! Every route, and the OpenAPI document made of the same list.

mod description;

use std::any::Any;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use axum::{Router, middleware};
use limpid_domain::event::EventMeta;
use limpid_domain::ids::TenantId;
use limpid_event_store::{Database, TenantTx};
use limpid_read_models::delivery_config;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::commands::CommandContext;
use crate::config::ApiConfig;
use crate::error::ApiError;
use crate::exchange::{ExchangeState, exchange};
use crate::idempotency::once;
use crate::present::with_present;
use crate::questions::{QuestionTx, Questions};
use crate::routes::{
    accounts, dashboard, health, named_transformations, operator, problems, purges, unsupported,
};
use crate::stream_tokens::UsedTokens;
use crate::streams::Streams;
use crate::throttle::Throttle;

/// Each asks an origin up to a dozen times. Source: `dashboard.md` 2.4.
const ORIGIN_TESTS_PER_MINUTE: u32 = 10;
const TRACES_PER_MINUTE: u32 = 30;
/// One a second. Source: `reliability.md` 7.
const PURGES_PER_MINUTE: u32 = 60;
/// Each asks for up to fifty files.
const VERIFICATIONS_PER_MINUTE: u32 = 2;
/// Each is a message to somewhere else, and waits for what comes back.
const WEBHOOK_TESTS_PER_MINUTE: u32 = 10;
/// One a second: ten streams, opened again and again.
const STREAM_TOKENS_PER_MINUTE: u32 = 60;

/// What every handler may use. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct ApiState {
    config: Arc<ApiConfig>,
    traces: Arc<Throttle>,
    origin_tests: Arc<Throttle>,
    verifications: Arc<Throttle>,
    webhook_tests: Arc<Throttle>,
    questions: Questions,
    stream_tokens: Arc<Throttle>,
    used_tokens: UsedTokens,
    streams: Streams,
    shutdown: CancellationToken,
    purges: Arc<Throttle>,
}

impl ApiState {
    fn new(config: ApiConfig, shutdown: CancellationToken) -> Self {
        Self {
            questions: Questions::new(config.questions_per_account),
            config: Arc::new(config),
            stream_tokens: Arc::new(Throttle::new("stream-tokens", STREAM_TOKENS_PER_MINUTE)),
            used_tokens: UsedTokens::default(),
            traces: Arc::new(Throttle::new("traces", TRACES_PER_MINUTE)),
            origin_tests: Arc::new(Throttle::new("origin-tests", ORIGIN_TESTS_PER_MINUTE)),
            verifications: Arc::new(Throttle::new("verifications", VERIFICATIONS_PER_MINUTE)),
            webhook_tests: Arc::new(Throttle::new("webhook-tests", WEBHOOK_TESTS_PER_MINUTE)),
            streams: Streams::default(),
            shutdown,
            purges: Arc::new(Throttle::new("purges", PURGES_PER_MINUTE)),
        }
    }

    /// How often tokens for streams may be asked for.
    pub(crate) fn stream_tokens(&self) -> &Throttle {
        &self.stream_tokens
    }

    /// Tokens for streams that opened one.
    pub(crate) fn used_tokens(&self) -> &UsedTokens {
        &self.used_tokens
    }

    /// Counts open streams.
    pub(crate) fn streams(&self) -> &Streams {
        &self.streams
    }

    /// Cancelled when open streams are to end.
    pub(crate) fn shutdown(&self) -> &CancellationToken {
        &self.shutdown
    }

    /// The configuration the service was started with.
    pub(crate) fn config(&self) -> &ApiConfig {
        &self.config
    }

    /// How often URLs may be traced.
    pub(crate) fn traces(&self) -> &Throttle {
        &self.traces
    }

    /// How often origins may be tested.
    pub(crate) fn origin_tests(&self) -> &Throttle {
        &self.origin_tests
    }

    /// How often caches may be purged.
    pub(crate) fn purges(&self) -> &Throttle {
        &self.purges
    }

    /// How often groups may be verified.
    pub(crate) fn verifications(&self) -> &Throttle {
        &self.verifications
    }

    /// How often webhooks may be tested and messages sent again.
    pub(crate) fn webhook_tests(&self) -> &Throttle {
        &self.webhook_tests
    }

    /// Begins to answer a question of an account about its failures, when it is its turn.
    ///
    /// Errors: [`ApiError::TooManyQuestions`], [`ApiError::Unavailable`].
    pub(crate) async fn question(&self, tenant_id: TenantId) -> Result<QuestionTx, ApiError> {
        let turn = self.questions.turn(tenant_id).await?;
        let tx = self.failures_tx(tenant_id).await?;
        Ok(QuestionTx::new(tx, turn))
    }

    /// Begins to answer a question of an account about its configuration, when it is its turn.
    ///
    /// Errors: [`ApiError::TooManyQuestions`], [`ApiError::Unavailable`].
    pub(crate) async fn configuration_question(
        &self,
        tenant_id: TenantId,
    ) -> Result<QuestionTx, ApiError> {
        let turn = self.questions.turn(tenant_id).await?;
        let tx = self.config.database.tenant_tx(tenant_id).await?;
        Ok(QuestionTx::new(tx, turn))
    }

    /// Goes on with an answer that has begun.
    ///
    /// Errors: [`ApiError::Unavailable`].
    pub(crate) async fn next_page(&self, tenant_id: TenantId) -> Result<QuestionTx, ApiError> {
        let turn = self.questions.next_turn(tenant_id).await?;
        let tx = self.failures().tenant_tx(tenant_id).await?;
        Ok(QuestionTx::new(tx, turn))
    }

    /// The log and its projections.
    pub(crate) fn database(&self) -> &Database {
        &self.config.database
    }

    /// Failures, usage, alerts and deliveries, beside the log or in a database of their own.
    pub(crate) fn failures(&self) -> &Database {
        let own = self.config.failures_database.as_ref();
        own.unwrap_or(&self.config.database)
    }

    /// Begins a transaction where an account's failures are, with its configuration as it is now.
    ///
    /// Errors: [`ApiError::Unavailable`].
    pub(crate) async fn failures_tx(&self, tenant_id: TenantId) -> Result<TenantTx, ApiError> {
        if let Some(failures) = &self.config.failures_database {
            // The projector does this too; whoever changed something a moment ago need not wait for it.
            match delivery_config::follow(&self.config.database, failures, tenant_id).await {
                Err(error) if error.is_transient() => return Err(error.into()),
                Err(error) => {
                    let error: &(dyn std::error::Error + 'static) = &error;
                    tracing::warn!(error, %tenant_id, "the configuration beside the failures is behind");
                }
                Ok(_) => {}
            }
        }
        Ok(self.failures().tenant_tx(tenant_id).await?)
    }

    /// Where a command takes effect and what the log says about it.
    pub(crate) fn command_context(&self, meta: EventMeta) -> CommandContext<'_> {
        CommandContext {
            database: &self.config.database,
            vault: &self.config.vault,
            meta,
        }
    }
}

/// The whole API as a tower service. `shutdown` ends answers that would never end by themselves.
pub fn router(config: ApiConfig, shutdown: CancellationToken) -> Router {
    let surroundings = ExchangeState::new(&config.help);
    let (documented, _document) = documented_routes().split_for_parts();
    let state = ApiState::new(config, shutdown);
    let routes: Router = documented
        .route_layer(middleware::from_fn_with_state(state.clone(), once))
        .merge(unsupported::routes())
        .fallback(unsupported::route_not_found)
        .method_not_allowed_fallback(unsupported::method_not_allowed)
        .with_state(state);
    routes
        .clone()
        .layer(middleware::from_fn_with_state(routes, with_present))
        .layer(CatchPanicLayer::custom(answer_panic))
        .layer(middleware::from_fn_with_state(surroundings, exchange))
}

/// A handler that panicked answers like any other fault of ours; the panic hook has logged where.
#[expect(clippy::needless_pass_by_value, reason = "the layer's signature")]
fn answer_panic(panic: Box<dyn Any + Send>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no text");
    ApiError::Internal(format!("a handler panicked: {text}").into()).into_response()
}

/// The API's description, OpenAPI 3.1.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let (_routes, mut document) = documented_routes().split_for_parts();
    description::describe_keys(&mut document);
    document
}

fn documented_routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(description::Description::openapi())
        .merge(accounts::origins::routes())
        .merge(accounts::url_endpoints::routes())
        .merge(accounts::usage::routes())
        .merge(accounts::webhooks::routes())
        .merge(named_transformations::routes())
        .merge(purges::routes())
        .merge(dashboard::origin_errors::routes())
        .merge(dashboard::origin_health::routes())
        .merge(dashboard::origin_metrics::routes())
        .merge(dashboard::overview::routes())
        .merge(dashboard::onboarding::routes())
        .merge(dashboard::purges::routes())
        .merge(dashboard::expiries::routes())
        .merge(dashboard::stream_tokens::routes())
        .merge(dashboard::usage::routes())
        .merge(dashboard::custom_domains::routes())
        .merge(dashboard::restrictions::routes())
        .merge(dashboard::caching::routes())
        .merge(dashboard::settings::routes())
        .merge(dashboard::api_keys::routes())
        .merge(dashboard::changes::routes())
        .merge(dashboard::change_effect::routes())
        .merge(dashboard::annotations::routes())
        .merge(dashboard::config::routes())
        .merge(dashboard::restore::routes())
        .merge(dashboard::diagnosis::routes())
        .merge(dashboard::alert_rules::routes())
        .merge(dashboard::alerts::routes())
        .merge(dashboard::webhooks::routes())
        .merge(operator::tenants::routes())
        .merge(operator::limits::routes())
        .merge(operator::erasures::routes())
        .merge(health::routes())
        .merge(problems::routes())
}
