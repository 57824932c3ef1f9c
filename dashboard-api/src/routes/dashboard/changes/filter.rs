//! Which changes of the log a list has, and where its pages end.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::event::{ActorKind, ConfigEvent, StreamKind};
use limpid_domain::ids::{StreamId, TenantSeq};
use limpid_event_store::config_log::{self, StoredEvent};
use limpid_event_store::{StoreError, TenantTx};
use uuid::Uuid;

use crate::error::ApiError;
use crate::query::{Listing, Parameters};

/// Changes of a page where the request does not say, and at most.
const DEFAULT_PAGE: u16 = 50;
const MAX_PAGE: u16 = 200;

/// Events of the log that are looked through at once where not all of them are wanted.
const LOOKED_THROUGH: u32 = 1_000;

/// The log is in the order of its positions; the moments beside them may be this much out of order.
const CLOCK_SKEW: TimeDelta = TimeDelta::minutes(1);

/// Names of the parameters that choose changes.
const FILTER_NAMES: [&str; 6] = ["resource", "resourceId", "kind", "actor", "from", "to"];

/// Every kind of thing that changes.
const RESOURCES: [StreamKind; 8] = [
    StreamKind::Tenant,
    StreamKind::KeyPair,
    StreamKind::Origin,
    StreamKind::UrlEndpoint,
    StreamKind::NamedTransformation,
    StreamKind::Purge,
    StreamKind::AlertRule,
    StreamKind::Webhook,
];

const ACTORS: [(&str, ActorKind); 3] = [
    ("api_key", ActorKind::ApiKey),
    ("operator", ActorKind::Operator),
    ("system", ActorKind::System),
];

/// Which changes.
#[derive(Debug, Default)]
pub(super) struct ChangeFilter {
    resource: Option<StreamKind>,
    stream_id: Option<StreamId>,
    kind: Option<&'static str>,
    actor: Option<ActorChoice>,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
}

/// A kind of actor, or one actor.
#[derive(Debug)]
enum ActorChoice {
    Kind(ActorKind),
    Label(String),
}

/// One page of a list of changes.
#[derive(Debug)]
pub(super) struct PageRequest {
    filter: ChangeFilter,
    limit: u16,
    before: Option<TenantSeq>,
    listing: Listing,
}

/// The events of a page, newest first, and the cursor of the next one.
#[derive(Debug)]
pub(super) struct FoundPage {
    pub(super) events: Vec<StoredEvent>,
    pub(super) next_cursor: Option<String>,
}

impl ChangeFilter {
    /// All changes of one thing.
    pub(super) fn of(stream_id: StreamId) -> Self {
        Self {
            stream_id: Some(stream_id),
            ..Self::default()
        }
    }

    fn read(parameters: &mut Parameters, now: DateTime<Utc>) -> Self {
        let resources = RESOURCES.map(|kind| (kind.as_str(), kind));
        let kinds = ConfigEvent::KINDS.map(|kind| (kind, kind));
        let stream = parameters.one("resourceId");
        let stream_id = stream.as_deref().and_then(|text| text.parse::<Uuid>().ok());
        if stream.is_some() && stream_id.is_none() {
            let refusal = "resourceId is the id of a thing, as changes name it.";
            parameters.refuse("resourceId", refusal.to_owned());
        }
        Self {
            resource: parameters
                .choice("resource", &resources)
                .map(|(_, kind)| kind),
            stream_id: stream_id.map(StreamId),
            kind: parameters.choice("kind", &kinds).map(|(_, kind)| kind),
            actor: parameters.one("actor").map(ActorChoice::new),
            from: parameters.moment("from", now),
            to: parameters.moment("to", now),
        }
    }

    fn has(&self, event: &StoredEvent) -> bool {
        let actor = self.actor.as_ref();
        self.resource
            .is_none_or(|kind| kind == event.event.stream_kind())
            && self.stream_id.is_none_or(|id| id == event.stream_id)
            && self.kind.is_none_or(|kind| kind == event.event.kind())
            && actor.is_none_or(|actor| actor.is_of(event))
            && self.from.is_none_or(|from| event.recorded_at >= from)
            && self.to.is_none_or(|to| event.recorded_at < to)
    }

