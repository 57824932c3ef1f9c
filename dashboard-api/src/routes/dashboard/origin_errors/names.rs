//! Fact tables hold small numbers; answers hold public ids. This is where one becomes the other.

use std::collections::HashMap;

use limpid_domain::ids::{OriginId, OriginNo, UrlEndpointId, UrlEndpointNo};
use limpid_domain::origin::OriginSettings;
use limpid_domain::url_endpoint::DEFAULT_ENDPOINT_NAME;

use super::filter::{EndpointChoice, OriginChoice};

/// Every origin and URL endpoint a tenant has or had; failures outlive what they happened to.
#[derive(Debug, Default)]
pub(super) struct Names {
    origins: HashMap<OriginNo, NamedOrigin>,
    endpoints: HashMap<UrlEndpointNo, NamedEndpoint>,
}

/// An origin as events refer to it.
#[derive(Debug)]
pub(super) struct NamedOrigin {
    /// Its public id.
    pub(super) id: OriginId,
    /// Its settings; of a deleted one, the last.
    pub(super) settings: OriginSettings,
}

/// A URL endpoint as events refer to it.
#[derive(Debug)]
pub(super) struct NamedEndpoint {
    /// Its id; not what answers show for the default endpoint.
    pub(super) id: UrlEndpointId,
    /// Whether it is the default endpoint.
    pub(super) is_default: bool,
    /// What its tenant calls it.
    pub(super) description: String,
}

impl NamedEndpoint {
    /// The id that answers show.
    pub(super) fn public_id(&self) -> String {
        if self.is_default {
            DEFAULT_ENDPOINT_NAME.to_owned()
        } else {
            self.id.to_string()
        }
    }
}

/// Stands in a filter for ids nobody has, so that it matches nothing. Real numbers are positive.
const UNKNOWN: i32 = -1;

impl Names {
    /// Names of these.
    pub(super) fn new(
        origins: impl IntoIterator<Item = (OriginNo, NamedOrigin)>,
        endpoints: impl IntoIterator<Item = (UrlEndpointNo, NamedEndpoint)>,
    ) -> Self {
        Self {
            origins: origins.into_iter().collect(),
            endpoints: endpoints.into_iter().collect(),
        }
    }

    /// The origin with this number.
    pub(super) fn origin(&self, no: OriginNo) -> Option<&NamedOrigin> {
        self.origins.get(&no)
    }

    /// The URL endpoint with this number.
    pub(super) fn endpoint(&self, no: UrlEndpointNo) -> Option<&NamedEndpoint> {
        self.endpoints.get(&no)
    }

    /// The numbers of the origins asked for. Another tenant's id is as unknown as a random one.
    pub(super) fn origin_nos(&self, choices: &[OriginChoice]) -> Vec<OriginNo> {
        let no_of = |id: OriginId| {
            let mut known = self.origins.iter();
            known.find(|(_, origin)| origin.id == id).map(|(no, _)| *no)
        };
        let numbers = choices.iter().map(|choice| match choice {
            OriginChoice::None => OriginNo::NONE,
            OriginChoice::Id(id) => no_of(*id).unwrap_or(OriginNo(UNKNOWN)),
        });
        numbers.collect()
    }

    /// The numbers of the URL endpoints asked for.
    pub(super) fn endpoint_nos(&self, choices: &[EndpointChoice]) -> Vec<UrlEndpointNo> {
        let no_of = |matches: &dyn Fn(&NamedEndpoint) -> bool| {
            let mut known = self.endpoints.iter();
            let found = known.find(|(_, endpoint)| matches(endpoint));
            found.map_or(UrlEndpointNo(UNKNOWN), |(no, _)| *no)
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
    use limpid_domain::origin::OriginLocation;

    use super::*;

    fn names() -> (Names, OriginId, UrlEndpointId) {
        let (origin, endpoint) = (OriginId::mint(), UrlEndpointId::mint());
        let settings = OriginSettings {
            name: "Photos".to_owned(),
            location: OriginLocation::WebProxy,
            include_canonical_header: false,
            base_url_for_canonical_header: None,
        };
        let named_endpoint = |id, is_default| NamedEndpoint {
            id,
            is_default,
            description: String::new(),
        };
        let names = Names::new(
            [(
                OriginNo(4),
                NamedOrigin {
                    id: origin,
                    settings,
                },
            )],
            [
                (
                    UrlEndpointNo(3),
                    named_endpoint(UrlEndpointId::mint(), true),
                ),
                (UrlEndpointNo(5), named_endpoint(endpoint, false)),
            ],
        );
        (names, origin, endpoint)
    }

    #[test]
    fn ids_become_numbers_and_unknown_ids_match_nothing() {
        let (names, origin, endpoint) = names();
        let choices = [
            OriginChoice::Id(origin),
            OriginChoice::None,
            OriginChoice::Id(OriginId::mint()),
        ];
        assert_eq!(
            names.origin_nos(&choices),
            [OriginNo(4), OriginNo(0), OriginNo(-1)]
        );
        let choices = [
            EndpointChoice::Default,
            EndpointChoice::Id(endpoint),
            EndpointChoice::None,
            EndpointChoice::Id(UrlEndpointId::mint()),
        ];
        let expected = [3, 5, 0, -1].map(UrlEndpointNo);
        assert_eq!(names.endpoint_nos(&choices), expected);
    }

    #[test]
    fn the_default_endpoint_is_shown_by_its_name() {
        let (names, _, endpoint) = names();
        let shown = |no| {
            names
                .endpoint(UrlEndpointNo(no))
                .map(NamedEndpoint::public_id)
        };
        assert_eq!(shown(3).as_deref(), Some("default"));
        assert_eq!(shown(5), Some(endpoint.to_string()));
    }
}
