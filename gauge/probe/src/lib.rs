//! Observing allocators: what a program allocates, counted where it happens.
//!
//! ```
//! use std::alloc::System;
//! use gauge_probe::{Counting, Scope};
//!
//! #[global_allocator]
//! static ALLOCATOR: Counting<System> = Counting::new(System);
//!
//! let scope = Scope::start();
//! let values = vec![1u64, 2, 3];
//! let counts = scope.stop();
//! assert_eq!((counts.thread.allocations, counts.thread.bytes_allocated), (1, 24));
//! # drop(values);
//! ```
//!
//! There is one wrapper, [`Observed`], around any [`GlobalAlloc`](std::alloc::GlobalAlloc), and one trait,
//! [`Observer`]; a tuple of observers is an observer. What is not in the type costs nothing.
//!
//! * [`Counters`]: allocations, deallocations, reallocations, bytes; exact, by thread and process;
//!   [`Scope`] tells of a stretch of code. [`Counting`] is the allocator with these alone.
//! * [`Peak`]: the most bytes that were live at one time in the whole process, exact.

mod counters;
mod counts;
mod observed;
mod observer;
mod peak;
mod scope;
mod thread;

pub use counters::{Counters, MAX_COUNTED_THREADS};
pub use counts::Counts;
pub use observed::{Counting, Observed};
pub use observer::{Block, Observer};
pub use peak::Peak;
pub use scope::{Scope, ScopeCounts};
