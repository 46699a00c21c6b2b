//! The manifest: which files make up the store. See `docs/formats/manifest.md`.
//!
//! One small file, `MANIFEST`, replaced as a whole: written beside, fsynced, renamed, directory
//! fsynced. What it does not name does not exist; its replacement is the commit of an import, a
//! flush, a compaction.
//!
//! ```text
//! manifest := magic "TIDEMFST", version u32 = 2, body, crc32c u32 of all before
//! body     := generation u64, next_file u64, flushed_sequence u64,
//!             tables:   count varint, (id varint, definition_bytes varint, retention varint)*
//!             segments: count varint, (file varint, table varint, sequence varint, rows varint,
//!                       bytes varint, first time i64, last time i64)*
//! ```
//!
//! Integers are little-endian, varints LEB128. Version 1 had no retention.

use std::path::{Path, PathBuf};

use tidemill_model::TimeRange;

use crate::bytes::{Cursor, MAX_NUMBER, Malformed, Put};
use crate::disk::{Disk, read_file};
use crate::error::{Error, ErrorKind, Result};

const MAGIC: &[u8; 8] = b"TIDEMFST";
const VERSION: u32 = 2;
const NAME: &str = "MANIFEST";
const NEXT_NAME: &str = "MANIFEST.next";
/// A manifest of a million segments is 60 MB.
const MAX_MANIFEST_BYTES: u64 = 256 << 20;

/// The durable state of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// Counts the replacements.
    pub(crate) generation: u64,
    /// The number of the next file, segment or log.
    pub(crate) next_file: u64,
    /// Writes up to this one are in segments; the log is replayed from the one after.
    pub(crate) flushed_sequence: u64,
    pub(crate) tables: Vec<TableEntry>,
    pub(crate) segments: Vec<SegmentEntry>,
    /// It was read from a file of version 1.
    pub(crate) is_version_1: bool,
}

/// A table: its definition file, of which this many bytes count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TableEntry {
    pub(crate) id: u32,
    pub(crate) definition_bytes: u64,
    /// Rows are kept for so many nanoseconds; 0: for ever.
    pub(crate) retention_ns: u64,
}

/// A segment file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentEntry {
    pub(crate) file: u64,
    pub(crate) table: u32,
    /// Orders segments by age: of duplicate rows, that of the higher sequence is the later.
    pub(crate) sequence: u64,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) range: TimeRange,
}

impl SegmentEntry {
    pub(crate) fn path(&self, dir: &Path) -> PathBuf {
        segment_path(dir, self.file)
    }
}

pub(crate) fn segment_path(dir: &Path, file: u64) -> PathBuf {
    dir.join(format!("{file:08}.seg"))
}

pub(crate) fn definition_path(dir: &Path, table: u32) -> PathBuf {
    dir.join(format!("table-{table:06}.def"))
}

impl Manifest {
    pub(crate) fn path(dir: &Path) -> PathBuf {
        dir.join(NAME)
    }

