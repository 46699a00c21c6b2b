//! Damage to the files of small stores.
//!
//! A store of damaged files says so (an error, a problem that the check finds, a report of the
//! recovery), naming the file, or it holds what it held. It never panics and never answers
//! otherwise without a word.

use std::path::Path;
use std::sync::Arc;

use tidemill_store::{Disk, Error, ErrorKind, Options, Recovery, SimDisk};

use super::damage::Damage;
use super::digest::Digest;
use super::driver::{Finding, Findings, Limits, Progress, caught, run};
use super::machine::open;
use super::sample::{LOG_HEADER_BYTES, Sample, SampleFile, mark};
use crate::common::Random;
use crate::report::Report;

/// Every bit flipped, every truncation, and worse, of small stores' files.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CorruptArgs {
    #[command(flatten)]
    pub(super) limits: Limits,
    /// Only every so many-th damage, for a short run.
    #[arg(long, default_value_t = 1)]
    pub(super) step: usize,
}

/// Runs the campaign.
pub(crate) fn corrupt(args: &CorruptArgs) -> Report {
    run("corrupt", &args.limits, |seed, progress, report| case(args, seed, progress, report))
}

fn case(
    args: &CorruptArgs,
    seed: u64,
    progress: &Progress<'_>,
    report: &mut Report,
) -> Result<(), Finding> {
    let sample = Sample::new(seed)?;
    let mut random = Random(seed);
    let mut findings = Findings::default();
    let whole = sample.files.iter().map(|file| Some(Arc::clone(&file.bytes))).collect::<Vec<_>>();
    let intact = caught(|| look(&sample, &whole, None, false));
    if intact != Ok(Ok(Outcome::Unnoticed)) {
        return Err(format!("the store itself: {intact:?}"));
    }
    report.count("stores whose last log was not closed", u64::from(sample.is_open));
    for file in 0..sample.files.len() {
        let own = &sample.files[file];
        report.count(&format!("bytes of {} files", own.extension()), own.bytes.len() as u64);
        let all = Damage::all(&sample, file, &mut random);
        for damage in all.into_iter().skip(random.below(args.step)).step_by(args.step) {
            if progress.is_over() {
                return findings.result();
            }
            let Some(files) = damage.apply(&sample, file) else { continue };
            progress.injected(1);
            report.count(damage.name(), 1);
            let is_read_only = random.one_in(4);
            let outcome = caught(|| look(&sample, &files, Some((file, damage)), is_read_only));
            match outcome.and_then(|outcome| outcome) {
                Ok(outcome) => report.count(outcome.name(), 1),
                Err(finding) => {
                    report.count("SILENT or badly reported", 1);
                    findings.add(format!(
                        "{} of {} bytes, {damage}, read only: {is_read_only}: {finding}",
                        own.path.display(),
                        own.bytes.len()
                    ));
                }
            }
        }
    }
    findings.result()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// The store did not open.
    Refused,
    /// The check or a read named it.
    Problem,
    /// Recovery did; at most the writes at the end of the log are gone.
    Recovered,
    /// Nothing was said, and nothing is missing.
    Unnoticed,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Refused => "=> an error at opening",
            Self::Problem => "=> a problem in the check, an error at reading",
            Self::Recovered => "=> reported by the recovery, at most a tail lost",
            Self::Unnoticed => "=> not noticed, the same answer",
        }
    }
}

/// Opens, checks and reads a store of these files.
fn look(
    sample: &Sample,
    files: &[Option<Arc<Vec<u8>>>],
    damage: Option<(usize, Damage)>,
    read_only: bool,
) -> Result<Outcome, Finding> {
    let present = sample.files.iter().zip(files).filter_map(|(file, bytes)| {
        bytes.as_ref().map(|bytes| (file.path.as_path(), Arc::clone(bytes)))
    });
    let disk = SimDisk::with_files(present).map_err(|error| error.to_string())?;
    let disk: Arc<dyn Disk> = Arc::new(disk);
    let named = |error: &Error| is_named(error, sample, damage);
    let store = match open(&disk, &Options { read_only, ..sample.options.clone() }) {
        Ok(store) => store,
        Err(error) => return named(&error).map(|()| Outcome::Refused),
    };
    let problems = store.check().map_err(|error| format!("the check failed: {error}"))?.problems;
    problems.iter().try_for_each(named)?;
    let is_reported = is_reported(store.recovery());
    let found = match Digest::of_snapshot(&store.snapshot()) {
        Ok(found) => found,
        Err(error) => {
            named(&error)?;
            if problems.is_empty() {
                return Err(format!("a read failed that the check passed: {error}"));
            }
            return Ok(Outcome::Problem);
        }
    };
    if found == sample.answer() {
        let is_noticed = is_noticed(store.recovery(), &sample.intact);
        return settle(sample, files, damage, !problems.is_empty(), is_noticed);
    }
    if !is_reported {
        return Err(format!(
            "another answer, silently: {} rows instead of {} ({} problems in the check)",
            found.rows,
            sample.answer().rows,
            problems.len()
        ));
    }
    if !sample.versions.contains(&found) {
        return Err(format!("reported ({:?}), but not a tail is lost", store.recovery()));
    }
    let damaged = sample.files.iter().zip(files).filter(|(own, bytes)| !is_same(own, bytes));
    if damage.is_some() && !damaged.clone().any(|(own, bytes)| may_lose_tail(own, bytes)) {
        return Err(format!("lost a tail that was sure to be durable ({:?})", store.recovery()));
    }
    Ok(Outcome::Recovered)
}

/// The answer is the same: was it to be noticed?
fn settle(
    sample: &Sample,
    files: &[Option<Arc<Vec<u8>>>],
    damage: Option<(usize, Damage)>,
    has_problems: bool,
    is_noticed: bool,
) -> Result<Outcome, Finding> {
    if has_problems {
        return Ok(Outcome::Problem);
    }
    if is_noticed {
        return Ok(Outcome::Recovered);
    }
    let Some((file, kind)) = damage else { return Ok(Outcome::Unnoticed) };
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

/// Whether the recovery says that something is not as it should be.
fn is_reported(recovery: &Recovery) -> bool {
    recovery.torn_tail.is_some()
        || recovery.unclosed_log.is_some()
        || !recovery.damaged_marks.is_empty()
}

/// Whether it says something else than of the store before it was damaged, whose last log may
/// really not have been closed.
fn is_noticed(recovery: &Recovery, intact: &Recovery) -> bool {
    let parts =
        |r: &Recovery| (r.torn_tail.clone(), r.unclosed_log.clone(), r.damaged_marks.clone());
    parts(recovery) != parts(intact)
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
fn sure_bytes(file: &SampleFile, damaged: &Option<Arc<Vec<u8>>>) -> usize {
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
