//! The sample with one damaged file, whose checksums nobody amended: what was acknowledged is there,
//! or it is said what is not; nothing is invented.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidemill_store::{
    Error, ErrorKind, Options, Recovery, Report, Result, SimDisk, Store, workers,
};

use super::cells::Cells;
use super::sample::{DIR, Files, Sample, options, sample};
use crate::bounded;

const REPAIRED_DIR: &str = "/repaired";

/// Which file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Manifest,
    Definition,
    Segment,
    Log,
}

impl Place {
    pub(super) const ALL: [Self; 4] = [Self::Manifest, Self::Definition, Self::Segment, Self::Log];

    fn of(self, files: &Files) -> &(PathBuf, Arc<Vec<u8>>) {
        match self {
            Self::Manifest => &files.manifest,
            Self::Definition => &files.definition,
            Self::Segment => &files.segment,
            Self::Log => &files.log,
        }
    }
}

/// What to do with the damaged store.
#[derive(Clone, Copy, Debug)]
pub(super) struct How {
    pub(super) is_read_only: bool,
    /// Reads file by file, too, and must come to the same judgement.
    pub(super) is_checked: bool,
    /// Saves what there is into a new store.
    pub(super) is_repaired: bool,
}

/// Looks at the sample with these bytes in the place of those of one file.
pub(super) fn check(place: Place, bytes: Vec<u8>, how: How) {
    let mut files = sample().files.clone();
    let file = match place {
        Place::Manifest => &mut files.manifest,
        Place::Definition => &mut files.definition,
        Place::Segment => &mut files.segment,
        Place::Log => &mut files.log,
    };
    file.1 = Arc::new(bytes);
    bounded(|| {
        let disk = files.disk();
        let damage = Damage::new(place, sample(), &files);
        let report = how.is_checked.then(|| tidemill_store::check(DIR, &options(&disk)));
        if how.is_repaired {
            // There, so that it waits for no other thread.
            workers().install(|| damage.judge_repair(&disk));
        }
        let opened = open(&disk, how.is_read_only);
        damage.judge(&opened);
        if let Some(report) = report {
            damage.judge_report(&report, &opened);
        }
        // Opening a damaged store takes nothing away.
        let again = open(&disk, true);
        let rows = |opened: &Result<Opened>| opened.as_ref().ok().map(|o| o.cells.clone());
        assert_eq!(rows(&again), rows(&opened), "{place:?}: opened again, it holds other rows");
    });
}

/// What a store says that opens.
struct Opened {
    cells: Cells,
    /// All rows it knows of could be read.
    is_whole: bool,
    problems: Vec<Error>,
    recovery: Recovery,
}

fn open(disk: &SimDisk, read_only: bool) -> Result<Opened> {
    let store = Store::open(DIR, Options { read_only, ..options(disk) })?;
    let problems = store.check()?.problems;
    let (cells, is_whole) = Cells::of(&store.snapshot());
    Ok(Opened { cells, is_whole, problems, recovery: store.recovery().clone() })
}

impl Opened {
    /// Whether anything tells that not all is as it was: the sample's recovery has nothing to say.
    fn is_noticed(&self) -> bool {
        !self.problems.is_empty() || self.is_reported()
    }

    fn is_reported(&self) -> bool {
        let Recovery { torn_tail, unclosed_log, damaged_marks, .. } = &self.recovery;
        torn_tail.is_some() || unclosed_log.is_some() || !damaged_marks.is_empty()
    }
}

struct Damage<'a> {
    place: Place,
    path: &'a Path,
    sample: &'a Sample,
    before: &'a [u8],
    now: &'a [u8],
    /// The first byte that is not what it was.
    first: Option<usize>,
}

const SECTOR_BYTES: usize = 512;
/// A log's header and its two marks.
const LOG_HEAD_BYTES: usize = 3 * SECTOR_BYTES;

impl<'a> Damage<'a> {
    fn new(place: Place, sample: &'a Sample, files: &'a Files) -> Self {
        let (path, before) = place.of(&sample.files);
        let (before, now) = (&before[..], &place.of(files).1[..]);
        Self { place, path, sample, before, now, first: first_change(before, now, 0) }
    }

