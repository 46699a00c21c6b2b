//! Memory: who may use how much of it, and how it is got, kept and reused.
//!
//! * [`Budget`]: bytes that may be used, shared by everything that holds data. Reservations are
//!   RAII guards; a taker waits, or is refused with the figures.
//! * [`Arena`] (and [`DropArena`], [`Region`]): many objects of one lifetime.
//! * [`Pool`]: places for values of one type that come and go.
//! * [`Slab`]: an allocator by size class.
//! * [`AlignedVec`]: plain data at cache lines and huge pages.
//! * [`Recycler`]: objects kept for their memory, because the first touch of a fresh page costs more
//!   than a microsecond on a virtual machine.
//! * [`ThreadLocalPool`]: the same without locks, a shelf for each thread.
//! * [`RingBuffer`] of fixed size, and [`spsc`]: one between two threads, without locks.
//! * [`Interner`], [`StrInterner`]: strings to dense `u32` ids, each stored once in one contiguous
//!   block.
//! * [`IdTable`]: ids by the hash of whatever they stand for.
//! * [`StringList`], [`ByteList`]: many strings in one block.
//! * [`IndexList`]: a doubly linked list in one block, with handles.
//! * [`SearchTree`]: sorted keys that are searched fast and do not change.
//! * [`CachePadded`]: a value on cache lines of its own (that of `crossbeam-utils`).
//!
//! What allocates has a fallible form beside the other one, which is made of it: `try_alloc`,
//! `try_push`, `try_reserve`, `try_intern`. A refusal is an [`OutOfMemory`] (of lists of strings and tables of
//! ids a `TryReserveError`) and leaves everything as it was. (`Clone`, `Extend` and `FromIterator` cannot fail,
//! and end the process where memory ends.)

mod aligned;
mod arena;
mod budget;
mod byte_list;
mod error;
mod grow;
mod id_table;
mod index_list;
mod interner;
mod offsets;
mod pages;
mod pool;
mod recycler;
mod ring;
mod search_tree;
mod shared;
mod slab;
pub mod spsc;
mod str_interner;
mod string_list;
mod sync;
mod thread_local;

pub use aligned::{ALIGNMENT_BYTES, AlignedVec, Zeroed};
pub use arena::{Arena, Checkpoint, DropArena, NoMemory, Region, StaleCheckpoint};
pub use budget::{Budget, OverBudget, Reservation};
pub use byte_list::{ByteList, ByteListIter};
pub use crossbeam_utils::CachePadded;
pub use error::OutOfMemory;
pub use id_table::IdTable;
pub use index_list::{Handle, IndexList, IndexListIntoIter, IndexListIter};
pub use interner::{InternError, Interner};
pub use pages::HUGE_PAGE_BYTES;
pub use pool::{Pool, Pooled};
pub use recycler::{Recycle, Recycled, Recycler};
pub use ring::RingBuffer;
pub use search_tree::SearchTree;
pub use slab::{MAX_CLASS_BYTES, Slab};
pub use str_interner::StrInterner;
pub use string_list::{StringList, StringListIter};
pub use thread_local::{LocalRecycled, ThreadLocalPool};

/// The README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
