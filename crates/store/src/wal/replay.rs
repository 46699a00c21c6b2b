use std::path::Path;

use super::frame::{FILE_HEADER_BYTES, FRAME_HEADER_BYTES, FRAME_MAGIC, Frame, file_header};
use super::{MAX_RECORD_BYTES, log_path};
use crate::disk::{Disk, DiskFile};
use crate::error::{Error, Result};

/// Log files are read in steps of this many bytes.
pub(super) const READ_BYTES: usize = 4 << 20;

/// What a log file gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Replay {
    /// Bytes up to the end of the last good frame.
    pub(crate) valid_bytes: u64,
    /// Bytes after it: a write that was cut off, never acknowledged.
    pub(crate) torn_bytes: u64,
    /// Bytes that were durable, as its last frame says.
    pub(crate) synced_bytes: u64,
}

/// Calls `apply(sequence, payload, offset)` for each record of a log file, in order.
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
    mut apply: impl FnMut(u64, &[u8], u64) -> Result<()>,
) -> Result<Replay> {
    let path = log_path(dir, number);
    let io = |e| Error::io(&path, "read the log", e);
    let file = disk.open(&path, false).map_err(io)?;
    let length = file.len().map_err(io)?;
    let mut window = Window { file: &*file, length, start: 0, bytes: Vec::new() };
    let header = file_header(number);
    if window.at(0, FILE_HEADER_BYTES).map_err(io)? != header {
        // The file was created and the power went before its header was durable.
        if is_last && length <= FILE_HEADER_BYTES as u64 {
            return Ok(Replay { torn_bytes: length, ..Replay::default() });
        }
        return Err(Error::corrupt(&path, 0, "not the header of this log file"));
    }
    let (mut at, mut synced_bytes) = (FILE_HEADER_BYTES as u64, 0);
    while at < length {
        let bytes = window.frame_at(at).map_err(io)?;
        let Some(frame) = Frame::parse(bytes) else { break };
        let size = frame.bytes() as u64;
        if !frame.payload.is_empty() {
            apply(frame.sequence, frame.payload, at)?;
        }
        at += size;
        synced_bytes = frame.synced;
    }
    let torn_bytes = length - at;
    if torn_bytes > 0 {
        if !is_last {
            return Err(Error::corrupt(&path, at, "the log is damaged (later files follow it)"));
        }
        if let Some(synced) = synced_beyond(&mut window, at).map_err(io)? {
            let message = format!("the log is damaged: its first {synced} bytes were durable");
            return Err(Error::corrupt(&path, at, message));
        }
    }
    Ok(Replay { valid_bytes: at, torn_bytes, synced_bytes })
}

/// Looks behind damage for a frame that says more than `at` bytes were durable.
fn synced_beyond(window: &mut Window<'_>, at: u64) -> std::io::Result<Option<u64>> {
    let mut next = at + 1;
    while next + FRAME_HEADER_BYTES as u64 <= window.length {
        let bytes = window.at(next, READ_BYTES)?;
        let Some(found) = memchr_u32(bytes, FRAME_MAGIC) else {
            next += (bytes.len() as u64).saturating_sub(3).max(1);
            continue;
        };
        next += found as u64;
        let frame = Frame::parse(window.frame_at(next)?);
        if let Some(frame) = frame.filter(|frame| frame.synced > at) {
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
    pub(super) fn at(&mut self, offset: u64, count: usize) -> std::io::Result<&[u8]> {
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
    pub(super) fn frame_at(&mut self, offset: u64) -> std::io::Result<&[u8]> {
        let header = self.at(offset, FRAME_HEADER_BYTES)?;
        let length = header.get(4..8).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let length = (length as usize).min(MAX_RECORD_BYTES);
        self.at(offset, FRAME_HEADER_BYTES + length)
    }
}
