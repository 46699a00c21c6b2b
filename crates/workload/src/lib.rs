//! Rows from nowhere: workloads to fill a store with and to measure it by.
//!
//! * [`Recorder`], [`record`]: this machine's processors, memory, disks and network, from `/proc`.
#![forbid(unsafe_code)]

mod number;
mod recorder;

pub use recorder::{MIN_INTERVAL, Recorder, record};
