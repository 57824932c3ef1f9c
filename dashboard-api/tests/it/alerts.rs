//! Alerts from the failure to the receiver: the API, the projector's jobs, and a real server that checks what it gets.

mod configuration;
mod deliveries;
mod groups;
mod origins;
mod shares;
pub(crate) mod watch;
