//! What may happen to the bytes of a store's files.

use std::fmt;
use std::sync::Arc;

use super::sample::{Sample, SampleFile, frames};
use crate::common::Random;

/// Disks lose, swap and duplicate sectors and pages of these sizes.
const PAGES: [usize; 2] = [512, 4096];
/// Of damage by chance, so much a file.
const RANDOM_CASES: usize = 300;
const GARBAGE_BYTES: [usize; 6] = [1, 4, 28, 100, 512, 4096];

/// A kind of damage to file number `file`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    Flip {
        bit: usize,
    },
    Cut {
        length: usize,
    },
    Zero {
        at: usize,
        size: usize,
    },
    /// Two pages change places, the other one in a file of the same kind.
    Swap {
        at: usize,
        other: usize,
        other_at: usize,
        size: usize,
    },
    /// A page stands where another should, too.
    Duplicate {
        at: usize,
        other: usize,
        other_at: usize,
        size: usize,
    },
    /// A page is as it was earlier.
    Stale {
        at: usize,
        version: usize,
        size: usize,
    },
    Old {
        version: usize,
    },
    /// A whole write of a log, removed by now or not, stands in place of another.
    Frame {
        at: usize,
        end: usize,
        log: usize,
        from: usize,
        size: usize,
        /// What follows moves up or down; otherwise the rest of the other one, or of the next, stays.
        moves: bool,
    },
    /// A page of a log that was removed stands where another should.
    Removed {
        at: usize,
        log: usize,
        from: usize,
        size: usize,
    },
    Missing,
    Append {
        bytes: usize,
        seed: u64,
    },
    Random {
        seed: u64,
    },
}

impl Damage {
    /// The kind, for counting.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Flip { .. } => "flipped bits",
            Self::Cut { .. } => "truncations",
            Self::Zero { .. } => "zeroed pages",
            Self::Swap { .. } => "swapped pages",
            Self::Duplicate { .. } => "duplicated pages",
            Self::Stale { .. } => "stale pages",
            Self::Old { .. } => "older versions of a file",
            Self::Frame { .. } => "writes of another log, or place, in a write's place",
            Self::Removed { .. } => "pages of removed logs",
            Self::Missing => "missing files",
            Self::Append { .. } => "appended garbage",
            Self::Random { .. } => "random damage to several bytes",
        }
    }

    /// All that is done to a file.
    pub(crate) fn all(sample: &Sample, file: usize, random: &mut Random) -> Vec<Self> {
        let own = &sample.files[file];
        let length = own.bytes.len();
        let mut all: Vec<Self> = (0..length * 8).map(|bit| Self::Flip { bit }).collect();
        all.extend((0..length).map(|length| Self::Cut { length }));
        for size in PAGES {
            all.extend(pages(&own.bytes, size).map(|at| Self::Zero { at, size }));
            for at in pages(&own.bytes, size) {
                let same_kind = sample.files.iter().enumerate();
                let same_kind = same_kind.filter(|other| other.1.extension() == own.extension());
                for (other, other_file) in same_kind {
                    for other_at in pages(&other_file.bytes, size) {
                        all.push(Self::Swap { at, other, other_at, size });
                        all.push(Self::Duplicate { at, other, other_at, size });
                    }
                }
                let versions = 0..own.earlier.len();
                all.extend(versions.map(|version| Self::Stale { at, version, size }));
            }
        }
        all.extend((0..own.earlier.len()).map(|version| Self::Old { version }));
        if own.is_log() {
            all.extend(Self::of_other_logs(sample, own));
        }
        all.push(Self::Missing);
        let garbage = GARBAGE_BYTES.into_iter();
        all.extend(garbage.map(|bytes| Self::Append { bytes, seed: random.next() }));
        all.extend((0..RANDOM_CASES).map(|_| Self::Random { seed: random.next() }));
        all
    }

    /// What of other logs, and other places, may stand in this one.
    fn of_other_logs(sample: &Sample, own: &SampleFile) -> Vec<Self> {
        let mut all = Vec::new();
        for own_frame in frames(&own.bytes) {
            for (log, other) in logs(sample).into_iter().enumerate() {
                for other_frame in frames(other) {
                    let (at, end) = (own_frame.start, own_frame.end);
                    let (from, size) = (other_frame.start, other_frame.len());
                    let frame = |moves| Self::Frame { at, end, log, from, size, moves };
                    all.extend([frame(true), frame(false)]);
                }
            }
        }
        for (log, other) in sample.removed_logs.iter().enumerate() {
            for size in PAGES {
                for at in pages(&own.bytes, size) {
                    let page = |from| Self::Removed { at, log, from, size };
                    all.extend(pages(other, size).map(page));
                }
            }
        }
        all
    }

    /// The files afterwards, `None` for one that is gone; nothing when no byte changes.
    pub(crate) fn apply(self, sample: &Sample, file: usize) -> Option<Vec<Option<Arc<Vec<u8>>>>> {
        let mut files: Vec<_> =
            sample.files.iter().map(|file| Some(Arc::clone(&file.bytes))).collect();
        let own = &sample.files[file];
        let mut bytes = own.bytes.to_vec();
        match self {
            Self::Flip { bit } => bytes[bit / 8] ^= 1 << (bit % 8),
            Self::Cut { length } => bytes.truncate(length),
            Self::Zero { at, size } => put(&mut bytes, at, size, &[]),
            Self::Swap { at, other, other_at, size } => {
                let other_bytes = &sample.files[other].bytes;
                put(&mut bytes, at, size, page(other_bytes, other_at, size));
                if other == file {
                    put(&mut bytes, other_at, size, page(&own.bytes, at, size));
                } else {
                    let mut other_bytes = other_bytes.to_vec();
                    put(&mut other_bytes, other_at, size, page(&own.bytes, at, size));
                    files[other] = Some(Arc::new(other_bytes));
                }
            }
            Self::Duplicate { at, other, other_at, size } => {
                put(&mut bytes, at, size, page(&sample.files[other].bytes, other_at, size));
            }
            Self::Stale { at, version, size } => {
                put(&mut bytes, at, size, page(&own.earlier[version], at, size));
            }
            Self::Old { version } => bytes = own.earlier[version].to_vec(),
            Self::Frame { at, end, log, from, size, moves } => {
                let end = if moves { end } else { bytes.len().min(at + size) };
                let other = logs(sample)[log][from..from + size].iter().copied();
                bytes.splice(at..end, other);
            }
            Self::Removed { at, log, from, size } => {
                put(&mut bytes, at, size, page(&sample.removed_logs[log], from, size));
            }
            Self::Missing => {
                files[file] = None;
                return Some(files);
            }
            Self::Append { bytes: count, seed } => {
                let mut random = Random(seed);
                let is_zero = random.one_in(3);
                let byte = |_| if is_zero { 0 } else { random.next() as u8 };
                bytes.extend((0..count).map(byte));
            }
            Self::Random { seed } => damage(&mut bytes, &mut Random(seed)),
        }
        if bytes == *own.bytes {
            return None;
        }
        files[file] = Some(Arc::new(bytes));
        Some(files)
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flip { bit } => write!(f, "bit {} of byte {} flipped", bit % 8, bit / 8),
            Self::Cut { length } => write!(f, "cut at {length}"),
            _ => write!(f, "{self:?}"),
        }
    }
}

