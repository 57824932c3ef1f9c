//! How many events of a group keep their document. Counts are never thinned out; documents of thousands alike are.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use limpid_domain::failure::{DetailLevel, FailureDetail, FailureEvent, PhaseTimings};

/// Events of one fingerprint that keep their document in one minute …
const FULL_PER_MINUTE: u32 = 100;
/// … and of the rest every n-th does.
const THEN_ONE_IN: u32 = 20;
/// Groups remembered before those whose minute has ended are cleared away.
const MAX_IDLE_GROUPS: usize = 4096;

/// Counts documents per fingerprint and minute.
#[derive(Debug, Default)]
pub(super) struct DetailSampler {
    groups: HashMap<(i64, i64), Group>,
}

#[derive(Debug)]
struct Group {
    ends_at: Instant,
    seen: u32,
}

impl DetailSampler {
    /// Takes the document off `event` when its group has had enough of them.
    ///
    /// What the event's sentence is built from stays: it must read as the client saw it.
    pub(super) fn thin_out(&mut self, event: &mut FailureEvent, now: Instant) {
        if self.keeps(event, now) {
            return;
        }
        let Some(detail) = event.detail.take() else {
            return;
        };
        let says_more = detail.limit.is_some() || detail.layer_input.is_some();
        if says_more || detail.detail_level != DetailLevel::Reason {
            event.detail = Some(Box::new(only_sentence(*detail)));
        }
    }

    fn keeps(&mut self, event: &FailureEvent, now: Instant) -> bool {
        if self.groups.len() > MAX_IDLE_GROUPS {
            self.groups.retain(|_, group| group.ends_at > now);
        }
        let key = (event.tenant_id.0, event.fingerprint());
        let group = self.groups.entry(key).or_insert(Group {
            ends_at: now,
            seen: 0,
        });
        if group.ends_at <= now {
            *group = Group {
                ends_at: now + Duration::from_mins(1),
                seen: 0,
            };
        }
        group.seen = group.seen.saturating_add(1);
        group.seen <= FULL_PER_MINUTE || group.seen.is_multiple_of(THEN_ONE_IN)
    }
}

fn only_sentence(detail: FailureDetail) -> FailureDetail {
    FailureDetail {
        detail_level: detail.detail_level,
        method: detail.method,
        url: String::new(),
        transformation: None,
        location: None,
        provider_code: None,
        provider_request_id: None,
        timings: PhaseTimings::default(),
        response_headers: Vec::new(),
        body_excerpt: None,
        looks_like: None,
        limit: detail.limit,
        layer_input: detail.layer_input,
        note: None,
        retries: 0,
        referrer: None,
        user_agent: None,
        trace_id: None,
    }
}

#[cfg(test)]
mod tests {
    use limpid_domain::failure::{LimitBreach, Reason};

    use super::*;
    use crate::failure_recorder::tests::event_on;

    #[test]
    fn the_first_hundred_of_a_minute_keep_their_document_then_one_in_twenty() {
        let mut sampler = DetailSampler::default();
        let now = Instant::now();
        let kept = (0..200)
            .filter(|_| {
                let mut event = event_on("/a.jpg");
                sampler.thin_out(&mut event, now);
                event.detail.is_some()
            })
            .count();
        assert_eq!(kept, 100 + 5);
        let mut event = event_on("/a.jpg");
        sampler.thin_out(&mut event, now + Duration::from_mins(1));
        assert!(event.detail.is_some());
    }

    #[test]
    fn a_thinned_event_still_reads_as_the_client_saw_it() {
        let mut sampler = DetailSampler::default();
        let now = Instant::now();
        for _ in 0..150 {
            let mut event = event_on("/big.jpg");
            event.reason = Reason::SourceTooLarge;
            let detail = event.detail.as_mut().unwrap();
            detail.limit = Some(LimitBreach {
                name: "input image size".to_owned(),
                found: "9 bytes".to_owned(),
                allowed: "5 bytes".to_owned(),
            });
            let before = event.message();
            sampler.thin_out(&mut event, now);
            assert_eq!(event.message(), before);
        }
    }
}