    fn all(&self) -> &Cells {
        self.sample.versions.last().unwrap_or(&self.sample.in_log)
    }

    /// Of the rows, those that the other files hold.
    fn elsewhere(&self) -> Cells {
        match self.place {
            Place::Manifest => self.all().clone(),
            Place::Definition => Cells::default(),
            Place::Segment => self.sample.in_log.clone(),
            Place::Log => self.sample.versions[0].clone(),
        }
    }

    /// How many bytes of the log something that is left in it says to be durable.
    fn sure_bytes(&self) -> usize {
        let is_left = |range: &Range<usize>| {
            self.now
                .get(range.clone())
                .is_some_and(|now| self.before.get(range.clone()) == Some(now))
        };
        let marks = [SECTOR_BYTES..2 * SECTOR_BYTES, 2 * SECTOR_BYTES..LOG_HEAD_BYTES];
        let marks = marks.into_iter().filter(is_left).filter_map(|range| {
            let synced = self.before.get(range.start + 8..range.start + 16)?;
            Some(u64::from_le_bytes(synced.try_into().ok()?) as usize)
        });
        marks.max().unwrap_or(0)
    }

    /// Whether writes may be missing: the first of them that is damaged is behind all that is sure.
    fn may_lose_tail(&self) -> bool {
        let first = first_change(self.before, self.now, LOG_HEAD_BYTES);
        self.place == Place::Log && first.is_some_and(|first| first >= self.sure_bytes())
    }

    fn judge(&self, opened: &Result<Opened>) {
        let place = self.place;
        let opened = match opened {
            Ok(opened) => opened,
            Err(error) => return self.expect_named(error),
        };
        opened.problems.iter().for_each(|error| self.expect_named(error));
        let invented = opened.cells.without(self.all());
        assert_eq!(invented, Cells::default(), "{place:?}: rows that nobody wrote");
        let in_writes = first_change(self.before, self.now, LOG_HEAD_BYTES);
        if place == Place::Log && in_writes.is_some_and(|first| first < self.sure_bytes()) {
            panic!("a write before the mark is damaged at byte {in_writes:?}, and the store opens");
        }
        if !opened.is_whole {
            assert!(!opened.problems.is_empty(), "{place:?}: a read failed that the check passed");
            // Where both files have rows of a time they are read together.
            let alone = self.sample.in_log.without(&self.sample.versions[0]);
            let is_there = place != Place::Segment || opened.cells.holds(&alone);
            assert!(is_there, "rows of an undamaged file are missing");
        } else if opened.cells == *self.all() {
            // What stands behind a definition's committed bytes is no part of it.
            let first =
                self.first.filter(|first| place != Place::Definition || *first < self.before.len());
            let is_silent = first.is_some() && !opened.is_noticed();
            assert!(!is_silent, "{place:?}: byte {first:?} changed, and nobody noticed");
        } else {
            // Whole writes before the first damaged byte are there.
            let first = in_writes.unwrap_or(self.before.len());
            let is_whole = |bytes: &usize| *bytes <= first;
            let least = self.sample.log_bytes.iter().rposition(is_whole).unwrap_or(0);
            let is_tail =
                self.sample.versions[least..].contains(&opened.cells) && self.may_lose_tail();
            assert!(opened.is_reported(), "{place:?}: rows are missing without a word");
            assert!(is_tail, "{place:?}: rows that were sure to be durable are missing");
        }
    }

