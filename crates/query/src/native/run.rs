use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampNanosecondArray, UInt32Array, UInt64Array,
};
use arrow::buffer::NullBuffer;
use arrow::compute::{SortColumn, SortOptions, take};
use gauge_probe::{Meter, Stretch};
use tidemill_analysis::native::{self, AggregatePlan, LastOf, LastRows, PlanStats};
use tidemill_memory::Budget;
use tidemill_model::{Column, TimeRange, Values};
use tidemill_store::{SeriesIndex, Snapshot, TableView};

use super::ends::Ends;
use super::plan::{AggregateColumn, LastColumn, NativePlan, NativeQuery, Shape};
use super::sort::places;
use super::steps::with_schema;
use crate::error::{Error, ErrorKind, Result};
use crate::scan::{SeriesScan, Sieve, scan};
use crate::tags::TagDictionary;

/// What a native plan gives.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) batch: RecordBatch,
    /// How many series were read.
    pub(crate) series: usize,
    /// What the aggregation took; nothing is counted for newest rows.
    pub(crate) stats: PlanStats,
}

impl NativeQuery {
    /// Runs the plan over a snapshot that has its table. What reading and aggregating takes counts in the
    /// first of the meters, if there are any, and each step after it in one more.
    ///
    /// Groups are held within `budget`.
    pub(crate) fn run(
        &self,
        snapshot: &Snapshot,
        budget: &Budget,
        meters: &[Arc<Meter>],
    ) -> Result<Answer> {
        let view = self.view(snapshot)?;
        let all = self.selection.range.intersect(view.time_range());
        if let Some(ends) = Ends::of(&self.plan) {
            for range in ends.ranges(all) {
                let answer = self.run_within(range, view, budget, meters)?;
                if answer.batch.num_rows() == ends.wanted {
                    return Ok(answer);
                }
            }
        }
        self.run_within(self.selection.range, view, budget, meters)
    }

    /// The answer, of the rows in this range only.
    fn run_within(
        &self,
        range: TimeRange,
        view: &TableView,
        budget: &Budget,
        meters: &[Arc<Meter>],
    ) -> Result<Answer> {
        let plan = &self.plan;
        let stretch =
            |place: usize, section| Stretch::new(Some(section), meters.get(place).map(Arc::clone));
        let mut answer = stretch(0, plan.shape.section()).run(|| self.read(range, view, budget))?;
        for (place, step) in plan.steps.iter().enumerate() {
            let stretch = stretch(place + 1, step.section());
            answer.batch = stretch.run(|| step.apply(answer.batch))?;
        }
        // Steps keep columns in place; the names are those of the statement.
        let rows = answer.batch.num_rows();
        answer.batch = with_schema(&plan.schema, answer.batch.columns().to_vec(), rows)?;
        Ok(answer)
    }

    /// Reads rows as they are; `None` where something is made of them.
    pub(crate) fn scan(
        &self,
        snapshot: &Snapshot,
        max_partitions: usize,
    ) -> Result<Option<SeriesScan>> {
        let NativePlan { table, schema, shape: Shape::Rows { columns, limit, .. }, .. } =
            &*self.plan
        else {
            return Ok(None);
        };
        let columns = (columns.clone(), Arc::clone(schema));
        // The first rows there are need not be looked for by several.
        let is_first = limit.is_some() && self.selection.fields.is_empty();
        let max_partitions = if is_first { 1 } else { max_partitions };
        let view = self.view(snapshot)?;
        scan(view, table, columns, &self.selection, *limit, max_partitions).map(Some)
    }

