//! Rows that are to go: deleted ones, and those older than their table keeps them.
//!
//! There are no marks of deletion: the segments concerned are written anew without the rows, and one
//! manifest puts them in the place of the old ones. So a deletion is whole or not at all, what it
//! took is off the disk when it returns, and nothing that reads has to know of it.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tidemill_codec::Compression;
use tidemill_model::TimeRange;

use crate::commit::Change;
use crate::compact::Compacted;
use crate::error::{Error, ErrorKind, Result};
use crate::segment::Segment;
use crate::series_index::SeriesIndex;
use crate::store::{Inner, Store};

/// Rows of one table that are to go: all of some series in a range of time.
#[derive(Debug)]
pub(crate) struct Doomed {
    range: TimeRange,
    /// Ascending; `None`: all.
    series: Option<Vec<u32>>,
}

impl Doomed {
    pub(crate) fn nothing() -> Self {
        Self { range: TimeRange::EMPTY, series: None }
    }

    fn has_series(&self, series: u32) -> bool {
        self.series.as_ref().is_none_or(|all| all.binary_search(&series).is_ok())
    }

    /// What of a range stays for a series.
    pub(crate) fn kept(&self, series: u32, range: TimeRange) -> [TimeRange; 2] {
        let gone = self.range.intersect(range);
        if gone.is_empty() || !self.has_series(series) {
            return [range, TimeRange::EMPTY];
        }
        let before = gone.start.checked_sub(1).map(|end| TimeRange::new(range.start, end));
        let after = gone.end.checked_add(1).map(|start| TimeRange::new(start, range.end));
        [before.unwrap_or(TimeRange::EMPTY), after.unwrap_or(TimeRange::EMPTY)]
    }

    fn runs<'a>(&'a self, segment: &'a Segment) -> impl Iterator<Item = (bool, TimeRange)> + 'a {
        let runs = &segment.footer.runs;
        let series = runs.iter_series().enumerate();
        series.map(|(run, series)| (self.has_series(series), runs.times(run)))
    }

    /// Whether a segment may hold such rows.
    fn touches(&self, segment: &Segment) -> bool {
        segment.entry.range.overlaps(self.range)
            && self
                .runs(segment)
                .any(|(has_series, range)| has_series && range.overlaps(self.range))
    }

    /// Whether a segment holds nothing else.
    pub(crate) fn takes_all(&self, segment: &Segment) -> bool {
        self.range.covers(segment.entry.range)
            && self.runs(segment).all(|(has_series, _)| has_series)
    }
}

/// How exactly rows go that are too old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expired {
    /// By whole segments: costs nothing.
    Segments,
    /// Row by row.
    Rows,
}

impl Store {
    /// Deletes the rows of a table in a range of time, of the series that `is_deleted` says (with
    /// [`SeriesIndex`] it looks up their tags), durably and all at once: those that were acknowledged
    /// before the call. Readers of earlier snapshots keep them; tables, tags and fields stay defined.
    ///
    /// Segments with such rows are written anew, one by one, so the disk needs room for them a
    /// second time until it returns.
    ///
    /// # Errors
    /// When there is no such table, or the disk fails; then all rows are there or none.
    pub fn delete(
        &self,
        table: &str,
        range: TimeRange,
        mut is_deleted: impl FnMut(&SeriesIndex, u32) -> bool,
    ) -> Result<Compacted> {
        let _compaction = self.inner.lock_compaction();
        // An error if a commit is in doubt, which may hold such rows: nobody can say that they are gone.
        self.inner.flush_memory()?;
        let index = self.inner.table_index(table)?;
        let series = {
            let snapshot = self.snapshot();
            let view = snapshot.table(table).ok_or_else(|| no_table(table))?;
            let index = view.series_index();
            (0..view.series_count()).filter(|series| is_deleted(&index, *series)).collect()
        };
        let mut deleted = Compacted::default();
        let doomed = Doomed { range, series: Some(series) };
        self.inner.remove(index, &doomed, &mut deleted)?;
        Ok(deleted)
    }

    /// How long a table keeps its rows; `None`: for ever.
    ///
    /// # Errors
    /// When there is no such table.
    pub fn retention(&self, table: &str) -> Result<Option<Duration>> {
        let index = self.inner.table_index(table)?;
        let commit = self.inner.lock_commit();
        let nanoseconds = commit.manifest.tables.get(index).map_or(0, |entry| entry.retention_ns);
        Ok(Some(nanoseconds).filter(|ns| *ns > 0).map(Duration::from_nanos))
    }

