//! The log: what was acknowledged and is not in a segment yet. See `docs/formats/wal.md`.
//!
//! ```text
//! log    := magic "TIDEMWAL", version u32 = 1, file number u64, crc32c u32 of these 20 bytes, frame*
//! frame  := magic u32 "TFRM", payload bytes u32, crc32c u32 of all that follows, sequence u64,
//!           synced u64, payload
//! ```
//!
//! `synced` says how many bytes of this file were durable when the frame was made: damage before
//! that is damage, whatever stands at the end after it may be a torn tail. A frame with no payload
//! is such a mark alone (written when the log is closed or rotated); its sequence is 0. Others are
//! batches (`record.rs`), with consecutive sequence numbers.

mod frame;
mod log;
mod record;
mod replay;
mod scan;

pub(crate) use log::Log;
pub(crate) use record::{decode_record, encode_rows};
pub(crate) use replay::{Replay, replay};
pub(crate) use scan::{LogScan, read_frame};

use std::path::{Path, PathBuf};

/// A frame's payload at most. A batch is bounded by the text it was read from, far below.
pub(crate) const MAX_RECORD_BYTES: usize = 1 << 30;

const FILE_SUFFIX: &str = ".wal";

pub(crate) fn log_path(dir: &Path, file: u64) -> PathBuf {
    dir.join(format!("{file:08}{FILE_SUFFIX}"))
}

/// The number of a log file, if the name is one.
pub(crate) fn log_number(name: &str) -> Option<u64> {
    name.strip_suffix(FILE_SUFFIX)?.parse().ok()
}
