//! The machine level: what a processor and its kernel offer, as safe functions.
//!
//! * [`clock`]: time in cycles. [`CycleClock`] knows how long a cycle is; [`counter`] reads the counter.
//! * [`cpu`]: what the processor is and can do: [`CpuFeatures`], [`cpu::cpuid`].
//! * [`bits`], [`barrier`], [`prefetch`]: single instructions.
//! * [`sys`]: system calls without libc: `write`, `read`, `exit`, `clock_gettime`, `getpid`, zeroed memory.
//! * [`cstr`]: the length of a C string, three ways.
//! * [`frames`]: the frame pointers of this thread's stack.
//! * [`call`]: a function of eight arguments in assembly, and the convention it follows.
//!
//! ```
//! use tidemill_machine::{CycleClock, Feature, CpuFeatures};
//!
//! let clock = CycleClock::shared();
//! let start = clock.start();
//! let sum: u64 = std::hint::black_box((0..1000u64).sum());
//! let cycles = clock.stop(start);
//! println!("{sum} took {cycles}, {} ns", clock.nanos(cycles));
//! println!("AVX2: {}", CpuFeatures::get().has(Feature::Avx2));
//! ```
//!
//! On x86-64 all of it is inline assembly, which stands here and nowhere else but in the kernels. On
//! other processors (and under Miri) the same functions are made of std; system calls are raw on
//! x86-64 Linux and go through libc on other Unixes.
//!
//! Each function says which instruction it is, what it clobbers, what it costs and when std is the
//! better choice. The costs are cycles of the time-stamp counter of a Zen 5 server processor in a
//! virtual machine, printed by `cargo ground machine`.

mod arch;
pub mod barrier;
pub mod bits;
pub mod call;
pub mod clock;
pub mod counter;
pub mod cpu;
pub mod cstr;
#[cfg(unix)]
pub mod frames;
pub mod prefetch;
#[cfg(unix)]
pub mod sys;

pub use clock::{CycleClock, Cycles, Tick};
pub use cpu::{CpuFeatures, Feature};

/// The examples of the README, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
