//! The footer of a segment: what stands where.
//!
//! ```text
//! footer := table varint, sequence varint,
//!           fields: count varint, (field varint, type u8)*
//!           runs:   count varint, (series - previous varint, rows varint,
//!                   first time - previous run's z, last - first time varint)*
//!           blocks: count varint, (rows varint, first time z (from the segment's first), last -
//!                   first time varint, (bytes varint, crc32c u32 if bytes > 0) * (1 + fields))*
//! ```
//!
//! Runs and blocks cover the same rows in the same order; chunks stand back to back from the end
//! of the header on.

use tidemill_codec::MAX_BLOCK_ROWS;
use tidemill_model::{FieldType, TimeRange};

use super::HEADER_BYTES;
use super::block::EncodedBlock;
use super::runs::Runs;
use crate::bytes::{Cursor, Malformed, Put, unzigzag, zigzag};

/// Where a chunk stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChunkEntry {
    pub(crate) offset: u64,
    pub(crate) bytes: u32,
    pub(crate) crc: u32,
}

/// A footer in memory, searched by series and row.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Footer {
    pub(crate) table: u32,
    pub(crate) sequence: u64,
    pub(crate) fields: Vec<(u32, FieldType)>,
    pub(crate) runs: Runs,
    /// First row of each block, and the number of rows at the end.
    pub(crate) block_rows: Vec<u32>,
    pub(crate) block_ranges: Vec<TimeRange>,
    /// `1 + fields` a block.
    pub(crate) chunks: Vec<ChunkEntry>,
    /// The end of the last chunk.
    pub(crate) data_end: u64,
}

impl Footer {
    pub(crate) fn new(table: u32, sequence: u64, fields: Vec<(u32, FieldType)>) -> Self {
        Self {
            table,
            sequence,
            fields,
            block_rows: vec![0],
            data_end: HEADER_BYTES,
            ..Self::default()
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.runs.rows() as usize
    }

    pub(crate) fn range(&self) -> TimeRange {
        self.runs.all_times()
    }

    /// Adds the next block, whose bytes follow those before.
    pub(crate) fn push_block(&mut self, block: &EncodedBlock) {
        let mut range = TimeRange::EMPTY;
        for (series, rows, run_range) in &block.runs {
            range = range.union(*run_range);
            self.push_run(*series, *rows, *run_range);
        }
        self.block_rows.push(self.block_rows.last().map_or(0, |rows| rows + block.rows as u32));
        self.block_ranges.push(range);
        for (bytes, crc) in &block.chunks {
            self.chunks.push(ChunkEntry { offset: self.data_end, bytes: *bytes, crc: *crc });
            self.data_end += u64::from(*bytes);
        }
    }

    /// Adds rows of a series, which may go on from the block before.
    fn push_run(&mut self, series: u32, rows: usize, range: TimeRange) {
        let total = self.rows() as u32 + rows as u32;
        if self.runs.last_series() == Some(series) {
            self.runs.extend_last(total, range);
        } else {
            self.runs.push(series, total, range);
        }
    }

    /// Appends the footer to `out`.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.put_varint(self.table);
        out.put_varint(self.sequence);
        out.put_varint(self.fields.len() as u64);
        for (field, ty) in &self.fields {
            out.put_varint(*field);
            out.put(&[ty.code()]);
        }
        out.put_varint(self.runs.len() as u64);
        let (mut series, mut first) = (0, 0);
        for (run, next) in self.runs.iter_series().enumerate() {
            let range = self.runs.times(run);
            out.put_varint(next - series);
            out.put_varint(self.runs.rows_before(run + 1) - self.runs.rows_before(run));
            put_range(range, first, out);
            (series, first) = (next, range.start);
        }
        out.put_varint(self.block_ranges.len() as u64);
        let start = self.range().start;
        let mut chunks = self.chunks.iter();
        for (block, range) in self.block_ranges.iter().enumerate() {
            out.put_varint(self.block_rows[block + 1] - self.block_rows[block]);
            put_range(*range, start, out);
            for chunk in chunks.by_ref().take(1 + self.fields.len()) {
                out.put_varint(chunk.bytes);
                if chunk.bytes > 0 {
                    out.put_u32(chunk.crc);
                }
            }
        }
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(bytes);
        let (table, sequence) = (cursor.varint_u32()?, cursor.varint_u64()?);
        let mut fields = Vec::new();
        for _ in 0..cursor.count(2)? {
            let (field, code) = (cursor.varint_u32()?, cursor.u8()?);
            let Some(ty) = FieldType::from_code(code) else {
                return cursor.fail(format!("field type {code}"));
            };
            if fields.last().is_some_and(|(last, _)| *last >= field) {
                return cursor.fail("fields out of order");
            }
            fields.push((field, ty));
        }
        let mut footer = Self::new(table, sequence, fields);
        footer.decode_runs(&mut cursor)?;
        footer.decode_blocks(&mut cursor)?;
        cursor.end()?;
        footer.runs.shrink_to_fit();
        if footer.block_rows.last() != Some(&footer.runs.rows()) {
            return cursor.fail("blocks and runs of different rows");
        }
        Ok(footer)
    }

