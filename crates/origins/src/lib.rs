//! limpid-origins
