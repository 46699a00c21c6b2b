//! Rows from nowhere: workloads to fill a store with and to measure it by.
//!
//! * [`Generator`]: the data sets of the Time Series Benchmark Suite, from [`Options`], as line
//!   protocol, as CSV, or in batches.
//! * [`Recorder`], [`record`]: this machine's processors, memory, disks and network, from `/proc`,
//!   as line protocol.
//! * [`Shape`]: one series of known shape with [`Event`]s in it, to test analyses against.
//! * [`Random`]: the random numbers behind them.
//!
//! What is generated depends on its seed alone: the same bytes on every machine.
#![forbid(unsafe_code)]

mod elementary;
mod number;
mod random;
mod recorder;
mod shapes;
mod tsbs;

pub use random::Random;
pub use recorder::{MIN_INTERVAL, Recorder, record};
pub use shapes::{Event, Shape, ShapeRow, Sine};
pub use tsbs::{Format, Generator, MAX_SCALE, Options, OptionsError, UseCase};
