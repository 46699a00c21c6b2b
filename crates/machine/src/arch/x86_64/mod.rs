//! x86-64.
//!
//! How an `asm!` block here says what it does: without `nomem` it is a barrier to the compiler
//! (memory accesses stay on their side of it), without `pure` it is never merged, moved across
//! another block, or dropped; `nostack` says that the red zone stays as it is, `preserves_flags` that
//! the arithmetic flags do.

pub(crate) mod barrier;
pub(crate) mod bits;
pub(crate) mod call;
pub(crate) mod counter;
pub(crate) mod cpuid;
pub(crate) mod cstr;
pub(crate) mod frames;
pub(crate) mod prefetch;
