//! The arena: the cursor, the chunks it goes through, and what empties them.

mod allocator;
mod checkpoint;
mod chunk;
mod drops;
mod objects;
mod region;

use std::alloc::Layout;
use std::cell::Cell;
use std::fmt;
use std::ptr::NonNull;

use allocator_api2::alloc::{Allocator, Global};

use crate::OutOfMemory;
pub use checkpoint::{Checkpoint, StaleCheckpoint};
use chunk::{ChunkRef, Chunks, Source};
pub use drops::DropArena;
pub use region::{NoMemory, Region};

/// Many objects of one lifetime: each costs the advance of a cursor, all are freed at once.
///
/// Objects are borrowed from the arena (`&arena` gives a `&mut T`). They are gone when it is
/// dropped, or emptied by [`reset`](Self::reset), which needs `&mut` and keeps the memory. It runs
/// no destructors: a type that has one is refused when the program is compiled (see
/// [`DropArena`]). `&Arena` is an [`Allocator`] for collections.
///
/// Memory comes in chunks of 4 KiB that double up to 8 MiB, aligned to cache lines, from 2 MiB on
/// to huge pages, which are advised. A request that does not fit goes on to the next chunk; what
/// was left of the last one is unused until the arena is emptied.
///
/// `Send`, but not `Sync`: one thread at a time.
///
/// ```compile_fail
/// tidemill_memory::Arena::new().alloc(String::from("has a destructor"));
/// ```
/// ```compile_fail
/// let mut arena = tidemill_memory::Arena::new();
/// let one = arena.alloc(1);
/// arena.reset();
/// *one = 2; // borrowed from what was emptied
/// ```
/// ```compile_fail
/// fn shared(_: impl Sync) {}
/// shared(tidemill_memory::Arena::new());
/// ```
pub struct Arena<A: Allocator = Global> {
    /// The first free byte of the extent in use.
    cursor: Cell<NonNull<u8>>,
    /// One past the extent's last byte.
    end: Cell<NonNull<u8>>,
    /// The extent's first byte.
    start: Cell<NonNull<u8>>,
    /// Bytes in use in the extents before it.
    used_beneath: Cell<usize>,
    /// The chunks gone through; the extent is the top one, or `lent` when there is none.
    used: Chunks,
    /// Chunks with nothing in them, in the order in which they were used.
    spare: Chunks,
    /// Memory of somebody else to begin with; empty and dangling where there is none.
    lent: (NonNull<u8>, NonNull<u8>),
    supply: Supply<A>,
    /// Tells arenas apart for checkpoints; 0 until the first.
    id: Cell<u64>,
}

/// An arena has its own source of chunks, a scope that of the arena it belongs to.
enum Supply<A> {
    Own(Source<A>),
    Parent(NonNull<Source<A>>),
}

// SAFETY: the arena owns its chunks, and nobody can hold an object of an arena that is moved. A
// `Supply::Parent` never moves: it is handed out by shared reference only (`Arena::scope`).
unsafe impl<A: Allocator + Send> Send for Arena<A> {}

impl Arena {
    /// An arena that has no memory yet.
    #[must_use]
    pub fn new() -> Self {
        Self::new_in(Global)
    }

    /// An arena with room for `bytes` in one piece.
    ///
    /// # Panics
    /// When `bytes` is more than `isize::MAX`.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        let arena = Self::new();
        arena.try_reserve(bytes).unwrap_or_else(|refused| refused.raise());
        arena
    }
}

impl<A: Allocator> Arena<A> {
    /// An arena whose chunks come from `allocator`.
    #[must_use]
    pub fn new_in(allocator: A) -> Self {
        let nothing = NonNull::dangling();
        Self::over(Supply::Own(Source::new(allocator, usize::MAX)), (nothing, nothing))
    }

    /// The same arena, which takes at most `max_bytes` from its allocator, headers of 64 bytes a
    /// chunk included.
    #[must_use]
    pub fn with_max_bytes(mut self, max_bytes: usize) -> Self {
        if let Supply::Own(source) = &mut self.supply {
            source.max_bytes = max_bytes;
        }
        self
    }

    /// An arena that hands out what is between the two pointers first.
    fn over(supply: Supply<A>, lent: (NonNull<u8>, NonNull<u8>)) -> Self {
        Self {
            cursor: Cell::new(lent.0),
            end: Cell::new(lent.1),
            start: Cell::new(lent.0),
            used_beneath: Cell::new(0),
            used: Chunks::default(),
            spare: Chunks::default(),
            lent,
            supply,
            id: Cell::new(0),
        }
    }

    /// Forgets every object and keeps all memory: the next ones cost no allocation until there are
    /// more of them. Costs a few nanoseconds a chunk.
    pub fn reset(&mut self) {
        self.unwind_to(None, 0);
    }

    /// Gives the chunks in which nothing is back to the allocator.
    pub fn trim(&mut self) {
        while let Some(chunk) = self.spare.pop() {
            // SAFETY: it came from this source, was just taken off the list, and is not in use.
            unsafe { self.source().free(chunk) };
        }
    }