    fn decode_runs(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        let (mut series, mut first, mut before) = (0u32, 0, 0u32);
        for run in 0..cursor.count(4)? {
            let (step, rows) = (cursor.varint_u32()?, cursor.varint_u32()?);
            let range = take_range(cursor, first)?;
            let (next, total) = (series.checked_add(step), before.checked_add(rows));
            let (Some(next), Some(total)) = (next, total) else {
                return cursor.fail("a run beyond 32 bits");
            };
            if rows == 0 || (run > 0 && step == 0) {
                return cursor.fail("runs out of order");
            }
            self.runs.push(next, total, range);
            (series, first, before) = (next, range.start, total);
        }
        Ok(())
    }

    fn decode_blocks(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        let start = self.range().start;
        let mut total = 0u32;
        for _ in 0..cursor.count(4)? {
            let rows = cursor.varint_u32()?;
            if rows == 0 || rows as usize > MAX_BLOCK_ROWS {
                return cursor.fail(format!("a block of {rows} rows"));
            }
            let Some(next) = total.checked_add(rows) else {
                return cursor.fail("rows beyond 32 bits");
            };
            total = next;
            self.block_rows.push(total);
            self.block_ranges.push(take_range(cursor, start)?);
            for _ in 0..=self.fields.len() {
                let bytes = cursor.varint_u32()?;
                let crc = if bytes > 0 { cursor.u32()? } else { 0 };
                self.chunks.push(ChunkEntry { offset: self.data_end, bytes, crc });
                self.data_end += u64::from(bytes);
            }
        }
        Ok(())
    }
}

fn put_range(range: TimeRange, from: i64, out: &mut Vec<u8>) {
    out.put_varint(zigzag(i128::from(range.start) - i128::from(from)));
    out.put_varint((i128::from(range.end) - i128::from(range.start)) as u128);
}

