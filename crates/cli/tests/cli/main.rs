//! The command as people and scripts use it: arguments and files in; output, messages and exit
//! codes out.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod analyze;
mod bad_input;
mod data;
mod help;
mod signals;
#[cfg(feature = "sql")]
mod sql;
mod stores;
mod support;
