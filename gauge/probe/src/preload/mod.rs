//! The library that `cargo gauge heap` preloads into programs that were not built with the probe: it stands in for the C library's
//! allocator, passes every call on, and writes what [`Sites`] saw when the process ends.
//!
//! Built with `cargo rustc -p gauge-probe --lib --features preload --crate-type cdylib`. `GAUGE_HEAP_FOLDER` names an existing folder: each
//! process writes `PID.json` there (`PID.part` until it is whole), a snapshot ([`SNAPSHOT_VERSION`](crate::SNAPSHOT_VERSION)) with `process`, `maps` (the
//! kernel's list of what is mapped where, for finding names) and `sites`.
//!
//! A process that ends by `exit`, `_exit` or a return from `main` writes then; one that aborts, is terminated, interrupted or hung up, in
//! the handler of the signal, unless the program has one of its own. One that ends otherwise (SIGKILL, SIGSEGV,
//! another program in its place by `exec`) writes nothing. A child by `fork` goes on counting from what its parent had.

mod allocator;
mod early;
mod life;
mod output;

use crate::Sites;

static SITES: Sites = Sites::new();
