use std::ptr::NonNull;

/// The size of a huge page, and the size from which on memory is aligned to it and advised.
///
/// 2 MiB is that of x86-64, and of AArch64 with 4 KiB pages.
pub const HUGE_PAGE_BYTES: usize = 2 << 20;

/// Asks the kernel to back the huge pages that lie wholly within `bytes` bytes at `start` by huge
/// pages: one fault for 2 MiB instead of 512.
///
/// A hint: it may be refused, and changes no contents.
pub(crate) fn advise_huge(start: NonNull<u8>, bytes: usize) {
    let lead = start.addr().get().wrapping_neg() % HUGE_PAGE_BYTES;
    let whole = bytes.saturating_sub(lead) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
    if whole > 0 {
        enabled::advise(start, lead, whole);
    }
}

#[cfg(all(target_os = "linux", not(miri)))]
mod enabled {
    use super::NonNull;
    use rustix::mm::{Advice, madvise};

    pub(super) fn advise(start: NonNull<u8>, lead: usize, whole: usize) {
        // SAFETY: the range lies within the caller's memory (`lead + whole` is at most its size),
        // and this advice changes neither contents nor mapping. An error means no huge pages.
        let _ = unsafe { madvise(start.add(lead).as_ptr().cast(), whole, Advice::LinuxHugepage) };
    }
}

#[cfg(not(all(target_os = "linux", not(miri))))]
mod enabled {
    use super::NonNull;

    pub(super) fn advise(_: NonNull<u8>, _: usize, _: usize) {}
}
