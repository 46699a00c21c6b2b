//! An arena over the caller's memory.

use std::alloc::Layout;
use std::fmt;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::ptr::NonNull;

use allocator_api2::alloc::{AllocError, Allocator};

use super::{Arena, Checkpoint, Source, StaleCheckpoint, Supply};

/// The [`Arena`] of a caller's slice, on the stack or wherever: all of its methods, and never an
/// allocation. What does not fit is [`OutOfMemory::Limit`](crate::OutOfMemory::Limit).
///
/// ```
/// use std::mem::MaybeUninit;
///
/// let mut memory = [MaybeUninit::uninit(); 64];
/// let mut region = tidemill_memory::Region::new(&mut memory);
/// assert_eq!(region.alloc_str("on the stack"), "on the stack");
/// assert!(region.try_alloc([0u8; 100]).is_err());
/// region.reset();
/// assert_eq!(region.used_bytes(), 0);
/// ```
/// ```compile_fail
/// let mut memory = [std::mem::MaybeUninit::uninit(); 64];
/// let region = tidemill_memory::Region::new(&mut memory);
/// memory[0].write(1);
/// region.alloc(1u8);
/// ```
pub struct Region<'a> {
    /// Lent by shared reference only: whoever had it `&mut` could swap it for one of another `'a`.
    arena: Arena<NoMemory>,
    memory: PhantomData<&'a mut [MaybeUninit<u8>]>,
}

impl<'a> Region<'a> {
    /// A region of this memory.
    #[must_use]
    pub fn new(memory: &'a mut [MaybeUninit<u8>]) -> Self {
        let bytes = memory.len();
        let start = NonNull::from_mut(memory).cast::<u8>();
        // SAFETY: one past the end of the slice.
        let lent = (start, unsafe { start.add(bytes) });
        let arena = Arena::over(Supply::Own(Source::new(NoMemory, 0)), lent);
        Self { arena, memory: PhantomData }
    }

    /// Forgets every object.
    pub fn reset(&mut self) {
        self.arena.reset();
    }

    /// [`Arena::rewind`].
    ///
    /// # Errors
    /// [`StaleCheckpoint`], and nothing is changed.
    pub fn rewind(&mut self, checkpoint: Checkpoint) -> Result<(), StaleCheckpoint> {
        self.arena.rewind(checkpoint)
    }
}

impl Deref for Region<'_> {
    type Target = Arena<NoMemory>;

    fn deref(&self) -> &Self::Target {
        &self.arena
    }
}

impl fmt::Debug for Region<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Region").field("used_bytes", &self.used_bytes()).finish_non_exhaustive()
    }
}

/// An allocator that refuses everything: that of a [`Region`], which has its memory already.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMemory;

// SAFETY: it hands out no block.
unsafe impl Allocator for NoMemory {
    fn allocate(&self, _: Layout) -> Result<NonNull<[u8]>, AllocError> {
        Err(AllocError)
    }

    unsafe fn deallocate(&self, _: NonNull<u8>, _: Layout) {}
}
