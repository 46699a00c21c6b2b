//! Memory of the engine.
//!
//! * [`Budget`]: bytes that may be used, shared by everything that holds data. Reservations are
//!   RAII guards; a taker waits, or is refused with the figures.
//! * [`Interner`], [`StrInterner`]: strings to dense `u32` ids, each stored once in one contiguous
//!   block.
//! * [`StringList`], [`ByteList`]: many strings in one block.
//! * [`IndexList`]: a doubly linked list in one block, with handles.
//! * [`SearchTree`]: sorted keys that are searched fast and do not change.
//! * [`CachePadded`]: a value on cache lines of its own (that of `crossbeam-utils`).
//! * [`BufferPool`]: recycled byte buffers, because the first touch of a fresh page costs more
//!   than a microsecond on a virtual machine.

mod budget;
mod byte_list;
mod grow;
mod id_table;
mod index_list;
mod interner;
mod offsets;
mod pool;
mod prefetch;
mod search_tree;
mod str_interner;
mod string_list;

pub use budget::{Budget, OverBudget, Reservation};
pub use byte_list::{ByteList, ByteListIter};
pub use crossbeam_utils::CachePadded;
pub use index_list::{Handle, IndexList, IndexListIntoIter, IndexListIter};
pub use interner::{InternError, Interner};
pub use pool::{BufferPool, PooledBuffer};
pub use search_tree::SearchTree;
pub use str_interner::StrInterner;
pub use string_list::{StringList, StringListIter};
