//! Where a program's time goes: where its threads are, some thousand times a second of processor time.
//!
//! * [`run`]: a command under the kernel's clock (`gauge_probe::perf`).
//! * [`recording`]: what was seen: processes, what is mapped into them, stacks by file and offset.
//! * [`walk`]: the callers of a sample; [`unwind`]: where they are, for functions without frame pointers.
//! * [`named`]: the same with names; what is shown.
//! * [`kernel`]: names of the kernel's functions.
//! * [`table`], [`folded`], [`flame`], [`firefox`]: four ways to show it.

pub mod firefox;
pub mod flame;
pub mod folded;
pub mod kernel;
pub mod named;
pub mod recording;
pub mod run;
pub mod table;
pub mod unwind;
pub mod walk;
