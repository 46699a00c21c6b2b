//! Memory of the engine.
//!
//! * [`Budget`]: bytes that may be used, shared by everything that holds data. Reservations are
//!   RAII guards; a taker waits, or is refused with the figures.
//! * [`Interner`]: byte strings to dense `u32` ids, each stored once in one contiguous block.
//! * [`BufferPool`]: recycled byte buffers, because the first touch of a fresh page costs more
//!   than a microsecond on a virtual machine.
#![forbid(unsafe_code)]

mod budget;
mod interner;
mod pool;

pub use budget::{Budget, OverBudget, Reservation};
pub use interner::Interner;
pub use pool::{BufferPool, PooledBuffer};
