use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tidemill_model::TimeRange;

use super::damage::{Lost, Report};
use super::found::{Found, is_named_by_us};
use super::frames::{Expected, FrameReader, LogRemains};
use super::tables::TableRemains;
use crate::definition_file::ReadDefinition;
use crate::disk::DiskFile;
use crate::error::{Error, ErrorKind, Result};
use crate::manifest::{Manifest, definition_path, segment_path};
use crate::segment::Segment;
use crate::wal::{LogScan, log_path};

/// What can be read of a store without its rows.
#[derive(Debug, Default)]
pub(crate) struct Remains {
    /// `None`: it is lost, and all files there are count.
    pub(crate) manifest: Option<Manifest>,
    pub(crate) tables: BTreeMap<u32, TableRemains>,
    pub(crate) segments: Vec<Segment>,
    pub(crate) logs: Vec<LogRemains>,
    unknown_table: TableRemains,
}

/// Where rows stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A write: index of the log, offset of the frame.
    Frame(usize, u64),
    /// A segment's index.
    Segment(usize),
}

impl Remains {
    /// Reads what there is; what cannot be read goes to the report.
    ///
    /// # Errors
    /// When there is no store, or one of a version that this program does not know.
    pub(crate) fn read(found: Found, report: &mut Report) -> Result<Self> {
        let mut this = Self::default();
        this.read_manifest(&found, report)?;
        this.read_definitions(&found, report);
        this.read_segments(&found, report);
        this.read_logs(found, report);
        this.read_additions(report);
        report.tables = this.tables.len();
        report.segments = this.segments.len();
        report.logs = this.logs.len();
        let is_write = |source: &Source| matches!(source, Source::Frame(..));
        report.writes = this.sources().iter().filter(|source| is_write(source)).count() as u64;
        Ok(this)
    }

    pub(crate) fn table(&self, id: u32) -> &TableRemains {
        self.tables.get(&id).unwrap_or(&self.unknown_table)
    }

    /// How long the table of this name keeps its rows.
    pub(crate) fn retention(&self, name: &str) -> Option<Duration> {
        let (id, _) =
            self.tables.iter().find(|(_, table)| table.name().as_deref() == Some(name))?;
        let entry = self.manifest.as_ref()?.tables.iter().find(|entry| entry.id == *id)?;
        Some(Duration::from_nanos(entry.retention_ns)).filter(|keep| !keep.is_zero())
    }

    /// All sources of rows, older ones first. A write that is also in a segment comes before it.
    pub(crate) fn sources(&self) -> Vec<Source> {
        let flushed = self.manifest.as_ref().map_or(0, |manifest| manifest.flushed_sequence);
        let segments = self.segments.iter().enumerate();
        let segments = segments.map(|(i, s)| ((s.entry.sequence, 1, i), Source::Segment(i)));
        let frames = self.logs.iter().enumerate().flat_map(|(log, remains)| {
            let frames =
                remains.scan.frames.iter().filter(move |(_, sequence)| *sequence > flushed);
            frames.map(move |(at, sequence)| ((*sequence, 0, log), Source::Frame(log, *at)))
        });
        let mut all: Vec<_> = segments.chain(frames).collect();
        all.sort_by_key(|(age, _)| *age);
        all.into_iter().map(|(_, source)| source).collect()
    }

    fn read_manifest(&mut self, found: &Found, report: &mut Report) -> Result<()> {
        let path = Manifest::path(&found.dir);
        let names = "by itself, but without it rows that were deleted or never committed \
                     may come back, no file is known to be missing, and tables keep rows for ever";
        match &found.manifest {
            Ok(Some(manifest)) => self.manifest = Some(manifest.clone()),
            Ok(None) => {
                if found.segments.is_empty()
                    && found.definitions.is_empty()
                    && found.logs.is_empty()
                {
                    return Err(crate::open::no_store(&found.dir));
                }
                let error = Error::corrupt(&path, 0, "there is no manifest, but files of a store");
                report.damage(error, Lost::nothing(names));
            }
            Err(error) if error.kind() == ErrorKind::Version => {
                return Err(error.again());
            }
            Err(error) => report.damage(error.again(), Lost::nothing(names)),
        }
        for name in &found.others {
            if is_named_by_us(name) {
                report.superfluous.push(found.dir.join(name));
            }
        }
        Ok(())
    }

