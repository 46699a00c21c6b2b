use std::ops::Range;
use std::time::Instant;

use rayon::prelude::*;
use tidemill_memory::{Budget, Reservation};
use tidemill_model::TimeRange;
use tidemill_store::{SeriesIndex, Snapshot, TableView, workers};

use super::field::field_report;
use super::limits::{Judged, Limits};
use super::scan::{FieldScan, Scanned, is_numeric, keep_worst};
use super::{Anomaly, Cost, ImportCounts, Report, SeriesReport, TableReport};
use crate::anomaly::Stretch;
use crate::error::Error;
use crate::interval::{series_times, table_interval};
use crate::native::Bucket;
use crate::{Gaps, SeriesTimes, downsample};

/// Units of work a thread, so that none is long idle at the end.
const UNITS_PER_THREAD: usize = 4;
/// The share of the budget that quantiles may take.
const EXACT_SHARE: usize = 4;

impl Report {
    /// Reads all tables of a snapshot and reports on them. `import` is what only the import knows.
    ///
    /// Each field is read once, by all workers. Memory: for the fields being read (as many as
    /// there are workers) 8 bytes for each value kept to find exact quantiles, which is fitted to
    /// what `budget` has left; for each series 16 bytes; for the report what [`Limits`] say.
    ///
    /// # Errors
    /// When the store cannot be read, or `budget` is too small even for the series.
    pub fn build(
        snapshot: &Snapshot,
        limits: &Limits,
        import: &ImportCounts,
        budget: &Budget,
    ) -> Result<Self, Error> {
        let started = Instant::now();
        let mut report = Self {
            rows: 0,
            series: 0,
            tables: Vec::new(),
            anomalies: Vec::new(),
            cost: Cost {
                read_bytes: import.read_bytes,
                import_seconds: import.seconds,
                ..Cost::default()
            },
        };
        let mut worst = Vec::new();
        for (place, view) in snapshot.tables().iter().enumerate() {
            let scan = TableScan { view, limits, budget };
            let (mut table, stretches) = scan.report()?;
            if let Some(counts) = import.tables.get(&table.name) {
                (table.late, table.duplicates) = (counts.late, counts.duplicates);
            }
            report.rows += table.rows;
            report.series += table.series;
            report.cost.values += table.fields.iter().map(|field| field.count).sum::<u64>();
            report.cost.stored_bytes += view.stored_bytes();
            worst.extend(stretches.into_iter().map(|(at, stretch)| ((place, at), stretch)));
            keep_worst(&mut worst, limits.max_anomalies);
            report.tables.push(table);
        }
        worst.sort_by(|a, b| b.1.score.total_cmp(&a.1.score));
        for ((place, at), stretch) in worst {
            let scan = TableScan { view: &snapshot.tables()[place], limits, budget };
            report.anomalies.push(scan.anomaly(&report.tables[place], at, stretch)?);
        }
        report.cost.report_seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }
}

/// A series and a field of a table.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    series: u32,
    field: usize,
}

#[derive(Clone, Copy)]
struct TableScan<'a> {
    view: &'a TableView,
    limits: &'a Limits,
    budget: &'a Budget,
}

/// The times of a table's series.
#[derive(Default)]
struct TableTimes {
    rows: u64,
    gaps: Gaps,
    range: Option<TimeRange>,
    /// The interval by series; 0: unknown.
    intervals: Vec<i64>,
    interval_ns: Option<i64>,
    /// The times of the series that are reported one by one.
    details: Vec<(u32, SeriesTimes)>,
}

