//! Other processors: the same functions by std.

pub(crate) mod counter {
    //! Nanoseconds of std's monotonic clock since the first reading.
    use std::sync::OnceLock;
    use std::time::Instant;

    pub(crate) fn rdtsc() -> u64 {
        static FIRST: OnceLock<Instant> = OnceLock::new();
        FIRST.get_or_init(Instant::now).elapsed().as_nanos() as u64
    }

    pub(crate) fn rdtscp() -> (u64, u32) {
        (rdtsc(), u32::MAX)
    }

    pub(crate) fn fenced() -> u64 {
        super::barrier::mfence();
        let count = rdtsc();
        super::barrier::mfence();
        count
    }

    pub(crate) fn fenced_end() -> u64 {
        fenced()
    }
}

pub(crate) mod barrier {
    //! The strongest fence serves for all: Rust knows no other that is as strong as each of them.
    use std::sync::atomic::{Ordering, fence};

    #[inline(always)]
    pub(crate) fn mfence() {
        fence(Ordering::SeqCst);
    }

    #[inline(always)]
    pub(crate) fn lfence() {
        fence(Ordering::SeqCst);
    }

    #[inline(always)]
    pub(crate) fn sfence() {
        fence(Ordering::SeqCst);
    }
}

pub(crate) mod bits {
    #[inline(always)]
    pub(crate) fn trailing_zeros(x: u64) -> u32 {
        x.trailing_zeros()
    }

    #[inline(always)]
    pub(crate) fn leading_zeros(x: u64) -> u32 {
        x.leading_zeros()
    }

    #[inline(always)]
    pub(crate) fn popcnt(x: u64) -> u32 {
        x.count_ones()
    }

    #[inline(always)]
    pub(crate) fn bswap(x: u64) -> u64 {
        x.swap_bytes()
    }
}

pub(crate) mod prefetch {
    //! No hint is a valid hint.
    #[inline(always)]
    pub(crate) fn to_l1(_: *const u8) {}
    #[inline(always)]
    pub(crate) fn to_l2(_: *const u8) {}
    #[inline(always)]
    pub(crate) fn once(_: *const u8) {}
    #[inline(always)]
    pub(crate) fn write(_: *const u8) {}
}

pub(crate) mod cpuid {
    //! A processor that says nothing about itself.
    use crate::cpu::Leaf;

    pub(crate) fn cpuid(_: u32, _: u32) -> Leaf {
        Leaf::default()
    }

    pub(crate) fn xcr0() -> u64 {
        0
    }
}

pub(crate) mod cstr {
    /// # Safety
    /// `start` begins a string that ends with a zero.
    pub(crate) unsafe fn by_byte(start: *const u8) -> usize {
        let mut length = 0;
        // SAFETY: no byte before this one is the zero that the caller promises.
        while unsafe { start.add(length).read() } != 0 {
            length += 1;
        }
        length
    }

    /// Byte by byte: whatever reads more at once reads past the end.
    ///
    /// # Safety
    /// `start` begins a string that ends with a zero.
    pub(crate) unsafe fn by_block(start: *const u8) -> usize {
        // SAFETY: the caller's promise.
        unsafe { by_byte(start) }
    }
}

pub(crate) mod call {
    pub(crate) extern "C" fn dot4(
        a0: i64,
        a1: i64,
        a2: i64,
        a3: i64,
        b0: i64,
        b1: i64,
        b2: i64,
        b3: i64,
    ) -> i64 {
        [(a0, b0), (a1, b1), (a2, b2), (a3, b3)]
            .into_iter()
            .fold(0, |sum: i64, (a, b)| sum.wrapping_add(a.wrapping_mul(b)))
    }
}

pub(crate) mod frames {
    //! No record is ever found.
    #[inline(always)]
    pub(crate) fn frame_pointer() -> usize {
        0
    }

    #[inline(always)]
    pub(crate) fn stack_pointer() -> usize {
        0
    }

    /// # Safety
    /// Nothing is read.
    #[inline(always)]
    pub(crate) unsafe fn record(_frame: usize) -> (usize, usize) {
        (0, 0)
    }
}
