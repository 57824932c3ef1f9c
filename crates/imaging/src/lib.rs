//! limpid-imaging
