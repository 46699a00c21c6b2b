//! Answers, so that they can be compared: columns by name, of times, texts or numbers.

use std::cmp::Ordering;
use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, SchemaRef, TimeUnit};
use arrow::ipc::reader::FileReader;

use super::spec::Kind;

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    columns: Vec<(String, Column)>,
    rows: usize,
}

#[derive(Clone, Debug)]
enum Column {
    /// Nanoseconds since 1970.
    Times(Vec<i64>),
    /// What is missing is NULL, here and of numbers.
    Texts(Vec<Option<String>>),
    Numbers(Vec<Option<f64>>),
}

impl Answer {
    /// Takes columns out of batches.
    ///
    /// # Errors
    /// When there is no such column, or it is of another kind.
    pub fn read(schema: &SchemaRef, batches: &[RecordBatch], columns: &[String]) -> Result<Self> {
        let mut read = Vec::new();
        for name in columns {
            let place = schema.index_of(name)?;
            let mut column = match schema.field(place).data_type() {
                // Peers write times as numbers of nanoseconds.
                DataType::Timestamp(..) | DataType::Int64 if is_time(name) => {
                    Column::Times(Vec::new())
                }
                DataType::Utf8 | DataType::Dictionary(..) => Column::Texts(Vec::new()),
                _ => Column::Numbers(Vec::new()),
            };
            for batch in batches {
                column.extend(batch.column(place)).with_context(|| format!("column {name}"))?;
            }
            read.push((name.clone(), column));
        }
        Ok(Self { columns: read, rows: batches.iter().map(RecordBatch::num_rows).sum() })
    }

    /// Reads what a peer kept.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn open(path: &Path, columns: &[String]) -> Result<Self> {
        let reader = FileReader::try_new(File::open(path)?, None)?;
        let schema = reader.schema();
        let batches = reader.collect::<Result<Vec<_>, _>>()?;
        Self::read(&schema, &batches, columns)
    }

    /// How many rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// This one without the rows whose bucket the other one has not; at most `most` buckets may go.
    ///
    /// # Errors
    /// When more would go.
    pub fn in_buckets_of(mut self, other: &Self, most: usize) -> Result<Self> {
        let (Some(("bucket", Column::Times(ours))), Some((_, Column::Times(theirs)))) = (
            self.columns.first().map(|(name, column)| (&**name, column)),
            other.columns.first().map(|(n, c)| (n, c)),
        ) else {
            return Ok(self);
        };
        let kept: Vec<bool> = ours.iter().map(|time| theirs.contains(time)).collect();
        let mut gone: Vec<i64> =
            ours.iter().zip(&kept).filter(|(_, kept)| !**kept).map(|(time, _)| *time).collect();
        gone.dedup();
        ensure!(gone.len() <= most, "{} buckets are missing", gone.len());
        self.columns.iter_mut().for_each(|(_, column)| column.keep(&kept));
        self.rows = kept.iter().filter(|kept| **kept).count();
        Ok(self)
    }

    /// Says where two answers to a query of a kind differ.
    ///
    /// # Errors
    /// The first difference.
    pub fn compare(&self, other: &Self, kind: Kind) -> Result<()> {
        let (is_ordered, tolerance) = (kind.is_ordered(), kind.tolerance());
        ensure!(self.rows == other.rows, "{} rows, {} rows", self.rows, other.rows);
        let (ours, theirs) = (self.order(is_ordered), other.order(is_ordered));
        for ((name, a), (_, b)) in self.columns.iter().zip(&other.columns) {
            for (row, (&i, &j)) in ours.iter().zip(&theirs).enumerate() {
                let is_same = match (a, b) {
                    (Column::Times(a), Column::Times(b)) => a[i] == b[j],
                    (Column::Texts(a), Column::Texts(b)) => a[i] == b[j],
                    (Column::Numbers(a), Column::Numbers(b)) => is_close(a[i], b[j], tolerance),
                    _ => bail!("column {name} is of different types"),
                };
                ensure!(is_same, "row {row}, column {name}: {}, {}", a.text(i), b.text(j));
            }
        }
        Ok(())
    }

    /// The rows in the order of their times and texts, which tell them apart; or as they are.
    fn order(&self, is_ordered: bool) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.rows).collect();
        if !is_ordered {
            order.sort_by(|&a, &b| {
                let by = |column: &Column| match column {
                    Column::Times(times) => times[a].cmp(&times[b]),
                    Column::Texts(texts) => texts[a].cmp(&texts[b]),
                    Column::Numbers(_) => Ordering::Equal,
                };
                self.columns
                    .iter()
                    .fold(Ordering::Equal, |so_far, (_, c)| so_far.then_with(|| by(c)))
            });
        }
        order
    }
}

