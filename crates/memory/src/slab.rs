use std::alloc::Layout;
use std::cell::Cell;
use std::fmt;
use std::ptr::NonNull;

use allocator_api2::alloc::{AllocError, Allocator, Global};

use crate::{Arena, OutOfMemory};

/// The largest block that is kept by class; larger ones go to the allocator beneath.
pub const MAX_CLASS_BYTES: usize = 32 << 10;

/// The highest alignment of blocks that are kept by class.
const MAX_CLASS_ALIGN: usize = 64;

/// 16, 32, .. 128, then four to each doubling up to [`MAX_CLASS_BYTES`].
const CLASSES: usize = 8 + 4 * (MAX_CLASS_BYTES / 128).ilog2() as usize;

/// Small blocks of a class are carved from the arena by so many bytes at a time.
const RUN_BYTES: usize = 1 << 10;

/// An allocator by size class: blocks come from an [`Arena`], and go to the free list of their
/// class, from which the next one of the class is taken.
///
/// The classes are those of jemalloc (Evans, *A Scalable Concurrent malloc(3) Implementation for
/// FreeBSD*, 2006): every 16 bytes up to 128, then powers of two and the quarter steps between
/// them, up to 32 KiB. So a block is larger than what was asked for by at most 15 bytes up to 128
/// bytes, and by less than a quarter beyond. Sizes are rounded up to their alignment first. What is
/// larger, or aligned to more than 64 bytes, goes to the allocator beneath and back.
///
/// Freed memory serves its own class only, until the slab is dropped. `&Slab` is an [`Allocator`];
/// one thread at a time (`Send`, not `Sync`).
///
/// ```
/// use allocator_api2::{boxed::Box, vec::Vec};
///
/// let slab = tidemill_memory::Slab::new();
/// let mut list = Vec::new_in(&slab);
/// list.push(Box::new_in(String::from("in the slab"), &slab));
/// ```
pub struct Slab<A: Allocator = Global> {
    /// The block of each class that was freed last. A free block begins with the one before it.
    free: [Cell<Option<NonNull<Free>>>; CLASSES],
    blocks: Arena<A>,
    /// Bytes in blocks that the allocator beneath has given.
    large_bytes: Cell<usize>,
}

struct Free {
    next: Option<NonNull<Free>>,
}

// SAFETY: nobody can hold a block of a slab that is moved, but by pointers whose holder answers for
// them; free blocks are the slab's own.
unsafe impl<A: Allocator + Send> Send for Slab<A> {}

impl Slab {
    /// A slab that has no memory yet.
    #[must_use]
    pub fn new() -> Self {
        Self::new_in(Global)
    }
}

impl<A: Allocator> Slab<A> {
    /// A slab whose memory comes from `allocator`.
    #[must_use]
    pub fn new_in(allocator: A) -> Self {
        Self {
            free: [const { Cell::new(None) }; CLASSES],
            blocks: Arena::new_in(allocator),
            large_bytes: Cell::new(0),
        }
    }

    /// The same slab, whose classes take at most `max_bytes` (large blocks are not counted).
    #[must_use]
    pub fn with_max_bytes(self, max_bytes: usize) -> Self {
        Self { blocks: self.blocks.with_max_bytes(max_bytes), ..self }
    }

    /// Bytes taken from the allocator beneath, large blocks included.
    #[must_use]
    pub fn allocated_bytes(&self) -> usize {
        self.blocks.allocated_bytes() + self.large_bytes.get()
    }

    /// Bytes of the block that serves `layout`, its class; `None` where it is large.
    #[must_use]
    pub fn class_bytes(layout: Layout) -> Option<usize> {
        class_of(layout).map(bytes_of)
    }

    /// Memory for `layout`.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    #[inline]
    pub fn try_alloc_layout(&self, layout: Layout) -> Result<NonNull<u8>, OutOfMemory> {
        let Some(class) = class_of(layout) else { return self.large(layout) };
        match self.free[class].get() {
            Some(block) => {
                // SAFETY: a block in the list is free and holds the next one.
                self.free[class].set(unsafe { block.as_ref().next });
                Ok(block.cast())
            }
            None => self.fresh(class),
        }
    }