    /// Whether neither this event nor any before it can be among those that are wanted.
    fn ends_before(&self, event: &StoredEvent) -> bool {
        self.from
            .is_some_and(|from| event.recorded_at + CLOCK_SKEW < from)
    }

    fn has_all(&self) -> bool {
        self.resource.is_none()
            && self.stream_id.is_none()
            && self.kind.is_none()
            && self.actor.is_none()
            && self.from.is_none()
            && self.to.is_none()
    }
}

impl ActorChoice {
    fn new(text: String) -> Self {
        let kind = ACTORS.iter().find(|(name, _)| *name == text);
        kind.map_or(Self::Label(text), |(_, kind)| Self::Kind(*kind))
    }

    fn is_of(&self, event: &StoredEvent) -> bool {
        let actor = &event.meta.actor;
        match self {
            Self::Kind(kind) => *kind == actor.kind,
            Self::Label(label) => *label == actor.label,
        }
    }
}

impl PageRequest {
    /// A page of all changes, filtered by the query.
    ///
    /// Errors: [`ApiError::ParametersInvalid`], [`ApiError::CursorInvalid`].
    pub(super) fn read(query: Option<&str>, now: DateTime<Utc>) -> Result<Self, ApiError> {
        let known = [FILTER_NAMES.as_slice(), &["limit", "cursor"]].concat();
        let mut parameters = Parameters::parse(query, &known);
        let filter = ChangeFilter::read(&mut parameters, now);
        Self::of(parameters, filter, "/dashboard/v1/changes")
    }

    /// A page of the changes of one thing: the list at `path`.
    ///
    /// Errors: [`ApiError::ParametersInvalid`], [`ApiError::CursorInvalid`].
    pub(super) fn of_one(
        query: Option<&str>,
        (stream_id, path): (StreamId, &str),
    ) -> Result<Self, ApiError> {
        let parameters = Parameters::parse(query, &["limit", "cursor"]);
        Self::of(parameters, ChangeFilter::of(stream_id), path)
    }

    fn of(mut parameters: Parameters, filter: ChangeFilter, path: &str) -> Result<Self, ApiError> {
        let limit = parameters.number("limit", (1, MAX_PAGE), DEFAULT_PAGE);
        let cursor = parameters.one("cursor");
        let listing = Listing::of(path, &parameters);
        parameters.finish()?;
        let before = listing.position(cursor)?.map(TenantSeq);
        Ok(Self {
            filter,
            limit,
            before,
            listing,
        })
    }

    /// Reads the page.
    pub(super) async fn find(self, tx: &mut TenantTx) -> Result<FoundPage, StoreError> {
        let limit = usize::from(self.limit);
        let mut events = self.search(tx, limit + 1).await?;
        let has_more = events.len() > limit;
        events.truncate(limit);
        let last = events.last().filter(|_| has_more);
        Ok(FoundPage {
            next_cursor: last.map(|event| self.listing.cursor(event.tenant_seq)),
            events,
        })
    }

    /// The newest `wanted` events before the page's place, newest first.
    async fn search(
        &self,
        tx: &mut TenantTx,
        wanted: usize,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let at_once = if self.filter.has_all() {
            u32::from(self.limit) + 1
        } else {
            LOOKED_THROUGH
        };
        let mut found = Vec::new();
        let mut before = self.before;
        loop {
            let events = config_log::read_before(tx, before, at_once).await?;
            before = events.last().map(|event| event.tenant_seq);
            let is_over = events.last().is_none_or(|oldest| {
                oldest.tenant_seq <= TenantSeq(1) || self.filter.ends_before(oldest)
            });
            found.extend(events.into_iter().filter(|event| self.filter.has(event)));
            if is_over || found.len() >= wanted {
                found.truncate(wanted);
                return Ok(found);
            }
        }
    }
}
