//! The circuit breaker: an origin that fails most of the time is left alone for a while, then asked once to see.
//!
//! Closed: everything goes through, and the ends of the last half minute are counted. Open: nothing does, for a while.
//! Half-open: one fetch is the probe; its end closes or opens the breaker again.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use limpid_domain::failure::{Blame, Reason, Stage};
use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;

use crate::fetch::OriginAccess;

/// When breakers open, and for how long. Defaults: `reliability.md` 3, "Policy".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerLimits {
    /// What is counted lies at most this far back; the window moves in sixths of it.
    pub window: Duration,
    /// Fewer failures than this never open it; nor do failures that are less than half of all.
    pub min_failures: u32,
    /// How long it stays open before the probe.
    pub open_for: Duration,
}

impl Default for BreakerLimits {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(30),
            min_failures: 20,
            open_for: Duration::from_secs(10),
        }
    }
}

/// Servers behind one web proxy that are told apart; beyond, those that are well are forgotten first.
const MAX_SERVERS: usize = 256;

/// The breakers of one origin: one, or for a web proxy one a server, so that a dead server does not shut the others out.
#[derive(Debug)]
pub(crate) struct Breakers {
    limits: BreakerLimits,
    // A standard mutex: held to count, never over an await.
    by_server: Mutex<HashMap<String, Breaker>>,
}

/// What a breaker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Everything goes through.
    Closed,
    /// Nothing goes through for this long still.
    Open {
        /// Time until the probe.
        rest: Duration,
    },
    /// The next fetch is the probe, or it is under way.
    HalfOpen,
}

/// Leave to ask the origin. Whoever has it says how it ended; dropped unsaid, it counts for nothing.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    breakers: &'a Breakers,
    server: String,
    is_probe: bool,
    has_ended: bool,
}

/// The origin may not be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Time until the next probe; zero while one is under way.
    pub(crate) rest: Duration,
    /// How the fetch ended that opened it.
    pub(crate) because: Reason,
}

/// How one breaker stands, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Condition {
    limits: BreakerLimits,
    stands: Stands,
    /// Time until the probe, where it is open.
    pub(crate) until_probe: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    Closed { failed: u32, ended: u32 },
    Open { because: Reason },
    HalfOpen { is_probing: bool },
}

#[derive(Debug)]
enum Breaker {
    Closed(Counts),
    Open { until: Instant, because: Reason },
    HalfOpen { is_probing: bool, because: Reason },
}

/// How fetches ended lately, oldest slice first.
#[derive(Debug, Default)]
struct Counts(Vec<Slice>);

#[derive(Debug, Clone, Copy)]
struct Slice {
    began: Instant,
    failed: u32,
    ended: u32,
}

/// What a fetch says about its origin's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It answered, whatever it said.
    Well,
    /// It, or the way to it, failed, and how.
    Ill(Reason),
    /// Nothing: it was not asked.
    Unasked,
}

/// Tells operators that a breaker has opened or closed.
pub(crate) fn note(state: BreakerState, access: &OriginAccess<'_>, reason: Option<Reason>) {
    static TRANSITIONS: OnceLock<Counter<u64>> = OnceLock::new();
    let transitions = TRANSITIONS.get_or_init(|| {
        let meter = opentelemetry::global::meter("limpid.origins");
        let counter = meter.u64_counter("limpid.origin.breaker.transitions");
        let counter = counter.with_description("Breakers of origins that opened or closed.");
        counter.with_unit("{transition}").build()
    });
    let name = match state {
        BreakerState::Closed => "closed",
        BreakerState::Open { .. } => "open",
        BreakerState::HalfOpen => "half_open",
    };
    let kind = access.settings.location.kind().as_str();
    transitions.add(
        1,
        &[
            KeyValue::new("limpid.breaker.state", name),
            KeyValue::new("limpid.origin.type", kind),
        ],
    );
    tracing::warn!(
        tenant_id = access.tenant_id.0,
        origin_id = %access.origin_id,
        reason = reason.map_or("", Reason::name),
        "the breaker of an origin is {name} now"
    );
}

impl Verdict {
    /// What the end of a fetch says; `None` is an original.
    pub(crate) fn of(failure: Option<Reason>) -> Self {
        let Some(reason) = failure else {
            return Self::Well;
        };
        let row = reason.row();
        match (row.stage, row.blame) {
            (Stage::Policy, _) | (_, Blame::Platform) => Self::Unasked,
            // These are about one file: the origin answers.
            _ if matches!(
                reason,
                Reason::BotChallenge
                    | Reason::OriginUnexpectedStatus
                    | Reason::ContentEncodingInvalid
            ) =>
            {
                Self::Well
            }
            (_, Blame::Origin | Blame::Network) => Self::Ill(reason),
            _ => Self::Well,
        }
    }
}