    /// Makes sure that `bytes` bytes without alignment can be allocated in one piece, or as objects
    /// one after the other, without a new chunk.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn try_reserve(&self, bytes: usize) -> Result<(), OutOfMemory> {
        let layout = Layout::from_size_align(bytes, 1).map_err(|_| OutOfMemory::Overflow)?;
        if self.room() < bytes { self.advance(layout) } else { Ok(()) }
    }

    /// Bytes in use, padding for alignment included.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        self.used_beneath.get() + self.filled()
    }

    /// Bytes taken from the allocator.
    #[must_use]
    pub fn allocated_bytes(&self) -> usize {
        self.source().allocated_bytes.get()
    }

    /// The allocator of the chunks.
    #[must_use]
    pub fn allocator(&self) -> &A {
        &self.source().allocator
    }

    /// Memory for `layout`; its bytes have no values yet.
    ///
    /// # Panics
    /// When it does not fit under the bound. ([`try_alloc_layout`](Self::try_alloc_layout) does
    /// not.)
    #[inline]
    pub fn alloc_layout(&self, layout: Layout) -> NonNull<u8> {
        match self.bump(layout) {
            Some(start) => start,
            None => self.alloc_slow(layout).unwrap_or_else(|refused| refused.raise()),
        }
    }

    /// Memory for `layout`; its bytes have no values yet.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    #[inline]
    pub fn try_alloc_layout(&self, layout: Layout) -> Result<NonNull<u8>, OutOfMemory> {
        match self.bump(layout) {
            Some(start) => Ok(start),
            None => self.alloc_slow(layout),
        }
    }

    /// The fast path: memory from the extent in use.
    #[inline(always)]
    fn bump(&self, layout: Layout) -> Option<NonNull<u8>> {
        let (size, mask) = (layout.size(), layout.align() - 1);
        let cursor = self.cursor.get();
        let from = cursor.addr().get();
        // The next cursor from the last one is what a row of allocations waits for: two
        // instructions where the size is a multiple of the alignment, which a type's always is and
        // the compiler then knows.
        let to = if size & mask == 0 {
            from.wrapping_add(size + mask) & !mask
        } else {
            (from.wrapping_add(mask) & !mask).wrapping_add(size)
        };
        // A `Layout`'s size rounded up to its alignment fits `isize`: where a sum wrapped, it did so
        // once and came out less than `from`.
        if to > self.end.get().addr().get() || to < from {
            return None;
        }
        // SAFETY: from the cursor to `to` are padding and `size` bytes, all within the extent.
        unsafe {
            let next = cursor.add(to - from);
            self.cursor.set(next);
            Some(next.sub(size))
        }
    }

    /// Bytes left in the extent in use.
    #[inline(always)]
    fn room(&self) -> usize {
        self.end.get().addr().get() - self.cursor.get().addr().get()
    }

    /// Bytes in use in the extent in use.
    fn filled(&self) -> usize {
        self.cursor.get().addr().get() - self.start.get().addr().get()
    }

    #[cold]
    #[inline(never)]
    fn alloc_slow(&self, layout: Layout) -> Result<NonNull<u8>, OutOfMemory> {
        if layout.size() == 0 {
            // Needs no memory, and so never fails; only the address must be aligned.
            return Ok(NonNull::<u8>::dangling().map_addr(|_| {
                std::num::NonZero::new(layout.align()).unwrap_or(std::num::NonZero::<usize>::MIN)
            }));
        }
        self.advance(layout)?;
        self.bump(layout).ok_or(OutOfMemory::Overflow)
    }

    /// Goes on to a chunk that holds `layout`: a spare one, or a new one.
    fn advance(&self, layout: Layout) -> Result<(), OutOfMemory> {
        let chunk = match self.spare.take_fitting(layout) {
            Some(chunk) => chunk,
            None => self.source().chunk(layout)?,
        };
        chunk.set_used_beneath(self.used_bytes());
        self.used.push(chunk);
        self.enter(0);
        Ok(())
    }

    /// Makes the chunk on top (or what was lent) the extent in use, `filled` bytes of it full.
    fn enter(&self, filled: usize) {
        let (start, end, beneath) = match self.used.top() {
            Some(chunk) => (chunk.start(), chunk.end(), chunk.used_beneath()),
            None => (self.lent.0, self.lent.1, 0),
        };
        debug_assert!(filled <= end.addr().get() - start.addr().get());
        self.start.set(start);
        self.end.set(end);
        // SAFETY: `filled` is at most the extent's length: 0, or what was in use in it before.
        self.cursor.set(unsafe { start.add(filled) });
        self.used_beneath.set(beneath);
    }

    /// Leaves all chunks above `chunk` (`None`: what was lent) and cuts that one to `filled` bytes,
    /// which must have been in use.
    fn unwind_to(&self, chunk: Option<ChunkRef>, filled: usize) {
        while self.used.top() != chunk
            && let Some(left) = self.used.pop()
        {
            self.spare.push(left);
        }
        self.enter(filled);
    }

    fn source(&self) -> &Source<A> {
        match &self.supply {
            Supply::Own(source) => source,
            // SAFETY: the parent is borrowed for as long as the scope lives (`Arena::scope`).
            Supply::Parent(source) => unsafe { source.as_ref() },
        }
    }
}

impl<A: Allocator> Drop for Arena<A> {
    fn drop(&mut self) {
        self.reset();
        self.trim();
    }
}

impl<A: Allocator + Default> Default for Arena<A> {
    fn default() -> Self {
        Self::new_in(A::default())
    }
}

impl<A: Allocator> fmt::Debug for Arena<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arena")
            .field("used_bytes", &self.used_bytes())
            .field("allocated_bytes", &self.allocated_bytes())
            .finish_non_exhaustive()
    }
}
