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
//! * [`Histogram`]: blocks by size.
//! * [`Largest`]: the largest blocks, and where they were allocated.
//! * [`Leaks`]: the live blocks by the place that allocated them, all or a sample.
//! * [`Rate`]: counts over time.
//! * [`Log`]: every event as a line of text.
//!
//! [`Section`] and [`Meter`] tell what parts of a program took of cycles and allocations; [`Switch`] turns
//! observers on and off. Beside them stands [`Failing`], an allocator for tests that refuses the n-th request.
//!
//! `Leaks`, `Rate` and `Log` are off until they are started; all three together cost some nanoseconds an
//! allocation until then. Every table is part
//! of the static and has a named size; what does not fit is counted as such. No observer allocates
//! through the allocator that it observes, and none has a thread-local with a destructor; their
//! reports, plain data with `Display` and `to_json`, do allocate. `cargo ground probe` prints what each costs.

mod counters;
mod counts;
mod failing;
mod histogram;
mod json;
mod largest;
mod leaks;
mod lock;
#[cfg(unix)]
mod log;
mod meter;
mod observed;
mod observer;
mod peak;
#[cfg(feature = "preload")]
mod preload;
mod rate;
mod scope;
mod section;
#[cfg(unix)]
mod sites;
mod snapshot;
mod spent;
mod stack;
mod switch;
mod thread;

pub use counters::{Counters, MAX_COUNTED_THREADS};
pub use counts::Counts;
pub use failing::{Failing, Refuse, Refusing, refuse_each};
pub use histogram::{Histogram, HistogramReport, SIZE_CLASSES, SizeClass};
pub use largest::{LargeBlock, Largest, LargestReport};
pub use leaks::{LeakReport, LeakSite, Leaks};
#[cfg(unix)]
pub use log::{Log, LogEvent, LogLine, MAX_LINE_BYTES, NotALogLine};
pub use meter::{Meter, Stretch};
pub use observed::{Counting, Observed};
pub use observer::{Block, Observer};
pub use peak::Peak;
pub use rate::{Rate, RateInterval, RateReport};
pub use scope::{Scope, ScopeCounts};
pub use section::{Counter, Entered, Section, SectionCounts};
#[cfg(unix)]
pub use sites::{LIFETIME_CLASSES, SiteCounts, SiteReport, Sites, TimelinePoint, lifetime_from};
pub use snapshot::{Report, SNAPSHOT_VERSION};
pub use spent::Spent;
pub use stack::{Frame, MAX_FRAMES};
pub use switch::{Switch, Watch};

/// The examples of the README, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
