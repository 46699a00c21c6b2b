use std::collections::VecDeque;
use std::mem;
use std::ops::Range;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use tidemill_codec::{MAX_BLOCK_ROWS, Places, VECTOR_ROWS};
use tidemill_memory::Recycle;
use tidemill_model::{Column, FieldType};

use super::shared::{ChunkBytes, ChunkCache};
use super::times::BlockTimes;
use crate::bytes::Malformed;
use crate::column_codec;
use crate::error::{Error, ErrorKind, Result};
use crate::segment::{ColumnChunk, Segment};
use crate::stages;

/// What a reader's decoded blocks hold, in bytes, unless two of them hold more.
const MAX_BYTES: usize = 32 << 20;
/// What is kept of that for the next reader.
const MAX_SPARE_BYTES: usize = 4 << 20;

/// The last two blocks that a reader decoded of each column of each source: series in ascending
/// order go from one block to the next, and never back by more than one.
#[derive(Debug, Default)]
pub(crate) struct BlockCache {
    recent: HashMap<Key, Recent, RandomState>,
    /// The oldest first.
    order: VecDeque<Key>,
    /// Bytes of memory in `recent`.
    bytes: usize,
    /// What holds nothing but its memory.
    spare: Vec<Slot>,
    scratch: Scratch,
}

// A block's vectors have their bits in one word.
const _: () = assert!(MAX_BLOCK_ROWS / VECTOR_ROWS < 64);

/// Source and column; column 0 is that of the times.
type Key = (u32, u32);

#[derive(Debug, Default)]
struct Recent {
    now: Option<(u32, Slot)>,
    before: Option<(u32, Slot)>,
}

/// A column of a block, with memory that is used for one after the other.
#[derive(Debug, Default)]
struct Slot {
    /// As they are in the segment.
    chunk: Arc<ChunkBytes>,
    times: BlockTimes,
    column: BlockColumn,
    /// The type of its values; `None`: times.
    ty: Option<FieldType>,
    /// What was counted for it.
    counted: usize,
}

/// The values of a column of a block.
#[derive(Debug)]
struct BlockColumn {
    /// Where its bytes are in the segment; `None`: no row has a value.
    offset: Option<u64>,
    /// The vectors whose values are there: bit `i` is for rows `i * 1024` and on.
    decoded: u64,
    values: Column,
}

impl Default for BlockColumn {
    fn default() -> Self {
        Self { offset: None, decoded: 0, values: Column::new(FieldType::Int) }
    }
}

/// Memory for decoding.
#[derive(Debug, Default)]
struct Scratch {
    texts: tidemill_codec::TextScratch,
}

/// A column's chunk of bytes.
pub(crate) struct BlockChunk<'a> {
    chunk: &'a ChunkBytes,
    offset: u64,
}

impl Recycle for BlockCache {
    /// Forgets all blocks and keeps some of their memory.
    fn clear(&mut self) {
        self.order.clear();
        self.bytes = 0;
        let slots = self.recent.drain().flat_map(|(_, recent)| [recent.now, recent.before]);
        self.spare.extend(slots.flatten().map(|(_, slot)| slot));
        let mut kept = 0;
        self.spare.retain(|slot| {
            let fits = kept + slot.counted <= MAX_SPARE_BYTES;
            kept += if fits { slot.counted } else { 0 };
            fits
        });
    }

    fn memory_bytes(&self) -> usize {
        let spare: usize = self.spare.iter().map(|slot| slot.counted).sum();
        self.bytes + spare + self.scratch.texts.memory_bytes()
    }
}

impl BlockCache {
    /// The times of a block, at least those of the rows that `needed` says.
    pub(crate) fn times(
        &mut self,
        shared: &ChunkCache,
        source: u32,
        segment: &Segment,
        block: usize,
        needed: impl FnOnce(&BlockTimes) -> Range<usize>,
    ) -> Result<&BlockTimes> {
        let key = (source, 0);
        if !self.has(key, block) {
            let mut slot = self.empty_slot(key, None);
            let read = slot.read_times(shared, segment, block);
            self.put(key, block, slot, read)?;
        }
        let times = &self.slot(key)?.times;
        let missing = times.missing(&needed(times));
        if missing != 0 {
            self.change(key, |slot, _| slot.times.decode(segment, block, &slot.chunk, missing))?;
        }
        Ok(&self.slot(key)?.times)
    }