    /// Reads the manifest of `dir`; `None` when there is none.
    pub(crate) fn read(disk: &dyn Disk, dir: &Path) -> Result<Option<Self>> {
        let path = Self::path(dir);
        let bytes = match read_file(disk, &path, MAX_MANIFEST_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io(&path, "read the manifest", error)),
        };
        Self::decode(&bytes, &path).map(Some)
    }

    /// Makes this manifest the store's, durably.
    pub(crate) fn replace(&self, disk: &dyn Disk, dir: &Path) -> Result<()> {
        let (path, next) = (Self::path(dir), dir.join(NEXT_NAME));
        let written = disk.create(&next).and_then(|file| {
            file.write_all_at(&self.encode(), 0)?;
            file.sync()
        });
        written.map_err(|error| Error::io(&next, "write the manifest", error))?;
        let renamed = disk.rename(&next, &path).and_then(|()| disk.sync_dir(dir));
        renamed.map_err(|error| Error::io(&path, "replace the manifest", error))
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.put(MAGIC);
        out.put_u32(VERSION);
        out.put_u64(self.generation);
        out.put_u64(self.next_file);
        out.put_u64(self.flushed_sequence);
        out.put_varint(self.tables.len() as u64);
        for table in &self.tables {
            out.put_varint(table.id);
            out.put_varint(table.definition_bytes);
            out.put_varint(table.retention_ns);
        }
        out.put_varint(self.segments.len() as u64);
        for segment in &self.segments {
            out.put_varint(segment.file);
            out.put_varint(segment.table);
            out.put_varint(segment.sequence);
            out.put_varint(segment.rows);
            out.put_varint(segment.bytes);
            out.put_i64(segment.range.start);
            out.put_i64(segment.range.end);
        }
        let crc = crc32c::crc32c(&out);
        out.put_u32(crc);
        out
    }

    fn decode(bytes: &[u8], path: &Path) -> Result<Self> {
        let Some((content, crc)) = bytes.split_last_chunk::<4>() else {
            return Err(Error::corrupt(path, 0, "a manifest of less than 4 bytes"));
        };
        if !content.starts_with(MAGIC) {
            return Err(Error::corrupt(path, 0, "not a manifest of a tidemill store"));
        }
        if crc32c::crc32c(content) != u32::from_le_bytes(*crc) {
            return Err(Error::corrupt(path, 0, "the manifest's checksum does not match"));
        }
        let mut cursor = Cursor::new(&content[MAGIC.len()..]);
        let version = cursor.u32().unwrap_or_default();
        if !(1..=VERSION).contains(&version) {
            let message = format!("a store of version {version}; this program knows {VERSION}");
            return Err(Error::new(ErrorKind::Version, message).at(path));
        }
        Self::decode_body(&mut cursor, version)
            .map_err(|m| Error::corrupt(path, (m.at + MAGIC.len()) as u64, m.what))
    }

    fn decode_body(cursor: &mut Cursor<'_>, version: u32) -> Result<Self, Malformed> {
        let mut manifest = Self {
            generation: cursor.u64()?,
            next_file: cursor.u64()?,
            flushed_sequence: cursor.u64()?,
            is_version_1: version == 1,
            ..Self::default()
        };
        let numbers = [manifest.generation, manifest.next_file, manifest.flushed_sequence];
        if numbers.iter().any(|number| *number > MAX_NUMBER) {
            return cursor.fail("a number that no store reaches");
        }
        for _ in 0..cursor.count(2)? {
            let (id, definition_bytes) = (cursor.varint_u32()?, cursor.varint_u64()?);
            let retention_ns = if version == 1 { 0 } else { cursor.varint_u64()? };
            manifest.tables.push(TableEntry { id, definition_bytes, retention_ns });
        }
        for _ in 0..cursor.count(21)? {
            manifest.segments.push(SegmentEntry {
                file: cursor.varint_u64()?,
                table: cursor.varint_u32()?,
                sequence: cursor.varint_u64()?,
                rows: cursor.varint_u64()?,
                bytes: cursor.varint_u64()?,
                range: TimeRange::new(cursor.i64()?, cursor.i64()?),
            });
        }
        cursor.end()?;
        Ok(manifest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Manifest {
        Manifest {
            generation: 7,
            next_file: 300,
            flushed_sequence: 40,
            tables: vec![TableEntry { id: 0, definition_bytes: 500, retention_ns: 300 }],
            segments: vec![SegmentEntry {
                file: 299,
                table: 0,
                sequence: 40,
                rows: 1_000_000,
                bytes: 4_000_000,
                range: TimeRange::new(-5, i64::MAX),
            }],
            is_version_1: false,
        }
    }

    #[test]
    fn golden_bytes() {
        let hex: String = sample().encode().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "544944454d46535402000000\
             07000000000000002c010000000000002800000000000000\
             0100f403ac02\
             01ab020028c0843d8092f401fbffffffffffffffffffffffffffff7f\
             a7d5217b"
        );
    }

    #[test]
    fn another_version_and_bytes_left_over_are_refused() {
        let path = Path::new("MANIFEST");
        let with = |change: fn(&mut Vec<u8>)| {
            let mut bytes = sample().encode();
            bytes.truncate(bytes.len() - 4);
            change(&mut bytes);
            let crc = crc32c::crc32c(&bytes);
            bytes.put_u32(crc);
            Manifest::decode(&bytes, path).unwrap_err()
        };
        assert_eq!(with(|bytes| bytes[8] = 3).kind(), ErrorKind::Version);
        assert_eq!(with(|bytes| bytes[8] = 0).kind(), ErrorKind::Version);
        assert!(with(|bytes| bytes.push(0)).to_string().contains("1 bytes too many"));
        assert!(with(|bytes| bytes[0] = 0).to_string().contains("not a manifest"));
    }

    #[test]
    fn numbers_that_no_store_reaches_are_refused() {
        let decode =
            |manifest: &Manifest| Manifest::decode(&manifest.encode(), Path::new("MANIFEST"));
        for number in [MAX_NUMBER, MAX_NUMBER + 1, u64::MAX] {
            for manifest in [
                Manifest { generation: number, ..sample() },
                Manifest { next_file: number, ..sample() },
                Manifest { flushed_sequence: number, ..sample() },
            ] {
                assert_eq!(decode(&manifest).is_ok(), number == MAX_NUMBER, "{number}");
            }
        }
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let bytes = sample().encode();
        let path = Path::new("MANIFEST");
        assert_eq!(Manifest::decode(&bytes, path).unwrap(), sample());
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Manifest::decode(&damaged, path).is_err(), "bit {bit}");
        }
        for cut in 0..bytes.len() {
            assert!(Manifest::decode(&bytes[..cut], path).is_err(), "cut at {cut}");
        }
        let short = Manifest::decode(&bytes[..3], path).unwrap_err().to_string();
        assert!(short.contains("less than 4 bytes"), "{short}");
    }
}
