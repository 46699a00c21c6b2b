//! Builds themselves: where their time goes, dependencies that nothing names, and what each profile setting costs and gives.

pub mod crate_names;
pub mod matrix;
pub mod pgo;
pub mod sources;
pub mod timings;
pub mod unused;
