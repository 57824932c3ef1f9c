//! Black-box tests of delivery URLs: one file per question a client asks.

mod parameters;
mod targets;
