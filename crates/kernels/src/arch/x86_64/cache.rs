//! How large the last cache is.

use std::arch::x86_64::{__cpuid, __cpuid_count};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The number of bytes written from which on a kernel stores past the caches: five eighths of the
/// last one. `usize::MAX` where the processor does not tell how large that is.
pub(crate) fn stream_from() -> usize {
    static BYTES: AtomicUsize = AtomicUsize::new(0);
    let mut bytes = BYTES.load(Ordering::Relaxed);
    if bytes == 0 {
        // AMD has Intel's leaf at another number.
        let largest = largest_of_leaf(4).max(largest_of_leaf(0x8000_001D));
        bytes = if largest == 0 { usize::MAX } else { largest / 8 * 5 };
        BYTES.store(bytes, Ordering::Relaxed);
    }
    bytes
}

fn largest_of_leaf(leaf: u32) -> usize {
    if __cpuid(leaf & 0x8000_0000).eax < leaf {
        return 0;
    }
    let mut largest = 0;
    // Sixteen: no processor has as many, and one that never says "no more" ends all the same.
    for index in 0..16 {
        let cache = __cpuid_count(leaf, index);
        if cache.eax & 31 == 0 {
            break;
        }
        let field = |register: u32, shift: u32, bits: u32| {
            (register as usize >> shift & ((1 << bits) - 1)) + 1
        };
        let line = field(cache.ebx, 0, 12);
        let (partitions, ways) = (field(cache.ebx, 12, 10), field(cache.ebx, 22, 10));
        largest = largest.max(line * partitions * ways * (cache.ecx as usize + 1));
    }
    largest
}
