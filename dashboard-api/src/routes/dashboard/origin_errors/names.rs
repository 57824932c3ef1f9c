//! Fact tables hold small numbers; answers hold public ids. This is where one becomes the other.

use limpid_domain::failure::FailureEvent;
use limpid_domain::ids::{OriginId, OriginNo, UrlEndpointNo};
use limpid_event_store::{StoreError, TenantTx};
use limpid_read_models::breakdown::SeriesKey;
use limpid_read_models::delivery_config::{self, OriginView, UrlEndpointConfig};

use super::filter::{EndpointChoice, OriginChoice};

/// Every origin and URL endpoint a tenant has or had; failures outlive what they happened to.
#[derive(Debug)]
pub(super) struct Names {
    origins: Vec<OriginView>,
    endpoints: Vec<UrlEndpointConfig>,
}

/// Stands in a filter for ids nobody has, so that it matches nothing. Real numbers are positive.
const UNKNOWN: i32 = -1;

impl Names {
    /// The tenant's names.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub(super) async fn load(tx: &mut TenantTx) -> Result<Self, StoreError> {
        Ok(Self {
            origins: delivery_config::origins(tx).await?,
            endpoints: delivery_config::url_endpoints(tx).await?,
        })
    }

    /// The origin with this number.
    pub(super) fn origin(&self, no: OriginNo) -> Option<&OriginView> {
        self.origins.iter().find(|origin| origin.no == no)
    }

    /// How many origins there are that are not deleted.
    pub(super) fn present_origins(&self) -> usize {
        let present = self.origins.iter().filter(|origin| !origin.deleted);
        present.count()
    }

    /// The URL endpoint with this number.
    pub(super) fn endpoint(&self, no: UrlEndpointNo) -> Option<&UrlEndpointConfig> {
        self.endpoints.iter().find(|endpoint| endpoint.no == no)
    }

    /// Whether the event's origin and URL endpoint are among the names; an event without any has nothing to be named.
    pub(super) fn know(&self, event: &FailureEvent) -> bool {
        let (origin, endpoint) = (event.origin_no, event.endpoint_no);
        (origin == OriginNo::NONE || self.origin(origin).is_some())
            && (endpoint == UrlEndpointNo::NONE || self.endpoint(endpoint).is_some())
    }

    /// The value of a filter or a line of a chart, as the API names it.
    pub(super) fn public_key(&self, key: SeriesKey) -> String {
        let none = || "none".to_owned();
        match key {
            SeriesKey::Code(code) => code.as_str().to_owned(),
            SeriesKey::Reason(reason) => reason.name().to_owned(),
            SeriesKey::Stage(stage) => stage.as_str().to_owned(),
            SeriesKey::Outcome(outcome) => outcome.as_str().to_owned(),
            SeriesKey::UpstreamStatus(0) => none(),
            SeriesKey::UpstreamStatus(status) => status.to_string(),
            SeriesKey::ConfigVersion(version) => version.to_string(),
            SeriesKey::Node(id) => id.to_string(),
            SeriesKey::Group(group) => group.to_string(),
            SeriesKey::Other => "other".to_owned(),
            SeriesKey::Origin(no) => self
                .origin(no)
                .map_or_else(none, |origin| origin.id.to_string()),
            SeriesKey::Endpoint(no) => self
                .endpoint(no)
                .map_or_else(none, UrlEndpointConfig::api_id),
        }
    }

    /// What people call it: the name of an origin or endpoint, the title of a reason; else nothing.
    pub(super) fn label(&self, key: SeriesKey) -> Option<String> {
        match key {
            SeriesKey::Reason(reason) => Some(reason.row().title.to_owned()),
            SeriesKey::Origin(no) => self.origin(no).map(|origin| origin.settings.name.clone()),
            SeriesKey::Endpoint(no) => self
                .endpoint(no)
                .map(|endpoint| endpoint.settings.description.clone()),
            _ => None,
        }
    }

    /// The numbers of the origins asked for. Another tenant's id is as unknown as a random one.
    pub(super) fn origin_nos(&self, choices: &[OriginChoice]) -> Vec<OriginNo> {
        let no_of = |id: OriginId| {
            let known = self.origins.iter().find(|origin| origin.id == id);
            known.map_or(OriginNo(UNKNOWN), |origin| origin.no)
        };
        let numbers = choices.iter().map(|choice| match choice {
            OriginChoice::None => OriginNo::NONE,
            OriginChoice::Id(id) => no_of(*id),
        });
        numbers.collect()
    }

    /// The numbers of the URL endpoints asked for.
    pub(super) fn endpoint_nos(&self, choices: &[EndpointChoice]) -> Vec<UrlEndpointNo> {
        let no_of = |matches: &dyn Fn(&UrlEndpointConfig) -> bool| {
            let known = self.endpoints.iter().find(|endpoint| matches(endpoint));
            known.map_or(UrlEndpointNo(UNKNOWN), |endpoint| endpoint.no)
        };
        let numbers = choices.iter().map(|choice| match choice {
            EndpointChoice::None => UrlEndpointNo::NONE,
            EndpointChoice::Default => no_of(&|endpoint| endpoint.is_default),
            EndpointChoice::Id(id) => no_of(&|endpoint| endpoint.id == *id),
        });
        numbers.collect()
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use limpid_domain::ids::{StreamVersion, UrlEndpointId};
    use limpid_domain::origin::{OriginLocation, OriginSettings};
    use limpid_domain::restrictions::Restrictions;
    use limpid_domain::url_endpoint::UrlEndpointSettings;

    use super::*;

    fn origin(no: i32) -> OriginView {
        OriginView {
            no: OriginNo(no),
            id: OriginId::mint(),
            version: StreamVersion(1),
            settings: OriginSettings {
                name: "Photos".to_owned(),
                location: OriginLocation::WebProxy,
                include_canonical_header: false,
                base_url_for_canonical_header: None,
            },
            updated_at: DateTime::UNIX_EPOCH,
            deleted: true,
        }
    }

    fn endpoint(no: i32, is_default: bool) -> UrlEndpointConfig {
        UrlEndpointConfig {
            no: UrlEndpointNo(no),
            id: UrlEndpointId::mint(),
            version: StreamVersion(1),
            is_default,
            settings: UrlEndpointSettings {
                description: String::new(),
                url_prefix: String::new(),
                origins: Vec::new(),
                url_rewriter: None,
            },
            restrictions: Restrictions::default(),
            caching: limpid_domain::caching::Caching::default(),
            updated_at: DateTime::UNIX_EPOCH,
            deleted: false,
        }
    }

    #[test]
    fn ids_become_numbers_and_unknown_ids_match_nothing() {
        let names = Names {
            origins: vec![origin(4)],
            endpoints: vec![endpoint(3, true), endpoint(5, false)],
        };
        let choices = [
            OriginChoice::Id(names.origins[0].id),
            OriginChoice::None,
            OriginChoice::Id(OriginId::mint()),
        ];
        let expected = [4, 0, -1].map(OriginNo);
        assert_eq!(names.origin_nos(&choices), expected);
        let choices = [
            EndpointChoice::Default,
            EndpointChoice::Id(names.endpoints[1].id),
            EndpointChoice::None,
            EndpointChoice::Id(UrlEndpointId::mint()),
        ];
        let expected = [3, 5, 0, -1].map(UrlEndpointNo);
        assert_eq!(names.endpoint_nos(&choices), expected);
    }
}
