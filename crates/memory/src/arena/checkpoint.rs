//! Giving back a part of an arena.

use std::fmt;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use allocator_api2::alloc::Allocator;

use super::chunk::ChunkRef;
use super::{Arena, Supply};

/// How far an [`Arena`] was filled, to [`rewind`](Arena::rewind) it to.
#[derive(Clone, Copy)]
pub struct Checkpoint {
    arena: u64,
    chunk: Option<ChunkRef>,
    filled: usize,
}

/// A [`Checkpoint`] of another arena, or of a part of this one that was emptied since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaleCheckpoint;

impl<A: Allocator> Arena<A> {
    /// How far the arena is filled now.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        if self.id.get() == 0 {
            self.id.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        Checkpoint { arena: self.id.get(), chunk: self.used.top(), filled: self.filled() }
    }

    /// Forgets what was allocated since `checkpoint` and keeps the memory for what follows.
    ///
    /// For memory that is known by pointer ([`alloc_layout`](Self::alloc_layout)): references end
    /// here, earlier ones too. [`scope`](Self::scope) leaves those of before alone.
    ///
    /// # Errors
    /// [`StaleCheckpoint`], and nothing is changed.
    pub fn rewind(&mut self, checkpoint: Checkpoint) -> Result<(), StaleCheckpoint> {
        let Checkpoint { arena, chunk, filled } = checkpoint;
        if arena != self.id.get() {
            return Err(StaleCheckpoint);
        }
        if chunk == self.used.top() {
            // A block that was freed since may have taken the cursor back already.
            self.enter(filled.min(self.filled()));
            return Ok(());
        }
        // What was in use in a chunk beneath: the difference of the sums of the two above it.
        let mut above = self.used_beneath.get();
        for beneath in self.used.iter().skip(1).map(Some).chain([None]) {
            let before = beneath.map_or(0, ChunkRef::used_beneath);
            if beneath == chunk {
                self.unwind_to(chunk, filled.min(above - before));
                return Ok(());
            }
            above = before;
        }
        Err(StaleCheckpoint)
    }

    /// Runs `body` with an arena for what is needed no longer than that, and takes its memory back.
    ///
    /// The inner arena goes on where this one stands and uses its spare chunks and its bound. What
    /// was allocated here before stays; allocating here meanwhile is allowed, and takes a new
    /// chunk. Scopes nest. Memory comes back too when `body` panics.
    ///
    /// ```
    /// let arena = tidemill_memory::Arena::new();
    /// let kept = arena.alloc(1);
    /// let sum = arena.scope(|scratch| *kept + *scratch.alloc(2));
    /// assert_eq!((*kept, sum), (1, 3));
    /// ```
    /// ```compile_fail
    /// let arena = tidemill_memory::Arena::new();
    /// let escaped: &mut u8 = arena.scope(|scratch| scratch.alloc(1));
    /// ```
    pub fn scope<R>(&self, body: impl FnOnce(&Self) -> R) -> R {
        struct Borrowed<'a, A: Allocator> {
            parent: &'a Arena<A>,
            child: Arena<A>,
        }

        impl<A: Allocator> Drop for Borrowed<'_, A> {
            fn drop(&mut self) {
                let Self { parent, child } = self;
                child.reset();
                // Back in their order: the last one first.
                let reversed = super::Chunks::default();
                while let Some(chunk) = child.spare.pop() {
                    reversed.push(chunk);
                }
                while let Some(chunk) = reversed.pop() {
                    parent.spare.push(chunk);
                }
                // Has the parent not moved on, the rest of its extent is its own again.
                if parent.end.get() == child.lent.0 {
                    parent.end.set(child.lent.1);
                }
            }
        }

        let tail = (self.cursor.get(), self.end.get());
        let source = Supply::Parent(NonNull::from_ref(self.source()));
        let mut child = Self::over(source, tail);
        child.spare = self.spare.take();
        self.end.set(tail.0);
        let borrowed = Borrowed { parent: self, child };
        body(&borrowed.child)
    }
}

impl fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { arena, filled, .. } = self;
        f.debug_struct("Checkpoint").field("arena", arena).field("filled", filled).finish()
    }
}

impl fmt::Display for StaleCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the checkpoint is of another arena, or of a part that was emptied since")
    }
}

impl std::error::Error for StaleCheckpoint {}
