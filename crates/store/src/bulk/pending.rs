//! Rows of a bulk load that are not in a segment yet.

use std::sync::Arc;

use tidemill_memory::Recycle;

use crate::chunk::Chunk;

/// Small chunks of a table become one when they hold so many bytes together: it still fits a cache
/// while it is clustered, and has longer stretches of each series, which are what is gathered
/// together. A file of many tables has few rows of each in a batch.
const MERGED_BYTES: usize = 512 << 10;
/// Fewer of them have stretches that are not much shorter.
const MERGED_CHUNKS: usize = 4;

/// Rows by table, and what was written, for its memory.
#[derive(Debug, Default)]
pub(super) struct Pending {
    chunks: Vec<Vec<Arc<Chunk>>>,
    /// The last chunks of each table, which may still become one.
    small: Vec<Small>,
    bytes: usize,
    spare: SpareChunks,
}

#[derive(Clone, Copy, Debug, Default)]
struct Small {
    chunks: usize,
    bytes: usize,
}

impl Pending {
    /// The rows of each table, in the order they came.
    pub(super) fn chunks(&self) -> &[Vec<Arc<Chunk>>] {
        &self.chunks
    }

    /// What the rows hold.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What the rows and the spare chunks hold.
    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes + self.spare.bytes
    }

    pub(super) fn push(&mut self, table: u32, chunk: Chunk) {
        let at = table as usize;
        if self.chunks.len() <= at {
            self.chunks.resize_with(at + 1, Vec::new);
            self.small.resize(at + 1, Small::default());
        }
        let bytes = chunk.memory_bytes();
        self.bytes += bytes;
        self.chunks[at].push(Arc::new(chunk));
        let small = &mut self.small[at];
        if bytes >= MERGED_BYTES {
            // What came before it is not the last of the table any more.
            *small = Small::default();
            return;
        }
        small.chunks += 1;
        small.bytes += bytes;
        if small.bytes >= MERGED_BYTES {
            let small = std::mem::take(small);
            if small.chunks >= MERGED_CHUNKS {
                self.merge(table, small);
            }
        }
    }

    /// Makes the last chunks of a table one.
    fn merge(&mut self, table: u32, small: Small) {
        let chunks = &mut self.chunks[table as usize];
        let parts = chunks.split_off(chunks.len() - small.chunks);
        let mut merged = self.spare.take(table, true).unwrap_or_default();
        merged.merge(parts.iter().map(|part| &**part));
        self.bytes = self.bytes - small.bytes + merged.memory_bytes();
        chunks.push(Arc::new(merged));
        // Nobody else ever had them.
        let parts = parts.into_iter().filter_map(Arc::into_inner);
        parts.for_each(|part| self.spare.put(table, part));
    }

    /// All rows, which are not pending any more.
    pub(super) fn take(&mut self) -> Vec<Vec<Arc<Chunk>>> {
        self.small.clear();
        self.bytes = 0;
        std::mem::take(&mut self.chunks)
    }

    /// A chunk for the rows of a batch of this table.
    pub(super) fn spare(&mut self, table: u32) -> Option<Chunk> {
        self.spare.take(table, false)
    }

    pub(super) fn put_spare(&mut self, table: u32, chunk: Chunk) {
        self.spare.put(table, chunk);
    }

    /// Frees spare chunks until all takes at most so many bytes.
    pub(super) fn shrink_spare(&mut self, max_bytes: usize) {
        self.spare.shrink(max_bytes.saturating_sub(self.bytes));
    }
}

/// Chunks for their memory, by table and whether they were merged: others have other columns and
/// sizes.
#[derive(Debug, Default)]
struct SpareChunks {
    by_table: Vec<[Vec<Chunk>; 2]>,
    bytes: usize,
}

impl SpareChunks {
    fn take(&mut self, table: u32, is_merged: bool) -> Option<Chunk> {
        let chunk = self.by_table.get_mut(table as usize)?[usize::from(is_merged)].pop()?;
        self.bytes -= chunk.memory_bytes();
        Some(chunk)
    }

    fn put(&mut self, table: u32, mut chunk: Chunk) {
        if self.by_table.len() <= table as usize {
            self.by_table.resize_with(table as usize + 1, Default::default);
        }
        Recycle::clear(&mut chunk);
        self.bytes += chunk.memory_bytes();
        self.by_table[table as usize][usize::from(chunk.is_merged)].push(chunk);
    }

