//! The beginning of a log file: which one it is, where its writes begin, and how much of it is
//! durable.

use crate::bytes::{Cursor, Malformed, Put};

const FILE_MAGIC: &[u8; 8] = b"TIDEMWAL";
const VERSION: u32 = 2;
/// What a disk writes whole or not at all.
pub(super) const SECTOR_BYTES: usize = 512;
/// The header proper and two marks, a sector each.
pub(super) const HEADER_BYTES: usize = 3 * SECTOR_BYTES;
/// Version 1 had no marks there.
pub(crate) const HEADER_BYTES_V1: usize = 24;

/// How much of a log file is durable. Marks are written in turn into two sectors, so that one is
/// whole whatever becomes of the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// How many marks there were before.
    pub(super) count: u64,
    /// So many bytes of the file.
    pub(crate) synced: u64,
    pub(crate) end: End,
}

/// What follows the bytes that a mark counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum End {
    /// Perhaps more.
    #[default]
    Open,
    /// Nothing in this file; the log goes on in another.
    OfFile,
    /// Nothing at all: the store was closed.
    OfLog,
}

impl Mark {
    /// The one that follows.
    pub(crate) fn next(self, synced: u64, end: End) -> Self {
        Self { count: self.count + 1, synced, end }
    }

    /// Where it stands in the file.
    pub(crate) fn offset(self) -> u64 {
        SECTOR_BYTES as u64 * (1 + self.count % 2)
    }

    /// The sector it is.
    pub(crate) fn sector(self, file: u64) -> Vec<u8> {
        let mut out = Vec::with_capacity(SECTOR_BYTES);
        out.put_u64(self.count);
        out.put_u64(self.synced);
        out.put(&[self.end as u8]);
        // The file's number is no part of it, so that no other file's mark is taken for one.
        let crc = crc32c::crc32c_append(crc32c::crc32c(&file.to_le_bytes()), &out);
        out.put_u32(crc);
        out.resize(SECTOR_BYTES, 0);
        out
    }

    pub(super) fn parse(sector: &[u8], file: u64) -> Option<Self> {
        let mut cursor = Cursor::new(sector);
        let (count, synced) = (cursor.u64().ok()?, cursor.u64().ok()?);
        let end = match cursor.u8().ok()? {
            0 => End::Open,
            1 => End::OfFile,
            _ => End::OfLog,
        };
        let mark = Self { count, synced, end };
        // One that has no next is none of ours.
        (mark.sector(file) == sector && count < u64::MAX).then_some(mark)
    }
}

/// What stands at the beginning of a log file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Its length: where the frames begin.
    pub(crate) bytes: u64,
    /// Writes of this number and later ones are in this file or the next.
    pub(crate) base_sequence: u64,
    /// The later of its marks; version 1 has none.
    pub(crate) mark: Option<Mark>,
    /// Where one of the marks is not readable.
    pub(crate) damaged_mark: Option<u64>,
}

impl Header {
    /// The bytes of a new file, and its mark.
    pub(super) fn encode(file: u64, base_sequence: u64) -> (Vec<u8>, Mark) {
        let mut out = Vec::with_capacity(HEADER_BYTES);
        out.put(FILE_MAGIC);
        out.put_u32(VERSION);
        out.put_u64(file);
        out.put_u64(base_sequence);
        let crc = crc32c::crc32c(&out);
        out.put_u32(crc);
        out.resize(SECTOR_BYTES, 0);
        let first = Mark { count: 0, synced: HEADER_BYTES as u64, end: End::Open };
        let second = first.next(first.synced, End::Open);
        out.put(&first.sector(file));
        out.put(&second.sector(file));
        (out, second)
    }

