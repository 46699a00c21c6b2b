//! Log files as a damaged disk or another program might leave them.

use std::path::Path;

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::frame::Frame;
use super::header::{End, Header};
use super::replay::read_header;
use super::{LogScan, Replay, log_path, read_frame, replay};
use crate::disk::{Disk, DiskFile, SimDisk};
use crate::error::{Error, ErrorKind};

/// A log file of frames (sequence, durable bytes, payload), never marked.
pub(crate) fn log_of(number: u64, base: u64, frames: &[(u64, u64, &[u8])]) -> Vec<u8> {
    let (mut out, _) = Header::encode(number, base);
    for (sequence, synced, payload) in frames {
        Frame::put(*sequence, *synced, &[payload], &mut out);
    }
    out
}

/// The same with the next mark.
pub(crate) fn marked(mut bytes: Vec<u8>, synced: u64, end: End) -> Vec<u8> {
    let mark = Header::parse(&bytes, 1).unwrap().mark.unwrap().next(synced, end);
    let (at, sector) = (mark.offset() as usize, mark.sector(1));
    bytes[at..at + sector.len()].copy_from_slice(&sector);
    bytes
}

fn read(bytes: &[u8], is_last: bool) -> Result<(Replay, Vec<u64>), Error> {
    let (disk, dir) = (SimDisk::new(0), Path::new("/"));
    disk.create(&log_path(dir, 1)).unwrap().write_all_at(bytes, 0).unwrap();
    let mut sequences = Vec::new();
    let apply = |sequence, _: &[u8], _| {
        sequences.push(sequence);
        Ok(())
    };
    let base = |base| if base == 5 { Ok(()) } else { Err("a hole".to_owned()) };
    replay(&disk, dir, 1, is_last, base, apply).map(|replay| (replay, sequences))
}

#[track_caller]
fn refused(bytes: &[u8], is_last: bool, offset: usize, reason: &str) {
    let error = read(bytes, is_last).unwrap_err();
    assert_eq!((error.kind(), error.offset_bytes()), (ErrorKind::Corrupt, Some(offset as u64)));
    assert!(error.to_string().contains(reason), "{error}");
}

const HEADER: usize = 1536;

#[test]
fn only_what_nobody_knew_durable_is_a_torn_tail() {
    let whole = log_of(1, 5, &[(5, 1536, b"one"), (6, 1536, b"two")]);
    let (end, first) = (whole.len(), HEADER + 31);
    let (replay, sequences) = read(&whole, true).unwrap();
    assert_eq!((sequences, replay.valid_bytes, replay.torn_bytes), (vec![5, 6], end as u64, 0));
    for cut in first + 1..end {
        let (replay, sequences) = read(&whole[..cut], true).unwrap();
        assert_eq!((sequences, replay.torn_bytes), (vec![5], (cut - first) as u64));
    }
    let durable = "bytes were durable";
    // A mark says that there was more, whether the file is shorter or damaged there.
    refused(&marked(whole.clone(), end as u64, End::Open)[..end - 1], true, end - 1, durable);
    let mut damaged = marked(whole.clone(), end as u64, End::Open);
    damaged[first + 30] ^= 1;
    refused(&damaged, true, first, "its first 1598 bytes were durable");
    // A later frame says so.
    let mut damaged = log_of(1, 5, &[(5, 1536, b"one"), (6, first as u64, b"two")]);
    damaged[first - 1] ^= 1;
    refused(&damaged, true, HEADER, durable);
    // A text may hold what looks like a frame: this one speaks of bytes behind itself.
    let mut torn = log_of(1, 5, &[(5, 1536, b"one"), (6, first as u64 + 1, b"two")]);
    torn[first - 1] ^= 1;
    assert_eq!(read(&torn, true).unwrap().0.valid_bytes, 1536);
    // And this one is of a write that stands before it.
    let mut torn = log_of(1, 5, &[(5, 1536, b"one"), (6, 1536, b"two"), (5, 1598, b"old")]);
    torn[first + 30] ^= 1;
    assert_eq!(read(&torn, true).unwrap().0.valid_bytes, first as u64);
    // It says that less was.
    let mut torn = whole.clone();
    torn[first - 1] ^= 1;
    let (replay, sequences) = read(&torn, true).unwrap();
    assert_eq!((sequences, replay.valid_bytes, replay.torn_bytes), (vec![], 1536, 62));
}

