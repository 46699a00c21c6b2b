//! An arena that runs destructors.

use std::alloc::Layout;
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::mem::{forget, needs_drop};
use std::ptr::{NonNull, drop_in_place, slice_from_raw_parts_mut};
use std::slice;

use allocator_api2::alloc::{Allocator, Global};

use super::Arena;
use crate::OutOfMemory;

/// An [`Arena`] of objects whose destructors are run, the youngest object's first, when it is
/// emptied or dropped.
///
/// A type of its own, so that `Arena` pays nothing for destructors and nobody forgets them: an
/// object that has one costs 24 bytes more here, and others nothing. What the objects borrow must
/// outlive the arena (`'env`). A panicking destructor does not keep the others from running.
///
/// Neither `Send` nor `Sync`, for what is in it may not be.
///
/// ```
/// let arena = tidemill_memory::DropArena::new();
/// let name: &mut String = arena.alloc("owned".to_owned());
/// name.push_str(" and freed");
/// ```
/// ```compile_fail
/// struct Loud<'a>(&'a str);
/// impl Drop for Loud<'_> {
///     fn drop(&mut self) {
///         println!("{}", self.0);
///     }
/// }
/// let arena = tidemill_memory::DropArena::new();
/// let text = String::from("dropped before the arena");
/// arena.alloc(Loud(&text));
/// ```
pub struct DropArena<'env, A: Allocator = Global> {
    arena: Arena<A>,
    youngest: Youngest,
    /// Invariant, and `Drop` is implemented: `'env` strictly outlives the arena.
    env: PhantomData<Cell<&'env ()>>,
}

type Youngest = Cell<Option<NonNull<Entry>>>;

/// What stands before an object, or a slice of them, with a destructor.
struct Entry {
    next: Option<NonNull<Entry>>,
    /// Drops as many objects as are given, the first of which stands there.
    drop: unsafe fn(NonNull<Entry>, usize),
    len: usize,
}

impl DropArena<'_> {
    /// An arena that has no memory yet.
    #[must_use]
    pub fn new() -> Self {
        Self::new_in(Global)
    }
}

impl<'env, A: Allocator> DropArena<'env, A> {
    /// An arena whose chunks come from `allocator`.
    #[must_use]
    pub fn new_in(allocator: A) -> Self {
        Self::over(Arena::new_in(allocator))
    }

    /// An arena on top of `arena`, with its bound.
    #[must_use]
    pub fn over(arena: Arena<A>) -> Self {
        Self { arena, youngest: Cell::new(None), env: PhantomData }
    }

    /// The arena beneath, for what needs no destructor: strings, copies, scopes.
    #[must_use]
    pub fn plain(&self) -> &Arena<A> {
        &self.arena
    }