impl Breakers {
    pub(crate) fn new(limits: BreakerLimits) -> Self {
        Self {
            limits,
            by_server: Mutex::default(),
        }
    }

    /// Whether the origin may not be asked now, without taking the probe's place.
    pub(crate) fn refuses(&self, server: &str, now: Instant) -> Option<Refused> {
        let breakers = self
            .by_server
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        breakers.get(server)?.refuses(now)
    }

    /// Asks whether the origin may be asked now.
    pub(crate) fn admit(&self, server: &str, now: Instant) -> Result<Permit<'_>, Refused> {
        let is_probe = self.with(server, |breaker| breaker.admit(now))?;
        Ok(Permit {
            breakers: self,
            server: server.to_owned(),
            is_probe,
            has_ended: false,
        })
    }

    /// What they do, by server; those nobody asked are left out.
    pub(crate) fn states(&self, now: Instant) -> Vec<(String, BreakerState)> {
        let breakers = self
            .by_server
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let states = breakers
            .iter()
            .map(|(server, breaker)| (server.clone(), breaker.state(now)));
        states.collect()
    }

    /// How the breaker of a server stands; of one nobody asked, closed.
    pub(crate) fn condition(&self, server: &str, now: Instant) -> Condition {
        let breakers = self
            .by_server
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let (mut failed, mut ended, mut until_probe) = (0, 0, None);
        let stands = match breakers.get(server) {
            None => Stands::Closed { failed, ended },
            Some(Breaker::Closed(counts)) => {
                (failed, ended) = counts.within(self.limits.window, now);
                Stands::Closed { failed, ended }
            }
            Some(Breaker::Open { until, because }) if now < *until => {
                until_probe = Some(*until - now);
                Stands::Open { because: *because }
            }
            Some(Breaker::Open { .. }) => Stands::HalfOpen { is_probing: false },
            Some(&Breaker::HalfOpen { is_probing, .. }) => Stands::HalfOpen { is_probing },
        };
        Condition {
            limits: self.limits,
            stands,
            until_probe,
        }
    }

    fn with<T>(&self, server: &str, then: impl FnOnce(&mut Breaker) -> T) -> T {
        let mut breakers = self
            .by_server
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(breaker) = breakers.get_mut(server) {
            return then(breaker);
        }
        if breakers.len() >= MAX_SERVERS {
            breakers.retain(|_, breaker| !matches!(breaker, Breaker::Closed(_)));
        }
        if breakers.len() >= MAX_SERVERS {
            // Every one of that many servers is failing: the new one is not remembered.
            return then(&mut Breaker::default());
        }
        then(breakers.entry(server.to_owned()).or_default())
    }
}

impl Permit<'_> {
    /// Says how it ended. Gives the change of state, if that was one.
    pub(crate) fn end(mut self, verdict: Verdict, now: Instant) -> Option<BreakerState> {
        self.has_ended = true;
        let (is_probe, limits) = (self.is_probe, self.breakers.limits);
        self.breakers.with(&self.server, |breaker| {
            breaker.end(is_probe, verdict, (limits, now))
        })
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.is_probe && !self.has_ended {
            self.breakers.with(&self.server, Breaker::release_probe);
        }
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Self::Closed(Counts::default())
    }
}

impl Breaker {
    /// Whether the fetch that goes through is the probe.
    fn admit(&mut self, now: Instant) -> Result<bool, Refused> {
        if let Some(refused) = self.refuses(now) {
            return Err(refused);
        }
        let because = match *self {
            Self::Closed(_) => return Ok(false),
            Self::Open { because, .. } | Self::HalfOpen { because, .. } => because,
        };
        *self = Self::HalfOpen {
            is_probing: true,
            because,
        };
        Ok(true)
    }

    fn refuses(&self, now: Instant) -> Option<Refused> {
        let (rest, because) = match *self {
            Self::Open { until, because } if now < until => (until - now, because),
            Self::HalfOpen {
                is_probing: true,
                because,
            } => (Duration::ZERO, because),
            Self::Closed(_) | Self::Open { .. } | Self::HalfOpen { .. } => return None,
        };
        Some(Refused { rest, because })
    }

    fn end(
        &mut self,
        is_probe: bool,
        verdict: Verdict,
        (limits, now): (BreakerLimits, Instant),
    ) -> Option<BreakerState> {
        let open = |because| Self::Open {
            until: now + limits.open_for,
            because,
        };
        if is_probe {
            match verdict {
                Verdict::Well => *self = Self::default(),
                Verdict::Ill(because) => *self = open(because),
                Verdict::Unasked => self.release_probe(),
            }
            return (verdict != Verdict::Unasked).then(|| self.state(now));
        }
        // Fetches that began before it opened say nothing new.
        let Self::Closed(counts) = self else {
            return None;
        };
        let is_too_many = counts.add(verdict, (limits, now));
        let Verdict::Ill(because) = verdict else {
            return None;
        };
        if !is_too_many {
            return None;
        }
        *self = open(because);
        Some(self.state(now))
    }