impl TableScan<'_> {
    fn report(&self) -> Result<(TableReport, Vec<(Place, Stretch)>), Error> {
        let series = self.view.series_count();
        let memory = self.budget.try_reserve(series as usize * 24);
        let _memory = memory.map_err(|e| Error::memory("the intervals of all series", e))?;
        let times = self.times()?;
        let fields = &self.view.schema().fields;
        let has_numbers = fields.iter().any(|field| is_numeric(field.ty));
        let mut report = TableReport {
            name: self.view.name().to_owned(),
            rows: times.rows,
            series: u64::from(series),
            start: times.range.map(|range| range.start),
            end: times.range.map(|range| range.end),
            interval_ns: times.interval_ns,
            gaps: times.gaps,
            late: 0,
            duplicates: 0,
            fields: Vec::new(),
            series_reports: self.series_reports(&times.details),
            judged_series: if has_numbers { self.judged().count(series) } else { 0 },
        };
        let Some(range) = times.range else { return Ok((report, Vec::new())) };
        let mut worst = Vec::new();
        let together = workers().current_num_threads();
        let exact = self.exact_values(together);
        for first in (0..fields.len()).step_by(together) {
            let last = fields.len().min(first + together);
            let scans: Vec<FieldScan<'_>> = (first..last)
                .map(|field| self.field_scan(field, range, &times.intervals, exact.0))
                .collect();
            let scanned = scan_fields(&scans, series)?;
            for (scan, scanned) in scans.iter().zip(scanned) {
                let stretches = add_field(&mut report, scan, scanned);
                let place = |series| Place { series, field: scan.field };
                worst.extend(stretches.into_iter().map(|(series, s)| (place(series), s)));
                keep_worst(&mut worst, self.limits.max_anomalies);
            }
        }
        Ok((report, worst))
    }

    fn judged(&self) -> Judged {
        let fields = self.view.schema().fields.iter();
        let numeric = fields.filter(|field| is_numeric(field.ty)).count();
        self.limits.judged(self.view.series_count() as usize, numeric)
    }

    /// How many values each of some fields may keep, and the memory for them.
    fn exact_values(&self, fields: usize) -> (usize, Option<Reservation>) {
        let share =
            self.budget.limit_bytes().saturating_sub(self.budget.used_bytes()) / EXACT_SHARE;
        let values = (share / 8 / fields.max(1)).min(self.limits.max_exact_values);
        match self.budget.try_reserve(values * 8 * fields) {
            Ok(memory) => (values, Some(memory)),
            // Someone else took it meanwhile: sketch.
            Err(_) => (0, None),
        }
    }

    fn field_scan<'a>(
        &'a self,
        field: usize,
        range: TimeRange,
        intervals: &'a [i64],
        max_exact_values: usize,
    ) -> FieldScan<'a> {
        let (schema, series) = (self.view.schema(), self.view.series_count());
        let parts = self.limits.sparkline_points.max(3) as u64;
        // At most a third of all times, which an i64 holds.
        let width = range.end.abs_diff(range.start) / parts + 1;
        FieldScan {
            view: self.view,
            field,
            ty: schema.fields[field].ty,
            grid: Bucket { origin_ns: range.start, width_ns: width as i64 },
            grid_len: parts as usize,
            judged: self.judged(),
            limits: self.limits,
            max_exact_values,
            parts: (self.limits.max_series + chunks(0..series).len()).min(series as usize),
            intervals,
        }
    }

    fn times(&self) -> Result<TableTimes, Error> {
        let series = self.view.series_count();
        let chunk = |series: Range<u32>| {
            let (mut reader, mut pieces) = (self.view.reader(), Vec::new());
            let mut scratch = Vec::new();
            let mut found = Vec::with_capacity(series.len());
            for series in series {
                reader.pieces(series, TimeRange::ALL, &mut pieces)?;
                found.push(series_times(&mut reader, &pieces, &mut scratch)?);
            }
            Ok::<_, Error>(found)
        };
        let mut times = TableTimes::default();
        let mut weighted = Vec::with_capacity(series as usize);
        // Chunk by chunk, so that only the intervals of all series are kept.
        for round in (0..series).step_by(1 << 16) {
            let ranges = chunks(round..series.min(round + (1 << 16)));
            let found: Vec<_> = workers()
                .install(|| ranges.into_par_iter().map(chunk).collect::<Result<_, _>>())?;
            for (series, found) in (round..).zip(found.into_iter().flatten()) {
                times.intervals.push(found.and_then(|own| own.interval_ns).unwrap_or(0));
                let Some(own) = found else { continue };
                times.rows += own.rows;
                times.gaps.merge(&own.gaps);
                times.range = Some(times.range.map_or(own.range, |range| range.union(own.range)));
                weighted.extend(own.interval_ns.map(|interval| (interval, own.rows)));
                if (series as usize) < self.limits.max_series {
                    times.details.push((series, own));
                }
            }
        }
        times.interval_ns = table_interval(weighted);
        Ok(times)
    }

    fn series_reports(&self, details: &[(u32, SeriesTimes)]) -> Vec<SeriesReport> {
        let index = self.view.series_index();
        let report = |(series, times): &(u32, SeriesTimes)| SeriesReport {
            series: label(&self.view.schema().tags, &index, *series),
            rows: times.rows,
            start: times.range.start,
            end: times.range.end,
            interval_ns: times.interval_ns,
            gaps: times.gaps,
            fields: Vec::new(),
        };
        details.iter().map(report).collect()
    }

    fn anomaly(&self, table: &TableReport, at: Place, stretch: Stretch) -> Result<Anomaly, Error> {
        let (mut reader, mut pieces) = (self.view.reader(), Vec::new());
        reader.pieces(at.series, TimeRange::ALL, &mut pieces)?;
        let times = series_times(&mut reader, &pieces, &mut Vec::new())?;
        let mut intervals = vec![0; at.series as usize + 1];
        intervals[at.series as usize] = times.and_then(|times| times.interval_ns).unwrap_or(0);
        let range = times.map_or(TimeRange::EMPTY, |times| times.range);
        let points = self.field_scan(at.field, range, &intervals, 0).points_of(at.series)?;
        let schema = self.view.schema();
        Ok(Anomaly {
            table: table.name.clone(),
            series: label(&schema.tags, &self.view.series_index(), at.series),
            field: schema.fields[at.field].name.clone(),
            start: stretch.start,
            end: stretch.end,
            score: stretch.score,
            chart: downsample(&points, self.limits.chart_points),
        })
    }
}