    /// Puts `value` into the arena.
    ///
    /// # Panics
    /// When the arena's bound is reached.
    pub fn alloc<T: 'env>(&self, value: T) -> &mut T {
        self.try_alloc_with(|| value).unwrap_or_else(|refused| refused.raise())
    }

    /// Puts `value` into the arena.
    ///
    /// # Errors
    /// [`OutOfMemory`]; the value is dropped. ([`try_alloc_with`](Self::try_alloc_with) does not make it
    /// then.)
    pub fn try_alloc<T: 'env>(&self, value: T) -> Result<&mut T, OutOfMemory> {
        self.try_alloc_with(|| value)
    }

    /// Puts what `make` returns into the arena; it is not called where there is no memory.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn try_alloc_with<T: 'env>(&self, make: impl FnOnce() -> T) -> Result<&mut T, OutOfMemory> {
        let mut make = Some(make);
        let made = self.try_alloc_slice_fill_with(1, |_| {
            // One object, one call.
            make.take().map_or_else(|| unreachable!(), |make| make())
        })?;
        Ok(&mut made[0])
    }

    /// A slice of `len` values, each made from its index. Where `make` panics, those that were made
    /// are dropped.
    ///
    /// # Errors
    /// [`OutOfMemory`], before the first is made.
    #[expect(clippy::mut_from_ref, reason = "every call gives a place of its own")]
    pub fn try_alloc_slice_fill_with<T: 'env>(
        &self,
        len: usize,
        mut make: impl FnMut(usize) -> T,
    ) -> Result<&mut [T], OutOfMemory> {
        let values = Layout::array::<T>(len).map_err(|_| OutOfMemory::Overflow)?;
        let entry = if needs_drop::<T>() { Layout::new::<Entry>() } else { Layout::new::<()>() };
        let (both, offset) = entry.extend(values).map_err(|_| OutOfMemory::Overflow)?;
        let block = self.arena.try_alloc_layout(both)?;
        // SAFETY: within the block, by the layout's own arithmetic.
        let first = unsafe { block.add(offset) }.cast::<T>();
        let mut made = Made { first, len: 0 };
        while made.len < len {
            // SAFETY: the block has room for `len` values from `first` on.
            unsafe { first.add(made.len).write(make(made.len)) };
            made.len += 1;
        }
        forget(made);
        if needs_drop::<T>() {
            let next = self.youngest.get();
            let entry = block.cast::<Entry>();
            // SAFETY: the block begins with room for an entry, aligned for it.
            unsafe { entry.write(Entry { next, drop: drop_values::<T>, len }) };
            self.youngest.set(Some(entry));
        }
        // SAFETY: `len` values were written, apart from the entry, and are borrowed from `self`.
        Ok(unsafe { slice::from_raw_parts_mut(first.as_ptr(), len) })
    }

    /// Drops every object and keeps all memory.
    ///
    /// # Panics
    /// When a destructor does, after the others have run and the arena is empty.
    pub fn reset(&mut self) {
        struct Emptied<'a, A: Allocator>(&'a mut Arena<A>);
        impl<A: Allocator> Drop for Emptied<'_, A> {
            fn drop(&mut self) {
                self.0.reset();
            }
        }
        let _emptied = Emptied(&mut self.arena);
        drop_all(&self.youngest);
    }
}

/// Drops what the list holds, and goes on when a destructor panics (once: a second panic ends the
/// process, as everywhere).
fn drop_all(youngest: &Youngest) {
    struct Rest<'a>(&'a Youngest);
    impl Drop for Rest<'_> {
        fn drop(&mut self) {
            drop_each(self.0);
        }
    }
    let rest = Rest(youngest);
    drop_each(rest.0);
}

fn drop_each(youngest: &Youngest) {
    while let Some(entry) = youngest.get() {
        // SAFETY: entries are written once and stay until the arena is emptied, which comes after
        // this. Taking each off the list before its objects are dropped drops them once.
        unsafe {
            let Entry { next, drop, len } = entry.read();
            youngest.set(next);
            drop(entry, len);
        }
    }
}

/// # Safety
/// Behind `entry` stand `len` values of `T` as `try_alloc_slice_fill_with` laid them out; they are
/// not used any more.
unsafe fn drop_values<T>(entry: NonNull<Entry>, len: usize) {
    let offset = size_of::<Entry>().next_multiple_of(align_of::<T>());
    // SAFETY: the layout of an entry extended by values aligned to `T` has them at this offset.
    unsafe {
        let first = entry.cast::<u8>().add(offset).cast::<T>();
        drop_in_place(slice_from_raw_parts_mut(first.as_ptr(), len));
    }
}

/// The values made so far, dropped when making the next one panics.
struct Made<T> {
    first: NonNull<T>,
    len: usize,
}

impl<T> Drop for Made<T> {
    fn drop(&mut self) {
        // SAFETY: the first `len` values were written and nobody else knows of them.
        unsafe { drop_in_place(slice_from_raw_parts_mut(self.first.as_ptr(), self.len)) };
    }
}

impl<A: Allocator> Drop for DropArena<'_, A> {
    fn drop(&mut self) {
        drop_all(&self.youngest);
    }
}

impl Default for DropArena<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: Allocator> fmt::Debug for DropArena<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DropArena").field("arena", &self.arena).finish_non_exhaustive()
    }
}