    /// Frees chunks until there are at most so many bytes.
    fn shrink(&mut self, max_bytes: usize) {
        // The next batch wants those that were not merged.
        for is_merged in [true, false] {
            let chunks = self.by_table.iter_mut().map(|kinds| &mut kinds[usize::from(is_merged)]);
            for chunks in chunks {
                while self.bytes > max_bytes
                    && let Some(chunk) = chunks.pop()
                {
                    self.bytes -= chunk.memory_bytes();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tidemill_model::{Column, FieldType, Value};

    /// A chunk of one series whose rows count on from `start`; those of a field have a value where
    /// the field divides them.
    fn chunk(start: usize, rows: usize, fields: &[u32]) -> Chunk {
        let column = |field: u32| {
            let mut column = Column::new(FieldType::Int);
            (start..start + rows).for_each(|row| {
                column.push(
                    row.is_multiple_of(field as usize).then_some(Value::Int((row * 10) as i64)),
                );
            });
            (field, column)
        };
        Chunk {
            series: vec![7; rows],
            times: (start..start + rows).map(|row| row as i64).collect(),
            columns: fields.iter().map(|field| column(*field)).collect(),
            ..Chunk::default()
        }
    }

    /// The times, and the values of fields 1, 2 and 3, of all rows of the first table.
    fn contents(pending: &Pending) -> Vec<(i64, [Option<i64>; 3])> {
        let value = |chunk: &Chunk, field, row| match chunk.column(field)?.get(row)? {
            Value::Int(value) => Some(value),
            other => panic!("{other:?}"),
        };
        let rows = |chunk: &Arc<Chunk>| {
            assert!(chunk.series.iter().all(|series| *series == 7));
            assert_eq!(chunk.series.len(), chunk.rows());
            let row = |row| (chunk.times[row], [1, 2, 3].map(|field| value(chunk, field, row)));
            (0..chunk.rows()).map(row).collect::<Vec<_>>()
        };
        pending.chunks()[0].iter().flat_map(rows).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn rows_stay_as_they_came(
            parts in prop::collection::vec((1usize..9000, prop::sample::subsequence(vec![1u32, 2, 3], 1..=3)), 1..40),
        ) {
            let mut pending = Pending::default();
            // The second time in the memory of the first.
            for _ in 0..2 {
                let mut wanted = Vec::new();
                for (rows, fields) in &parts {
                    let start = wanted.len();
                    pending.push(0, chunk(start, *rows, fields));
                    wanted.extend((start..start + rows).map(|row| {
                        let has = |field: &u32| fields.contains(field) && row.is_multiple_of(*field as usize);
                        (row as i64, [1, 2, 3].map(|field| has(&field).then_some((row * 10) as i64)))
                    }));
                }
                prop_assert_eq!(contents(&pending), wanted);
                let held: usize = pending.chunks().iter().flatten().map(|chunk| chunk.memory_bytes()).sum();
                prop_assert_eq!(pending.bytes(), held);
                for chunk in pending.take().into_iter().flatten() {
                    pending.put_spare(0, Arc::into_inner(chunk).unwrap());
                }
                prop_assert_eq!(pending.bytes(), 0);
            }
            pending.shrink_spare(0);
            prop_assert_eq!(pending.memory_bytes(), 0);
        }
    }

    #[test]
    fn small_chunks_become_one_whose_memory_is_used_again() {
        let mut pending = Pending::default();
        let mut addresses = Vec::new();
        for _ in 0..3 {
            for part in 0..40 {
                pending.push(0, chunk(part * 1000, 1000, &[1]));
            }
            let chunks = pending.take().remove(0);
            let merged: Vec<_> = chunks.iter().filter(|chunk| chunk.is_merged).collect();
            assert_eq!((merged.len(), chunks.len() < 20), (1, true), "{} chunks", chunks.len());
            addresses.push(merged[0].times.as_ptr());
            for chunk in chunks {
                pending.put_spare(0, Arc::into_inner(chunk).unwrap());
            }
        }
        assert_eq!(addresses[0], addresses[2]);
        // Large ones stay as they are.
        for part in 0..8 {
            pending.push(0, chunk(part * 9000, 9000, &[1, 2, 3]));
        }
        assert_eq!(pending.chunks()[0].len(), 8);
        assert!(pending.spare(0).is_some_and(|chunk| !chunk.is_merged));
        // What is spare gives way to rows.
        let bytes = pending.bytes();
        assert!(pending.memory_bytes() > bytes);
        pending.shrink_spare(bytes);
        assert_eq!(pending.memory_bytes(), bytes);
    }
}
