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
#[derive(Clone, Debug, Default, PartialEq)]
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
            wanted.iter().all(|(tag, code)| Some(index.tag_codes(*tag).of(*series)) == *code)
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

    /// Puts the next rows over `rows`, whatever it holds; `false` after the last. A loop that hands
    /// the same `rows` in again allocates nothing for values and times, but where rows of several
    /// sources are merged.
    ///
    /// # Errors
    /// When a file cannot be read or is damaged.
    pub fn next_into(&mut self, rows: &mut ScannedRows) -> Result<bool> {
        while self.pieces.is_empty() {
            let Some(series) = self.series.next() else { return Ok(false) };
            self.reader.pieces(series, self.range, &mut self.pieces)?;
            self.pieces.reverse();
        }
        if let Some(piece) = self.pieces.pop() {
            self.read(&piece, rows)?;
        }
        Ok(true)
    }

    fn read(&mut self, piece: &Piece, out: &mut ScannedRows) -> Result<()> {
        let rows = self.reader.rows(piece)?;
        out.times.clear();
        self.reader.times(piece, 0..rows, &mut out.times)?;
        out.columns.truncate(self.fields.len());
        for (place, field) in self.fields.iter().enumerate() {
            let ty = self.table.schema().fields[*field].ty;
            match out.columns.get(place) {
                Some(column) if column.ty() == ty => {}
                Some(_) => out.columns[place] = Column::new(ty),
                None => out.columns.push(Column::new(ty)),
            }
            let values = self.reader.column(piece, *field, 0..rows)?;
            values.copy_into(&mut out.columns[place]);
        }
        let (index, schema) = (self.table.series_index(), self.table.schema());
        let tags = || {
            let tags = index.series_tags(piece.series());
            tags.map(|(tag, value)| (schema.tags[tag].as_str(), value))
        };
        // Mostly it is the same series as before: then nothing is allocated for its tags.
        let is_same =
            |(new, old): ((&str, &str), &(String, String))| new.0 == old.0 && new.1 == old.1;
        let are_same = tags().count() == out.tags.len() && tags().zip(&out.tags).all(is_same);
        if !are_same {
            out.tags.clear();
            out.tags.extend(tags().map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
        out.series = piece.series();
        Ok(())
    }
}

impl Iterator for Scanned {
    type Item = Result<ScannedRows>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut rows = ScannedRows::default();
        match self.next_into(&mut rows) {
            Ok(is_there) => is_there.then_some(Ok(rows)),
            Err(error) => Some(Err(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, Store};

    #[test]
    fn rows_of_one_table_leave_nothing_to_those_of_another() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Options::default()).unwrap();
        let text = b"cpu,host=a u=1,s=\"x\" 1\nmem,room=b v=2i 1\nbare v=3i 1\n";
        assert_eq!(store.write_line_protocol(text).unwrap().rows, 3);
        // All are series 0 of their tables.
        let mut rows = ScannedRows::default();
        for table in ["cpu", "mem", "bare", "cpu"] {
            let fresh = store.scan(table, &Scan::default()).unwrap().next().unwrap().unwrap();
            let mut scanned = store.scan(table, &Scan::default()).unwrap();
            assert!(scanned.next_into(&mut rows).unwrap());
            assert_eq!(rows, fresh, "{table}");
            assert!(!scanned.next_into(&mut rows).unwrap());
        }
        assert_eq!(rows.tags, [("host".to_owned(), "a".to_owned())]);
    }
}
