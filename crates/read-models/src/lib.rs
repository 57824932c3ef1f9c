//! limpid-read-models
