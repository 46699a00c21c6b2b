//! The memory of an aligned vector.

use std::alloc::Layout;
use std::ptr::NonNull;

use allocator_api2::alloc::Allocator;

use super::ALIGNMENT_BYTES;
use crate::OutOfMemory;
use crate::pages::{HUGE_PAGE_BYTES, advise_huge};

/// Room for values at an aligned address. Not freed when dropped: it does not know its allocator.
pub(super) struct Block<T> {
    start: NonNull<T>,
    /// Bytes from `start` on.
    bytes: usize,
    /// Bytes of the allocation before `start`, where it was made larger to find an aligned place.
    lead: Option<usize>,
}

impl<T> Block<T> {
    const ALIGN: usize =
        if align_of::<T>() > ALIGNMENT_BYTES { align_of::<T>() } else { ALIGNMENT_BYTES };

    /// No memory, and an address that is aligned all the same.
    pub(super) const fn empty() -> Self {
        #[repr(align(64))]
        struct Line;
        let start = if align_of::<T>() > ALIGNMENT_BYTES {
            NonNull::<T>::dangling()
        } else {
            NonNull::<Line>::dangling().cast()
        };
        Self { start, bytes: 0, lead: None }
    }

    pub(super) fn start(&self) -> NonNull<T> {
        self.start
    }

    /// Values there is room for.
    pub(super) fn capacity(&self) -> usize {
        self.bytes.checked_div(size_of::<T>()).unwrap_or(usize::MAX)
    }

    /// Room for `capacity` values at least.
    pub(super) fn allocate<A: Allocator>(
        capacity: usize,
        allocator: &A,
    ) -> Result<Self, OutOfMemory> {
        let Some(layout) = Self::layout(capacity)? else { return Ok(Self::empty()) };
        let start = allocator.allocate(layout).map_err(|_| OutOfMemory::Allocator { layout })?;
        let start = start.cast::<u8>();
        if layout.size() >= HUGE_PAGE_BYTES {
            advise_huge(start, layout.size());
        }
        Ok(Self { start: start.cast(), bytes: layout.size(), lead: None })
    }

    /// Room for `capacity` values at least, all bytes zero.
    ///
    /// Allocators know fresh pages to be zero, but the system's only for the alignment of `malloc`:
    /// at a higher one it writes them all. So a large block is asked for with a huge page more than
    /// it needs, which is never touched.
    pub(super) fn allocate_zeroed<A: Allocator>(
        capacity: usize,
        allocator: &A,
    ) -> Result<Self, OutOfMemory> {
        let Some(layout) = Self::layout(capacity)? else { return Ok(Self::empty()) };
        let is_large = layout.size() >= HUGE_PAGE_BYTES;
        let asked = if is_large { Self::padded(layout)? } else { layout };
        let got = allocator.allocate_zeroed(asked);
        let got = got.map_err(|_| OutOfMemory::Allocator { layout: asked })?.cast::<u8>();
        if !is_large {
            return Ok(Self { start: got.cast(), bytes: layout.size(), lead: None });
        }
        let lead = got.addr().get().wrapping_neg() & (layout.align() - 1);
        // SAFETY: the block is `layout.align()` bytes longer than needed, and `lead` is less.
        let start = unsafe { got.add(lead) };
        advise_huge(start, layout.size());
        Ok(Self { start: start.cast(), bytes: layout.size(), lead: Some(lead) })
    }

    /// Gives the memory back.
    ///
    /// # Safety
    /// It came from this allocator, and is not used any more.
    pub(super) unsafe fn free<A: Allocator>(self, allocator: &A) {
        if self.bytes == 0 {
            return;
        }
        // SAFETY: the layout is the one that was allocated: made from the same figures by the same
        // functions, which had no error then.
        unsafe {
            let layout = Layout::from_size_align_unchecked(self.bytes, Self::align(self.bytes));
            match self.lead {
                None => allocator.deallocate(self.start.cast(), layout),
                Some(lead) => {
                    let start = self.start.cast::<u8>().sub(lead);
                    let padded = layout.size() + layout.align();
                    allocator.deallocate(start, Layout::from_size_align_unchecked(padded, 16));
                }
            }
        }
    }

    /// What to ask for, `None` for nothing.
    fn layout(capacity: usize) -> Result<Option<Layout>, OutOfMemory> {
        let bytes = capacity.checked_mul(size_of::<T>()).ok_or(OutOfMemory::Overflow)?;
        if bytes == 0 {
            return Ok(None);
        }
        let align = Self::align(bytes);
        let bytes = bytes.checked_next_multiple_of(align).ok_or(OutOfMemory::Overflow)?;
        let layout = Layout::from_size_align(bytes, Self::align(bytes));
        layout.map(Some).map_err(|_| OutOfMemory::Overflow)
    }

    fn padded(layout: Layout) -> Result<Layout, OutOfMemory> {
        let bytes = layout.size().checked_add(layout.align()).ok_or(OutOfMemory::Overflow)?;
        Layout::from_size_align(bytes, 16).map_err(|_| OutOfMemory::Overflow)
    }

    fn align(bytes: usize) -> usize {
        if bytes < HUGE_PAGE_BYTES { Self::ALIGN } else { Self::ALIGN.max(HUGE_PAGE_BYTES) }
    }
}
