//! An arena as the allocator of collections.

use std::alloc::Layout;
use std::ptr::NonNull;

use allocator_api2::alloc::{AllocError, Allocator};

use super::Arena;
use crate::OutOfMemory;

// SAFETY: a block is memory of the arena that is handed out once, and stays while any copy of the
// reference lives: emptying or moving the arena needs it alone.
unsafe impl<A: Allocator> Allocator for &Arena<A> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let block = self.try_alloc_layout(layout)?;
        Ok(NonNull::slice_from_raw_parts(block, layout.size()))
    }

    /// Only the block that was allocated last gives its memory back.
    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if let Some(start) = self.last(block, layout.size()) {
            self.cursor.set(start);
        }
    }

    /// The block that was allocated last grows where it is while its chunk has room.
    #[inline]
    unsafe fn grow(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller's promises.
        let grown = unsafe { self.regrow(block, old, new) }?;
        Ok(NonNull::slice_from_raw_parts(grown, new.size()))
    }

    #[inline]
    unsafe fn grow_zeroed(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller's promises are those of `grow`; the bytes behind the old ones are ours.
        unsafe {
            let grown = self.grow(block, old, new)?;
            let tail = grown.cast::<u8>().add(old.size());
            tail.write_bytes(0, new.size() - old.size());
            Ok(grown)
        }
    }

    #[inline]
    unsafe fn shrink(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        if !block.addr().get().is_multiple_of(new.align()) {
            let moved = self.try_alloc_layout(new)?;
            // SAFETY: both are valid for `new.size()` bytes, and a fresh block overlaps no other.
            unsafe { moved.copy_from_nonoverlapping(block, new.size()) };
            return Ok(NonNull::slice_from_raw_parts(moved, new.size()));
        }
        if let Some(start) = self.last(block, old.size()) {
            // SAFETY: within the block, which ends at the cursor.
            self.cursor.set(unsafe { start.add(new.size()) });
        }
        Ok(NonNull::slice_from_raw_parts(block, new.size()))
    }
}

impl<A: Allocator> Arena<A> {
    /// `Allocator::grow`, with the reason where it fails.
    ///
    /// # Safety
    /// That of `Allocator::grow`.
    #[inline]
    pub(super) unsafe fn regrow(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<u8>, OutOfMemory> {
        let more = new.size() - old.size();
        if let Some(start) = self.last(block, old.size())
            && start.addr().get().is_multiple_of(new.align())
            && more <= self.room()
        {
            // SAFETY: the extent has room for `more` bytes after the cursor.
            self.cursor.set(unsafe { self.cursor.get().add(more) });
            return Ok(start);
        }
        let moved = self.try_alloc_layout(new)?;
        // SAFETY: both are valid for `old.size()` bytes, and a fresh block overlaps no other.
        unsafe { moved.copy_from_nonoverlapping(block, old.size()) };
        Ok(moved)
    }

    /// The start of a block of `bytes` bytes if it is what was allocated last, with the chunk's
    /// provenance (the caller's pointer may only be good for what it stored there).
    ///
    /// No block of another chunk ends where this one's objects begin: a header stands between.
    #[inline(always)]
    fn last(&self, block: NonNull<u8>, bytes: usize) -> Option<NonNull<u8>> {
        let cursor = self.cursor.get();
        let is_last = bytes > 0 && block.addr().get() + bytes == cursor.addr().get();
        // SAFETY: the block lies before the cursor in the extent in use.
        is_last.then(|| unsafe { cursor.sub(bytes) })
    }
}
