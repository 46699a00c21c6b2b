use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, TimestampNanosecondArray};
use arrow::datatypes::SchemaRef;
use tidemill_kernels::elementwise::filter;
use tidemill_model::TimeRange;
use tidemill_store::{Piece, Reader, TableView};

use super::column::FieldBuilder;
use super::sieve::{Kept, Sieve, WINDOW_ROWS};
use super::window::{Sliding, Window, Windowed};
use crate::error::{Error, Result};
use crate::field_condition::{FieldCondition, ones};
use crate::schema::ColumnKind;
use crate::tags::{TagDictionary, dictionary_column, repeated_keys};

/// Text columns end a batch before it has all its rows when they hold this many bytes: Arrow
/// counts them in 32 bits, and a batch should stay small.
const MAX_TEXT_BYTES: usize = 16 << 20;

/// A column of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowColumn {
    /// As it is stored.
    Stored(ColumnKind),
    /// What a window over it has.
    Window(Window),
}

/// After so many rows were looked at a scan lets others have the thread, and may be given up.
const MAX_ROWS_LOOKED_AT: usize = 64 * WINDOW_ROWS;

/// What comes of looking at the next rows.
pub(super) enum Next {
    Batch(RecordBatch),
    /// Nothing yet.
    Nothing,
    End,
}

/// Which rows and columns to read: plain data beside the view.
#[derive(Clone)]
pub(super) struct RowPlan {
    pub(super) view: TableView,
    /// The columns of a batch, in order.
    pub(super) projection: Vec<RowColumn>,
    /// Their names and types.
    pub(super) schema: SchemaRef,
    pub(super) range: TimeRange,
    /// What the values of a row must satisfy.
    pub(super) conditions: Arc<[FieldCondition]>,
    /// The most rows to read.
    pub(super) limit: Option<usize>,
    /// The dictionary of each tag of the projection, in its order.
    pub(super) dictionaries: Arc<[(usize, TagDictionary)]>,
}

impl RowPlan {
    /// Bytes that reading in batches of `rows` holds, text aside.
    pub(super) fn memory_bytes(&self, rows: usize) -> usize {
        let shared: usize = self.dictionaries.iter().map(|(_, d)| d.memory_bytes()).sum();
        let window = |column: &RowColumn| match column {
            RowColumn::Window(window) => window.memory_bytes(),
            RowColumn::Stored(_) => 0,
        };
        let windows: usize = self.projection.iter().map(window).sum();
        shared + windows + rows * self.projection.len() * size_of::<u64>()
    }
}

impl std::fmt::Debug for RowPlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowPlan")
            .field("table", &self.view.name())
            .field("projection", &self.projection)
            .field("range", &self.range)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// Decodes the rows of some series into batches.
pub(super) struct RowReader {
    plan: Arc<RowPlan>,
    series: Arc<[u32]>,
    rows_a_batch: usize,
    /// Rows that may still be read.
    remaining: usize,
    reader: Reader,
    /// The place in `series` of the series to ask for next.
    next_series: usize,
    pieces: Vec<Piece>,
    /// The next row to read: the index of its piece and its place in it.
    next_piece: usize,
    next_row: usize,
    sieve: Sieve,
    /// Of each window of the projection, in its order, where it is.
    windows: Vec<Sliding>,
}

impl RowReader {
    pub(super) fn new(plan: Arc<RowPlan>, series: Arc<[u32]>, rows_a_batch: usize) -> Self {
        let windows = plan.projection.iter().filter_map(|column| match column {
            RowColumn::Window(window) => Some(Sliding::new(*window)),
            RowColumn::Stored(_) => None,
        });
        let windows = windows.collect();
        Self {
            windows,
            reader: plan.view.reader(),
            remaining: plan.limit.unwrap_or(usize::MAX),
            sieve: Sieve::new(&plan.conditions),
            plan,
            series,
            rows_a_batch,
            next_series: 0,
            pieces: Vec::new(),
            next_piece: 0,
            next_row: 0,
        }
    }

