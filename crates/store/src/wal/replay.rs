use std::io;
use std::path::Path;

use super::frame::{FRAME_HEADER_BYTES, FRAME_MAGIC, Frame};
use super::header::{End, HEADER_BYTES, Header};
use super::{MAX_RECORD_BYTES, log_path};
use crate::bytes::Malformed;
use crate::disk::{Disk, DiskFile};
use crate::error::{Error, Result};

/// Log files are read in steps of this many bytes.
pub(super) const READ_BYTES: usize = 4 << 20;
/// Where the base sequence stands in the header.
const BASE_OFFSET: u64 = 20;

/// What a log file gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Replay {
    pub(crate) header: Header,
    /// Bytes up to the end of the last good frame.
    pub(crate) valid_bytes: u64,
    /// Bytes after it: a write that was cut off, never acknowledged.
    pub(crate) torn_bytes: u64,
    /// Bytes that were durable, as its last frame or its mark says.
    pub(crate) synced_bytes: u64,
}

impl Replay {
    /// Whether the file says that it, or the whole log, ends where it does.
    pub(crate) fn is_closed(&self, end: End) -> bool {
        let ends_here = |mark: super::Mark| mark.end >= end && mark.synced == self.valid_bytes;
        self.torn_bytes == 0 && self.header.mark.is_none_or(ends_here)
    }
}

/// Calls `check_base(base_sequence)` and then `apply(sequence, payload, offset)` for each record of a
/// log file, in order.
///
/// What stands after the last good frame is a torn tail, if it may have been written last: in the
/// last file, and not before bytes that some later frame says were durable. Otherwise it is
/// damage.
///
/// # Errors
/// Damage, naming the byte; what `apply` returns.
pub(crate) fn replay(
    disk: &dyn Disk,
    dir: &Path,
    number: u64,
    is_last: bool,
    check_base: impl FnOnce(u64) -> Result<(), String>,
    mut apply: impl FnMut(u64, &[u8], u64) -> Result<()>,
) -> Result<Replay> {
    let path = log_path(dir, number);
    let failed = |e| Error::io(&path, "read the log", e);
    let file = disk.open(&path, false).map_err(failed)?;
    let header = read_header(&*file, number).map_err(failed)?;
    let header = header.map_err(|m| Error::corrupt(&path, m.at as u64, m.what))?;
    // After the marks were read: a writer may be at work.
    let length = file.len().map_err(failed)?;
    let marked = header.mark.map_or(0, |mark| mark.synced);
    if length < marked {
        let message = format!("the log ends here; its first {marked} bytes were durable");
        return Err(Error::corrupt(&path, length, message));
    }
    let mut window = Window { file: &*file, length, start: 0, bytes: Vec::new() };
    let (mut at, mut synced_bytes) = (header.bytes, marked);
    let mut next = header.base_sequence;
    check_base(header.base_sequence).map_err(|what| Error::corrupt(&path, BASE_OFFSET, what))?;
    while at < length {
        let bytes = window.frame_at(at).map_err(failed)?;
        let Some(frame) = Frame::parse(bytes) else { break };
        let size = frame.bytes() as u64;
        if !frame.payload.is_empty() {
            // One of another log, or an old one: what stood here is gone. (Bulk loads take numbers,
            // too.)
            if frame.sequence < next {
                let message = format!(
                    "write {} where write {next} or a later one is expected",
                    frame.sequence
                );
                return Err(Error::corrupt(&path, at, message));
            }
            apply(frame.sequence, frame.payload, at)?;
            next = frame.sequence + 1;
        }
        at += size;
        synced_bytes = synced_bytes.max(frame.synced);
    }
    let torn_bytes = length - at;
    let replay = Replay { header, valid_bytes: at, torn_bytes, synced_bytes };
    if torn_bytes > 0 {
        let synced = match at < marked {
            true => Some(marked),
            false => synced_beyond(&mut window, at, next).map_err(failed)?,
        };
        if let Some(synced) = synced {
            let message = format!("the log is damaged: its first {synced} bytes were durable");
            return Err(Error::corrupt(&path, at, message));
        }
    }
    if !is_last && !replay.is_closed(End::OfFile) {
        let message = "the log ends too early: it was not closed, but later files follow it";
        return Err(Error::corrupt(&path, at, message));
    }
    Ok(replay)
}

/// Reads the header, once more if it is damaged: a writer may have been writing a mark at that
/// moment.
pub(super) fn read_header(
    file: &dyn DiskFile,
    number: u64,
) -> io::Result<Result<Header, Malformed>> {
    match parse_header(file, number)? {
        Ok(header) if header.damaged_mark.is_none() => Ok(Ok(header)),
        _ => parse_header(file, number),
    }
}

fn parse_header(file: &dyn DiskFile, number: u64) -> io::Result<Result<Header, Malformed>> {
    let mut bytes = vec![0; file.len()?.min(HEADER_BYTES as u64) as usize];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(Header::parse(&bytes, number))
}

/// Looks behind damage for a frame that says more than `at` bytes were durable. (What looks like a
/// frame may stand within a text that was written: ours is write `least` or a later one, and says so of
/// bytes before itself only.)
fn synced_beyond(window: &mut Window<'_>, at: u64, least: u64) -> io::Result<Option<u64>> {
    let mut next = at + 1;
    while next + FRAME_HEADER_BYTES as u64 <= window.length {
        let bytes = window.at(next, READ_BYTES)?;
        let Some(found) = memchr_u32(bytes, FRAME_MAGIC) else {
            next += (bytes.len() as u64).saturating_sub(3).max(1);
            continue;
        };
        next += found as u64;
        let frame = Frame::parse(window.frame_at(next)?);
        let is_ours = |frame: &Frame<'_>| {
            let is_later = frame.payload.is_empty() || frame.sequence >= least;
            is_later && frame.synced > at && frame.synced <= next
        };
        if let Some(frame) = frame.filter(is_ours) {
            return Ok(Some(frame.synced));
        }
        next += 1;
    }
    Ok(None)
}

pub(super) fn memchr_u32(bytes: &[u8], word: u32) -> Option<usize> {
    bytes.windows(4).position(|window| window == word.to_le_bytes())
}

/// A part of the file in memory.
pub(super) struct Window<'a> {
    pub(super) file: &'a dyn DiskFile,
    pub(super) length: u64,
    pub(super) start: u64,
    pub(super) bytes: Vec<u8>,
}

impl Window<'_> {
    /// Up to `count` bytes from `offset`, fewer at the end of the file.
    pub(super) fn at(&mut self, offset: u64, count: usize) -> io::Result<&[u8]> {
        let count = (self.length.saturating_sub(offset)).min(count as u64) as usize;
        let inside = offset.checked_sub(self.start).map(|skip| skip as usize);
        let is_there = inside.is_some_and(|skip| skip + count <= self.bytes.len());
        if !is_there {
            let read = (self.length.saturating_sub(offset)).min(count.max(READ_BYTES) as u64);
            self.bytes.resize(read as usize, 0);
            self.file.read_exact_at(&mut self.bytes, offset)?;
            self.start = offset;
        }
        let skip = (offset - self.start) as usize;
        Ok(&self.bytes[skip..skip + count])
    }

    /// The bytes of the frame at `offset`, as long as its header says (which may be damaged) and
    /// the file goes.
    pub(super) fn frame_at(&mut self, offset: u64) -> io::Result<&[u8]> {
        let header = self.at(offset, FRAME_HEADER_BYTES)?;
        let length = header.get(4..8).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let length = (length as usize).min(MAX_RECORD_BYTES);
        self.at(offset, FRAME_HEADER_BYTES + length)
    }
}
