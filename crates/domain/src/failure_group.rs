//! The life of a group of failures: began, goes on, grows, was resolved, came back. Each change is an event; the state is their fold.
//!
//! | module | holds |
//! |---|---|
//! | `decide` | which events follow from failures, from time and from what people ask |

mod decide;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use decide::{
    GroupCommand, GroupFacts, GroupRefusal, HourOfFailures, LEAST_ESCALATION, LEAST_QUIET, SILENCE,
    SuccessFacts, after_failures, after_time, command,
};

/// What a group is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GroupState {
    /// Began less than a day ago, or never failed after its first day.
    New,
    /// Still failed a day after it began.
    Ongoing,
    /// Fails far more than the day before.
    Escalating,
    /// Fails again after it was resolved, for less than a day.
    Regressed,
    /// Over: people said so, it was verified, its files are served again, or it has been silent.
    Resolved,
}

/// Until when a group is not to ask for attention. Its state goes on beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mute {
    /// Until this moment.
    Until(DateTime<Utc>),
    /// Until somebody unmutes it.
    ForEver,
}

/// How a group was resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResolvedBy {
    /// Somebody said so.
    Hand,
    /// Every path that was asked for again was served.
    Verified,
    /// Nothing failed for seven days.
    Silence,
    /// Files of the same path template came from the same origin for long enough, and nothing failed any more.
    Success,
}

/// One event in a group's life. Stored as [`GroupEvent::kind`] and the payload beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    content = "data",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub enum GroupEvent {
    /// Its first failure.
    Began {},
    /// It still fails a day after it began or came back.
    Continued {},
    /// It fails far more than before.
    Escalated {
        /// Failures in the clock hour that showed it.
        hour: i64,
        /// Failures an hour in the day before, rounded down.
        hourly_mean: i64,
    },
    /// It no longer fails far more than before.
    Calmed {},
    /// It fails again after it was resolved.
    Regressed {},
    /// It is over.
    Resolved {
        /// Who or what says so.
        by: ResolvedBy,
    },
    /// Somebody said that it is not over.
    Reopened {},
    /// Somebody does not want to see it.
    Muted {
        /// Until when; for ever where it is not given.
        until: Option<DateTime<Utc>>,
    },
    /// Somebody wants to see it again.
    Unmuted {},
    /// Its failing paths were asked for again, and some still fail.
    VerificationFailed {
        /// Paths that are served now.
        served: u32,
        /// Paths that were asked for.
        asked: u32,
    },
}

/// An event and the moment it happened, which may lie before it was noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimedGroupEvent {
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    pub event: GroupEvent,
}

/// What must be known of a group's past to decide its next event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupLife {
    /// What it is.
    pub state: GroupState,
    /// Since when.
    pub since: DateTime<Utc>,
    /// When the present run of failures began: the first one, the one that came back, or the moment it was reopened.
    pub episode_at: DateTime<Utc>,
    /// Whether it is muted.
    pub muted: Option<Mute>,
    /// How many events it has had; the number of the last.
    pub seq: i64,
}

impl GroupState {
    /// Every state, in the order they are told.
    pub const ALL: [Self; 5] = [
        Self::New,
        Self::Ongoing,
        Self::Escalating,
        Self::Regressed,
        Self::Resolved,
    ];

    /// Its name in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Ongoing => "ongoing",
            Self::Escalating => "escalating",
            Self::Regressed => "regressed",
            Self::Resolved => "resolved",
        }
    }

    /// The state of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Its number in the database, never given to another.
    pub fn number(self) -> i16 {
        match self {
            Self::New => 1,
            Self::Ongoing => 2,
            Self::Escalating => 3,
            Self::Regressed => 4,
            Self::Resolved => 5,
        }
    }

    /// The state of this number.
    pub fn from_number(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.number() == number)
    }
}

impl GroupEvent {
    /// Its name in the database and in answers.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Began {} => "began",
            Self::Continued {} => "continued",
            Self::Escalated { .. } => "escalated",
            Self::Calmed {} => "calmed",
            Self::Regressed {} => "regressed",
            Self::Resolved { .. } => "resolved",
            Self::Reopened {} => "reopened",
            Self::Muted { .. } => "muted",
            Self::Unmuted {} => "unmuted",
            Self::VerificationFailed { .. } => "verification_failed",
        }
    }
}

impl GroupLife {
    /// The life of a group of which only its first failure is known.
    pub fn begun(at: DateTime<Utc>) -> Self {
        Self {
            state: GroupState::New,
            since: at,
            episode_at: at,
            muted: None,
            seq: 1,
        }
    }

    /// Whether it is muted at this moment.
    pub fn is_muted(&self, now: DateTime<Utc>) -> bool {
        match self.muted {
            Some(Mute::ForEver) => true,
            Some(Mute::Until(until)) => now < until,
            None => false,
        }
    }
}

/// The life after an event. A life begins with its first event, whatever that says.
pub fn evolve(life: Option<GroupLife>, timed: &TimedGroupEvent) -> GroupLife {
    let at = timed.at;
    let Some(before) = life else {
        return GroupLife::begun(at);
    };
    let after = GroupLife {
        seq: before.seq + 1,
        ..before
    };
    let entered = |state| GroupLife {
        state,
        since: at,
        ..after.clone()
    };
    match &timed.event {
        GroupEvent::Began {} | GroupEvent::VerificationFailed { .. } => after,
        GroupEvent::Continued {} | GroupEvent::Calmed {} => entered(GroupState::Ongoing),
        GroupEvent::Escalated { .. } => entered(GroupState::Escalating),
        GroupEvent::Resolved { .. } => entered(GroupState::Resolved),
        GroupEvent::Regressed {} => GroupLife {
            episode_at: at,
            ..entered(GroupState::Regressed)
        },
        GroupEvent::Reopened {} => GroupLife {
            episode_at: at,
            ..entered(GroupState::Ongoing)
        },
        GroupEvent::Muted { until } => GroupLife {
            muted: Some(until.map_or(Mute::ForEver, Mute::Until)),
            ..after
        },
        GroupEvent::Unmuted {} => GroupLife {
            muted: None,
            ..after
        },
    }
}
