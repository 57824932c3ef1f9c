//! Failures: **the** table of reasons and the facts recorded about each failed attempt.
//!
//! | module | holds |
//! |---|---|
//! | [`code`] | the five public codes and the refusals that are not origin failures |
//! | [`reason`] | the table: one row per reason, every property a column |
//! | [`sentence`] | the sentence after `ik-error: CODE - ` |
//! | [`advice`] | what to do about it, with the tenant's own values filled in |
//! | [`attempt`] | what one failed attempt at one origin looked like |
//! | [`record`] | the failure event as it is stored |
//! | [`headline`] | which of several failures the client sees |
//! | [`path_template`] | folding of digits, hashes and UUIDs in paths; fingerprints |

pub mod advice;
pub mod attempt;
pub mod code;
pub mod headline;
pub mod path_template;
pub mod reason;
pub mod record;
pub mod sentence;

pub use attempt::{
    AttemptFailure, LayerInputNumber, LimitBreach, LooksLike, PhaseTimings, after_redirects,
};
pub use code::{FailureCode, RefusalCode};
pub use headline::headline;
pub use reason::{Blame, NegativeTtl, Reason, ReasonRow, RetryRule, Stage};
pub use record::{FailureDetail, FailureEvent, Outcome};
pub use sentence::{DetailLevel, SentenceSubject, sentence};
