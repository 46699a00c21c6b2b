//! The log: what was acknowledged and is not in a segment yet. See `docs/formats/wal.md`.
//!
//! ```text
//! log    := header, frame*
//! header := magic "TIDEMWAL", version u32 = 2, file number u64, base sequence u64, crc32c u32 of
//!           these 28 bytes, zeros up to 512; then two marks, 512 bytes each
//! mark   := count u64, synced u64, end u8, crc32c u32 of file number and these 17 bytes, zeros
//! frame  := magic u32 "TFRM", payload bytes u32, crc32c u32 of all that follows, sequence u64,
//!           synced u64, payload
//! ```
//!
//! `synced` says how many bytes of this file were durable when the frame or the mark was made: damage
//! before that is damage, whatever stands at the end after it may be a torn tail. Frames say it of
//! the groups before them; a mark says it of the whole file and is written when nothing more comes
//! for a moment, by `Store::sync`, and when the file is closed. Payloads are batches (`record.rs`), with
//! consecutive sequence numbers from the base on; what is missing before the base is noticed.

mod frame;
mod header;
mod log;
#[cfg(all(test, loom))]
mod loom_tests;
mod marker;
mod record;
mod replay;
mod scan;
mod sync;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use header::{End, HEADER_BYTES_V1, Mark, header_v1};
pub(crate) use log::Log;
pub(crate) use marker::Marker;
pub(crate) use record::{decode_record, encode_rows};
pub(crate) use replay::{Replay, replay};
pub(crate) use scan::{LogScan, read_frame};

use std::path::{Path, PathBuf};

/// A frame's payload at most. A batch is bounded by the text it was read from, far below.
pub(crate) const MAX_RECORD_BYTES: usize = 1 << 30;

const FILE_SUFFIX: &str = ".wal";
const NEW_SUFFIX: &str = ".next";

pub(crate) fn log_path(dir: &Path, file: u64) -> PathBuf {
    dir.join(format!("{file:08}{FILE_SUFFIX}"))
}

/// The name a log file has until its header is durable.
pub(crate) fn new_log_path(dir: &Path, file: u64) -> PathBuf {
    dir.join(format!("{file:08}{FILE_SUFFIX}{NEW_SUFFIX}"))
}

/// Whether the name is that of a log file that was being made.
pub(crate) fn is_new_log(name: &str) -> bool {
    name.strip_suffix(NEW_SUFFIX).is_some_and(|name| log_number(name).is_some())
}

/// The number of a log file, if the name is one.
pub(crate) fn log_number(name: &str) -> Option<u64> {
    let number = name.strip_suffix(FILE_SUFFIX)?;
    // As it is written, and no other way: `5.wal` is a file of somebody else.
    number.parse().ok().filter(|parsed| number == format!("{parsed:08}"))
}