    /// The bytes of a column (1 and up) of a block; `None`: no row has a value.
    pub(crate) fn chunk(
        &mut self,
        shared: &ChunkCache,
        source: u32,
        segment: &Segment,
        block: usize,
        (column, ty): (usize, FieldType),
    ) -> Result<Option<BlockChunk<'_>>> {
        let key = (source, column as u32);
        if !self.has(key, block) {
            let mut slot = self.empty_slot(key, Some(ty));
            let read = slot.read(shared, segment, block, column);
            self.put(key, block, slot, read)?;
        }
        let slot = self.slot(key)?;
        Ok(slot.column.offset.map(|offset| BlockChunk { chunk: &slot.chunk, offset }))
    }

    /// A column (1 and up) of a block that has the values of `rows`, those of others are anything;
    /// `None`: no row has one.
    pub(crate) fn column(
        &mut self,
        shared: &ChunkCache,
        source: u32,
        segment: &Segment,
        block: usize,
        (column, ty): (usize, FieldType),
        rows: &Range<usize>,
    ) -> Result<Option<&Column>> {
        if self.chunk(shared, source, segment, block, (column, ty))?.is_none() {
            return Ok(None);
        }
        let key = (source, column as u32);
        let missing = vectors(rows) & !self.slot(key)?.column.decoded;
        if missing != 0 {
            self.change(key, |slot, scratch| slot.decode(segment, block, ty, missing, scratch))?;
        }
        Ok(Some(&self.slot(key)?.column.values))
    }

    /// Decodes more of the one that stands first.
    fn change(
        &mut self,
        key: Key,
        decode: impl FnOnce(&mut Slot, &mut Scratch) -> Result<()>,
    ) -> Result<()> {
        let Some((_, slot)) = self.recent.get_mut(&key).and_then(|recent| recent.now.as_mut())
        else {
            unreachable!("it was read")
        };
        let before = slot.counted;
        let decoded = decode(slot, &mut self.scratch);
        self.bytes = self.bytes - before + slot.count();
        decoded
    }

    /// Whether it has the block, which comes to stand first then.
    fn has(&mut self, key: Key, block: usize) -> bool {
        let Some(recent) = self.recent.get_mut(&key) else { return false };
        let is = |slot: &Option<(u32, Slot)>| slot.as_ref().is_some_and(|s| s.0 == block as u32);
        if is(&recent.before) {
            mem::swap(&mut recent.now, &mut recent.before);
        }
        is(&recent.now)
    }

    /// The one that stands first.
    fn slot(&self, key: Key) -> Result<&Slot> {
        let now = self.recent.get(&key).and_then(|recent| recent.now.as_ref());
        now.map(|(_, slot)| slot).ok_or_else(|| Error::invalid("a block that was not read"))
    }

    /// Memory for another block: that of the one before the last, if there is one, or else of
    /// one that held values of the same type (or times).
    fn empty_slot(&mut self, key: Key, ty: Option<FieldType>) -> Slot {
        let before = self.recent.get_mut(&key).and_then(|recent| recent.before.take());
        if let Some((_, slot)) = before {
            self.bytes -= slot.counted;
            return slot;
        }
        let fits = self.spare.iter().rposition(|slot| slot.ty == ty);
        let spare = fits.map(|at| self.spare.swap_remove(at)).or_else(|| self.spare.pop());
        Slot { ty, ..spare.unwrap_or_default() }
    }

    /// Puts a block first, or its memory aside if it could not be read.
    fn put(&mut self, key: Key, block: usize, mut slot: Slot, read: Result<()>) -> Result<()> {
        if read.is_err() {
            slot.count();
            self.spare.push(slot);
            return read;
        }
        self.bytes += slot.count();
        while self.bytes > MAX_BYTES && self.order.len() > 1 {
            let Some(oldest) = self.order.pop_front() else { break };
            if oldest == key {
                self.order.push_back(oldest);
                continue;
            }
            let gone = self.recent.remove(&oldest).unwrap_or_default();
            let slots = [gone.now, gone.before].into_iter().flatten();
            self.bytes -= slots.map(|(_, slot)| slot.counted).sum::<usize>();
        }
        if !self.recent.contains_key(&key) {
            self.order.push_back(key);
        }
        let recent = self.recent.entry(key).or_default();
        recent.before = recent.now.take();
        recent.now = Some((block as u32, slot));
        Ok(())
    }
}

impl Slot {
    /// Counts its memory, which is also returned.
    fn count(&mut self) -> usize {
        self.counted = self.chunk.memory_bytes()
            + self.times.memory_bytes()
            + self.column.values.memory_bytes();
        self.counted
    }

    fn read_times(&mut self, shared: &ChunkCache, segment: &Segment, block: usize) -> Result<()> {
        let id = segment.chunk_id(block, 0);
        if let Some(chunk) = shared.get(id) {
            self.chunk = chunk;
            return self.times.open(segment, block, &self.chunk);
        }
        let chunk = own(&mut self.chunk);
        segment.read_chunk(block, 0, &mut chunk.bytes)?;
        chunk.times.get_or_insert_default().read(segment, block, &chunk.bytes)?;
        self.times.open(segment, block, chunk)?;
        // Of those that have a constant interval little is kept, with the segment.
        if !self.times.are_linear() {
            chunk.times.iter_mut().for_each(|times| times.shrink_to_fit());
            shared.put(id, &self.chunk);
        }
        Ok(())
    }

    fn read(
        &mut self,
        shared: &ChunkCache,
        segment: &Segment,
        block: usize,
        column: usize,
    ) -> Result<()> {
        self.column.decoded = 0;
        let id = segment.chunk_id(block, column);
        if let Some(chunk) = shared.get(id) {
            self.chunk = chunk;
            self.column.offset = Some(segment.chunk_offset(block, column));
            return Ok(());
        }
        let chunk = own(&mut self.chunk);
        chunk.times = None;
        self.column.offset = segment.read_chunk(block, column, &mut chunk.bytes)?;
        if self.column.offset.is_some() {
            shared.put(id, &self.chunk);
        }
        Ok(())
    }

