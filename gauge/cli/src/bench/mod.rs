//! Running benches: one number a process run, programs in turn.
//!
//! * [`harness`]: what kind of bench an executable is, and the benches in it.
//! * [`runner`]: one process run, one reading.
//! * [`order`], [`plan`], [`experiment`]: which runs when, how many fit in the time, and running them.
//! * [`lineup`]: executables side by side. [`judgement`]: rows from readings, with controls. [`table`]: for people.
//! * [`build`], [`flags`], [`revision`]: executables of a project, of another revision, relinked in another order.
//! * [`shelf`]: executables of commits, kept. [`baseline`]: executables and results kept under a name; [`import`]: results of other tools.
//! * [`callgrind`] counts instructions, [`counters`] what the processor counts.

pub mod baseline;
pub mod build;
pub mod callgrind;
pub mod counters;
pub mod experiment;
pub mod flags;
pub mod harness;
pub mod import;
pub mod judgement;
pub mod lineup;
pub mod order;
pub mod pin;
pub mod plan;
pub mod revision;
pub mod runner;
pub mod shelf;
pub mod table;
