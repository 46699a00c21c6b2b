//! Rows from nowhere: workloads to fill a store with and to measure it by.
//!
//! * [`Recorder`], [`record`]: this machine's processors, memory, disks and network, from `/proc`.
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
