//! A function in assembly with more arguments than registers for them.

use crate::arch;

/// The inner product of two vectors of four, wrapping. Assembly that follows the System V convention: six
/// arguments come in registers, the seventh and eighth on the stack. All registers that a call may use up
/// are clobbered.
///
/// The call costs 3 cycles, and the compiler sees nothing of its inside: plain Rust, which
/// is inlined, is the better choice. This one is for reading.
#[inline]
#[must_use]
pub fn dot4(a: [i64; 4], b: [i64; 4]) -> i64 {
    arch::call::dot4(a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3])
}