    fn release_probe(&mut self) {
        if let Self::HalfOpen { is_probing, .. } = self {
            *is_probing = false;
        }
    }

    fn state(&self, now: Instant) -> BreakerState {
        match self {
            Self::Closed(_) => BreakerState::Closed,
            Self::Open { until, .. } if now < *until => BreakerState::Open { rest: *until - now },
            Self::Open { .. } | Self::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.stands {
            Stands::Closed { failed, ended } => write!(
                f,
                "closed: {failed} of {ended} fetches of the last {} s failed; it opens at {} failures that are half of all",
                self.limits.window.as_secs(),
                self.limits.min_failures
            ),
            Stands::Open { because } => write!(
                f,
                "open: most fetches failed lately, the last with {because}, so the origin is left alone"
            ),
            Stands::HalfOpen { is_probing: false } => {
                f.write_str("half open: the next request is the probe, which closes or opens it")
            }
            Stands::HalfOpen { is_probing: true } => f.write_str(
                "half open: the probe is under way, and nobody else asks before its end",
            ),
        }
    }
}

impl Counts {
    /// Failures and ends that are not older than `window`.
    fn within(&self, window: Duration, now: Instant) -> (u32, u32) {
        let slices = self.0.iter();
        slices
            .filter(|slice| now.saturating_duration_since(slice.began) < window)
            .fold((0, 0), |(failed, ended), slice| {
                (failed + slice.failed, ended + slice.ended)
            })
    }

