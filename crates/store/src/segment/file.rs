use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidemill_codec::Compression;
use tidemill_model::FieldType;

use super::footer::Footer;
use super::kept::Kept;
use super::{FAST_VERSION, HAS_STATISTICS, HAS_VALIDITY, HEADER_BYTES, MAGIC, SMALL_VERSION};
use crate::bytes::{Cursor, Malformed};
use crate::disk::{Disk, DiskFile};
use crate::error::{Error, ErrorKind, Result};
use crate::manifest::SegmentEntry;
use crate::stages;

const TRAILER_BYTES: u64 = 16;

/// An open segment: its footer in memory, its chunks read when asked for.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) entry: SegmentEntry,
    pub(crate) footer: Footer,
    pub(super) kept: Kept,
    /// What its encodings were chosen for.
    pub(crate) compression: Compression,
    path: PathBuf,
    file: Arc<dyn DiskFile>,
}

impl Segment {
    pub(crate) fn open(disk: &dyn Disk, dir: &Path, entry: SegmentEntry) -> Result<Self> {
        let path = entry.path(dir);
        let io = |doing: &'static str| {
            let path = path.clone();
            move |e| Error::io(&path, doing, e)
        };
        let file = disk.open(&path, false).map_err(io("open a segment"))?;
        let length = file.len().map_err(io("measure a segment"))?;
        if length != entry.bytes || length < HEADER_BYTES + TRAILER_BYTES {
            let message = format!("{length} bytes where the manifest says {}", entry.bytes);
            return Err(Error::corrupt(&path, length, message));
        }
        let mut header = [0; HEADER_BYTES as usize];
        file.read_exact_at(&mut header, 0).map_err(io("read a segment's header"))?;
        let compression = check_header(&header, entry.table, &path)?;
        let (footer, start, magic) = read_footer(&*file, &path, length)?;
        magic.map_or(Ok(()), Err)?;
        let expected = (entry.table, entry.sequence, entry.rows, start);
        if (footer.table, footer.sequence, footer.rows() as u64, footer.data_end) != expected {
            return Err(Error::corrupt(&path, start, "the footer is not that of this segment"));
        }
        Ok(Self { entry, footer, kept: Kept::default(), compression, path, file })
    }

    /// Opens what may be damaged, with the manifest's entry if there is one, for as much as can be
    /// read: a footer whose checksum matches is enough. What is wrong besides goes to `damages`.
    pub(crate) fn salvage(
        file: Arc<dyn DiskFile>,
        path: PathBuf,
        number: u64,
        entry: Option<&SegmentEntry>,
        damages: &mut Vec<Error>,
    ) -> Result<Self> {
        let length = file.len().map_err(|e| Error::io(&path, "measure a segment", e))?;
        let end = entry.map_or(length, |entry| entry.bytes.min(length));
        if let Some(entry) = entry.filter(|entry| entry.bytes != length) {
            let message = format!("{length} bytes where the manifest says {}", entry.bytes);
            damages.push(Error::corrupt(&path, end, message));
        }
        let (footer, start, magic) = read_footer(&*file, &path, end)?;
        damages.extend(magic);
        let found = SegmentEntry {
            file: number,
            table: footer.table,
            sequence: footer.sequence,
            rows: footer.rows() as u64,
            bytes: end,
            range: footer.range(),
        };
        if footer.data_end != start || entry.is_some_and(|entry| *entry != found) {
            return Err(Error::corrupt(&path, start, "the footer is not that of this segment"));
        }
        let mut header = [0; HEADER_BYTES as usize];
        let read = file.read_exact_at(&mut header, 0);
        let read = read.map_err(|e| Error::io(&path, "read a segment's header", e));
        let compression = read.and_then(|()| check_header(&header, found.table, &path));
        let compression = compression.map_err(|error| damages.push(error)).unwrap_or_default();
        Ok(Self { entry: found, footer, kept: Kept::default(), compression, path, file })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The run of a series.
    pub(crate) fn run(&self, series: u32) -> Option<usize> {
        self.footer.runs.find(series)
    }

    /// Whether both hold overlapping times of the same series.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        if !self.entry.range.overlaps(other.entry.range) {
            return false;
        }
        let (a, b) = (&self.footer.runs, &other.footer.runs);
        let (mut i, mut j) = (0, 0);
        while let (Some(left), Some(right)) = (a.series(i), b.series(j)) {
            if left == right && a.times(i).overlaps(b.times(j)) {
                return true;
            }
            i += usize::from(left <= right);
            j += usize::from(right <= left);
        }
        false
    }

    /// The blocks a run stands in.
    pub(crate) fn blocks_of(&self, run: usize) -> Range<usize> {
        let footer = &self.footer;
        let (from, to) = (footer.runs.rows_before(run), footer.runs.rows_before(run + 1));
        let first = footer.block_rows.partition_point(|row| *row <= from) - 1;
        let end = footer.block_rows.partition_point(|row| *row < to);
        first..end
    }

    /// The rows of a run within a block it stands in.
    pub(crate) fn rows_in_block(&self, run: usize, block: usize) -> Range<usize> {
        let footer = &self.footer;
        let (from, to) = (footer.block_rows[block], footer.block_rows[block + 1]);
        let start = footer.runs.rows_before(run).max(from) - from;
        let end = footer.runs.rows_before(run + 1).min(to) - from;
        start as usize..end as usize
    }

    /// The number of rows of a block.
    pub(crate) fn block_rows(&self, block: usize) -> usize {
        (self.footer.block_rows[block + 1] - self.footer.block_rows[block]) as usize
    }

    pub(crate) fn blocks(&self) -> usize {
        self.footer.block_ranges.len()
    }

    /// The runs of a block, and where each starts in it.
    pub(crate) fn runs_of(&self, block: usize) -> (Range<usize>, impl Iterator<Item = u32>) {
        let footer = &self.footer;
        let (from, to) = (footer.block_rows[block], footer.block_rows[block + 1]);
        let runs = footer.runs.of_row(from)..footer.runs.of_row(to - 1) + 1;
        let start = move |run| footer.runs.rows_before(run).saturating_sub(from);
        (runs.clone(), runs.map(start))
    }

    /// Where a field of the table stands among the columns (1 and up), and its type.
    pub(crate) fn column_of(&self, field: usize) -> Option<(usize, FieldType)> {
        let fields = &self.footer.fields;
        let at = fields.binary_search_by_key(&(field as u32), |(field, _)| *field).ok()?;
        Some((at + 1, fields[at].1))
    }

    /// Fills `out` from `offset`, unchecked: to copy the file.
    pub(crate) fn read_bytes(&self, out: &mut [u8], offset: u64) -> Result<()> {
        let read = self.file.read_exact_at(out, offset);
        read.map_err(|e| Error::io(&self.path, "read a segment", e))
    }

    /// What no other chunk of any segment of this process has.
    pub(crate) fn chunk_id(&self, block: usize, column: usize) -> (u64, usize) {
        (self.kept.number(), block * (1 + self.footer.fields.len()) + column)
    }

    pub(crate) fn chunk_offset(&self, block: usize, column: usize) -> u64 {
        self.footer.chunks[self.chunk_id(block, column).1].offset
    }

    /// Reads a column's chunk (0: times) of a block over `out` and checks it. Returns its offset;
    /// `None`: no row has a value.
    pub(crate) fn read_chunk(
        &self,
        block: usize,
        column: usize,
        out: &mut Vec<u8>,
    ) -> Result<Option<u64>> {
        let _fetching = stages::FETCH.enter();
        let chunk = self.footer.chunks[block * (1 + self.footer.fields.len()) + column];
        if chunk.bytes == 0 {
            out.clear();
            return Ok(None);
        }
        out.resize(chunk.bytes as usize, 0);
        let read = self.file.read_exact_at(out, chunk.offset);
        read.map_err(|e| Error::io(&self.path, "read a block", e))?;
        if crc32c::crc32c(out) != chunk.crc {
            let message = format!(
                "the checksum of block {block}, column {column} does not match ({} rows are lost)",
                self.block_rows(block)
            );
            return Err(Error::corrupt(&self.path, chunk.offset, message));
        }
        Ok(Some(chunk.offset))
    }
}