    /// Whether windows go over single series: over several together DataFusion's go.
    pub(crate) fn is_possible(&self, snapshot: &Snapshot) -> Result<bool> {
        let Shape::Rows { partition: Some(tags), .. } = &self.plan.shape else { return Ok(true) };
        let view = self.view(snapshot)?;
        // All tags together are what a series is.
        if (0..self.plan.table.stored.tags.len()).all(|tag| tags.contains(&tag)) {
            return Ok(true);
        }
        let series = self.selection.series(view, &self.plan.table)?;
        let index = view.series_index();
        let mut seen = HashSet::with_capacity(series.len());
        let codes = |series: &u32| -> Vec<u32> {
            tags.iter().map(|tag| index.tag_codes(*tag).of(*series)).collect()
        };
        Ok(series.iter().map(codes).all(|codes| seen.insert(codes)))
    }

    fn view<'a>(&self, snapshot: &'a Snapshot) -> Result<&'a TableView> {
        let name = &self.plan.table.stored.name;
        snapshot
            .table(name)
            .ok_or_else(|| Error::new(ErrorKind::Planning, format!("there is no table `{name}`")))
    }

    /// What the shape gives.
    fn read(&self, range: TimeRange, view: &TableView, budget: &Budget) -> Result<Answer> {
        let series = self.selection.series(view, &self.plan.table)?;
        let count = series.len();
        let (columns, rows, stats) = match &self.plan.shape {
            Shape::Aggregate { bucket, group_tags, calls, columns } => {
                let plan = AggregatePlan {
                    series,
                    range,
                    bucket: *bucket,
                    group_tags: group_tags.clone(),
                    calls: calls.clone(),
                };
                aggregate(view, &plan, columns, budget)?
            }
            Shape::Last { keys, columns, order } => {
                let (columns, rows) = self.last(view, &series, keys, columns, order, budget)?;
                (columns, rows, PlanStats::default())
            }
            Shape::Rows { .. } => {
                return Err(Error::new(ErrorKind::Execution, "rows are read batch by batch"));
            }
        };
        Ok(Answer {
            batch: with_schema(&self.plan.shape_schema, columns, rows)?,
            series: count,
            stats,
        })
    }

    fn last(
        &self,
        view: &TableView,
        series: &[u32],
        keys: &[usize],
        columns: &[LastColumn],
        order: &[(usize, SortOptions)],
        budget: &Budget,
    ) -> Result<(Vec<ArrayRef>, usize)> {
        let mut fields: Vec<usize> = columns
            .iter()
            .filter_map(|column| match column {
                LastColumn::Field(field) => Some(*field),
                _ => None,
            })
            .collect();
        fields.sort_unstable();
        fields.dedup();
        let conditions: Arc<[_]> = self.selection.fields.as_slice().into();
        let last = move || -> LastOf {
            let mut sieve = Sieve::new(&conditions);
            Box::new(move |reader, piece| sieve.last(reader, piece))
        };
        let range = self.selection.range;
        let rows = match self.selection.fields.is_empty() {
            true => native::last_rows(view, series, range, &fields, budget),
            false => native::last_rows_where(view, series, range, &fields, last, budget),
        };
        let LastRows { series, times, columns: values } = rows.map_err(Error::analysis)?;
        let values: Vec<ArrayRef> = values.into_iter().map(array).collect();
        let index = view.series_index();
        let chosen = newest_by_keys(&index, keys, &series, &times);
        let chosen = ordered(&index, keys, order, &series, chosen)?;
        let column = |column: &LastColumn| -> Result<ArrayRef> {
            Ok(match column {
                LastColumn::Time => {
                    times_array(chosen.values().iter().map(|row| times[*row as usize]).collect())
                }
                LastColumn::Tag(tag) => tag_column(&index, *tag, &series, &chosen),
                LastColumn::Field(field) => {
                    let place = fields.binary_search(field).unwrap_or_default();
                    take(&values[place], &chosen, None)?
                }
                LastColumn::Rank => Arc::new(UInt64Array::from(vec![1; chosen.len()])),
            })
        };
        let columns = columns.iter().map(column).collect::<Result<_>>()?;
        Ok((columns, chosen.len()))
    }
}

