//! A log file read as far as it can be, past what is damaged: for `check` and `repair`.

use std::io;
use std::ops::Range;

use super::frame::{FRAME_HEADER_BYTES, FRAME_MAGIC, Frame};
use super::header::{End, HEADER_BYTES, Header, Mark, SECTOR_BYTES};
use super::replay::{READ_BYTES, Window, memchr_u32};
use crate::bytes::Malformed;
use crate::disk::DiskFile;

/// A damaged mark is read again so many times.
const MARK_ATTEMPTS: usize = 3;

/// What stands in a log file.
#[derive(Debug, Default)]
pub(crate) struct LogScan {
    /// What is wrong with the header; frames are found without it.
    pub(crate) header: Option<Malformed>,
    /// Where a mark is not readable.
    pub(crate) damaged_mark: Option<u64>,
    /// The first write that is in this file or a later one; 0: unknown.
    pub(crate) base_sequence: u64,
    /// What its mark says of its end, and with how many bytes; `None`: it has none.
    pub(crate) closed: Option<(End, u64)>,
    /// So many bytes were durable, as marks and frames say.
    pub(crate) synced: u64,
    /// The length of the file.
    pub(crate) length: u64,
    /// Offset and sequence of each whole write.
    pub(crate) frames: Vec<(u64, u64)>,
    /// What kept the rest from being read.
    pub(crate) error: Option<io::Error>,
    /// Bytes between or behind them that are no frame.
    pub(crate) holes: Vec<Range<u64>>,
}

impl LogScan {
    /// Frames begin here at the latest.
    pub(crate) const MAX_HEADER_BYTES: u64 = HEADER_BYTES as u64;

    /// Reads log file `number`.
    ///
    /// # Errors
    /// When not even its header can be read.
    pub(crate) fn read(file: &dyn DiskFile, number: u64) -> io::Result<Self> {
        let mut this = Self::default();
        let mut at = this.read_header(file, number)?;
        // After the header was read: a writer may be at work.
        this.length = file.len()?;
        // Writes stand behind the header, whatever stands in its place: those of another log, say.
        let mut hole = this.header.is_some().then_some(at);
        this.error = this.read_frames(file, &mut at, &mut hole).err();
        if at < this.length || hole.is_some() {
            this.holes.push(hole.unwrap_or(at)..this.length);
        }
        Ok(this)
    }

    /// Reads on from `at`; `hole` is where the bytes began that are no frame.
    fn read_frames(
        &mut self,
        file: &dyn DiskFile,
        at: &mut u64,
        hole: &mut Option<u64>,
    ) -> io::Result<()> {
        let mut window = Window { file, length: self.length, start: 0, bytes: Vec::new() };
        let mut last = 0;
        while *at < self.length {
            let frame = Frame::parse(window.frame_at(*at)?);
            // Behind a hole, what looks like a frame may stand within a text that was written.
            let frame = frame.filter(|frame| {
                let is_next = frame.payload.is_empty() || frame.sequence > last;
                hole.is_none() || (is_next && frame.synced <= *at)
            });
            let Some(frame) = frame else {
                let from = *hole.get_or_insert(*at);
                let next = if from == *at { behind_damaged(&mut window, *at)? } else { None };
                *at = next.map_or_else(|| next_magic(&mut window, *at + 1), Ok)?;
                continue;
            };
            self.holes.extend(hole.take().map(|from| from..*at));
            self.synced = self.synced.max(frame.synced);
            if !frame.payload.is_empty() {
                last = frame.sequence;
                self.frames.push((*at, frame.sequence));
            }
            *at += frame.bytes() as u64;
        }
        Ok(())
    }

    /// Whether it does not say otherwise than that it, or the whole log, ends where it does.
    pub(crate) fn is_closed(&self, end: End) -> bool {
        self.closed.is_none_or(|(marked, bytes)| marked >= end && bytes == self.length)
    }

    /// Where frames begin; 0: they must be found.
    fn read_header(&mut self, file: &dyn DiskFile, number: u64) -> io::Result<u64> {
        let mut bytes = vec![0; file.len()?.min(HEADER_BYTES as u64) as usize];
        file.read_exact_at(&mut bytes, 0)?;
        let mut header = Header::parse(&bytes, number);
        for _ in 0..MARK_ATTEMPTS {
            if header.as_ref().is_ok_and(|header| header.damaged_mark.is_none()) {
                break;
            }
            // A writer may be in the middle of writing a mark.
            file.read_exact_at(&mut bytes, 0)?;
            header = Header::parse(&bytes, number);
        }
        let mark = match &header {
            Ok(header) => header.mark,
            // They are checked by themselves.
            Err(_) => {
                let sectors = bytes.chunks(SECTOR_BYTES).skip(1);
                let marks = sectors.filter_map(|sector| Mark::parse(sector, number));
                marks.max_by_key(|mark| mark.synced)
            }
        };
        self.synced = mark.map_or(0, |mark| mark.synced);
        self.closed = mark.map(|mark| (mark.end, mark.synced));
        let header = match header {
            Ok(header) => header,
            Err(malformed) => {
                self.header = Some(malformed);
                return Ok(0);
            }
        };
        self.base_sequence = header.base_sequence;
        self.damaged_mark = header.damaged_mark;
        Ok(header.bytes)
    }
}

/// The place behind a frame whose content is damaged, but not its length: another frame stands there.
fn behind_damaged(window: &mut Window<'_>, at: u64) -> io::Result<Option<u64>> {
    let bytes = window.frame_at(at)?;
    let next = at + bytes.len() as u64;
    let is_frame = next < window.length && Frame::parse(window.frame_at(next)?).is_some();
    Ok(is_frame.then_some(next))
}

/// Where the next magic of a frame stands; the end of the file: nowhere.
fn next_magic(window: &mut Window<'_>, from: u64) -> io::Result<u64> {
    let mut at = from;
    while at + FRAME_HEADER_BYTES as u64 <= window.length {
        let bytes = window.at(at, READ_BYTES)?;
        if let Some(found) = memchr_u32(bytes, FRAME_MAGIC) {
            return Ok(at + found as u64);
        }
        at += (bytes.len() as u64).saturating_sub(3).max(1);
    }
    Ok(window.length)
}

/// Reads the payload of a frame that [`LogScan`] found over `out`. `None`: it is not there any more.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn read_frame(file: &dyn DiskFile, offset: u64, out: &mut Vec<u8>) -> io::Result<bool> {
    let mut header = [0; FRAME_HEADER_BYTES];
    file.read_exact_at(&mut header, offset)?;
    let length = u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize;
    let length = length.min(super::MAX_RECORD_BYTES);
    out.resize(FRAME_HEADER_BYTES + length, 0);
    file.read_exact_at(out, offset)?;
    if Frame::parse(out).is_none() {
        return Ok(false);
    }
    out.drain(..FRAME_HEADER_BYTES);
    Ok(true)
}