    /// Reads the header of file number `file` from its first bytes.
    pub(super) fn parse(bytes: &[u8], file: u64) -> Result<Self, Malformed> {
        let damaged = |at, what: &str| Err(Malformed { at, what: what.to_owned() });
        let mut cursor = Cursor::new(bytes);
        if cursor.take(8)? != FILE_MAGIC {
            return damaged(0, "not a log file");
        }
        match cursor.u32()? {
            VERSION => {}
            1 if bytes.get(..HEADER_BYTES_V1) == Some(&header_v1(file)[..]) => {
                let (bytes, base_sequence) = (HEADER_BYTES_V1 as u64, 0);
                return Ok(Self { bytes, base_sequence, mark: None, damaged_mark: None });
            }
            version => {
                let what = format!("not the header of this log file (version {version})");
                return damaged(8, &what);
            }
        }
        let Some(bytes) = bytes.get(..HEADER_BYTES) else {
            return damaged(bytes.len(), "the log file ends inside its header");
        };
        let _number = cursor.u64()?;
        let base_sequence = cursor.u64()?;
        if bytes[..SECTOR_BYTES] != Self::encode(file, base_sequence).0[..SECTOR_BYTES] {
            return damaged(12, "not the header of this log file");
        }
        let sector = |index: usize| &bytes[SECTOR_BYTES * index..SECTOR_BYTES * (index + 1)];
        let marks = [1u64, 2].map(|index| {
            let mark = Mark::parse(sector(index as usize), file);
            mark.filter(|mark| mark.offset() == SECTOR_BYTES as u64 * index)
        });
        let damaged_mark = match marks {
            [Some(a), Some(b)] if a.count.abs_diff(b.count) == 1 => None,
            // The one that is older than it can be was not written when it should have been.
            [Some(a), Some(b)] => Some(if a.count < b.count { a.offset() } else { b.offset() }),
            [None, Some(_)] => Some(SECTOR_BYTES as u64),
            [Some(_), None] => Some(2 * SECTOR_BYTES as u64),
            [None, None] => return damaged(SECTOR_BYTES, "both marks of the log are damaged"),
        };
        let mark = marks.into_iter().flatten().max_by_key(|mark| mark.count);
        Ok(Self { bytes: HEADER_BYTES as u64, base_sequence, mark, damaged_mark })
    }
}

/// The header of version 1.
pub(crate) fn header_v1(file: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_BYTES_V1);
    out.put(FILE_MAGIC);
    out.put_u32(1);
    out.put_u64(file);
    let crc = crc32c::crc32c(&out);
    out.put_u32(crc);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_take_turns_and_the_later_counts() {
        let (mut bytes, _) = Header::encode(7, 41);
        let mut mark = Header::parse(&bytes, 7).unwrap().mark.unwrap();
        for (synced, end) in [(2000, End::Open), (3000, End::OfFile), (4000, End::OfLog)] {
            mark = mark.next(synced, end);
            let at = mark.offset() as usize;
            bytes[at..at + SECTOR_BYTES].copy_from_slice(&mark.sector(7));
            let header = Header::parse(&bytes, 7).unwrap();
            assert_eq!((header.base_sequence, header.mark), (41, Some(mark)));
            assert_eq!((header.bytes, header.damaged_mark), (1536, None));
        }
        assert_eq!((mark.count, mark.synced, mark.end), (4, 4000, End::OfLog));
        let swapped = [&bytes[..512], &bytes[1024..], &bytes[512..1024]].concat();
        assert!(Header::parse(&swapped, 7).is_err());
        assert!(Header::parse(&bytes, 8).is_err());
        let other = Header::parse(&[b"X", &bytes[1..]].concat(), 7).unwrap_err();
        assert_eq!((other.at, &*other.what), (0, "not a log file"));
        // A mark that was not written in its turn.
        let (older, _) = Header::encode(7, 41);
        bytes[512..1024].copy_from_slice(&older[512..1024]);
        let header = Header::parse(&bytes, 7).unwrap();
        assert_eq!((header.mark.unwrap().count, header.damaged_mark), (3, Some(512)));
    }

    #[test]
    fn a_mark_has_a_next() {
        let (mut bytes, _) = Header::encode(7, 41);
        let last = Mark { count: u64::MAX, synced: 1536, end: End::Open };
        let before = Mark { count: u64::MAX - 1, ..last };
        bytes[512..1024].copy_from_slice(&before.sector(7));
        bytes[1024..].copy_from_slice(&last.sector(7));
        let header = Header::parse(&bytes, 7).unwrap();
        assert_eq!((header.mark, header.damaged_mark), (Some(before), Some(1024)));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let (bytes, _) = Header::encode(7, 41);
        let said = |bytes: &[u8]| Header::parse(bytes, 7).unwrap_err();
        let cut = said(&bytes[..1535]);
        assert_eq!((cut.at, &*cut.what), (1535, "the log file ends inside its header"));
        let mut other = bytes.clone();
        other[8] = 3;
        let other = said(&other);
        assert_eq!((other.at, &*other.what), (8, "not the header of this log file (version 3)"));
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let (bytes, _) = Header::encode(7, 41);
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let header = Header::parse(&damaged, 7);
            let found = header.map(|header| header.damaged_mark);
            match bit / 8 / SECTOR_BYTES {
                0 => assert!(found.is_err(), "bit {bit}"),
                sector => assert_eq!(found, Ok(Some(512 * sector as u64)), "bit {bit}"),
            }
        }
        for cut in 0..bytes.len() {
            assert!(Header::parse(&bytes[..cut], 7).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn version_1_is_read() {
        let header = Header::parse(&header_v1(2), 2).unwrap();
        assert_eq!((header.bytes, header.base_sequence, header.mark), (24, 0, None));
        assert!(Header::parse(&header_v1(2), 3).is_err());
    }
}
