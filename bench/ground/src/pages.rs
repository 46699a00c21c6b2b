use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
use std::ops::{Deref, DerefMut};

/// Floats in pages of a size that was asked for, touched beforehand: what large strides cost
/// depends on it.
pub struct Pages {
    start: *mut f64,
    len: usize,
    mapped: usize,
}

const HUGE: usize = 2 << 20;

impl Pages {
    /// `len` zeros in pages of 2 MiB, or of 4 KiB.
    ///
    /// # Panics
    /// When the system has no memory or does not take the advice.
    #[must_use]
    pub fn new(len: usize, huge: bool) -> Self {
        let mapped = (len * size_of::<f64>()).next_multiple_of(HUGE) + HUGE;
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        let advice = if huge { Advice::LinuxHugepage } else { Advice::LinuxNoHugepage };
        // SAFETY: a fresh mapping; the advice changes its pages only.
        let start = unsafe {
            let map = mmap_anonymous(std::ptr::null_mut(), mapped, protection, MapFlags::PRIVATE)
                .expect("memory");
            madvise(map, mapped, advice).expect("advice on huge pages");
            map.cast::<f64>()
        };
        let mut pages = Self { start, len, mapped };
        pages.fill(1.0);
        pages.fill(0.0);
        pages
    }

    fn offset(&self) -> usize {
        (self.start as usize).next_multiple_of(HUGE) - self.start as usize
    }
}

impl Deref for Pages {
    type Target = [f64];
    fn deref(&self) -> &[f64] {
        // SAFETY: `len` floats from the first multiple of `HUGE` on lie in the mapping, and zeros
        // are floats.
        unsafe { std::slice::from_raw_parts(self.start.byte_add(self.offset()), self.len) }
    }
}

impl DerefMut for Pages {
    fn deref_mut(&mut self) -> &mut [f64] {
        // SAFETY: as above; nobody else has the mapping.
        unsafe { std::slice::from_raw_parts_mut(self.start.byte_add(self.offset()), self.len) }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the whole mapping of `new`, to which no reference is left. If it fails, the
        // memory stays mapped: harmless.
        let _ = unsafe { munmap(self.start.cast(), self.mapped) };
    }
}
