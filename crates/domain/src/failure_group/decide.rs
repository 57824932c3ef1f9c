//! The rules of a group's life.
//!
//! | module | holds |
//! |---|---|
//! | `success` | when successes say that a group is over |

mod success;

use chrono::{DateTime, TimeDelta, Utc};

use super::{GroupEvent, GroupLife, GroupState, ResolvedBy, TimedGroupEvent, evolve};
pub use success::{LEAST_QUIET, SuccessFacts};

/// Who still fails this long after it began is no longer new.
const A_DAY: TimeDelta = TimeDelta::days(1);

/// After this long without a failure a group is over.
pub const SILENCE: TimeDelta = TimeDelta::days(7);

/// Fewer failures in an hour than this are no escalation, whatever came before.
pub const LEAST_ESCALATION: i64 = 50;

/// An hour escalates when it has more than this many times the mean of the hours of the day before.
const ESCALATION_FACTOR: i64 = 3;

/// One clock hour of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HourOfFailures {
    /// Its failures.
    pub failures: i64,
    /// Failures in the hours that it is compared with.
    pub before: i64,
    /// How many hours those are: the 24 before it that the present run of failures has lasted. 0 compares with nothing.
    pub hours_before: i64,
}

/// What the counts say about a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupFacts {
    /// Its first failure ever.
    pub first_at: DateTime<Utc>,
    /// Its latest failure.
    pub last_at: DateTime<Utc>,
    /// The first failure that occurred after it was resolved; `None` where it is not resolved or there is none.
    pub came_back_at: Option<DateTime<Utc>>,
    /// The clock hour of its latest failure; where time is looked at, the present hour and the one before.
    pub hours: Vec<HourOfFailures>,
    /// What is known of successes of its path template at its origin, where time is looked at; `None` where there are none.
    pub successes: Option<SuccessFacts>,
}

/// What somebody wants done to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupCommand {
    /// It is over.
    Resolve,
    /// It is not over.
    Reopen,
    /// It need not be seen, until a moment or for ever.
    Mute(Option<DateTime<Utc>>),
    /// It is to be seen again.
    Unmute,
    /// Its failing paths were asked for again.
    Verified {
        /// Paths that are served now.
        served: u32,
        /// Paths that were asked for.
        asked: u32,
    },
}

/// Why a command is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GroupRefusal {
    /// It is over already.
    #[error("The group is resolved already.")]
    AlreadyResolved,
    /// What is not over cannot be reopened.
    #[error("The group is not resolved, so there is nothing to reopen.")]
    NotResolved,
    /// What is not muted cannot be unmuted.
    #[error("The group is not muted.")]
    NotMuted,
    /// Muting ends before it begins.
    #[error("until must be in the future.")]
    MuteEnded,
}

impl HourOfFailures {
    /// Whether it has far more failures than those before.
    fn escalates(self) -> bool {
        self.hours_before > 0
            && self.failures >= LEAST_ESCALATION
            && self.failures.saturating_mul(self.hours_before)
                > self.before.saturating_mul(ESCALATION_FACTOR)
    }

    fn mean_before(self) -> i64 {
        self.before.checked_div(self.hours_before).unwrap_or(0)
    }
}

/// What follows from failures that were counted, in order. Knows no "now": the same batches give the same events whenever they are
/// counted.
pub fn after_failures(life: Option<&GroupLife>, facts: &GroupFacts) -> Vec<TimedGroupEvent> {
    let mut events = Vec::new();
    let mut life = match life {
        Some(life) => life.clone(),
        None => happen(&mut events, None, facts.first_at, GroupEvent::Began {}),
    };
    if life.state == GroupState::Resolved {
        // What occurred before it was resolved and arrives late says nothing new.
        if let Some(at) = facts.came_back_at {
            happen(&mut events, Some(life), at, GroupEvent::Regressed {});
        }
        // Its hours are of the run before; the next failures tell.
        return events;
    }
    let is_young = matches!(life.state, GroupState::New | GroupState::Regressed);
    if is_young && facts.last_at - life.episode_at >= A_DAY {
        let continued = GroupEvent::Continued {};
        life = happen(&mut events, Some(life), facts.last_at, continued);
    }
    let escalating = facts.hours.iter().find(|hour| hour.escalates());
    if let Some(hour) = escalating.filter(|_| life.state != GroupState::Escalating) {
        let escalated = GroupEvent::Escalated {
            hour: hour.failures,
            hourly_mean: hour.mean_before(),
        };
        happen(&mut events, Some(life), facts.last_at, escalated);
    }
    events
}

