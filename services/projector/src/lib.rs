//! limpid-projector
