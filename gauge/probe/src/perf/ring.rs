//! One processor's ring: a page of positions, and behind it the bytes, both written by the kernel.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where `struct perf_event_mmap_page` has the position up to which the kernel wrote, and ours.
const HEAD_AT: usize = 1024;
const TAIL_AT: usize = 1032;

/// The kernel's page, and the bytes after it.
#[derive(Debug)]
pub(super) struct Ring {
    descriptor: OwnedFd,
    memory: Mapping,
    page_bytes: usize,
    /// A power of two.
    bytes: usize,
}

/// Shared with the kernel until it is dropped.
#[derive(Debug)]
struct Mapping {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: it is memory of the process, not of a thread; whoever owns it is the only one to read from it.
unsafe impl Send for Mapping {}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: it was mapped with this length, and no reference into it outlives its owner.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
    }
}

impl Ring {
    /// Maps the ring of a descriptor of `perf_event_open`; gives the descriptor back if that fails. `bytes`: a power of
    /// two, of whole pages.
    pub(super) fn map(descriptor: OwnedFd, bytes: usize) -> Result<Self, (OwnedFd, io::Error)> {
        // SAFETY: no memory is involved.
        let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        let page_bytes = usize::try_from(page_bytes).unwrap_or(4096);
        assert!(bytes.is_power_of_two() && bytes >= page_bytes, "what the kernel asks for");
        let length = page_bytes + bytes;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let file = descriptor.as_raw_fd();
        // SAFETY: a new mapping at an address of the kernel's choice touches nothing that is there.
        let mapped =
            unsafe { libc::mmap(std::ptr::null_mut(), length, access, libc::MAP_SHARED, file, 0) };
        match NonNull::new(mapped.cast::<u8>()) {
            Some(start) if mapped != libc::MAP_FAILED => {
                let memory = Mapping { start, bytes: length };
                Ok(Self { descriptor, memory, page_bytes, bytes })
            }
            _ => Err((descriptor, io::Error::last_os_error())),
        }
    }

    /// Without its memory.
    pub(super) fn unmap(self) -> OwnedFd {
        self.descriptor
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }

    pub(super) fn len(&self) -> usize {
        self.bytes
    }

    /// Moves all that was written into `out`, which is cleared, and lets the kernel write there again.
    pub(super) fn take(&mut self, out: &mut Vec<u8>) {
        out.clear();
        // The kernel's bytes are there once its position is seen.
        let head = self.position(HEAD_AT).load(Ordering::Acquire);
        let tail = self.position(TAIL_AT).load(Ordering::Relaxed);
        let length = usize::try_from(head.wrapping_sub(tail)).unwrap_or(0).min(self.bytes);
        let begin = tail as usize & (self.bytes - 1);
        let first = length.min(self.bytes - begin);
        out.reserve(length);
        for (from, count) in [(begin, first), (0, length - first)] {
            // SAFETY: `from + count` is within the ring, which starts behind the first page. The kernel does not write
            // between our position and its own, so that these bytes stand still; `out` is other memory.
            let bytes = unsafe {
                let start = self.memory.start.as_ptr().add(self.page_bytes + from);
                std::slice::from_raw_parts(start, count)
            };
            out.extend_from_slice(bytes);
        }
        // They were read before the kernel may write there again.
        self.position(TAIL_AT).store(head, Ordering::Release);
    }

    fn position(&self, at: usize) -> &AtomicU64 {
        // SAFETY: within the first page, which is aligned to more than 8 bytes; kernel and program use these words
        // as atomics.
        unsafe { AtomicU64::from_ptr(self.memory.start.as_ptr().add(at).cast()) }
    }
}
