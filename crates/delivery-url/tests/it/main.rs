//! Black-box tests of delivery URLs: one file per question a client asks.

mod adversarial;
mod expressions;
mod fuzz_seeds;
mod parameters;
mod parser_limits;
mod refusals;
mod rewriters;
mod round_trip;
mod sdk_vectors;
mod signatures;
mod structure;
mod targets;