    /// A block from the arena; what else a run of small ones holds goes to the free list.
    #[cold]
    fn fresh(&self, class: usize) -> Result<NonNull<u8>, OutOfMemory> {
        let bytes = bytes_of(class);
        let count = (RUN_BYTES / bytes).max(1);
        // As high as any alignment that this class serves.
        let align = (1 << bytes.trailing_zeros()).min(MAX_CLASS_ALIGN);
        let layout =
            Layout::from_size_align(bytes * count, align).map_err(|_| OutOfMemory::Overflow)?;
        let run = self.blocks.try_alloc_layout(layout)?;
        for index in (1..count).rev() {
            // SAFETY: within the run, of which nobody has any block yet.
            unsafe { self.release(class, run.add(index * bytes)) };
        }
        Ok(run)
    }

    /// Puts a block into the list of its class.
    ///
    /// # Safety
    /// It is of this class, and nobody else's any more.
    #[inline]
    unsafe fn release(&self, class: usize, block: NonNull<u8>) {
        let block = block.cast::<Free>();
        // SAFETY: the block is ours; every class has the size and alignment of `Free`. (Its pointer
        // may be the caller's: like every allocator, this one relies on it being good for the whole
        // block, as it was when it was given out.)
        unsafe { block.write(Free { next: self.free[class].get() }) };
        self.free[class].set(Some(block));
    }

    #[cold]
    fn large(&self, layout: Layout) -> Result<NonNull<u8>, OutOfMemory> {
        let block = self.blocks.allocator().allocate(layout);
        let block = block.map_err(|_| OutOfMemory::Allocator { layout })?;
        self.large_bytes.set(self.large_bytes.get() + layout.size());
        Ok(block.cast())
    }
}

// SAFETY: a block is memory of the arena, or of the allocator beneath, that nobody else has until
// it is freed; both stay where they are when the slab is moved, which needs it alone.
unsafe impl<A: Allocator> Allocator for &Slab<A> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let block = self.try_alloc_layout(layout)?;
        Ok(NonNull::slice_from_raw_parts(block, layout.size()))
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        let Some(class) = class_of(layout) else {
            self.large_bytes.set(self.large_bytes.get() - layout.size());
            // SAFETY: of the allocator beneath, by the same layout.
            unsafe { self.blocks.allocator().deallocate(block, layout) };
            return;
        };
        // SAFETY: the caller gives the block up; the layout is the one it was given for.
        unsafe { self.release(class, block) };
    }

    /// Where it is while its class has room.
    #[inline]
    unsafe fn grow(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller's promises.
        unsafe { self.resize(block, old, new, old.size()) }
    }

    /// Where it is while its class stays the same.
    #[inline]
    unsafe fn shrink(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller's promises.
        unsafe { self.resize(block, old, new, new.size()) }
    }
}

impl<A: Allocator> Slab<A> {
    /// # Safety
    /// `block` was allocated for `old`, and both are of `kept` bytes at least.
    #[inline]
    unsafe fn resize(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
        kept: usize,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // Blocks of a class are aligned alike, so that one of the same class serves as it is.
        if class_of(old).is_some() && class_of(old) == class_of(new) {
            return Ok(NonNull::slice_from_raw_parts(block, new.size()));
        }
        let moved = self.allocate(new)?;
        // SAFETY: both have `kept` bytes, and a block that was just given overlaps no other.
        unsafe {
            moved.cast::<u8>().copy_from_nonoverlapping(block, kept);
            self.deallocate(block, old);
        }
        Ok(moved)
    }
}

/// The class that serves a layout.
#[inline(always)]
fn class_of(layout: Layout) -> Option<usize> {
    // What has no size takes a block all the same, which must be aligned.
    let size = layout.pad_to_align().size().max(layout.align());
    if size > MAX_CLASS_BYTES || layout.align() > MAX_CLASS_ALIGN {
        return None;
    }
    let last = size - 1;
    if last < 128 {
        return Some(last / 16);
    }
    // Four classes to a doubling: the two bits after the leading one say which.
    let doubling = last.ilog2() as usize;
    Some(8 + 4 * (doubling - 7) + (last >> (doubling - 2)) - 4)
}

/// The bytes of a class's blocks.
#[inline]
const fn bytes_of(class: usize) -> usize {
    match class {
        0..8 => 16 * (class + 1),
        _ => (5 + class % 4) << (5 + (class - 8) / 4),
    }
}

impl Default for Slab {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: Allocator> fmt::Debug for Slab<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slab")
            .field("allocated_bytes", &self.allocated_bytes())
            .finish_non_exhaustive()
    }
}
