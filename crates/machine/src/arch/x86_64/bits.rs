//! Bits. All blocks are `pure, nomem`: the compiler may merge them, or drop them if unused.

use std::arch::asm;

/// BSF sets the zero flag and leaves its target undefined when the source is 0: CMOVZ mends it.
#[inline(always)]
pub(crate) fn trailing_zeros(x: u64) -> u32 {
    let index: u64;
    // SAFETY: reads and writes registers only.
    unsafe {
        asm!(
            "bsf {index}, {x}",
            "cmovz {index}, {none}",
            index = out(reg) index, x = in(reg) x, none = in(reg) 64u64,
            options(pure, nomem, nostack),
        );
    }
    index as u32
}

/// BSR gives the index of the highest bit, 63 - zeros = 63 ^ zeros; 127 ^ 63 = 64 stands for 0.
#[inline(always)]
pub(crate) fn leading_zeros(x: u64) -> u32 {
    let index: u64;
    // SAFETY: reads and writes registers only.
    unsafe {
        asm!(
            "bsr {index}, {x}",
            "cmovz {index}, {none}",
            index = out(reg) index, x = in(reg) x, none = in(reg) 127u64,
            options(pure, nomem, nostack),
        );
    }
    index as u32 ^ 63
}

#[inline(always)]
pub(crate) fn popcnt(x: u64) -> u32 {
    if !std::arch::is_x86_feature_detected!("popcnt") {
        return x.count_ones();
    }
    let count: u64;
    // SAFETY: the processor has POPCNT; it reads and writes registers only.
    unsafe {
        asm!(
            "popcnt {count}, {x}",
            count = out(reg) count, x = in(reg) x,
            options(pure, nomem, nostack),
        );
    }
    count as u32
}

#[inline(always)]
pub(crate) fn bswap(mut x: u64) -> u64 {
    // SAFETY: writes one register.
    unsafe {
        asm!("bswap {x}", x = inout(reg) x, options(pure, nomem, nostack, preserves_flags));
    }
    x
}
