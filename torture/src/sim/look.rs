//! What a damaged store says of itself when it is opened, checked and read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidemill_store::{Disk, Error, ErrorKind, Options, Recovery, SimDisk};

use super::damage::Damage;
use super::digest::Digest;
use super::driver::Finding;
use super::machine::open;
use super::sample::{LOG_HEADER_BYTES, Sample, SampleFile, mark, whole_bytes};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The store did not open.
    Refused,
    /// The check or a read named it.
    Problem,
    /// Recovery did, with bytes that are no write or a damaged mark; at most the writes from the
    /// first damaged one on are gone.
    Recovered,
    /// Recovery says no more than that a log was not closed, as it does after any end of a process
    /// without closing; at most the writes behind its present end are gone.
    Unclosed,
    /// Nothing was said, and nothing is missing.
    Unnoticed,
}

impl Outcome {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Refused => "=> an error at opening",
            Self::Problem => "=> a problem in the check, an error at reading",
            Self::Recovered => "=> a torn tail or a mark reported, at most that tail lost",
            Self::Unclosed => "=> said only that a log was not closed, at most its tail lost",
            Self::Unnoticed => "=> not noticed, the same answer",
        }
    }
}

/// What a damaged store said, and which rows it showed, if it could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) outcome: Outcome,
    pub(super) found: Option<Digest>,
}

/// The bytes of a store's files, in the sample's order; `None`: a file that is gone.
pub(super) type Files = [Option<Arc<Vec<u8>>>];

/// A machine with a store of these files.
pub(super) fn machine(sample: &Sample, files: &Files) -> Result<SimDisk, Finding> {
    let present = sample.files.iter().zip(files).filter_map(|(file, bytes)| {
        bytes.as_ref().map(|bytes| (file.path.as_path(), Arc::clone(bytes)))
    });
    SimDisk::with_files(present).map_err(|error| error.to_string())
}

/// Opens, checks and reads a store of these files.
pub(super) fn look(
    sample: &Sample,
    files: &Files,
    damage: Option<(usize, Damage)>,
    read_only: bool,
) -> Result<Seen, Finding> {
    let disk: Arc<dyn Disk> = Arc::new(machine(sample, files)?);
    let seen = |outcome, found| Ok(Seen { outcome, found });
    let named = |error: &Error| is_named(error, sample, damage);
    let store = match open(&disk, &Options { read_only, ..sample.options.clone() }) {
        Ok(store) => store,
        Err(error) => {
            named(&error)?;
            return seen(Outcome::Refused, None);
        }
    };
    let problems = store.check().map_err(|error| format!("the check failed: {error}"))?.problems;
    problems.iter().try_for_each(named)?;
    let found = match Digest::of_snapshot(&store.snapshot()) {
        Ok(found) => found,
        Err(error) => {
            named(&error)?;
            if problems.is_empty() {
                return Err(format!("a read failed that the check passed: {error}"));
            }
            return seen(Outcome::Problem, None);
        }
    };
    judge_torn(sample, files, store.recovery())?;
    let outcome = if found == sample.answer() {
        let said = said_besides(store.recovery(), &sample.intact);
        settle(sample, files, damage, if problems.is_empty() { said } else { Outcome::Problem })?
    } else {
        lost_tail(sample, files, found, store.recovery())?
    };
    seen(outcome, Some(found))
}

/// Bytes at the end of the last log that are no write are reported to the byte, and no others are.
fn judge_torn(sample: &Sample, files: &Files, recovery: &Recovery) -> Result<(), Finding> {
    let logs = sample.files.iter().zip(files).filter(|(own, _)| own.is_log());
    let last = logs.filter_map(|(own, bytes)| Some((own, bytes.as_ref()?))).next_back();
    let torn = last.and_then(|(own, now)| torn_tail(&own.path, &own.bytes, now));
    if recovery.torn_tail == torn {
        return Ok(());
    }
    Err(format!("of a torn tail {torn:?} it says {:?}", recovery.torn_tail))
}

/// What a recovery must say of a log's end.
pub(super) fn torn_tail(path: &Path, before: &[u8], now: &[u8]) -> Option<(PathBuf, u64)> {
    let torn = now.len().saturating_sub(whole_bytes(before, now)) as u64;
    (torn > 0).then(|| (path.to_owned(), torn))
}

/// The answer is another one: it must be that without the writes from the first damaged one on, of a
/// log that may have lost them, and it must be said.
fn lost_tail(
    sample: &Sample,
    files: &Files,
    found: Digest,
    recovery: &Recovery,
) -> Result<Outcome, Finding> {
    let outcome = said(recovery);
    if outcome == Outcome::Unnoticed {
        let (rows, before) = (found.rows, sample.answer().rows);
        return Err(format!("another answer, silently: {rows} rows instead of {before}"));
    }
    let damaged = sample.files.iter().zip(files).filter(|(own, bytes)| !is_same(own, bytes));
    let logs = damaged.filter(|(own, _)| own.is_log());
    if !logs.clone().any(|(own, bytes)| may_lose_tail(own, bytes)) {
        return Err(format!("lost a tail that was sure to be durable ({recovery:?})"));
    }
    let first = logs.map(|(own, bytes)| {
        let now = bytes.as_ref().map_or(&[][..], |bytes| bytes);
        sample.version_at(&own.path, whole_bytes(&own.bytes, now))
    });
    let first = first.min().unwrap_or(0);
    if !sample.versions[first..].iter().any(|version| version.digest == found) {
        let at = sample.versions.iter().position(|version| version.digest == found);
        return Err(format!(
            "reported ({recovery:?}), but it holds what call {at:?} left, not what {first} did"
        ));
    }
    Ok(outcome)
}

