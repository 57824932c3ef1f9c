//! Facets say what counting by hand says, without their own selection.

use std::collections::HashMap;

use limpid_domain::failure::{FailureCode, FailureEvent};
use limpid_read_models::breakdown::{GroupBy, SeriesKey};
use limpid_read_models::failure_facets::{facet, facets};
use limpid_read_models::filter::FailureFilter;

use crate::failures::{TENANT, filters, matching, window, with_failures};

fn counted(events: &[FailureEvent], filter: &FailureFilter) -> HashMap<SeriesKey, i64> {
    let mut counts = HashMap::new();
    for event in matching(events, filter) {
        let key = SeriesKey::Code(event.reason.code());
        *counts.entry(key).or_default() += i64::from(event.occurrences);
    }
    counts
}

#[tokio::test]
async fn a_facet_ignores_its_own_selection_and_obeys_all_others() {
    let (database, events) = with_failures(41).await;
    for filter in filters(&events) {
        let mut tx = database.tenant_tx(TENANT).await.unwrap();
        let codes = facet(&mut tx, &filter, GroupBy::Code).await.unwrap();
        let mut others = filter.clone();
        others.include.codes.clear();
        others.exclude.codes.clear();
        let expected = counted(&events, &others);
        assert!(codes.values.is_sorted_by(|(_, a), (_, b)| a >= b));
        assert_eq!(
            codes.values.into_iter().collect::<HashMap<_, _>>(),
            expected,
            "{filter:?}"
        );
    }
}

#[tokio::test]
async fn fields_that_are_asked_at_once_say_what_each_says_alone() {
    let fields = [
        GroupBy::Code,
        GroupBy::Reason,
        GroupBy::Stage,
        GroupBy::Origin,
        GroupBy::Endpoint,
        GroupBy::Outcome,
        GroupBy::UpstreamStatus,
        GroupBy::ConfigVersion,
        GroupBy::Node,
    ];
    let (database, events) = with_failures(43).await;
    for filter in filters(&events) {
        let mut tx = database.tenant_tx(TENANT).await.unwrap();
        for asked in [&fields[..], &fields[..2], &fields[5..]] {
            let together = facets(&mut tx, &filter, asked).await.unwrap();
            let mut alone = Vec::new();
            for field in asked {
                alone.push(facet(&mut tx, &filter, *field).await.unwrap());
            }
            assert_eq!(together, alone, "{filter:?}");
        }
    }
}

#[tokio::test]
async fn what_is_beyond_the_first_values_is_added_up() {
    let (database, events) = with_failures(42).await;
    let mut filter = FailureFilter::all(window("2026-11-20T05:00:00Z", "2026-11-23T05:00:00Z"));
    filter.exclude.codes = vec![FailureCode::Eacces];
    let mut tx = database.tenant_tx(TENANT).await.unwrap();
    let groups = facet(&mut tx, &filter, GroupBy::Group).await.unwrap();
    assert!(groups.others > 0, "there are more groups than are listed");
    let listed: i64 = groups.values.iter().map(|(_, count)| count).sum();
    let all = matching(&events, &filter).map(|event| i64::from(event.occurrences));
    assert_eq!(listed + groups.others, all.sum::<i64>());
}