impl Column {
    fn extend(&mut self, array: &dyn Array) -> Result<()> {
        match self {
            Self::Times(times) => {
                ensure!(array.null_count() == 0, "a NULL");
                let array = match array.data_type() {
                    DataType::Timestamp(_, zone) => {
                        cast(array, &DataType::Timestamp(TimeUnit::Nanosecond, zone.clone()))?
                    }
                    _ => arrow::array::make_array(array.to_data()),
                };
                let array = cast(&array, &DataType::Int64)?;
                times.extend(array.as_primitive::<Int64Type>().values());
            }
            Self::Texts(texts) => {
                let array = cast(array, &DataType::Utf8)?;
                texts.extend(array.as_string::<i32>().iter().map(|text| text.map(str::to_owned)));
            }
            Self::Numbers(numbers) => {
                let array = cast(array, &DataType::Float64)?;
                numbers.extend(array.as_primitive::<Float64Type>().iter());
            }
        }
        Ok(())
    }

    fn keep(&mut self, kept: &[bool]) {
        let mut place = kept.iter();
        let mut is_kept = || place.next().copied().unwrap_or_default();
        match self {
            Self::Times(times) => times.retain(|_| is_kept()),
            Self::Texts(texts) => texts.retain(|_| is_kept()),
            Self::Numbers(numbers) => numbers.retain(|_| is_kept()),
        }
    }

    fn text(&self, row: usize) -> String {
        let null = || "NULL".to_owned();
        match self {
            Self::Times(times) => times[row].to_string(),
            Self::Texts(texts) => texts[row].clone().unwrap_or_else(null),
            Self::Numbers(numbers) => numbers[row].map_or_else(null, |number| number.to_string()),
        }
    }
}

fn is_time(name: &str) -> bool {
    matches!(name, "time" | "bucket")
}

fn is_close(a: Option<f64>, b: Option<f64>, tolerance: f64) -> bool {
    let (Some(a), Some(b)) = (a, b) else { return a.is_none() && b.is_none() };
    (a - b).abs() <= tolerance * a.abs().max(b.abs()) || (a.is_nan() && b.is_nan())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(times: &[i64], hosts: &[&str], values: &[f64]) -> Answer {
        let texts = hosts.iter().map(|host| Some((*host).to_owned())).collect();
        let columns = vec![
            ("bucket".to_owned(), Column::Times(times.to_vec())),
            ("hostname".to_owned(), Column::Texts(texts)),
            ("value".to_owned(), Column::Numbers(values.iter().copied().map(Some).collect())),
        ];
        Answer { columns, rows: times.len() }
    }

    #[test]
    fn answers_are_the_same_or_it_is_said_where_they_differ() {
        let ours = answer(&[1, 1, 2], &["a", "b", "a"], &[0.1 + 0.2, 5.0, f64::NAN]);
        let same = answer(&[1, 1, 2], &["a", "b", "a"], &[0.3, 5.0, f64::NAN]);
        ours.compare(&same, Kind::Buckets).unwrap();
        let turned = answer(&[2, 1, 1], &["a", "b", "a"], &[f64::NAN, 5.0, 0.3]);
        ours.compare(&turned, Kind::Rows).unwrap();
        assert_eq!(
            ours.compare(&turned, Kind::Buckets).unwrap_err().to_string(),
            "row 0, column bucket: 1, 2"
        );
        let other = answer(&[1, 1, 2], &["a", "b", "a"], &[0.3, 5.000_001, f64::NAN]);
        let said = ours.compare(&other, Kind::Rows).unwrap_err().to_string();
        assert_eq!(said, "row 1, column value: 5, 5.000001");
        let Column::Numbers(mut numbers) = same.columns[2].1.clone() else { unreachable!() };
        numbers[1] = None;
        let mut lacking = same;
        lacking.columns[2].1 = Column::Numbers(numbers);
        let said = ours.compare(&lacking, Kind::Rows).unwrap_err().to_string();
        assert_eq!(said, "row 1, column value: 5, NULL");
        lacking.compare(&lacking.clone(), Kind::Rows).unwrap();
        let fewer = answer(&[1], &["a"], &[0.3]);
        assert_eq!(ours.compare(&fewer, Kind::Rows).unwrap_err().to_string(), "3 rows, 1 rows");
    }

    #[test]
    fn parts_of_buckets_may_be_missing_and_no_more() {
        let ours = answer(&[1, 1, 2, 3], &["a", "b", "a", "a"], &[1.0, 2.0, 3.0, 4.0]);
        let whole = answer(&[2], &["a"], &[3.0]);
        let cut = ours.clone().in_buckets_of(&whole, 2).unwrap();
        cut.compare(&whole, Kind::Buckets).unwrap();
        assert!(ours.in_buckets_of(&whole, 1).is_err());
    }
}