    /// What a check of the files finds must be what opening them does.
    fn judge_report(&self, report: &Result<Report>, opened: &Result<Opened>) {
        let place = self.place;
        let report = match (report, opened) {
            (Ok(report), _) => report,
            (Err(error), Err(other)) => return assert_eq!(error.kind(), other.kind(), "{error}"),
            (Err(error), Ok(_)) => panic!("{place:?}: not to be checked, but it opens: {error}"),
        };
        // One may bring others about: writes that lose their names stand in the log.
        let is_cause = |error: &Error| error.path() == Some(self.path);
        let cause = report.damages.iter().map(|damage| &damage.error).find(|error| is_cause(error));
        let damages = &report.damages;
        assert!(cause.is_some() || damages.is_empty(), "{place:?}: others are blamed: {damages:?}");
        cause.into_iter().for_each(|error| self.expect_named(error));
        match opened {
            Err(error) => {
                assert!(!report.is_sound(), "{place:?}: sound, but it opens not: {error}")
            }
            Ok(opened) if report.is_sound() => {
                assert!(opened.problems.is_empty(), "{place:?}: {:?}", opened.problems);
                let marks = &opened.recovery.damaged_marks;
                assert!(marks.is_empty(), "{place:?}: sound, but with {marks:?}");
                let is_said = !opened.is_reported() || !report.notes.is_empty();
                assert!(is_said, "{place:?}: sound, without a note: {:?}", opened.recovery);
            }
            Ok(opened) => {
                assert!(opened.is_noticed(), "{place:?}: opens without a word, but {damages:?}");
            }
        }
    }

    /// What is saved is there in a new store, and nothing else.
    fn judge_repair(&self, disk: &SimDisk) {
        let place = self.place;
        let repaired = match tidemill_store::repair(DIR, REPAIRED_DIR, options(disk)) {
            Ok(repaired) => repaired,
            Err(error) => return self.expect_named(&error),
        };
        let read_only = Options { read_only: true, ..options(disk) };
        let store = match Store::open(REPAIRED_DIR, read_only) {
            Ok(store) => store,
            Err(error) => panic!("{place:?}: repaired, it opens not: {error}"),
        };
        let (cells, is_whole) = Cells::of(&store.snapshot());
        assert!(is_whole, "{place:?}: repaired, it cannot be read");
        let invented = cells.without(self.all());
        assert_eq!(invented, Cells::default(), "{place:?}: repaired, it holds more than before");
        assert!(cells.holds(&self.elsewhere()), "{place:?}: rows of undamaged files are not saved");
        let nothing_lost = repaired.report.damages.iter().all(|damage| damage.lost.is_nothing());
        if nothing_lost && !self.may_lose_tail() {
            assert_eq!(cells, *self.all(), "{place:?}: rows are not saved, and nobody says so");
        }
    }

    /// An error says which file, and where in it if its bytes are wrong.
    fn expect_named(&self, error: &Error) {
        assert!(self.first.is_some(), "nothing is damaged: {error}");
        let is_kind = match error.kind() {
            ErrorKind::Corrupt => error.offset_bytes().is_some(),
            ErrorKind::Version => true,
            _ => false,
        };
        let is_named = error.path() == Some(self.path);
        assert!(is_kind && is_named, "{:?}: badly told: {:?}: {error}", self.place, error.kind());
    }
}

/// The first byte from `start` on that is not what it was.
fn first_change(before: &[u8], now: &[u8], start: usize) -> Option<usize> {
    let (before, now) =
        (before.get(start..).unwrap_or_default(), now.get(start..).unwrap_or_default());
    let same = before.iter().zip(now).take_while(|(a, b)| a == b).count();
    (same < before.len().max(now.len())).then_some(start + same)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: How = How { is_read_only: false, is_checked: true, is_repaired: true };

    #[test]
    fn a_changed_byte_is_noticed_and_the_rest_is_saved() {
        for place in Place::ALL {
            let bytes = &place.of(&sample().files).1;
            assert!(bytes.len() > 50, "{place:?}");
            for at in 0..bytes.len() {
                let mut bytes = bytes.to_vec();
                bytes[at] ^= 1 << (at % 8);
                check(place, bytes, How { is_repaired: at % 8 == 0, ..ALL });
            }
        }
    }

    #[test]
    fn a_file_that_is_cut_or_goes_on_is_noticed_and_the_rest_is_saved() {
        for place in Place::ALL {
            let bytes = &place.of(&sample().files).1;
            check(place, bytes.to_vec(), ALL);
            (0..bytes.len()).step_by(5).for_each(|end| check(place, bytes[..end].to_vec(), ALL));
            for more in 1..40 {
                check(place, [&bytes[..], &vec![more; usize::from(more)]].concat(), ALL);
            }
        }
    }
}
