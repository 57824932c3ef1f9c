//! Memory for originals: so many bytes for all of them together, shared out between tenants, everybody waiting for their turn.
//!
//! An original takes its bytes before they are read: all of them where its length is declared, else step by step as it grows. It has them
//! for as long as it is in memory for a request. Whoever waits goes by tenant: the one that holds least comes first.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use limpid_domain::ids::TenantId;
use tokio::sync::oneshot;

/// One tenant may hold this part of the whole; one original it may always hold.
const TENANT_SHARE: u64 = 2;

/// The budget of a node. Cheap to clone.
#[derive(Clone)]
pub(crate) struct ByteBudget {
    shared: Arc<Shared>,
}

struct Shared {
    total: u64,
    /// Held to count and to choose who is next, never over an await.
    ledger: Mutex<Ledger>,
}

#[derive(Default)]
struct Ledger {
    used: u64,
    most: u64,
    by_tenant: HashMap<TenantId, u64>,
    waiting: VecDeque<Waiting>,
}

/// Somebody who waits.
struct Waiting {
    tenant: TenantId,
    bytes: u64,
    grant: oneshot::Sender<ByteLoan>,
}

/// Bytes taken; dropping it gives them back.
pub struct ByteLoan {
    shared: Arc<Shared>,
    tenant: TenantId,
    bytes: u64,
}

/// How the budget stands. Units: bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BytesInFlight {
    /// Taken by originals in memory.
    pub used: u64,
    /// The most that was ever taken.
    pub most: u64,
    /// Originals that wait for theirs.
    pub waiting: usize,
}

impl ByteBudget {
    /// A budget of this many bytes.
    pub(crate) fn new(total: u64) -> Self {
        Self {
            shared: Arc::new(Shared {
                total,
                ledger: Mutex::default(),
            }),
        }
    }

    /// Takes `bytes` for an original of `tenant`, waiting until they are free. More than the whole is taken for the whole: such an original
    /// has the node to itself. Giving up waiting costs nothing.
    pub(crate) async fn take(&self, tenant: TenantId, bytes: u64) -> ByteLoan {
        let bytes = bytes.clamp(1, self.shared.total.max(1));
        let waiting = {
            let mut ledger = self.shared.lock();
            if ledger.waiting.is_empty() && self.shared.fits(&ledger, tenant, bytes) {
                return self.shared.lend(&mut ledger, tenant, bytes);
            }
            let (grant, waiting) = oneshot::channel();
            ledger.waiting.push_back(Waiting {
                tenant,
                bytes,
                grant,
            });
            waiting
        };
        // Somebody may have been in front only because of their own share.
        self.shared.serve();
        match waiting.await {
            Ok(loan) => loan,
            // The queue is dropped with the budget only, and this holds the budget.
            Err(_gone) => self.shared.lend(&mut self.shared.lock(), tenant, bytes),
        }
    }