/// The answer is the same: was it to be noticed?
fn settle(
    sample: &Sample,
    files: &Files,
    damage: Option<(usize, Damage)>,
    said: Outcome,
) -> Result<Outcome, Finding> {
    let Some((file, kind)) = damage.filter(|_| said == Outcome::Unnoticed) else {
        return Ok(said);
    };
    let own = &sample.files[file];
    let Some(first) = first_byte(own, files[file].as_deref(), 0) else {
        return Ok(Outcome::Unnoticed);
    };
    // What stands behind a definition's committed bytes was never committed. An older mark of a
    // log whose other mark holds cannot be told from one that is not overwritten yet.
    let is_older = matches!(kind, Damage::Stale { .. } | Damage::Old { .. });
    if (own.is_definition() && first >= own.bytes.len()) || (own.is_log() && is_older) {
        return Ok(Outcome::Unnoticed);
    }
    Err(format!("byte {first} is not what it was, and nobody noticed"))
}

/// What the recovery says that is not as it should be.
pub(super) fn said(recovery: &Recovery) -> Outcome {
    said_besides(recovery, &Recovery::default())
}

/// What it says else than of the store before it was damaged, whose last log may really not have
/// been closed.
fn said_besides(recovery: &Recovery, intact: &Recovery) -> Outcome {
    let damages = |r: &Recovery| (r.torn_tail.clone(), r.damaged_marks.clone());
    match () {
        () if damages(recovery) != damages(intact) => Outcome::Recovered,
        () if recovery.unclosed_log != intact.unclosed_log => Outcome::Unclosed,
        () => Outcome::Unnoticed,
    }
}

fn is_same(file: &SampleFile, bytes: &Option<Arc<Vec<u8>>>) -> bool {
    bytes.as_ref().is_some_and(|bytes| **bytes == *file.bytes)
}

/// The first byte from `start` on that is not what it was.
fn first_byte(file: &SampleFile, damaged: Option<&Vec<u8>>, start: usize) -> Option<usize> {
    let damaged = damaged.map_or(&[][..], |damaged| damaged);
    let bytes = &file.bytes[start.min(file.bytes.len())..];
    let now = damaged.get(start..).unwrap_or_default();
    let same = now.iter().zip(bytes).take_while(|(a, b)| a == b).count();
    (same < now.len().max(bytes.len())).then_some(start + same)
}

/// Whether the first of a log's frames that is damaged is behind all that is sure to be durable.
fn may_lose_tail(file: &SampleFile, damaged: &Option<Arc<Vec<u8>>>) -> bool {
    let first = first_byte(file, damaged.as_deref(), LOG_HEADER_BYTES);
    file.is_log() && first.is_some_and(|first| first >= sure_bytes(file, damaged))
}

/// How many bytes of a damaged file something that is left in it still vouches for.
pub(super) fn sure_bytes(file: &SampleFile, damaged: &Option<Arc<Vec<u8>>>) -> usize {
    let Some(damaged) = damaged else { return 0 };
    let is_left = |range: std::ops::Range<usize>| {
        damaged.get(range.clone()).is_some_and(|now| file.bytes.get(range) == Some(now))
    };
    let marks = [512, 1024].into_iter().filter(|at| is_left(*at..*at + 512));
    let marked = marks.map(|at| mark(&file.bytes, at).1).max().unwrap_or(0);
    let is_last_frame_left = is_left(file.vouched_bytes..file.bytes.len());
    if is_last_frame_left { marked.max(file.vouched_bytes) } else { marked }
}

/// An error says which file, and where in it if its bytes are wrong.
fn is_named(
    error: &Error,
    sample: &Sample,
    damage: Option<(usize, Damage)>,
) -> Result<(), Finding> {
    let is_kind = match error.kind() {
        ErrorKind::Corrupt => error.offset_bytes().is_some(),
        ErrorKind::Version => true,
        ErrorKind::Io => {
            matches!(damage, Some((_, Damage::Missing | Damage::Old { .. } | Damage::Stale { .. })))
        }
        _ => false,
    };
    if is_kind && error.path().is_some_and(|path| may_name(path, sample, damage)) {
        return Ok(());
    }
    Err(format!("badly told: {:?}: {error}", error.kind()))
}

fn may_name(path: &Path, sample: &Sample, damage: Option<(usize, Damage)>) -> bool {
    let Some((file, damage)) = damage else { return false };
    let own: &SampleFile = &sample.files[file];
    match damage {
        // Both are sound by themselves and do not fit together.
        Damage::Old { .. } | Damage::Stale { .. } | Damage::Missing => true,
        Damage::Swap { other, .. } if path == sample.files[other].path => true,
        // A log that ends too early is seen by the write that is missing, in the next file.
        _ => path == own.path || own.is_log() && path.extension().is_some_and(|e| e == "wal"),
    }
}