/// Reads the footer of a segment of so many bytes, and says where it starts and what is wrong
/// with the magic behind it.
fn read_footer(
    file: &dyn DiskFile,
    path: &Path,
    length: u64,
) -> Result<(Footer, u64, Option<Error>)> {
    let io = |doing: &'static str| move |e| Error::io(path, doing, e);
    let mut trailer = [0; TRAILER_BYTES as usize];
    let Some(trailer_at) = length.checked_sub(TRAILER_BYTES) else {
        return Err(Error::corrupt(path, length, "not the trailer of a segment"));
    };
    file.read_exact_at(&mut trailer, trailer_at).map_err(io("read a segment's trailer"))?;
    let mut cursor = Cursor::new(&trailer);
    let parts = (cursor.u32(), cursor.u32(), cursor.take(8));
    let (Ok(bytes), Ok(crc), Ok(magic)) = parts else { unreachable!("16 bytes hold these") };
    let start = trailer_at.checked_sub(u64::from(bytes)).filter(|start| *start >= HEADER_BYTES);
    let no_trailer = || Error::corrupt(path, trailer_at, "not the trailer of a segment");
    let Some(start) = start else {
        return Err(no_trailer());
    };
    let mut content = vec![0; bytes as usize];
    file.read_exact_at(&mut content, start).map_err(io("read a segment's footer"))?;
    if crc32c::crc32c(&content) != crc {
        return Err(Error::corrupt(path, start, "the footer's checksum does not match"));
    }
    let footer =
        Footer::decode(&content).map_err(|m| Error::corrupt(path, start + m.at as u64, m.what))?;
    Ok((footer, start, (magic != MAGIC).then(no_trailer)))
}

