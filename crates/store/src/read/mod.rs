//! Reading: snapshots, and the pieces of a series that make one ascending row of rows out of
//! segments and memtable.

mod cache;
mod merge;
mod part_reader;
mod piece;
mod reader;
mod shared;
mod slice;
mod times;
mod view;

pub(crate) use cache::BlockCache;
pub use piece::Piece;
pub use reader::Reader;
pub(crate) use shared::ChunkCache;
pub use slice::{ColumnSlice, SliceValues, TextSlice};
pub(crate) use times::BlockTimes;
pub(crate) use view::{Memory, Segments, ViewInner};
pub use view::{Snapshot, TableView};
