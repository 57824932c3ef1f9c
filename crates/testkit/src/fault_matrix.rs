//! The fault matrix: what can go wrong at an origin × what it is called, how often it is repeated, how long it may take.
//!
//! Who fetches asserts it of the fetch, who serves asserts that a client and a trace are told the same.

mod object_stores;
mod peers;
mod rows;

pub use peers::{FaultyOrigin, Peers, Surroundings};
pub use rows::{Fault, Row, rows};
