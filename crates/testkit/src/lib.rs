//! limpid-testkit
