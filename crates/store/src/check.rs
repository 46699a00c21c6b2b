//! Reading everything there is, to find what is damaged.

use std::path::Path;

use tidemill_model::TimeRange;

use crate::error::{Error, ErrorKind, Result};
use crate::options::Options;
use crate::read::Piece;
use crate::salvage::{BlockReader, Found, FrameReader, Lost, Remains, Report, Source};
use crate::segment::Segment;
use crate::store::Store;

/// Reads every file of the store in `dir`, each on its own, and says all that is damaged and what
/// is lost by it. Nothing is changed, and the store need not open: it may be damaged anywhere, or
/// another process may be writing to it. What is sound file by file is then opened and read
/// as a whole, as [`Store::check`] does.
///
/// # Errors
/// When there is no store in `dir`, it is of a version this program does not know, or the
/// directory cannot be read. Damage is no error: see [`Report::damages`].
pub fn check(dir: impl AsRef<Path>, options: &Options) -> Result<Report> {
    check_with_progress(dir, options, |_, _| {})
}

/// [`check`] that tells `progress` how many bytes of segments and how many rows are read, now and
/// then.
///
/// # Errors
/// As [`check`].
pub fn check_with_progress(
    dir: impl AsRef<Path>,
    options: &Options,
    mut progress: impl FnMut(u64, u64),
) -> Result<Report> {
    let (disk, dir) = (&*options.disk, dir.as_ref());
    let mut report = Report::default();
    let remains = Remains::read(Found::open(disk, dir)?, &mut report)?;
    let (mut frames, mut bytes) = (FrameReader::default(), 0);
    for source in remains.sources() {
        match source {
            Source::Frame(log, offset) => {
                let rows = frames.rows(&remains, (log, offset), |_| true, &mut report);
                report.rows += rows.iter().map(|(_, chunk, _)| chunk.rows() as u64).sum::<u64>();
            }
            Source::Segment(index) => {
                let segment = &remains.segments[index];
                remains.judge_segment(segment, &mut report);
                let (table, mut reader) =
                    (remains.table(segment.entry.table), BlockReader::default());
                for block in 0..segment.blocks() {
                    let rows = reader.read(segment, block, table, &mut report)?;
                    report.rows += rows.map_or(0, |rows| rows.times.len() as u64);
                    progress(bytes, report.rows);
                }
                bytes += segment.entry.bytes;
            }
        }
    }
    if report.is_sound() {
        check_whole(dir, options, &mut report)?;
    }
    Ok(report)
}

/// Opens the store and reads it as a reader does.
fn check_whole(dir: &Path, options: &Options, report: &mut Report) -> Result<()> {
    let lost = || Lost::unknown("what the store says as a whole: each file by itself is sound");
    match Store::open(dir, Options { read_only: true, ..options.clone() }) {
        Ok(store) => {
            let problems = store.check()?.problems;
            problems.into_iter().for_each(|error| report.damage(error, lost()));
        }
        // A writer is at work, faster than it can be followed; or there is no memory.
        Err(error) if [ErrorKind::Locked, ErrorKind::Budget].contains(&error.kind()) => {
            return Err(error);
        }
        Err(error) => report.damage(error, lost()),
    }
    Ok(())
}

/// What a check read, and what it found.
#[derive(Debug, Default)]
pub struct Check {
    /// Segments read.
    pub segments: usize,
    /// Blocks whose checksums matched and whose columns decode.
    pub blocks: u64,
    /// Rows in segments and in memory.
    pub rows: u64,
    /// Bytes of segments.
    pub bytes: u64,
    /// What is damaged; each names file and offset.
    pub problems: Vec<Error>,
}

impl Store {
    /// Reads and decodes every block of every segment. (Manifest, definitions and log were
    /// verified when the store was opened.)
    ///
    /// # Errors
    /// None that it finds in the store: those are [`Check::problems`].
    pub fn check(&self) -> Result<Check> {
        let mut check = Check::default();
        for table in self.snapshot().tables() {
            for segment in table.inner.segments.iter() {
                check.segments += 1;
                check.bytes += segment.entry.bytes;
                check.rows += segment.entry.rows;
                check_chunks(segment, &mut check);
            }
            check.rows += table.memory_rows() as u64;
            let (mut reader, mut pieces) = (table.reader(), Vec::<Piece>::new());
            let fields = table.schema().fields.len();
            for series in 0..table.series_count() {
                let result = reader.pieces(series, TimeRange::ALL, &mut pieces).and_then(|()| {
                    for piece in &pieces {
                        let rows = reader.rows(piece)?;
                        let mut times = Vec::with_capacity(rows);
                        reader.times(piece, 0..rows, &mut times)?;
                        if !times.is_sorted_by(|a, b| a < b) || !in_range(&times, piece.range()) {
                            let what =
                                format!("times of series {series} are not those of its block");
                            return Err(Error::invalid(what).at(self.dir()));
                        }
                        for field in 0..fields {
                            reader.column(piece, field, 0..rows)?;
                        }
                    }
                    Ok(())
                });
                check.problems.extend(result.err());
            }
        }
        check.problems.dedup_by_key(|problem| problem.to_string());
        Ok(check)
    }
}

fn in_range(times: &[i64], range: TimeRange) -> bool {
    times.iter().all(|time| range.contains(*time))
}

fn check_chunks(segment: &Segment, check: &mut Check) {
    let mut bytes = Vec::new();
    for block in 0..segment.blocks() {
        let columns = 0..=segment.footer.fields.len();
        let results =
            columns.map(|column| segment.read_chunk(block, column, &mut bytes).map(|_| ()));
        let errors: Vec<Error> = results.filter_map(Result::err).collect();
        check.blocks += u64::from(errors.is_empty());
        check.problems.extend(errors);
    }
}
