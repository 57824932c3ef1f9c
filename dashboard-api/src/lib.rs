//! limpid-dashboard-api
