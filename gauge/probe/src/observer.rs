//! What an observer sees.

use std::alloc::Layout;

/// A block of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Where it begins: a number, not a pointer; an observer has no business inside.
    pub address: usize,
    /// Its size in bytes, as asked for.
    pub size: usize,
    /// Its alignment in bytes, as asked for.
    pub align: usize,
}

impl Block {
    #[inline]
    pub(crate) fn new(pointer: *mut u8, layout: Layout) -> Self {
        Self { address: pointer.addr(), size: layout.size(), align: layout.align() }
    }
}

/// Sees what an allocator does.
///
/// # Safety
/// The methods run inside of the global allocator. They must not unwind, and must not allocate through the
/// allocator that they observe, unless they see to it that this ends. Thread-local storage must be
/// `const` and without a destructor.
pub unsafe trait Observer {
    /// A block was allocated. (Its pointer is not yet known to anybody else.)
    fn allocated(&self, block: Block);

    /// A block will now be deallocated. (It may be somebody else's as soon as this returns.)
    fn deallocating(&self, block: Block);

    /// A block will now be reallocated. (It may be somebody else's as soon as this returns.)
    #[inline]
    fn reallocating(&self, _old: Block) {}

    /// A block was reallocated, in place or not; or not at all (`None`): then the old one still lives.
    fn reallocated(&self, old: Block, new: Option<Block>);

    /// An allocation failed.
    #[inline]
    fn failed(&self, _layout: Layout) {}
}

macro_rules! tuple {
    ($($name:ident $index:tt),*) => {
        // SAFETY: each member keeps the promises.
        unsafe impl<$($name: Observer),*> Observer for ($($name,)*) {
            #[inline]
            fn allocated(&self, block: Block) {
                $(self.$index.allocated(block);)*
            }
            #[inline]
            fn deallocating(&self, block: Block) {
                $(self.$index.deallocating(block);)*
            }
            #[inline]
            fn reallocating(&self, old: Block) {
                $(self.$index.reallocating(old);)*
            }
            #[inline]
            fn reallocated(&self, old: Block, new: Option<Block>) {
                $(self.$index.reallocated(old, new);)*
            }
            #[inline]
            fn failed(&self, layout: Layout) {
                $(self.$index.failed(layout);)*
            }
        }
    };
}

tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
