//! limpid-event-store