    /// From now on a table keeps its rows so long, durably; `None`: for ever.
    ///
    /// A row goes when it is older than this before the table's latest row, or before now if that is
    /// earlier: neither a clock that runs ahead nor a row from the future takes others along, and a
    /// table that gets no more rows keeps what it has. Flushes and loads remove segments
    /// that hold nothing younger and overlap with none that stays; [`Store::compact`] removes every
    /// such row.
    ///
    /// # Errors
    /// When there is no such table, the time is shorter than a nanosecond or longer than 584
    /// years, or the disk fails.
    pub fn set_retention(&self, table: &str, keep: Option<Duration>) -> Result<()> {
        let nanoseconds = keep.map_or(Some(0), |keep| {
            u64::try_from(keep.as_nanos()).ok().filter(|nanoseconds| *nanoseconds > 0)
        });
        let nanoseconds = nanoseconds.ok_or_else(|| {
            Error::invalid("rows are kept from a nanosecond up to 584 years, or for ever")
        })?;
        let index = self.inner.table_index(table)?;
        let retention = Some((index, nanoseconds));
        // A bulk load may take back what it has defined.
        let _gate = self.inner.gate.read().unwrap_or_else(PoisonError::into_inner);
        // The table may be one that only the log knows: the definitions go into the manifest, too.
        let ingest = self.inner.lock_ingest();
        self.inner.commit(&Change { retention, ..Change::default() }, Some(&ingest))?;
        Ok(())
    }
}

fn no_table(name: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no table `{name}`"))
}

impl Inner {
    fn table_index(&self, name: &str) -> Result<usize> {
        let tables = self.read_tables();
        let index = tables.iter().position(|table| table.schema.name == name);
        index.ok_or_else(|| no_table(name))
    }

    fn remove(&self, table: usize, doomed: &Doomed, total: &mut Compacted) -> Result<()> {
        let segments = self.read_tables()[table].segments.to_vec();
        let touched = segments.into_iter().filter(|segment| doomed.touches(segment));
        let groups: Vec<Vec<Arc<Segment>>> = touched.map(|segment| vec![segment]).collect();
        if groups.is_empty() {
            Ok(())
        } else {
            self.rewrite(table, &groups, doomed, Compression::Fast, total)
        }
    }

    /// Removes what is older than its table keeps it. The caller holds the compaction lock.
    pub(crate) fn remove_expired(&self, how: Expired, total: &mut Compacted) -> Result<()> {
        let retentions: Vec<u64> =
            self.lock_commit().manifest.tables.iter().map(|table| table.retention_ns).collect();
        for (table, keep) in retentions.into_iter().enumerate().filter(|(_, keep)| *keep > 0) {
            let segments = self.read_tables()[table].segments.to_vec();
            let Some(latest) = segments.iter().map(|segment| segment.entry.range.end).max() else {
                continue;
            };
            let cutoff = latest.min(self.disk().now_ns()).saturating_sub_unsigned(keep);
            let Some(last) = cutoff.checked_sub(1) else { continue };
            let doomed = Doomed { range: TimeRange::new(i64::MIN, last), series: None };
            match how {
                Expired::Rows => self.remove(table, &doomed, total)?,
                Expired::Segments => {
                    let (whole, rest): (Vec<_>, Vec<_>) =
                        segments.into_iter().partition(|segment| doomed.takes_all(segment));
                    // One that others replace, or that replaces others, goes with them: what it
                    // hid would be seen again.
                    let is_alone =
                        |segment: &Arc<Segment>| !rest.iter().any(|r| r.overlaps(segment));
                    let whole = whole.into_iter().filter(is_alone);
                    let groups: Vec<_> = whole.map(|segment| vec![segment]).collect();
                    if !groups.is_empty() {
                        self.rewrite(table, &groups, &doomed, Compression::Fast, total)?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_the_rest_of_a_range() {
        let check = |gone: (i64, i64), range: (i64, i64), want: [(i64, i64); 2]| {
            let range = TimeRange::new(range.0, range.1);
            let doomed = Doomed { range: TimeRange::new(gone.0, gone.1), series: Some(vec![3]) };
            let kept =
                doomed.kept(3, range).map(|r| if r.is_empty() { (1, 0) } else { (r.start, r.end) });
            assert_eq!(kept, want, "{gone:?} of {range:?}");
            assert_eq!(doomed.kept(2, range), [range, TimeRange::EMPTY]);
        };
        let nothing = (1, 0);
        check((3, 5), (0, 9), [(0, 2), (6, 9)]);
        check((0, 5), (0, 9), [nothing, (6, 9)]);
        check((3, 9), (0, 9), [(0, 2), nothing]);
        check((0, 9), (2, 3), [nothing, nothing]);
        check((20, 30), (0, 9), [(0, 9), nothing]);
        check((i64::MIN, i64::MAX), (i64::MIN, i64::MAX), [nothing, nothing]);
        check((i64::MIN, 0), (i64::MIN, i64::MAX), [nothing, (1, i64::MAX)]);
        check((0, i64::MAX), (i64::MIN, i64::MAX), [(i64::MIN, -1), nothing]);
    }
}