#[test]
fn a_frame_behind_damage_is_found_across_the_reads() {
    for gap in (4 << 20) - 4..(4 << 20) + 4 {
        let mut bytes = log_of(1, 5, &[]);
        bytes.resize(HEADER + gap, b'x');
        Frame::put(6, HEADER as u64 + 1, &[b"two"], &mut bytes);
        refused(&bytes, true, HEADER, "bytes were durable");
    }
}

#[test]
fn a_log_before_the_last_is_closed_where_it_ends() {
    let whole = log_of(1, 5, &[(5, 1536, b"one"), (6, 1536, b"two")]);
    let (end, first) = (whole.len(), HEADER + 31);
    let closed = marked(whole.clone(), end as u64, End::OfFile);
    assert!(read(&closed, false).unwrap().0.is_closed(End::OfFile));
    let early = "the log ends too early";
    refused(&whole, false, end, early);
    refused(&marked(whole.clone(), end as u64, End::Open), false, end, early);
    refused(&marked(whole.clone(), first as u64, End::OfFile), false, end, early);
    refused(&[&closed[..], b"torn"].concat(), false, end, early);
}

#[test]
fn what_is_durable_is_what_the_later_word_says() {
    let frames: [(u64, u64, &[u8]); 2] = [(5, 1536, b"one"), (6, 1567, b"two")];
    assert_eq!(read(&log_of(1, 5, &frames), true).unwrap().0.synced_bytes, 1567);
    let marked = marked(log_of(1, 5, &frames), 1598, End::Open);
    assert_eq!(read(&marked, true).unwrap().0.synced_bytes, 1598);
    refused(&log_of(1, 6, &[]), true, 20, "a hole");
}

/// A log whose writer is in the middle of writing a mark when it is read the first time.
#[derive(Debug)]
struct Marking {
    bytes: Vec<u8>,
    reads: AtomicUsize,
}

impl DiskFile for Marking {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let rest = self.bytes.get(offset as usize..).unwrap_or_default();
        buffer.copy_from_slice(rest.get(..buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
        if self.reads.fetch_add(1, Ordering::Relaxed) == 0 {
            buffer[1024] ^= 1;
        }
        Ok(())
    }
    fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        unreachable!("it is read")
    }
    fn sync(&self) -> io::Result<()> {
        unreachable!("it is read")
    }
    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.len() as u64)
    }
    fn set_len(&self, _: u64) -> io::Result<()> {
        unreachable!("it is read")
    }
}

#[test]
fn a_mark_that_is_being_written_is_read_again() {
    let frames: [(u64, u64, &[u8]); 1] = [(5, 1536, b"one")];
    let marking = || Marking { bytes: log_of(1, 5, &frames), reads: AtomicUsize::new(0) };
    let scan = LogScan::read(&marking(), 1).unwrap();
    assert_eq!((scan.damaged_mark, scan.frames), (None, vec![(1536, 5)]));
    let header = read_header(&marking(), 1).unwrap();
    assert_eq!(header.unwrap().damaged_mark, None);
}

fn scanned(bytes: &[u8]) -> LogScan {
    LogScan::read(&Marking { bytes: bytes.to_vec(), reads: AtomicUsize::new(1) }, 1).unwrap()
}

