//! The spool as the recorder's sink.

use limpid_domain::failure::FailureEvent;
use limpid_event_store::spool::SpoolWriter;

use super::{FrameSink, SinkError};

impl FrameSink for SpoolWriter {
    fn append(&mut self, events: &[FailureEvent]) -> Result<(), SinkError> {
        Self::append(self, events)?;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), SinkError> {
        Ok(Self::sync(self)?)
    }
}