    fn read_definitions(&mut self, found: &Found, report: &mut Report) {
        let mut misplaced = Vec::new();
        for (id, file) in &found.definitions {
            let path = definition_path(&found.dir, *id);
            let counted = self.manifest.as_ref().and_then(|manifest| {
                manifest.tables.iter().find(|table| table.id == *id).map(|t| t.definition_bytes)
            });
            let bytes = match file {
                Ok(file) => read_prefix(&**file, counted),
                Err(error) => Err(std::io::Error::new(error.kind(), error.to_string())),
            };
            let bytes = match bytes {
                Ok(bytes) => bytes,
                Err(error) => {
                    let lost = Lost::names(&format!("all names of table number {id}"), None);
                    report.damage(missing_or_io(&path, "a table's definition", error), lost);
                    self.tables.insert(*id, TableRemains::default());
                    continue;
                }
            };
            report.bytes += bytes.len() as u64;
            let read = ReadDefinition::read(&bytes, *id);
            judge_definition(&path, &read, counted, bytes.len() as u64, report);
            if read.is_of_other {
                misplaced.push(*id);
            }
            self.tables.insert(*id, TableRemains::new(read, counted.is_some()));
        }
        self.distrust(&misplaced, report, found);
    }

    /// A file that says it is another table's has a damaged header, or is that other table's. It
    /// is believed where only the former can be: it is the only one, and all other tables have names,
    /// which are not its own.
    fn distrust(&mut self, misplaced: &[u32], report: &mut Report, found: &Found) {
        let names: Vec<_> = self.tables.values().map(TableRemains::name).collect();
        let are_unique = names
            .iter()
            .enumerate()
            .all(|(at, name)| name.is_some() && !names[..at].contains(name));
        if misplaced.is_empty() || (misplaced.len() == 1 && are_unique && self.manifest.is_some()) {
            return;
        }
        for id in misplaced {
            let path = definition_path(&found.dir, *id);
            let error = Error::corrupt(&path, 12, "the definition may be another table's");
            report.damage(error, Lost::names(&format!("all names of table number {id}"), None));
            self.tables.insert(*id, TableRemains::default());
        }
    }

    fn read_segments(&mut self, found: &Found, report: &mut Report) {
        for (number, file) in &found.segments {
            let path = segment_path(&found.dir, *number);
            let entry = self.manifest.as_ref().and_then(|manifest| {
                manifest.segments.iter().find(|segment| segment.file == *number)
            });
            let mut damages = Vec::new();
            let segment = match file {
                Ok(file) => Segment::salvage(Arc::clone(file), path, *number, entry, &mut damages),
                Err(error) => {
                    let error = std::io::Error::new(error.kind(), error.to_string());
                    Err(missing_or_io(&path, "a segment", error))
                }
            };
            for error in damages {
                report.damage(error, Lost::nothing("the footer says what it should have said"));
            }
            match segment {
                Ok(segment) => {
                    report.bytes += segment.entry.bytes;
                    self.segments.push(segment);
                }
                Err(error) => {
                    let lost = match entry {
                        Some(entry) => Lost {
                            what: "the whole segment".to_owned(),
                            table: self.table(entry.table).name(),
                            range: Some(entry.range),
                            rows: Some(entry.rows),
                            ..Lost::default()
                        },
                        None => Lost::unknown("the whole segment, if it was ever complete"),
                    };
                    report.damage(error, lost);
                }
            }
        }
    }

    fn read_logs(&mut self, found: Found, report: &mut Report) {
        let last = found.logs.keys().next_back().copied();
        // A writer makes a log before its first commit, and removes one after it made the next.
        if last.is_none() && self.manifest.as_ref().is_some_and(|manifest| manifest.generation > 0)
        {
            let error = Error::corrupt(&found.dir, 0, "there is no log");
            report
                .damage(error, Lost::unknown("the writes since the last flush, if there were any"));
        }
        let flushed = self.manifest.as_ref().map(|manifest| manifest.flushed_sequence);
        let next = flushed.map(|flushed| flushed + 1);
        let mut expected = Expected { flushed: flushed.unwrap_or(0), next };
        for (number, file) in found.logs {
            let path = log_path(&found.dir, number);
            let read = file.and_then(|file| Ok((LogScan::read(&*file, number)?, file)));
            let (scan, file) = match read {
                Ok(read) => read,
                Err(error) => {
                    report.damage(
                        Error::io(&path, "read the log", error),
                        Lost::unknown("the writes in it"),
                    );
                    expected.next = None;
                    continue;
                }
            };
            report.bytes += scan.length;
            let log = LogRemains { path, file, scan };
            log.judge(Some(number) == last, &mut expected, report);
            self.logs.push(log);
        }
    }