    /// The next rows.
    pub(super) fn next_batch(&mut self) -> Result<Next> {
        let plan = Arc::clone(&self.plan);
        // With conditions rows come by windows: none begins that might not fit.
        let spare = if plan.conditions.is_empty() { 0 } else { WINDOW_ROWS };
        let enough = self.rows_a_batch.saturating_sub(spare).max(1).min(self.remaining);
        let capacity = self.rows_a_batch.max(spare).min(self.remaining);
        let mut batch = BatchBuilder::new(&plan, capacity);
        let (mut looked_at, mut is_end) = (0, false);
        while batch.rows < enough
            && batch.text_bytes() < MAX_TEXT_BYTES
            && looked_at < MAX_ROWS_LOOKED_AT
        {
            if !self.advance()? {
                is_end = true;
                break;
            }
            let piece = &self.pieces[self.next_piece];
            let all = self.reader.rows(piece).map_err(Error::store)?;
            let start = self.next_row;
            if start == 0 {
                self.sieve.start(&mut self.reader, piece).map_err(Error::store)?;
            }
            let mut window = start..self.sieve.window(start, all);
            if !window.is_empty() {
                let room = capacity - batch.rows;
                let kept = self.sieve.sift(&mut self.reader, piece, window.clone(), room);
                let kept = kept.map_err(Error::store)?;
                if matches!(kept, Kept::All) {
                    window.end = window.end.min(start + room);
                }
                batch.append(&mut self.reader, piece, window.clone(), kept)?;
                batch.advance(&mut self.windows, &mut self.reader, piece, window.clone())?;
            }
            looked_at += window.len();
            self.next_row = window.end;
            if window.end == all {
                self.next_piece += 1;
                self.next_row = 0;
            }
        }
        self.remaining -= batch.rows;
        match batch.rows {
            0 if is_end || self.remaining == 0 => Ok(Next::End),
            0 => Ok(Next::Nothing),
            _ => batch.finish().map(Next::Batch),
        }
    }

    /// Readies the next piece; `false` when there is none.
    fn advance(&mut self) -> Result<bool> {
        while self.next_piece == self.pieces.len() {
            let Some(series) = self.series.get(self.next_series) else { return Ok(false) };
            self.next_series += 1;
            self.windows.iter_mut().for_each(Sliding::restart);
            self.next_piece = 0;
            let (range, pieces) = (self.plan.range, &mut self.pieces);
            self.reader.pieces(*series, range, pieces).map_err(Error::store)?;
        }
        Ok(true)
    }
}

struct BatchBuilder<'a> {
    plan: &'a RowPlan,
    rows: usize,
    /// Stretches of rows of one series.
    runs: Vec<(u32, usize)>,
    times: Vec<i64>,
    /// All times of a window of which some are kept.
    window: Vec<i64>,
    fields: Vec<FieldBuilder>,
    windows: Vec<Windowed>,
}

impl<'a> BatchBuilder<'a> {
    fn new(plan: &'a RowPlan, capacity: usize) -> Self {
        let schema = plan.view.schema();
        let wanted = plan.projection.iter().filter_map(|column| match column {
            RowColumn::Stored(ColumnKind::Field(field)) => Some(*field),
            _ => None,
        });
        let is_window = |column: &&RowColumn| matches!(column, RowColumn::Window(_));
        let windows = plan.projection.iter().filter(is_window);
        let windows = windows.map(|_| Windowed::new(capacity)).collect();
        let fields = wanted
            .map(|field| FieldBuilder::new(field, schema.fields[field].ty, capacity))
            .collect();
        Self {
            plan,
            rows: 0,
            runs: Vec::new(),
            times: Vec::new(),
            window: Vec::new(),
            fields,
            windows,
        }
    }

    fn text_bytes(&self) -> usize {
        self.fields.iter().map(FieldBuilder::text_bytes).sum()
    }

