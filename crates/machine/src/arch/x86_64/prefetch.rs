//! Prefetching. `nomem`: a hint changes nothing that a program can see.

#![expect(clippy::pointers_in_nomem_asm_block, reason = "a prefetch is no access")]

use std::arch::asm;

macro_rules! hint {
    ($name:ident, $instruction:literal) => {
        #[inline(always)]
        pub(crate) fn $name(address: *const u8) {
            // SAFETY: a prefetch reads nothing a program can see, writes nothing, and does not fault
            // at any address.
            unsafe {
                asm!(
                    concat!($instruction, " [{address}]"),
                    address = in(reg) address,
                    options(nomem, nostack, preserves_flags),
                );
            }
        }
    };
}

hint!(to_l1, "prefetcht0");
hint!(to_l2, "prefetcht1");
hint!(once, "prefetchnta");
hint!(write, "prefetchw");