    /// How it stands.
    pub(crate) fn state(&self) -> BytesInFlight {
        let ledger = self.shared.lock();
        BytesInFlight {
            used: ledger.used,
            most: ledger.most,
            waiting: ledger.waiting.len(),
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_room(&self, ledger: &Ledger, bytes: u64) -> bool {
        ledger.used.saturating_add(bytes) <= self.total
    }

    fn is_within_share(&self, ledger: &Ledger, tenant: TenantId, bytes: u64) -> bool {
        let own = ledger.held_by(tenant);
        own == 0 || own.saturating_add(bytes) <= self.total / TENANT_SHARE
    }

    fn fits(&self, ledger: &Ledger, tenant: TenantId, bytes: u64) -> bool {
        self.has_room(ledger, bytes) && self.is_within_share(ledger, tenant, bytes)
    }

    fn lend(self: &Arc<Self>, ledger: &mut Ledger, tenant: TenantId, bytes: u64) -> ByteLoan {
        ledger.used += bytes;
        ledger.most = ledger.most.max(ledger.used);
        *ledger.by_tenant.entry(tenant).or_default() += bytes;
        ByteLoan {
            shared: Arc::clone(self),
            tenant,
            bytes,
        }
    }

    /// Gives free bytes to those whose turn it is.
    fn serve(self: &Arc<Self>) {
        let mut unwanted = Vec::new();
        {
            let mut ledger = self.lock();
            ledger.waiting.retain(|waiting| !waiting.grant.is_closed());
            while let Some(next) = self.next(&ledger) {
                let Some(waiting) = ledger.waiting.remove(next) else {
                    break;
                };
                let loan = self.lend(&mut ledger, waiting.tenant, waiting.bytes);
                if let Err(loan) = waiting.grant.send(loan) {
                    unwanted.push(loan);
                }
            }
        }
        // Given back, which takes the lock again.
        drop(unwanted);
    }

    /// Whose turn it is: of those within their tenant's share, the tenant that holds least, its earliest first. A large original that
    /// is next is waited for, or small ones would keep it out for ever.
    fn next(&self, ledger: &Ledger) -> Option<usize> {
        let eligible = ledger.waiting.iter().enumerate();
        let eligible = eligible
            .filter(|(_, waiting)| self.is_within_share(ledger, waiting.tenant, waiting.bytes));
        let (at, waiting) =
            eligible.min_by_key(|(at, waiting)| (ledger.held_by(waiting.tenant), *at))?;
        self.has_room(ledger, waiting.bytes).then_some(at)
    }
}

impl Ledger {
    fn held_by(&self, tenant: TenantId) -> u64 {
        self.by_tenant.get(&tenant).copied().unwrap_or_default()
    }
}

impl ByteLoan {
    /// Adds another loan of the same tenant to this one.
    pub(crate) fn join(&mut self, mut other: Self) {
        self.bytes += other.bytes;
        other.bytes = 0;
    }

    /// Whether it is all there is: then nothing more can be had.
    pub(crate) fn is_everything(&self) -> bool {
        self.bytes >= self.shared.total
    }

    /// How many bytes it is.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for ByteLoan {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        {
            let mut ledger = self.shared.lock();
            ledger.used = ledger.used.saturating_sub(self.bytes);
            let own = ledger.held_by(self.tenant).saturating_sub(self.bytes);
            if own == 0 {
                ledger.by_tenant.remove(&self.tenant);
            } else {
                ledger.by_tenant.insert(self.tenant, own);
            }
        }
        self.shared.serve();
    }
}

impl fmt::Debug for ByteBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state().fmt(f)
    }
}

impl fmt::Debug for ByteLoan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ByteLoan({})", self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::FutureExt;

    use super::*;

    const ONE: TenantId = TenantId(1);
    const TWO: TenantId = TenantId(2);

    fn now(budget: &ByteBudget, tenant: TenantId, bytes: u64) -> Option<ByteLoan> {
        budget.take(tenant, bytes).now_or_never()
    }

    #[test]
    fn a_tenant_holds_half_at_most_and_the_rest_is_for_others() {
        let budget = ByteBudget::new(100);
        let first = now(&budget, ONE, 40).unwrap();
        assert!(now(&budget, ONE, 20).is_none());
        let second = now(&budget, TWO, 50).unwrap();
        assert!(now(&budget, TenantId(3), 11).is_none());
        assert_eq!(budget.state().used, 90);
        drop((first, second));
        assert_eq!(budget.state().used, 0);
        // One original may be larger than the share, and larger than the whole.
        let large = now(&budget, ONE, 500).unwrap();
        assert_eq!(large.bytes(), 100);
        assert!(now(&budget, TWO, 1).is_none());
    }

    #[test]
    fn who_waits_is_served_by_what_their_tenant_holds_and_then_in_order() {
        let budget = ByteBudget::new(100);
        let held = now(&budget, ONE, 50).unwrap();
        let others = now(&budget, TenantId(3), 50).unwrap();
        let mut greedy = pin!(budget.take(ONE, 30));
        let mut modest = pin!(budget.take(TWO, 30));
        let mut later = pin!(budget.take(TWO, 30));
        for waiting in [&mut greedy, &mut modest, &mut later] {
            assert!(waiting.as_mut().now_or_never().is_none());
        }
        drop(others);
        let modest = modest.as_mut().now_or_never();
        assert!(
            modest.is_some(),
            "the tenant that holds nothing comes first"
        );
        // 80 are taken, and both others want 30.
        assert!(later.as_mut().now_or_never().is_none());
        drop(held);
        assert!(greedy.as_mut().now_or_never().is_some());
        assert!(budget.state().most <= 100);
    }

    #[test]
    fn who_gives_up_waiting_leaves_no_trace_and_blocks_nobody() {
        let budget = ByteBudget::new(100);
        let held = now(&budget, ONE, 90).unwrap();
        {
            let mut large = pin!(budget.take(TWO, 80));
            assert!(large.as_mut().now_or_never().is_none());
            assert_eq!(budget.state().waiting, 1);
        }
        assert!(now(&budget, TWO, 10).is_some());
        // Granted at the moment it gives up.
        let mut granted = Box::pin(budget.take(TWO, 80));
        assert!(granted.as_mut().now_or_never().is_none());
        drop(held);
        drop(granted);
        assert_eq!(budget.state().used, 0);
    }
}
