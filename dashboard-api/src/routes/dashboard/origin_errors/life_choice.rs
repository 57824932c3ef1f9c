//! Which groups of a list, by state and by whether they are muted.

use chrono::{DateTime, Utc};
use limpid_domain::failure_group::GroupState;
use limpid_read_models::failure_groups::{GroupList, GroupOrder};

use crate::query::Parameters;

/// Which groups.
#[derive(Debug)]
pub(super) struct LifeChoice {
    /// Any of these; empty means all.
    states: Vec<GroupState>,
    /// Only muted ones, or only others.
    muted: Option<bool>,
}

impl LifeChoice {
    /// Takes `state` and `muted` out of `parameters`, noting every fault there.
    pub(super) fn read(parameters: &mut Parameters) -> Self {
        let names = GroupState::ALL.map(GroupState::as_str).join(", ");
        let expected = format!("one of {names}");
        let muted = parameters.choice("muted", &[("true", true), ("false", false)]);
        Self {
            states: parameters.many("state", &expected, GroupState::from_name),
            muted: muted.map(|(_, is_muted)| is_muted),
        }
    }

    /// Leaves out what is not chosen. How many of them only because they are muted and nobody said anything about that.
    pub(super) fn narrow(
        &self,
        list: &mut GroupList,
        order: GroupOrder,
        now: DateTime<Utc>,
    ) -> usize {
        let groups = &mut list.groups;
        groups.retain(|totals| {
            self.states.is_empty() || self.states.contains(&totals.group.life.state)
        });
        let chosen = groups.len();
        let wanted = match (self.muted, order) {
            (Some(muted), _) => muted,
            (None, GroupOrder::Attention) => false,
            (None, GroupOrder::Count | GroupOrder::LastSeen) => return 0,
        };
        groups.retain(|totals| totals.group.life.is_muted(now) == wanted);
        if self.muted.is_none() {
            chosen - groups.len()
        } else {
            0
        }
    }
}
