use std::collections::HashMap;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::Int32Type;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::file::reader::ChunkReader;
use tidemill_model::{Batch, SeriesKey};

use super::convert::{FieldColumn, TimeKind};
use super::plan::{ColumnRole, ImportOptions, ImportPlan};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::tag_type;

/// Rows that are read at a time.
const ROWS_A_READ: usize = 8192;
/// Rows that the plan is made from.
const SAMPLE_ROWS: usize = 65_536;

/// A Parquet file on its way into batches.
pub struct ParquetImport {
    table: String,
    plan: ImportPlan,
    time: (usize, TimeKind),
    rows: u64,
    read: u64,
    /// What was read for the plan and not yet given out.
    sampled: std::vec::IntoIter<RecordBatch>,
    rest: ParquetRecordBatchReader,
}

/// A row that cannot be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRow {
    /// Its number in the file, counted from 1.
    pub row: u64,
    /// Why.
    pub reason: String,
}

impl ParquetImport {
    /// Opens a file (a [`std::fs::File`], or bytes) and plans how to read it.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when it is no Parquet file, is damaged, or has no time column.
    pub fn open(file: impl ChunkReader + 'static, options: &ImportOptions) -> Result<Self> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(damaged)?;
        let schema = std::sync::Arc::clone(builder.schema());
        let rows = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
        let mut rest = builder.with_batch_size(ROWS_A_READ).build().map_err(damaged)?;
        let mut sample = Vec::new();
        while sample.len() * ROWS_A_READ < SAMPLE_ROWS
            && let Some(batch) = rest.next()
        {
            sample.push(batch.map_err(damaged)?);
        }
        let plan = ImportPlan::new(&schema, &sample, options)?;
        let time = plan.columns.iter().position(|column| column.role == ColumnRole::Time);
        let time = time.and_then(|index| {
            let kind = TimeKind::of(
                schema.field(index).data_type(),
                &sample,
                index,
                options.zone.as_deref(),
            )?;
            Some((index, kind))
        });
        let time = time.ok_or_else(|| Error::new(ErrorKind::Io, "there is no time column"))?;
        let (table, sampled) = (options.table.clone(), sample.into_iter());
        Ok(Self { table, plan, time, rows, read: 0, sampled, rest })
    }

    /// How the file is read.
    #[must_use]
    pub fn plan(&self) -> &ImportPlan {
        &self.plan
    }

    /// The number of rows the file says it has.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Appends the next few thousand rows to `batch` and those that cannot be stored to
    /// `refused`; `false` at the end of the file. A row's position in the batch is its number in
    /// the file, counted from 0.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when the file is damaged.
    pub fn read(&mut self, batch: &mut Batch, refused: &mut Vec<RefusedRow>) -> Result<bool> {
        let rows = match self.sampled.next() {
            Some(rows) => rows,
            None => match self.rest.next() {
                Some(rows) => rows.map_err(damaged)?,
                None => return Ok(false),
            },
        };
        self.append(&rows, batch, refused)?;
        self.read += rows.num_rows() as u64;
        Ok(true)
    }

    fn append(
        &self,
        rows: &RecordBatch,
        batch: &mut Batch,
        refused: &mut Vec<RefusedRow>,
    ) -> Result<()> {
        let table = batch.table(&self.table);
        let table = &mut batch.tables_mut()[table];
        let (time, kind) = (self.time.0, &self.time.1);
        let times = kind.times(rows.column(time))?;
        let mut fields = Vec::new();
        let mut tags = SeriesNames::default();
        for (column, values) in self.plan.columns.iter().zip(rows.columns()) {
            match column.role {
                ColumnRole::Field(ty) => {
                    let index = table.column(&column.name, ty);
                    fields.push((index, FieldColumn::new(ty, values)?));
                }
                ColumnRole::Tag => tags.push(&column.name, values)?,
                ColumnRole::Time | ColumnRole::Ignored(_) => {}
            }
        }
        for row in 0..rows.num_rows() {
            let number = self.read + row as u64;
            let mut refuse = |reason: String| refused.push(RefusedRow { row: number + 1, reason });
            if times.is_null(row) {
                refuse(match rows.column(time).is_null(row) {
                    true => "it has no time".to_owned(),
                    false => "its time is none, or before 1677 or after 2262".to_owned(),
                });
                continue;
            }
            match tags.series(row, table) {
                Err(reason) => refuse(reason),
                Ok(series) => {
                    fields.iter().for_each(|(column, values)| values.set(row, table, *column));
                    let position = u32::try_from(number).unwrap_or(u32::MAX);
                    table.end_row(series, Some(times.value(row)), position);
                }
            }
        }
        table.finish();
        Ok(())
    }
}

/// The tag columns of some rows, and the series of each combination of values seen in them.
#[derive(Default)]
struct SeriesNames<'a> {
    tags: Vec<(&'a str, DictionaryArray<Int32Type>)>,
    known: HashMap<Vec<Option<usize>>, u32>,
    /// The combination of the row before.
    last: Option<(Vec<Option<usize>>, u32)>,
    keys: Vec<Option<usize>>,
}

impl<'a> SeriesNames<'a> {
    fn push(&mut self, name: &'a str, values: &ArrayRef) -> Result<()> {
        let dictionary = match values.data_type() {
            same if *same == tag_type() => std::sync::Arc::clone(values),
            // By way of text, since not every type can be cast to a dictionary of texts.
            _ => cast(&cast(values, &arrow::datatypes::DataType::Utf8)?, &tag_type())?,
        };
        self.tags.push((name, dictionary.as_dictionary::<Int32Type>().clone()));
        Ok(())
    }

    /// The number of the series of a row, or why it has none.
    fn series(
        &mut self,
        row: usize,
        table: &mut tidemill_model::TableBatch,
    ) -> Result<u32, String> {
        self.keys.clear();
        self.keys.extend(self.tags.iter().map(|(_, tag)| tag.key(row)));
        if let Some((keys, series)) = &self.last
            && *keys == self.keys
        {
            return Ok(*series);
        }
        let series = match self.known.get(&self.keys) {
            Some(series) => *series,
            None => {
                let series = table.series(&self.encode()?);
                self.known.insert(self.keys.clone(), series);
                series
            }
        };
        self.last = Some((self.keys.clone(), series));
        Ok(series)
    }

    /// The key of the combination at hand; a missing or empty value is an absent tag.
    fn encode(&self) -> Result<Vec<u8>, String> {
        let text = |tag: &DictionaryArray<Int32Type>, key: Option<usize>| -> Option<String> {
            let values: &StringArray = tag.values().as_string();
            key.filter(|key| values.is_valid(*key)).map(|key| values.value(key).to_owned())
        };
        let values: Vec<(&str, String)> = self
            .tags
            .iter()
            .zip(&self.keys)
            .filter_map(|((name, tag), key)| Some((*name, text(tag, *key)?)))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        let mut tags: Vec<(&str, &str)> =
            values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut key = Vec::new();
        SeriesKey::encode(&mut tags, &mut key).map_err(|error| error.to_string())?;
        Ok(key)
    }
}

fn damaged(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::wrap(ErrorKind::Io, error)
}
