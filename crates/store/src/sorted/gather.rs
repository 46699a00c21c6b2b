//! Fields of sorted rows, put together from the chunks they are in.

use tidemill_model::{Column, Duplicates, Values};

use super::{RowRef, SortedRows, Span};

impl SortedRows {
    /// Gathers a field of rows over `out`, which is of the field's type. Returns whether any has
    /// a value.
    pub(crate) fn gather(
        &self,
        field: usize,
        rows: std::ops::Range<usize>,
        out: &mut Column,
    ) -> bool {
        let column_of = |chunk: usize| self.chunks[chunk].column(field);
        if self.groups.is_some() {
            return self.gather_winners(column_of, rows, out);
        }
        gather_spans(column_of, self.spans(rows), out)
    }

    /// [`SortedRows::gather`] of rows whose [`SortedRows::spans`] are known.
    pub(crate) fn gather_from(
        &self,
        field: usize,
        rows: std::ops::Range<usize>,
        spans: &[Span],
        out: &mut Column,
    ) -> bool {
        const SHORT_ROWS: usize = 8;
        let column_of = |chunk: usize| self.chunks[chunk].column(field);
        if self.groups.is_some() {
            return self.gather_winners(column_of, rows, out);
        }
        if spans.len() * SHORT_ROWS < rows.len() {
            gather_spans(column_of, spans.iter().cloned(), out)
        } else {
            // How long the next one is would be guessed wrong again and again.
            gather_spans(column_of, self.entries[rows].iter().map(RowRef::span), out)
        }
    }

    fn gather_winners<'c>(
        &self,
        column_of: impl Fn(usize) -> Option<&'c Column> + Copy,
        rows: std::ops::Range<usize>,
        out: &mut Column,
    ) -> bool {
        gather_spans(column_of, rows.map(|row| self.winner(column_of, row).span()), out)
    }

    /// The chunks and rows that stand for `rows`, stretch by stretch; there are no duplicates.
    pub(crate) fn spans(&self, rows: std::ops::Range<usize>) -> impl Iterator<Item = Span> + Clone {
        let mut entries = &self.entries[rows];
        std::iter::from_fn(move || {
            let first = *entries.first()?;
            let goes_on = |(index, entry): (usize, &RowRef)| {
                entry.chunk == first.chunk && entry.row == first.row + index as u32
            };
            let length =
                entries.iter().enumerate().take_while(|entry| goes_on((entry.0, entry.1))).count();
            entries = &entries[length..];
            let row = first.row as usize;
            Some((first.chunk as usize, row..row + length))
        })
    }

    /// The entry whose value of one field counts: of the last that has one, or of the first row.
    fn winner<'c>(&self, column_of: impl Fn(usize) -> Option<&'c Column>, row: usize) -> RowRef {
        let Some(groups) = &self.groups else { return self.entries[row] };
        let entries = &self.entries[groups[row] as usize..groups[row + 1] as usize];
        let has_value = |entry: &&RowRef| {
            column_of(entry.chunk as usize).is_some_and(|c| c.is_valid(entry.row as usize))
        };
        match (entries, self.duplicates) {
            ([_, .., _], Duplicates::Last) => {
                *entries.iter().rev().find(has_value).unwrap_or(&entries[0])
            }
            _ => entries[0],
        }
    }
}

/// Puts the rows at these places over `out`; what stands together in a chunk is copied together.
/// Returns whether any has a value.
fn gather_spans<'c>(
    column_of: impl Fn(usize) -> Option<&'c Column>,
    spans: impl Iterator<Item = Span> + Clone,
    out: &mut Column,
) -> bool {
    let (mut values, validity) = std::mem::replace(out, Column::new(out.ty())).into_parts();
    let mut is_dense = true;
    macro_rules! gather {
        ($variant:ident, $to:expr) => {{
            $to.clear();
            for (chunk, rows) in spans.clone() {
                let column = column_of(chunk);
                is_dense &= column.is_some_and(|column| column.validity().is_none());
                match column.map(Column::values) {
                    Some(Values::$variant(from)) => match &from[rows] {
                        [value] => $to.push(*value),
                        several => $to.extend_from_slice(several),
                    },
                    None => $to.resize($to.len() + rows.len(), Default::default()),
                    Some(other) => panic!("a {} column among others of its field", other.ty()),
                }
            }
        }};
    }
    match &mut values {
        Values::Float(to) => gather!(Float, to),
        Values::Int(to) => gather!(Int, to),
        Values::UInt(to) => gather!(UInt, to),
        Values::Bool(to) => gather!(Bool, to),
        Values::Text(to) => {
            to.clear();
            for (chunk, rows) in spans.clone() {
                let column = column_of(chunk);
                is_dense &= column.is_some_and(|column| column.validity().is_none());
                match column.map(Column::values) {
                    Some(Values::Text(from)) => to.append(from, rows),
                    None => to.push_empty(rows.len()),
                    Some(other) => panic!("a {} column among text of its field", other.ty()),
                }
            }
        }
    }
    if is_dense {
        *out = Column::from_parts(values, None);
        return !out.is_empty();
    }
    let mut present = validity.unwrap_or_default();
    present.truncate(0);
    for (chunk, rows) in spans {
        match column_of(chunk).map(Column::validity) {
            Some(Some(bits)) => present.append(bits.words(), rows.start, rows.len()),
            column => present.extend(rows.len(), column.is_some()),
        }
    }
    let count = present.count_ones();
    let validity = (count < values.len()).then_some(present);
    *out = Column::from_parts(values, validity);
    out.fill_gaps();
    count > 0
}
