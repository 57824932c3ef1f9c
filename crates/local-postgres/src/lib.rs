//! limpid-local-postgres
