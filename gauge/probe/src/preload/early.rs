//! Memory for whoever allocates before the C library's allocator was found: the search itself.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicUsize, Ordering};

const BYTES: usize = 64 << 10;
/// What `malloc` promises on 64-bit systems.
const ALIGN: usize = 16;

#[repr(align(16))]
struct Memory(UnsafeCell<[u8; BYTES]>);

// SAFETY: every byte is handed out once.
unsafe impl Sync for Memory {}

static MEMORY: Memory = Memory(UnsafeCell::new([0; BYTES]));
static USED: AtomicUsize = AtomicUsize::new(0);

/// Zeroed, aligned to 16 bytes; null if there is no room. Never freed.
pub(super) fn allocate(size: usize) -> *mut u8 {
    let Some(rounded) = size.max(1).checked_next_multiple_of(ALIGN) else {
        return std::ptr::null_mut();
    };
    let fits = |used: usize| used.checked_add(rounded).filter(|end| *end <= BYTES);
    match USED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits) {
        // SAFETY: within the array.
        Ok(start) => unsafe { MEMORY.0.get().cast::<u8>().add(start) },
        Err(_) => std::ptr::null_mut(),
    }
}

/// The bytes from a block's start to the end of this memory, if it is of it.
pub(super) fn bytes_from(pointer: *const u8) -> Option<usize> {
    let start = MEMORY.0.get().addr();
    let offset = pointer.addr().checked_sub(start)?;
    (offset < BYTES).then_some(BYTES - offset)
}