/// Reads several fields of all series, side by side, each in parts.
fn scan_fields(scans: &[FieldScan<'_>], series: u32) -> Result<Vec<Vec<Scanned>>, Error> {
    let ranges = chunks(0..series);
    let units: Vec<_> =
        scans.iter().flat_map(|scan| ranges.iter().map(move |range| (scan, range))).collect();
    let scan = |(scan, range): &(&FieldScan<'_>, &Range<u32>)| scan.scan((*range).clone());
    let scanned: Vec<Scanned> =
        workers().install(|| units.par_iter().map(scan).collect::<Result<_, _>>())?;
    let mut scanned = scanned.into_iter();
    let field = |_| scanned.by_ref().take(ranges.len()).collect();
    Ok(scans.iter().map(field).collect())
}

/// Adds a field, read part by part, to the table's report and to those of its series.
fn add_field(
    report: &mut TableReport,
    scan: &FieldScan<'_>,
    parts: Vec<Scanned>,
) -> Vec<(u32, Stretch)> {
    let field = &scan.view.schema().fields[scan.field];
    let (mut all, mut stretches) = (scan.whole(), Vec::new());
    let mut series = report.series_reports.iter_mut();
    for part in parts {
        // In the order of series ids: of values of the same time the first counts.
        for ((_, own, points), series) in part.details.into_iter().zip(series.by_ref()) {
            let chart = downsample(&points, scan.limits.chart_points);
            all.merge(own.clone());
            series.fields.push(field_report(field, own, scan.grid, chart));
        }
        all.merge(part.totals);
        stretches.extend(part.stretches);
    }
    report.fields.push(field_report(field, all, scan.grid, Vec::new()));
    stretches
}

/// Consecutive ranges for the workers.
fn chunks(series: Range<u32>) -> Vec<Range<u32>> {
    let units = (workers().current_num_threads() * UNITS_PER_THREAD) as u32;
    let len = (series.end - series.start).div_ceil(units).max(1);
    series.clone().step_by(len as usize).map(|start| start..series.end.min(start + len)).collect()
}

/// The tags of a series as `name=value`, separated by commas.
fn label(tags: &[String], index: &SeriesIndex, series: u32) -> String {
    let mut pairs: Vec<(&str, &str)> = index
        .series_tags(series)
        .filter_map(|(tag, value)| Some((tags.get(tag)?.as_str(), value)))
        .collect();
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join(",")
}