fn pages(bytes: &[u8], size: usize) -> std::iter::StepBy<std::ops::Range<usize>> {
    (0..bytes.len()).step_by(size)
}

/// The logs that were removed, then those that are there.
fn logs(sample: &Sample) -> Vec<&[u8]> {
    let removed = sample.removed_logs.iter().map(|log| &log[..]);
    let present = sample.files.iter().filter(|file| file.is_log()).map(|file| &file.bytes[..]);
    removed.chain(present).collect()
}

fn page(bytes: &[u8], at: usize, size: usize) -> &[u8] {
    &bytes[at.min(bytes.len())..(at + size).min(bytes.len())]
}

/// Puts what stands in `page`, then zeros, over a page; the length stays.
fn put(bytes: &mut [u8], at: usize, size: usize, page: &[u8]) {
    let end = bytes.len().min(at + size);
    let target = &mut bytes[at..end];
    let count = page.len().min(target.len());
    target[..count].copy_from_slice(&page[..count]);
    target[count..].fill(0);
}

/// A burst, some bytes here and there, bytes put in or taken out.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    if bytes.is_empty() {
        return;
    }
    let at = random.below(bytes.len());
    let count = 1 + random.below(16);
    match random.below(4) {
        0 => bytes[at..].iter_mut().take(count).for_each(|byte| *byte = random.next() as u8),
        1 => (0..count).for_each(|_| {
            let at = random.below(bytes.len());
            bytes[at] = random.next() as u8;
        }),
        2 => drop(bytes.splice(at..at, (0..count).map(|_| random.next() as u8))),
        _ => drop(bytes.drain(at..(at + count).min(bytes.len()))),
    }
}