fn check_header(header: &[u8], table: u32, path: &Path) -> Result<Compression> {
    let mut cursor = Cursor::new(header);
    if cursor.take(8) != Ok(MAGIC) {
        return Err(Error::corrupt(path, 0, "not a segment"));
    }
    let version = cursor.u32().unwrap_or_default();
    let compression = match version {
        FAST_VERSION => Compression::Fast,
        SMALL_VERSION => Compression::Small,
        _ => {
            let known = format!("{FAST_VERSION} and {SMALL_VERSION}");
            let message = format!("a segment of version {version}; this program knows {known}");
            return Err(Error::new(ErrorKind::Version, message).at(path));
        }
    };
    if cursor.u32() != Ok(table) {
        return Err(Error::corrupt(path, 12, "a segment of another table"));
    }
    Ok(compression)
}

/// The parts of a column's chunk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ColumnChunk<'a> {
    pub(crate) validity: Option<&'a [u8]>,
    pub(crate) statistics: Option<&'a [u8]>,
    pub(crate) values: &'a [u8],
}

impl<'a> ColumnChunk<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(bytes);
        let flags = cursor.u8()?;
        if flags & !(HAS_VALIDITY | HAS_STATISTICS) != 0 {
            return cursor.fail(format!("chunk flags {flags}"));
        }
        let has_validity = flags & HAS_VALIDITY != 0;
        let validity_bytes = if has_validity { cursor.u32()? } else { 0 };
        let has_statistics = flags & HAS_STATISTICS != 0;
        let statistics_bytes = if has_statistics { cursor.u32()? } else { 0 };
        let validity = cursor.take(validity_bytes as usize)?;
        let statistics = cursor.take(statistics_bytes as usize)?;
        let values = cursor.take(cursor.remaining())?;
        Ok(Self {
            validity: has_validity.then_some(validity),
            statistics: has_statistics.then_some(statistics),
            values,
        })
    }

    /// Where validity and values begin in a chunk of so many bytes: values are the last of it, statistics
    /// before them.
    pub(crate) fn places(&self, chunk_bytes: usize) -> [usize; 2] {
        let values = chunk_bytes - self.values.len();
        let len = |part: Option<&[u8]>| part.map_or(0, <[u8]>::len);
        [values - len(self.statistics) - len(self.validity), values]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_has_room_for_its_parts_and_none_that_is_unknown() {
        let parsed = |bytes: &[u8]| {
            let chunk = ColumnChunk::parse(bytes).map_err(|malformed| malformed.what)?;
            let (validity, statistics) = (chunk.validity, chunk.statistics);
            if let ([at, _], Some(validity)) = (chunk.places(bytes.len()), validity) {
                assert_eq!(bytes[at..at + validity.len()], *validity);
            }
            assert_eq!(&bytes[chunk.places(bytes.len())[1]..], chunk.values);
            Ok::<_, String>(format!("{validity:?} {statistics:?} {:?}", chunk.values))
        };
        let both = [3, 1, 0, 0, 0, 2, 0, 0, 0, 7, 8, 8, 9];
        assert_eq!(parsed(&both).unwrap(), "Some([7]) Some([8, 8]) [9]");
        assert_eq!(parsed(&[0, 9]).unwrap(), "None None [9]");
        assert_eq!(parsed(&[4, 9]).unwrap_err(), "chunk flags 4");
        for cut in 0..both.len() - 1 {
            assert!(parsed(&both[..cut]).is_err(), "cut at {cut}");
        }
    }
}
