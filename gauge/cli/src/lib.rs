//! `cargo gauge`: measures, explains and guards a Cargo project, in one vocabulary and one result file.
//!
//! * [`result`]: what every command prints with `--json`: rows of one metric each, with the
//!   [`environment`] they were measured in.
//! * [`project`]: the Cargo project that is looked at, and building its artefacts.
//! * [`artefact`]: building what is judged, with symbols and lines.
//! * [`image`]: a linked artefact: functions, bytes, calls.
//! * [`asm`]: what a function is made of: loops, calls, classes of instructions; how two differ.
//! * `contracts`: `gauge.toml`, and judging it.
//! * [`build`]: where compile time goes, unused dependencies, profile settings side by side.
//! * [`caches`]: the machine's ladder of latency and bandwidth; a command under cachegrind.
//! * [`heap`]: a program's allocations by place.
//! * [`layout`]: how types lie in memory.
//! * [`size`]: what a linked file is made of.
//! * [`profile`]: where a program's time goes.
//! * [`report`]: what all of them found, as one page, with history.
//! * [`commands`]: one file a command.
#![forbid(unsafe_code)]

pub mod artefact;
pub mod asm;
pub mod bench;
pub mod build;
pub mod caches;
pub mod commands;
pub mod contracts;
pub mod environment;
mod flags;
pub mod heap;
pub mod image;
pub mod layout;
mod markup;
pub mod outcome;
pub mod profile;
pub mod project;
pub mod report;
pub mod result;
pub mod size;
pub mod stats;