fn aggregate(
    view: &TableView,
    plan: &AggregatePlan,
    columns: &[AggregateColumn],
    budget: &Budget,
) -> Result<(Vec<ArrayRef>, usize, PlanStats)> {
    let groups = native::aggregate(view, plan, budget).map_err(Error::analysis)?;
    let buckets = times_array(groups.buckets);
    let values: Vec<ArrayRef> = groups.values.into_iter().map(array).collect();
    let index = view.series_index();
    let tags = groups.tags.iter().zip(&plan.group_tags).map(|(codes, tag)| {
        TagDictionary::new(&index, *tag, codes.iter().copied()).column_of_codes(codes)
    });
    let tags: Vec<ArrayRef> = tags.collect();
    let column = |column: &AggregateColumn| match column {
        AggregateColumn::Bucket => Arc::clone(&buckets),
        AggregateColumn::Tag(place) => Arc::clone(&tags[*place]),
        AggregateColumn::Call(place) => Arc::clone(&values[*place]),
    };
    Ok((columns.iter().map(column).collect(), groups.len, groups.stats))
}

/// Of the rows (one a series), the newest for each combination of the keys' values.
fn newest_by_keys(index: &SeriesIndex, keys: &[usize], series: &[u32], times: &[i64]) -> Vec<u32> {
    let mut newest: HashMap<Vec<u32>, u32> = HashMap::with_capacity(series.len());
    for (row, (series, time)) in series.iter().zip(times).enumerate() {
        let codes = keys.iter().map(|tag| index.tag_codes(*tag).of(*series)).collect();
        let best = newest.entry(codes).or_insert(row as u32);
        if *time > times[*best as usize] {
            *best = row as u32;
        }
    }
    let mut rows: Vec<u32> = newest.into_values().collect();
    rows.sort_unstable();
    rows
}

fn ordered(
    index: &SeriesIndex,
    keys: &[usize],
    order: &[(usize, SortOptions)],
    series: &[u32],
    chosen: Vec<u32>,
) -> Result<UInt32Array> {
    let chosen = UInt32Array::from(chosen);
    if order.is_empty() {
        return Ok(chosen);
    }
    let columns: Vec<SortColumn> = order
        .iter()
        .map(|(key, options)| SortColumn {
            values: tag_column(index, keys[*key], series, &chosen),
            options: Some(*options),
        })
        .collect();
    let places = places(&columns, None)?;
    Ok(UInt32Array::from_iter_values(
        places.values().iter().map(|place| chosen.value(*place as usize)),
    ))
}

/// The tag's value of the series of each chosen row.
fn tag_column(index: &SeriesIndex, tag: usize, series: &[u32], chosen: &UInt32Array) -> ArrayRef {
    let series: Vec<u32> = chosen.values().iter().map(|row| series[*row as usize]).collect();
    crate::tags::series_column(index, tag, &series)
}

fn times_array(times: Vec<i64>) -> ArrayRef {
    Arc::new(TimestampNanosecondArray::from(times).with_timezone("+00:00"))
}

/// A column of the engine as an Arrow array.
fn array(column: Column) -> ArrayRef {
    let (values, validity) = column.into_parts();
    let nulls =
        validity.map(|bits| (0..bits.len()).map(|row| bits.get(row)).collect::<NullBuffer>());
    match values {
        Values::Float(values) => Arc::new(Float64Array::new(values.into(), nulls)),
        Values::Int(values) => Arc::new(Int64Array::new(values.into(), nulls)),
        Values::UInt(values) => Arc::new(UInt64Array::new(values.into(), nulls)),
        Values::Bool(values) => Arc::new(BooleanArray::new(values.into(), nulls)),
        Values::Text(text) => {
            let is_valid = |row: usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
            let text = text.iter().enumerate().map(|(row, text)| is_valid(row).then_some(text));
            Arc::new(text.collect::<StringArray>())
        }
    }
}