fn take_range(cursor: &mut Cursor<'_>, from: i64) -> Result<TimeRange, Malformed> {
    // What is beyond 128 bits is beyond 64 as well.
    let start = i128::from(from).saturating_add(unzigzag(cursor.varint()?));
    let span = i128::try_from(cursor.varint()?).unwrap_or(i128::MAX);
    let end = start.saturating_add(span);
    match (i64::try_from(start), i64::try_from(end)) {
        (Ok(start), Ok(end)) => Ok(TimeRange::new(start, end)),
        _ => cursor.fail("a time beyond 64 bits"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(footer: &Footer) -> Vec<u8> {
        let mut out = Vec::new();
        footer.encode(&mut out);
        out
    }

    fn sample() -> Footer {
        let mut footer = Footer::new(3, 9, vec![(0, FieldType::Int), (2, FieldType::Text)]);
        let range = TimeRange::new;
        footer.push_block(&EncodedBlock {
            rows: 8192,
            runs: vec![(4, 8192, range(-100, 500))],
            bytes: Vec::new(),
            chunks: vec![(10, 1), (20, 2), (0, 0)],
        });
        footer.push_block(&EncodedBlock {
            rows: 8,
            runs: vec![(4, 8, range(501, 510))],
            bytes: Vec::new(),
            chunks: vec![(10, 1), (20, 2), (30, 3)],
        });
        footer.push_block(&EncodedBlock {
            rows: 7,
            runs: vec![(5, 3, range(0, 2)), (7, 4, range(i64::MIN, i64::MAX))],
            bytes: Vec::new(),
            chunks: vec![(1, 4), (2, 5), (3, 6)],
        });
        footer
    }

    #[test]
    fn a_footer_survives() {
        let footer = sample();
        let runs = &footer.runs;
        assert_eq!(runs.iter_series().collect::<Vec<_>>(), [4, 5, 7]);
        assert_eq!([0, 1, 2, 3].map(|run| runs.rows_before(run)), [0, 8200, 8203, 8207]);
        assert_eq!([0, 8199, 8200, 8206].map(|row| runs.of_row(row)), [0, 0, 1, 2]);
        assert_eq!([3, 4, 6, 7].map(|series| runs.find(series)), [None, Some(0), None, Some(2)]);
        assert_eq!(runs.times(0), TimeRange::new(-100, 510));
        assert_eq!((runs.times(2), runs.times(3)), (TimeRange::ALL, TimeRange::EMPTY));
        assert_eq!(footer.chunks[3].offset, 16 + 30);
        assert_eq!(Footer::decode(&encoded(&footer)), Ok(footer));
    }

    #[test]
    fn what_no_writer_makes_is_refused() {
        let refused = |bytes: &[u8], reason: &str| {
            let malformed = Footer::decode(bytes).unwrap_err();
            assert!(malformed.what.contains(reason), "{malformed:?}, not {reason}");
        };
        let with = |change: fn(&mut Footer)| {
            let mut footer = sample();
            change(&mut footer);
            encoded(&footer)
        };
        let mut other = encoded(&sample());
        assert_eq!(other[4], FieldType::Int.code());
        other[4] = 99;
        refused(&other, "field type 99");
        refused(&with(|f| f.fields.reverse()), "fields out of order");
        refused(&with(|f| f.fields[1].0 = 0), "fields out of order");
        let of = |series: [u32; 3], ends: [u32; 3]| {
            let mut footer = sample();
            let mut runs = Runs::default();
            for (run, (series, end)) in series.into_iter().zip(ends).enumerate() {
                runs.push(series, end, footer.runs.times(run));
            }
            footer.runs = runs;
            encoded(&footer)
        };
        assert_eq!(of([4, 5, 7], [8200, 8203, 8207]), encoded(&sample()));
        refused(&of([4, 4, 7], [8200, 8203, 8207]), "runs out of order");
        refused(&of([4, 5, 7], [8200, 8200, 8207]), "runs out of order");
        refused(&with(|f| f.block_rows[3] = 8200), "a block of 0 rows");
        refused(&with(|f| f.block_rows[1..].iter_mut().for_each(|row| *row += 1)), "of 8193 rows");
        refused(&of([4, 5, 7], [8200, 8203, 8208]), "blocks and runs of different rows");
        refused(&[&encoded(&sample())[..], &[0]].concat(), "1 bytes too many");
        // Table 0, sequence 0, no fields, runs of series, rows, first time and span; no blocks.
        let runs = |runs: &[[u128; 4]]| {
            let mut out = vec![0, 0, 0];
            out.put_varint(runs.len() as u64);
            runs.iter().flatten().for_each(|number| out.put_varint(*number));
            out.put(&[0]);
            out
        };
        let (max, one) = (u128::from(u32::MAX), [0, 1, 0, 0]);
        refused(&runs(&[[max, 1, 0, 0], [1, 1, 0, 0]]), "a run beyond 32 bits");
        refused(&runs(&[[0, max, 0, 0], [1, 1, 0, 0]]), "a run beyond 32 bits");
        let beyond = "a time beyond 64 bits";
        refused(&runs(&[[0, 1, zigzag(i128::from(i64::MAX) + 1), 0]]), beyond);
        refused(&runs(&[[0, 1, zigzag(i128::from(i64::MAX)), 1]]), beyond);
        refused(&runs(&[[0, 1, 2, 0], [1, 1, zigzag(i128::MAX), 0]]), beyond);
        refused(&runs(&[[0, 1, zigzag(i128::MIN), u128::MAX]]), beyond);
        refused(&runs(&[[0, 1, 2, i128::MAX as u128]]), beyond);
        // A span that would be -1.
        refused(&runs(&[[0, 1, 2, u128::MAX]]), beyond);
        // One that ends where times do, though it starts before them.
        refused(&runs(&[[0, 1, zigzag(i128::from(i64::MIN) - 1), 1]]), beyond);
        // Blocks of 8,192 rows until their number is beyond 32 bits, and back at one row.
        let mut blocks = runs(&[one]);
        blocks.pop();
        blocks.put_varint((1u64 << 19) + 1);
        let block = [0x80, 0x40, 0, 0, 0];
        (0..1 << 19).for_each(|_| blocks.put(&block));
        blocks.put(&[1, 0, 0, 0]);
        refused(&blocks, "rows beyond 32 bits");
    }

    #[test]
    fn damage_never_panics() {
        let bytes = encoded(&sample());
        for cut in 0..bytes.len() {
            assert!(Footer::decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        for at in 0..bytes.len() {
            for value in 0..=255 {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                let _ = Footer::decode(&damaged);
            }
        }
    }
}
