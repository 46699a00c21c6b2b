//! What the batteries of all families share.
#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, reason = "tests")]

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};
use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};
use tidemill_kernels::Isa;

/// Runs `check` once for each level this processor has, with that level forced. One caller at a
/// time: the level is the process's.
pub(crate) fn each_isa(mut check: impl FnMut(Isa)) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    for isa in Isa::available() {
        isa.force().unwrap();
        check(isa);
    }
}

/// Pseudo-random numbers (SplitMix64, Steele, Lea, Flood 2014).
pub(crate) fn random(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// Memory between two pages that nobody may touch: what reads or writes a byte too many ends the
/// process.
pub(crate) struct Fenced<T> {
    start: *mut u8,
    bytes: usize,
    element: PhantomData<T>,
}

const PAGE: usize = 4096;

impl<T: Copy> Fenced<T> {
    /// Room for `capacity` elements.
    pub(crate) fn new(capacity: usize) -> Self {
        let bytes = (capacity * size_of::<T>()).next_multiple_of(PAGE).max(PAGE);
        let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
        // SAFETY: a fresh mapping, of which the first and the last page are closed; both lie in it.
        let start = unsafe {
            let map = mmap_anonymous(std::ptr::null_mut(), bytes + 2 * PAGE, protection, flags);
            let map = map.unwrap();
            mprotect(map, PAGE, MprotectFlags::empty()).unwrap();
            mprotect(map.byte_add(PAGE + bytes), PAGE, MprotectFlags::empty()).unwrap();
            map.cast::<u8>().add(PAGE)
        };
        Self { start, bytes, element: PhantomData }
    }

    /// A copy of `values` that ends at the unreadable page (or begins at one).
    pub(crate) fn copy(&mut self, values: &[T], at_end: bool) -> &mut [T] {
        let bytes = size_of_val(values);
        assert!(bytes <= self.bytes);
        let offset = if at_end { self.bytes - bytes } else { 0 };
        // SAFETY: `offset..offset + bytes` is in the open part of the mapping, aligned because both
        // a page and `bytes` are multiples of the alignment, and the slice borrows `self`.
        unsafe {
            let to = self.start.add(offset).cast::<T>();
            std::ptr::copy_nonoverlapping(values.as_ptr(), to, values.len());
            std::slice::from_raw_parts_mut(to, values.len())
        }
    }

    /// Calls `check` with copies of `values` at both ends.
    pub(crate) fn at_both_ends(&mut self, values: &[T], mut check: impl FnMut(&mut [T])) {
        check(self.copy(values, true));
        check(self.copy(values, false));
    }
}

impl<T> Drop for Fenced<T> {
    fn drop(&mut self) {
        // SAFETY: the whole mapping of `new`, to which no reference is left.
        unsafe { munmap(self.start.sub(PAGE).cast(), self.bytes + 2 * PAGE).unwrap() }
    }
}