    fn append(
        &mut self,
        reader: &mut Reader,
        piece: &Piece,
        rows: std::ops::Range<usize>,
        kept: Kept<'_>,
    ) -> Result<()> {
        let count = kept.count(rows.len());
        if count == 0 {
            return Ok(());
        }
        if self.plan.projection.contains(&RowColumn::Stored(ColumnKind::Time)) {
            match kept {
                Kept::Some(mask) => self.append_times(reader, piece, &rows, mask)?,
                _ => reader.times(piece, rows.clone(), &mut self.times).map_err(Error::store)?,
            }
        }
        for builder in &mut self.fields {
            let slice = reader.column(piece, builder.field, rows.clone()).map_err(Error::store)?;
            match kept {
                Kept::Some(mask) => builder.append_kept(&slice, mask, count),
                _ => builder.append(&slice, rows.len()),
            }
        }
        self.rows += count;
        match self.runs.last_mut() {
            Some((series, rows)) if *series == piece.series() => *rows += count,
            _ => self.runs.push((piece.series(), count)),
        }
        Ok(())
    }

    /// The times of the rows whose bits are set.
    fn append_times(
        &mut self,
        reader: &mut Reader,
        piece: &Piece,
        rows: &std::ops::Range<usize>,
        mask: &[u64],
    ) -> Result<()> {
        if let Some((first, step)) = reader.linear_times(piece).map_err(Error::store)? {
            let time =
                |row: usize| first.wrapping_add(step.wrapping_mul((rows.start + row) as i64));
            for (word, bits) in mask.iter().enumerate() {
                // In room that is there: a number at a time is appended twice as slowly.
                let before = self.times.len();
                self.times.resize(before + bits.count_ones() as usize, 0);
                let kept = self.times[before..].iter_mut().zip(ones(word, *bits));
                kept.for_each(|(out, row)| *out = time(row));
            }
            return Ok(());
        }
        self.window.clear();
        reader.times(piece, rows.clone(), &mut self.window).map_err(Error::store)?;
        filter(&self.window, mask, &mut self.times);
        Ok(())
    }

    /// Moves windows over the rows that were appended, which are all there are.
    fn advance(
        &mut self,
        windows: &mut [Sliding],
        reader: &mut Reader,
        piece: &Piece,
        rows: std::ops::Range<usize>,
    ) -> Result<()> {
        for (window, out) in windows.iter_mut().zip(&mut self.windows) {
            let slice = reader.column(piece, window.field(), rows.clone()).map_err(Error::store)?;
            window.advance(&slice, out);
        }
        Ok(())
    }

    fn finish(self) -> Result<RecordBatch> {
        let Self { plan, rows, runs, times, fields, windows, .. } = self;
        let times: ArrayRef =
            Arc::new(TimestampNanosecondArray::from(times).with_timezone("+00:00"));
        let mut windows = windows.into_iter();
        let mut fields = fields.into_iter();
        let mut dictionaries = plan.dictionaries.iter();
        let index = plan.view.series_index();
        let columns = plan.projection.iter().filter_map(|column| match column {
            RowColumn::Stored(ColumnKind::Time) => Some(Arc::clone(&times)),
            RowColumn::Stored(ColumnKind::Tag(_)) => {
                let (tag, dictionary) = dictionaries.next()?;
                let codes = index.tag_codes(*tag);
                let keys =
                    |(series, rows): &(u32, usize)| (dictionary.key(codes.of(*series)), *rows);
                let keys = repeated_keys(&runs.iter().map(keys).collect::<Vec<_>>());
                Some(dictionary_column(keys, dictionary.values()))
            }
            RowColumn::Stored(ColumnKind::Field(_)) => fields.next().map(FieldBuilder::finish),
            RowColumn::Window(window) => {
                windows.next().map(|windowed| windowed.finish(window.function))
            }
        });
        let columns: Vec<ArrayRef> = columns.collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&plan.schema), columns, &options)?)
    }
}
