use gauge_probe::Stretch;
use tidemill_memory::Budget;
use tidemill_model::{Column, TimeRange};
use tidemill_store::{Error as StoreError, Piece, Reader, StoredAggregate, TableView, share};

use super::plan::LastRows;
use super::scan::MIN_STORED_RUN_ROWS;
use super::units;
use crate::Scalar;
use crate::error::{Error, ErrorKind};

/// Bytes of a value with its share of validity.
const VALUE_BYTES: usize = 9;

/// The last row of a piece that counts.
pub type LastOf = Box<dyn FnMut(&mut Reader, &Piece) -> Result<Option<usize>, StoreError>>;

/// The newest row of each of these series (ascending) inside `range`. Of each series only the
/// block that holds it is read, and its values decoded only where statistics do not say the last.
///
/// # Errors
/// When the store cannot be read, a series or field does not exist, or the rows need more memory
/// than `budget` has.
pub fn last_rows(
    view: &TableView,
    series: &[u32],
    range: TimeRange,
    fields: &[usize],
    budget: &Budget,
) -> Result<LastRows, Error> {
    let last_of = || -> LastOf { Box::new(|reader, piece| Ok(reader.rows(piece)?.checked_sub(1))) };
    last_rows_where(view, series, range, fields, last_of, budget)
}

/// The newest row that counts of each of these series (ascending) inside `range`, as it is said of a
/// piece: asked from the newest on, until one has such a row. Each thread makes one that says so.
///
/// # Errors
/// As [`last_rows`].
pub fn last_rows_where(
    view: &TableView,
    series: &[u32],
    range: TimeRange,
    fields: &[usize],
    last_of: impl Fn() -> LastOf + Send + Sync + 'static,
    budget: &Budget,
) -> Result<LastRows, Error> {
    if series.iter().any(|series| *series >= view.series_count()) {
        return Err(ErrorKind::Plan("series").into());
    }
    let columns = empty_columns(view, fields)?;
    // Of each unit, and put together: vectors may have twice as much as is in them.
    let bytes = series.len() * (size_of::<u32>() + 3 * (12 + fields.len() * VALUE_BYTES));
    let _memory = budget
        .try_reserve(bytes)
        .map_err(|source| Error::memory("the newest row of each series", source))?;
    // Of what is found in a series mostly one value of each field is looked at: that takes no time beside finding it.
    let some = series.len().div_ceil(units(0, series.len(), 1)).max(1);
    let units: Vec<Vec<u32>> = series.chunks(some).map(<[u32]>::to_vec).collect();
    let (here, view, fields) = (Stretch::current(), view.clone(), fields.to_vec());
    let newest =
        move |series: &Vec<u32>| here.run(|| newest(&view, series, range, &fields, &mut last_of()));
    let parts = Stretch::wait(|| share(units, newest))?;
    Ok(parts.into_iter().fold(LastRows { columns, ..LastRows::default() }, LastRows::and))
}

fn empty_columns(view: &TableView, fields: &[usize]) -> Result<Vec<Column>, Error> {
    let schema = view.schema();
    let column = |field: &usize| schema.fields.get(*field).map(|field| Column::new(field.ty));
    let columns = fields.iter().map(column).collect::<Option<Vec<_>>>();
    Ok(columns.ok_or(ErrorKind::Plan("field"))?)
}

impl LastRows {
    /// These and those of later series.
    fn and(mut self, later: Self) -> Self {
        if self.series.is_empty() {
            return later;
        }
        self.series.extend(later.series);
        self.times.extend(later.times);
        for (column, later) in self.columns.iter_mut().zip(&later.columns) {
            (0..later.len()).for_each(|row| column.push(later.get(row)));
        }
        self
    }
}

fn newest(
    view: &TableView,
    series: &[u32],
    range: TimeRange,
    fields: &[usize],
    last_of: &mut LastOf,
) -> Result<LastRows, Error> {
    let columns = empty_columns(view, fields)?;
    let mut rows = LastRows { columns, ..LastRows::default() };
    let mut reader = view.reader();
    let (mut pieces, mut stored) = (Vec::new(), Vec::new());
    for &series in series {
        reader.pieces(series, range, &mut pieces)?;
        let mut found = None;
        for piece in pieces.iter().rev() {
            found = last_of(&mut reader, piece)?.map(|last| (piece, last));
            if found.is_some() {
                break;
            }
        }
        let Some((piece, last)) = found else { continue };
        for (field, column) in fields.iter().zip(&mut rows.columns) {
            stored.clear();
            // Of short pieces there are many in a block, and where its statistics are not kept they are read for each.
            if last >= MIN_STORED_RUN_ROWS {
                match reader.whole_aggregate(piece, *field)? {
                    Some(whole)
                        if whole.valid == last as u64 + 1 && whole.rows.len() == last + 1 =>
                    {
                        stored.push(whole.clone());
                    }
                    _ => reader.stored_aggregates(piece, *field, &mut stored)?,
                }
            }
            // The last value of a slice is its last row's only if that has one.
            let is_of_row = |slice: &&StoredAggregate| {
                slice.rows.end == last + 1 && slice.valid == slice.rows.len() as u64
            };
            match stored.last().filter(is_of_row).and_then(Scalar::last_of) {
                Some(value) => column.push(Some(value.value())),
                None => column.push(reader.column(piece, *field, last..last + 1)?.get(0)),
            }
        }
        rows.series.push(series);
        if reader.rows(piece)? == last + 1 {
            rows.times.push(piece.range().end);
        } else {
            reader.times(piece, last..last + 1, &mut rows.times)?;
        }
    }
    Ok(rows)
}
