//! limpid-serving