    /// Decodes vectors, and those between them.
    fn decode(
        &mut self,
        segment: &Segment,
        block: usize,
        ty: FieldType,
        missing: u64,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let Some(offset) = self.column.offset else { return Ok(()) };
        let _decoding = stages::DECODE.enter();
        let chunk = BlockChunk { chunk: &self.chunk, offset };
        let parsed = chunk.parse(segment)?;
        let column = &mut self.column;
        let rows = segment.block_rows(block);
        let part = column_codec::Part {
            rows: match ty {
                // Texts and bools are appended: all of them.
                FieldType::Bool | FieldType::Text => 0..rows,
                _ => rows_of(missing, rows),
            },
            is_first: column.decoded == 0,
        };
        let (validity, values) = (parsed.validity, parsed.values);
        let places = parsed.places(self.chunk.bytes.len());
        let encoded =
            column_codec::Encoded { validity, values, places, vectors: chunk.places(), ty, rows };
        let decoded = encoded.decode_into(&part, &mut scratch.texts, &mut column.values);
        // After an error the column is empty.
        column.decoded = if decoded.is_ok() { column.decoded | vectors(&part.rows) } else { 0 };
        decoded.map_err(|error| chunk.undecoded(segment, 0, error))
    }
}

/// Why the bytes from `offset` on were not decoded: corrupt, or without memory.
pub(super) fn undecoded(segment: &Segment, offset: u64, error: tidemill_codec::Error) -> Error {
    if error.is_out_of_memory() {
        return Error::new(ErrorKind::Budget, error.to_string()).at(segment.path());
    }
    Error::corrupt(segment.path(), offset + error.offset() as u64, error.reason())
}

/// Bytes to read into: the same, unless others have them as well.
fn own(chunk: &mut Arc<ChunkBytes>) -> &mut ChunkBytes {
    if Arc::get_mut(chunk).is_none() {
        *chunk = Arc::default();
    }
    let Some(own) = Arc::get_mut(chunk) else { unreachable!("nobody else has it") };
    own.places = Places::default();
    own
}

/// The vectors that hold these rows of a block.
pub(super) fn vectors(rows: &Range<usize>) -> u64 {
    let before = |vector: usize| (1 << vector) - 1;
    before(rows.end.div_ceil(VECTOR_ROWS)) & !before(rows.start / VECTOR_ROWS)
}

/// The rows from the first to the last of some vectors of a block of `rows` rows.
pub(super) fn rows_of(vectors: u64, rows: usize) -> Range<usize> {
    let end = (u64::BITS - vectors.leading_zeros()) as usize * VECTOR_ROWS;
    vectors.trailing_zeros() as usize * VECTOR_ROWS..rows.min(end)
}

impl<'a> BlockChunk<'a> {
    /// Where the vectors of its values begin.
    pub(super) fn places(&self) -> &'a Places {
        &self.chunk.places
    }

    /// Where its values begin.
    pub(super) fn values_at(&self, parsed: &ColumnChunk<'_>) -> usize {
        parsed.places(self.chunk.bytes.len())[1]
    }

    /// Its parts.
    pub(crate) fn parse(&self, segment: &Segment) -> Result<ColumnChunk<'a>> {
        ColumnChunk::parse(&self.chunk.bytes).map_err(|m| self.corrupt(segment, m))
    }

    /// Why the column whose bytes begin at `at` was not decoded: corrupt, or without memory.
    pub(super) fn undecoded(
        &self,
        segment: &Segment,
        at: usize,
        error: tidemill_codec::Error,
    ) -> Error {
        undecoded(segment, self.offset + at as u64, error)
    }

    /// An error about byte `m.at`.
    pub(crate) fn corrupt(&self, segment: &Segment, m: Malformed) -> Error {
        Error::corrupt(segment.path(), self.offset + m.at as u64, m.what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded() {
        let mut cache = BlockCache::default();
        let put = |cache: &mut BlockCache, column, bytes| {
            let chunk = ChunkBytes { bytes: vec![0; bytes], ..ChunkBytes::default() };
            let slot = Slot { chunk: Arc::new(chunk), ..Slot::default() };
            cache.put((0, column), 0, slot, Ok(())).unwrap();
            assert!(cache.bytes <= MAX_BYTES && cache.slot((0, column)).is_ok());
        };
        (0..10).for_each(|column| put(&mut cache, column, MAX_BYTES / 4));
        assert_eq!(cache.bytes, MAX_BYTES);
        Recycle::clear(&mut cache);
        assert_eq!(cache.memory_bytes(), 0, "none of them is small enough");
        (0..10).for_each(|column| put(&mut cache, column, MAX_SPARE_BYTES / 4));
        Recycle::clear(&mut cache);
        assert_eq!(cache.memory_bytes(), MAX_SPARE_BYTES);
    }
}
