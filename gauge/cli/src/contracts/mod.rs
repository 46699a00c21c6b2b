//! Contracts: what the code is to be, in [`gauge.toml`](mod@file) and in [comments] beside functions.
//!
//! They are read into a [`plan`]; a [`harness`] with the functions in question is generated and [built](artefacts)
//! as the project ships; [`judge`] decides on the linked executable, but for sizes and allocations, which
//! are [`measured`].

pub mod artefacts;
pub mod comments;
pub mod condition;
pub mod file;
pub mod harness;
pub mod judge;
mod lines;
pub mod loops;
pub mod measured;
pub mod plan;
pub mod problem;
mod remarks;
pub mod rows;
pub mod session;
mod signature;