#[test]
fn a_scan_finds_the_writes_behind_damage_and_no_others() {
    let (first, flip) = (HEADER as u64 + 31, |mut bytes: Vec<u8>, at: usize| {
        bytes[at] ^= 1;
        bytes
    });
    let whole = log_of(1, 5, &[(5, 1536, b"one"), (6, 1536, b"two")]);
    let scan = scanned(&flip(whole.clone(), HEADER + 30));
    let hole = |from: u64| format!("[{from}..{}]", from + 31);
    assert_eq!((scan.frames, format!("{:?}", scan.holes)), (vec![(first, 6)], hole(1536)));
    let scan = scanned(&flip(whole.clone(), HEADER + 31 + 30));
    assert_eq!((scan.frames, format!("{:?}", scan.holes)), (vec![(1536, 5)], hole(first)));
    // A length that is damaged leads nowhere.
    let mut longer = whole;
    longer[HEADER + 4] ^= 4;
    assert_eq!(scanned(&longer).frames, [(first, 6)]);
    // Nor does one so far that what stands before there must be read again.
    longer[HEADER + 4..HEADER + 8].copy_from_slice(&((4u32 << 20) - 38).to_le_bytes());
    longer.resize(HEADER + (6 << 20), b'x');
    assert_eq!(scanned(&longer).frames, [(first, 6)]);
    // What looks like a write may stand in a text: one that comes before it, or speaks of bytes
    // behind itself, is none…
    let old = log_of(1, 5, &[(5, 1536, b"one"), (6, 1536, b"two"), (5, 1598, b"old")]);
    assert_eq!(scanned(&flip(old, HEADER + 31 + 30)).frames, [(1536, 5)]);
    let beyond = log_of(1, 5, &[(5, 1536, b"one"), (6, first + 1, b"two")]);
    assert_eq!(scanned(&flip(beyond, HEADER + 30)).frames, []);
    // …nor is one inside a write of which the length is whole.
    let mut text = Vec::new();
    Frame::put(6, 1536, &[b"text"], &mut text);
    let held = log_of(1, 5, &[(5, 1536, &text), (6, 1536, b"two")]);
    let behind = (HEADER + 28 + text.len()) as u64;
    assert_eq!(scanned(&flip(held.clone(), HEADER + 20)).frames, [(behind, 6)]);
    assert_eq!(scanned(&flip(held, HEADER)).frames, [(behind, 6)], "without its magic");
    // Nor are those of another log in the header's place, and they hide none.
    let mut headless = log_of(1, 5, &[(5, 1536, b"one"), (6, 1536, b"two")]);
    let other = log_of(2, 7, &[(7, 1536, b"three"), (8, 1536, b"four")]);
    headless[..other.len() - HEADER].copy_from_slice(&other[HEADER..]);
    assert_eq!(scanned(&headless).frames, [(1536, 5), (first, 6)]);
    for gap in (4 << 20) - 4..(4 << 20) + 4 {
        let mut bytes = log_of(1, 5, &[]);
        bytes.resize(HEADER + gap, b'x');
        Frame::put(6, 1536, &[b"two"], &mut bytes);
        assert_eq!(scanned(&bytes).frames, [((HEADER + gap) as u64, 6)]);
    }
}

#[test]
fn a_scan_says_how_much_was_durable_and_how_it_ends() {
    let frames: [(u64, u64, &[u8]); 2] = [(5, 1536, b"one"), (6, 1567, b"two")];
    let whole = log_of(1, 5, &frames);
    assert_eq!(scanned(&whole).synced, 1567);
    for (synced, end, closed) in [
        (1598, End::OfFile, [true, true, false]),
        (1598, End::OfLog, [true; 3]),
        (1567, End::OfLog, [false; 3]),
    ] {
        let mut bytes = marked(whole.clone(), synced, end);
        for header in [None, Some("not the header of this log file")] {
            let scan = scanned(&bytes);
            assert_eq!(scan.header.as_ref().map(|malformed| &*malformed.what), header);
            assert_eq!((scan.synced, scan.closed), (synced, Some((end, synced))));
            assert_eq!([End::Open, End::OfFile, End::OfLog].map(|end| scan.is_closed(end)), closed);
            // The marks count without the header.
            bytes[12] ^= 1;
        }
    }
}

#[test]
fn a_write_that_changed_is_not_read() {
    let mut bytes = log_of(1, 5, &[(5, 1536, b"one")]);
    let read = |bytes: &[u8]| {
        let file = Marking { bytes: bytes.to_vec(), reads: AtomicUsize::new(1) };
        let mut out = Vec::new();
        read_frame(&file, HEADER as u64, &mut out).map(|is_there| is_there.then_some(out))
    };
    assert_eq!(read(&bytes).unwrap().unwrap(), b"one");
    bytes[HEADER + 30] ^= 1;
    assert_eq!(read(&bytes).unwrap(), None);
    assert!(read(&bytes[..HEADER + 30]).is_err());
}
