use tidemill_model::{Column, TimeRange};
use tidemill_store::{Piece, Reader, Snapshot, TableView};

use crate::error::{Error, ErrorKind, Result};

/// Which rows and fields to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Times, both ends included.
    pub range: TimeRange,
    /// Fields by name, in this order; `None`: all.
    pub fields: Option<Vec<String>>,
    /// Only series that have each of these tags with this value.
    pub tags: Vec<(String, String)>,
}

impl Default for Scan {
    fn default() -> Self {
        Self { range: TimeRange::ALL, fields: None, tags: Vec::new() }
    }
}

/// Rows of one series, ascending by time.
#[derive(Clone, Debug, PartialEq)]
pub struct ScannedRows {
    /// The series' number in its table.
    pub series: u32,
    /// Its tags, in the order of the table's schema.
    pub tags: Vec<(String, String)>,
    /// Times in nanoseconds.
    pub times: Vec<i64>,
    /// One column a field that was asked for, as long as `times`.
    pub columns: Vec<Column>,
}

/// The rows of a scan, a stretch of up to 8,192 of one series at a time.
pub struct Scanned {
    table: TableView,
    reader: Reader,
    fields: Vec<usize>,
    range: TimeRange,
    series: std::vec::IntoIter<u32>,
    pieces: Vec<Piece>,
}

impl Scanned {
    pub(crate) fn new(snapshot: &Snapshot, table: &str, scan: &Scan) -> Result<Self> {
        let not_found = |what: String| Error::new(ErrorKind::Usage, what);
        let Some(table) = snapshot.table(table) else {
            return Err(not_found(format!("there is no table `{table}`")));
        };
        let schema = table.schema();
        let field = |name: &String| {
            schema
                .field(name)
                .ok_or_else(|| not_found(format!("table `{}` has no field `{name}`", schema.name)))
        };
        let fields = match &scan.fields {
            None => (0..schema.fields.len()).collect(),
            Some(names) => names.iter().map(field).collect::<Result<_>>()?,
        };
        let mut wanted = Vec::new();
        let index = table.series_index();
        for (name, value) in &scan.tags {
            let Some(tag) = schema.tag(name) else {
                return Err(not_found(format!("table `{}` has no tag `{name}`", schema.name)));
            };
            wanted.push((tag, index.tag_code(tag, value)));
        }
        let has_tags = |series: &u32| {
            wanted.iter().all(|(tag, code)| Some(index.tag_codes(*tag)[*series as usize]) == *code)
        };
        let series: Vec<u32> = (0..table.series_count()).filter(has_tags).collect();
        drop(index);
        let reader = table.reader();
        let series = series.into_iter();
        Ok(Self {
            table: table.clone(),
            reader,
            fields,
            range: scan.range,
            series,
            pieces: Vec::new(),
        })
    }

    fn read(&mut self, piece: &Piece) -> Result<ScannedRows> {
        let rows = self.reader.rows(piece)?;
        let mut times = Vec::with_capacity(rows);
        self.reader.times(piece, 0..rows, &mut times)?;
        let mut columns = Vec::with_capacity(self.fields.len());
        for field in &self.fields {
            let mut column = Column::new(self.table.schema().fields[*field].ty);
            let values = self.reader.column(piece, *field, 0..rows)?;
            (0..values.len()).for_each(|row| column.push(values.get(row)));
            columns.push(column);
        }
        let index = self.table.series_index();
        let tag =
            |(tag, value): (usize, &str)| (self.table.schema().tags[tag].clone(), value.to_owned());
        let tags = index.series_tags(piece.series()).map(tag).collect();
        Ok(ScannedRows { series: piece.series(), tags, times, columns })
    }
}

impl Iterator for Scanned {
    type Item = Result<ScannedRows>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.pieces.is_empty() {
            let series = self.series.next()?;
            if let Err(error) = self.reader.pieces(series, self.range, &mut self.pieces) {
                return Some(Err(error.into()));
            }
            self.pieces.reverse();
        }
        let piece = self.pieces.pop()?;
        Some(self.read(&piece))
    }
}