    /// Learns from the logs what tables are.
    fn read_additions(&mut self, report: &mut Report) {
        let mut reader = FrameReader::default();
        let Self { logs, tables, .. } = self;
        for log in logs.iter() {
            for (offset, sequence) in &log.scan.frames {
                let mut errors = Vec::new();
                let read = reader.additions(log, *offset, |table, addition| {
                    errors.extend(tables.entry(table).or_default().apply(addition).err());
                });
                for what in errors {
                    let message =
                        format!("definitions in write {sequence} that do not fit: {what}");
                    let lost = Lost::names("names in this write", None);
                    report.damage(Error::corrupt(&log.path, *offset, message), lost);
                }
                // That a write does not decode is said when its rows are read.
                drop(read);
            }
        }
    }

    /// Says which rows and values of a segment nothing readable names.
    pub(crate) fn judge_segment(&self, segment: &Segment, report: &mut Report) {
        let (table, footer) = (self.table(segment.entry.table), &segment.footer);
        let runs = &footer.runs;
        let known = runs.at_or_after(table.series_count());
        if known < runs.len() {
            let rows = footer.rows() as u64 - u64::from(runs.rows_before(known));
            let ranges = (known..runs.len()).map(|run| runs.times(run));
            let series: Vec<u32> = runs.iter_series().skip(known).collect();
            let lost = Lost {
                table: table.name(),
                series: table.series_names(&series),
                series_count: series.len() as u64,
                range: Some(ranges.fold(TimeRange::EMPTY, TimeRange::union)),
                rows: Some(rows),
                ..Lost::default()
            };
            let message = "rows of series whose definition is lost";
            report.damage(Error::corrupt(segment.path(), 0, message), lost);
        }
        for (field, ty) in &footer.fields {
            if table.field(*field, *ty).is_none() {
                let lost = Lost {
                    table: table.name(),
                    range: Some(segment.entry.range),
                    rows: Some(segment.entry.rows),
                    field: Some(format!("number {field}")),
                    ..Lost::default()
                };
                let message = format!("values of field number {field}, whose definition is lost");
                report.damage(Error::corrupt(segment.path(), 0, message), lost);
            }
        }
    }
}

fn judge_definition(
    path: &Path,
    read: &ReadDefinition,
    counted: Option<u64>,
    length: u64,
    report: &mut Report,
) {
    let schema = &read.definition.schema;
    let table = Some(schema.name.clone()).filter(|name| !name.is_empty());
    let (fields, series) = (schema.fields.len(), read.definition.index.len());
    let names = || {
        let what = format!("names behind the first {fields} fields and {series} series");
        Lost::names(&what, table.clone())
    };
    if let Some(header) = &read.header {
        let error = Error::corrupt(path, header.at as u64, header.what.clone());
        report.damage(error, Lost::nothing("what follows it is checked by itself"));
    }
    if let Some(problem) = &read.problem {
        report.damage(Error::corrupt(path, problem.at as u64, problem.what.clone()), names());
    } else if let Some(counted) = counted.filter(|counted| *counted > length) {
        let message = format!("{length} bytes where the manifest counts {counted}");
        report.damage(Error::corrupt(path, length, message), names());
    }
}

fn read_prefix(file: &dyn DiskFile, counted: Option<u64>) -> std::io::Result<Vec<u8>> {
    let length = file.len()?;
    let mut bytes = vec![0; counted.map_or(length, |counted| counted.min(length)) as usize];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

fn missing_or_io(path: &Path, what: &str, error: std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::NotFound {
        return Error::corrupt(path, 0, format!("{what} is missing"));
    }
    Error::io(path, &format!("read {what}"), error)
}
