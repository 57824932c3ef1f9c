//! How many streams an account may hold open.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use limpid_domain::ids::TenantId;

use crate::error::ApiError;

/// Streams that one account may hold open: some people, each with some tabs.
const MAX_STREAMS: u32 = 10;

/// Seconds after which to try again.
const PATIENCE_SECONDS: u64 = 15;

/// Counts open streams per account.
#[derive(Debug, Clone, Default)]
pub(crate) struct Streams {
    open: Arc<Mutex<HashMap<TenantId, u32>>>,
}

/// Counts as one open stream until it is dropped.
#[derive(Debug)]
pub(crate) struct StreamPermit {
    streams: Streams,
    tenant_id: TenantId,
}

impl Streams {
    /// Counts one more.
    ///
    /// Errors: [`ApiError::TooManyStreams`] when the account has too many.
    pub(crate) fn open(&self, tenant_id: TenantId) -> Result<StreamPermit, ApiError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(tenant_id).or_default();
        if *count >= MAX_STREAMS {
            return Err(ApiError::TooManyStreams(PATIENCE_SECONDS));
        }
        *count += 1;
        Ok(StreamPermit {
            streams: self.clone(),
            tenant_id,
        })
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        let streams = &self.streams.open;
        let mut open = streams.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.tenant_id) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&self.tenant_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_holds_ten_streams_and_a_closed_one_frees_its_place() {
        let streams = Streams::default();
        let mut held: Vec<_> = (0..MAX_STREAMS)
            .map(|_| streams.open(TenantId(1)).unwrap())
            .collect();
        assert!(streams.open(TenantId(1)).is_err());
        assert!(streams.open(TenantId(2)).is_ok());
        held.pop();
        assert!(streams.open(TenantId(1)).is_ok());
        drop(held);
        assert!(streams.open.lock().unwrap().is_empty());
    }
}
