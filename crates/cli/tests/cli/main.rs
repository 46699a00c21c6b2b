//! The command as people and scripts use it: arguments and files in; output, messages and exit
//! codes out.

mod analyze;
mod bad_input;
mod data;
mod help;
#[cfg(feature = "sql")]
mod sql;
mod stores;
mod support;