    /// Counts one end; whether that is one failure too many.
    fn add(&mut self, verdict: Verdict, (limits, now): (BreakerLimits, Instant)) -> bool {
        if verdict == Verdict::Unasked {
            return false;
        }
        self.0
            .retain(|slice| now.saturating_duration_since(slice.began) < limits.window);
        let failed = u32::from(matches!(verdict, Verdict::Ill(_)));
        match self.0.last_mut() {
            Some(last) if now.saturating_duration_since(last.began) < limits.window / 6 => {
                last.failed += failed;
                last.ended += 1;
            }
            _ => self.0.push(Slice {
                began: now,
                failed,
                ended: 1,
            }),
        }
        let (failed, ended) = self.within(limits.window, now);
        failed >= limits.min_failures && failed * 2 >= ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ILL: Verdict = Verdict::Ill(Reason::ConnectionRefused);
    const OPEN_FOR: Duration = Duration::from_secs(10);

    fn end(breakers: &Breakers, verdict: Verdict, now: Instant) -> Option<BreakerState> {
        breakers.admit("", now).unwrap().end(verdict, now)
    }

    /// Breakers that have just opened.
    fn opened(now: Instant) -> Breakers {
        let breakers = Breakers::new(BreakerLimits::default());
        for _ in 0..19 {
            assert_eq!(end(&breakers, ILL, now), None);
        }
        let state = end(&breakers, ILL, now);
        assert_eq!(state, Some(BreakerState::Open { rest: OPEN_FOR }));
        breakers
    }

    #[test]
    fn people_read_whether_it_is_closed_open_or_half_open() {
        let now = Instant::now();
        let breakers = Breakers::new(BreakerLimits::default());
        let read = |breakers: &Breakers, after| {
            let condition = breakers.condition("", now + after);
            (condition.to_string(), condition.until_probe)
        };
        let (fresh, _) = read(&breakers, Duration::ZERO);
        assert!(fresh.starts_with("closed: 0 of 0 fetches"), "{fresh}");
        end(&breakers, ILL, now);
        end(&breakers, Verdict::Well, now);
        let (closed, _) = read(&breakers, Duration::ZERO);
        assert!(
            closed.starts_with("closed: 1 of 2 fetches of the last 30 s"),
            "{closed}"
        );
        let (later, _) = read(&breakers, Duration::from_secs(31));
        assert!(later.starts_with("closed: 0 of 0 fetches"), "{later}");
        let breakers = opened(now);
        let (open, rest) = read(&breakers, Duration::from_secs(3));
        let why = "open: most fetches failed lately, the last with connection_refused,";
        assert!(open.starts_with(why), "{open}");
        assert_eq!(rest, Some(Duration::from_secs(7)));
        let (next, rest) = read(&breakers, OPEN_FOR);
        assert!(next.contains("the next request is the probe"), "{next}");
        assert_eq!(rest, None);
        let _probe = breakers.admit("", now + OPEN_FOR).unwrap();
        let (probing, _) = read(&breakers, OPEN_FOR);
        assert!(probing.contains("the probe is under way"), "{probing}");
    }

    #[test]
    fn it_opens_at_twenty_failures_that_are_half_of_all() {
        let now = Instant::now();
        opened(now);
        let mixed = Breakers::new(BreakerLimits::default());
        for _ in 0..21 {
            assert_eq!(end(&mixed, Verdict::Well, now), None);
        }
        for _ in 0..20 {
            assert_eq!(end(&mixed, ILL, now), None);
        }
        assert!(end(&mixed, ILL, now).is_some());
    }

    #[test]
    fn what_lies_longer_back_is_forgotten() {
        let start = Instant::now();
        let breakers = Breakers::new(BreakerLimits::default());
        for second in 0..300 {
            let now = start + Duration::from_secs(second * 2);
            assert_eq!(end(&breakers, ILL, now), None, "{second}");
        }
    }

    #[test]
    fn one_probe_at_a_time_decides() {
        let now = Instant::now();
        let breakers = opened(now);
        let refused = breakers
            .admit("", now + Duration::from_secs(4))
            .unwrap_err();
        assert_eq!(refused.rest, Duration::from_secs(6));
        let later = now + OPEN_FOR;
        let probe = breakers.admit("", later).unwrap();
        assert_eq!(breakers.admit("", later).unwrap_err().rest, Duration::ZERO);
        assert_eq!(breakers.states(later)[0].1, BreakerState::HalfOpen);
        let state = probe.end(ILL, later);
        assert_eq!(state, Some(BreakerState::Open { rest: OPEN_FOR }));
        let healed = later + OPEN_FOR;
        let state = breakers
            .admit("", healed)
            .unwrap()
            .end(Verdict::Well, healed);
        assert_eq!(state, Some(BreakerState::Closed));
        assert_eq!(end(&breakers, ILL, healed), None);
    }

    #[test]
    fn a_probe_that_is_given_up_leaves_its_place() {
        let now = Instant::now();
        let breakers = opened(now);
        let later = now + OPEN_FOR;
        drop(breakers.admit("", later).unwrap());
        let probe = breakers.admit("", later).unwrap();
        assert_eq!(probe.end(Verdict::Unasked, later), None);
        assert!(breakers.admit("", later).is_ok());
    }

    #[test]
    fn fetches_that_end_after_it_opened_change_nothing() {
        let now = Instant::now();
        let breakers = Breakers::new(BreakerLimits::default());
        let early = breakers.admit("", now).unwrap();
        for _ in 0..20 {
            end(&breakers, ILL, now);
        }
        assert_eq!(early.end(Verdict::Well, now), None);
        assert!(breakers.admit("", now).is_err());
    }

    #[test]
    fn servers_are_told_apart_and_bounded() {
        let now = Instant::now();
        let breakers = opened(now);
        assert!(breakers.admit("other.example", now).is_ok());
        for number in 0..10_000 {
            drop(breakers.admit(&format!("{number}.example"), now));
        }
        assert!(breakers.states(now).len() <= MAX_SERVERS);
        assert!(breakers.admit("", now).is_err(), "the open one is kept");
    }

    #[test]
    fn only_what_the_origin_or_the_network_did_counts_against_it() {
        for (reason, verdict) in [
            (None, Verdict::Well),
            (Some(Reason::ObjectNotFound), Verdict::Well),
            (Some(Reason::AccessDenied), Verdict::Well),
            (Some(Reason::BotChallenge), Verdict::Well),
            (Some(Reason::SourceTooLarge), Verdict::Well),
            (
                Some(Reason::ResponseTimeout),
                Verdict::Ill(Reason::ResponseTimeout),
            ),
            (
                Some(Reason::ConnectionRefused),
                Verdict::Ill(Reason::ConnectionRefused),
            ),
            (Some(Reason::DnsTimeout), Verdict::Ill(Reason::DnsTimeout)),
            (
                Some(Reason::OriginServerError),
                Verdict::Ill(Reason::OriginServerError),
            ),
            (
                Some(Reason::OriginRateLimited),
                Verdict::Ill(Reason::OriginRateLimited),
            ),
            (Some(Reason::OriginConcurrencyLimit), Verdict::Unasked),
            (Some(Reason::CircuitOpen), Verdict::Unasked),
            (Some(Reason::AddressProhibited), Verdict::Unasked),
            (Some(Reason::Internal), Verdict::Unasked),
        ] {
            assert_eq!(Verdict::of(reason), verdict, "{reason:?}");
        }
    }
}