/// What follows from time having passed. `facts.hours` are the present clock hour and the one before, so that an escalation ends after
/// a whole hour without one.
pub fn after_time(
    life: &GroupLife,
    facts: &GroupFacts,
    now: DateTime<Utc>,
) -> Option<TimedGroupEvent> {
    if life.state == GroupState::Resolved {
        return None;
    }
    let silent_since = facts.last_at.max(life.episode_at);
    let silent_at = silent_since + SILENCE;
    if silent_at <= now {
        let by = ResolvedBy::Silence;
        return Some(TimedGroupEvent {
            at: silent_at,
            event: GroupEvent::Resolved { by },
        });
    }
    let successes = facts.successes.as_ref();
    let lasted = facts.last_at - life.episode_at;
    if let Some(successes) = successes.filter(|it| it.say_that_it_is_over(silent_since, lasted)) {
        let by = ResolvedBy::Success;
        return Some(TimedGroupEvent {
            at: successes.known_to,
            event: GroupEvent::Resolved { by },
        });
    }
    let is_over = life.state == GroupState::Escalating
        && now - life.since >= TimeDelta::hours(1)
        && !facts.hours.iter().any(|hour| hour.escalates());
    is_over.then_some(TimedGroupEvent {
        at: now,
        event: GroupEvent::Calmed {},
    })
}

/// What happens when somebody asks for something; `None` where it changes nothing.
///
/// # Errors
/// [`GroupRefusal`] where a rule forbids it.
pub fn command(
    life: &GroupLife,
    command: GroupCommand,
    now: DateTime<Utc>,
) -> Result<Option<GroupEvent>, GroupRefusal> {
    let is_resolved = life.state == GroupState::Resolved;
    match command {
        GroupCommand::Resolve if is_resolved => Err(GroupRefusal::AlreadyResolved),
        GroupCommand::Resolve => Ok(Some(GroupEvent::Resolved {
            by: ResolvedBy::Hand,
        })),
        GroupCommand::Reopen if is_resolved => Ok(Some(GroupEvent::Reopened {})),
        GroupCommand::Reopen => Err(GroupRefusal::NotResolved),
        GroupCommand::Mute(Some(until)) if until <= now => Err(GroupRefusal::MuteEnded),
        GroupCommand::Mute(until) => Ok(Some(GroupEvent::Muted { until })),
        GroupCommand::Unmute if life.is_muted(now) => Ok(Some(GroupEvent::Unmuted {})),
        GroupCommand::Unmute => Err(GroupRefusal::NotMuted),
        GroupCommand::Verified { served, asked } if asked > 0 && served >= asked => {
            let by = ResolvedBy::Verified;
            Ok((!is_resolved).then_some(GroupEvent::Resolved { by }))
        }
        GroupCommand::Verified { served, asked } => {
            Ok(Some(GroupEvent::VerificationFailed { served, asked }))
        }
    }
}

fn happen(
    events: &mut Vec<TimedGroupEvent>,
    life: Option<GroupLife>,
    at: DateTime<Utc>,
    event: GroupEvent,
) -> GroupLife {
    let timed = TimedGroupEvent { at, event };
    let after = evolve(life, &timed);
    events.push(timed);
    after
}

#[cfg(test)]
mod tests;
