//! Columns from their encoded bytes.

use std::collections::TryReserveError;
use std::ops::Range;

use tidemill_codec::{Places, TextScratch, VECTOR_ROWS};
use tidemill_model::{Bitmap, Column, FieldType, Values};

/// The bytes of a column of a block.
pub(crate) struct Encoded<'a> {
    /// `None`: all are present.
    pub(crate) validity: Option<&'a [u8]>,
    pub(crate) values: &'a [u8],
    /// Where the two begin, for errors.
    pub(crate) places: [usize; 2],
    /// Where the vectors of the values begin, if that was found out before.
    pub(crate) vectors: &'a Places,
    pub(crate) ty: FieldType,
    pub(crate) rows: usize,
}

/// What is decoded of it: whole vectors of numbers, all of what has no vectors.
pub(crate) struct Part {
    pub(crate) rows: Range<usize>,
    /// Whether the column holds nothing of the block yet.
    pub(crate) is_first: bool,
}

impl Encoded<'_> {
    /// Decodes all of it. An error is a byte and what is wrong with it. Without memory it panics.
    pub(crate) fn decode(&self) -> Result<Column, (usize, &'static str)> {
        let mut column = Column::new(self.ty);
        let all = Part { rows: 0..self.rows, is_first: true };
        match self.decode_into(&all, &mut TextScratch::default(), &mut column) {
            Ok(()) => Ok(column),
            // Not corrupt: whoever cuts or skips what is must not take it for that.
            Err(e) if e.is_out_of_memory() => panic!("{e}"),
            Err(e) => Err((e.offset(), e.reason())),
        }
    }

    /// Decodes a part into its place in `column`, whatever that holds at first: of the same type its memory is
    /// used again. It has all the block's rows then. After an error it is empty.
    pub(crate) fn decode_into(
        &self,
        part: &Part,
        texts: &mut TextScratch,
        column: &mut Column,
    ) -> Result<(), tidemill_codec::Error> {
        let old = std::mem::replace(column, Column::new(self.ty));
        *column = self.decode_over(part, texts, old)?;
        Ok(())
    }

    fn decode_over(
        &self,
        part: &Part,
        texts: &mut TextScratch,
        old: Column,
    ) -> Result<Column, tidemill_codec::Error> {
        let (mut values, mut validity) = old.into_parts();
        let [validity_at, values_at] = self.places;
        if part.is_first {
            validity = self.decode_validity(validity).map_err(|error| error.behind(validity_at))?;
        }
        if values.ty() != self.ty {
            values = Values::new(self.ty);
        }
        let decoded = self.decode_values(part, texts, &mut values);
        decoded.map_err(|error| error.behind(values_at))?;
        Ok(Column::from_parts(values, validity))
    }

    fn decode_values(
        &self,
        part: &Part,
        texts: &mut TextScratch,
        values: &mut Values,
    ) -> Result<(), tidemill_codec::Error> {
        let (bytes, rows) = (self.values, self.rows);
        match values {
            Values::Float(out) => {
                let column = tidemill_codec::floats_with(bytes, rows, self.vectors)?;
                column.decode_into(part.rows.clone(), place(out, part, rows)?)?;
            }
            Values::Int(out) => {
                let column = tidemill_codec::ints_with(bytes, rows, self.vectors)?;
                column.decode_into(part.rows.clone(), place(out, part, rows)?)?;
            }
            Values::UInt(out) => {
                let column = tidemill_codec::ints_with(bytes, rows, self.vectors)?;
                column.decode_into(part.rows.clone(), place(out, part, rows)?)?;
            }
            Values::Bool(out) => {
                out.clear();
                tidemill_codec::bits(bytes, rows)?.decode(0..rows, out)?;
            }
            Values::Text(out) => {
                out.clear();
                tidemill_codec::texts(bytes, rows, texts)?.decode(0..rows, out)?;
            }
        }
        Ok(())
    }

    fn decode_validity(
        &self,
        old: Option<Bitmap>,
    ) -> Result<Option<Bitmap>, tidemill_codec::Error> {
        let Some(bytes) = self.validity else { return Ok(None) };
        let mut words = old.map(Bitmap::into_words).unwrap_or_default();
        tidemill_codec::bits(bytes, self.rows)?.decode_words(&mut words)?;
        Ok(Some(Bitmap::from_words(words, self.rows)))
    }
}

/// How many ends of sums are looked for in a vector at a time.
const MAX_ENDS: usize = 32;

/// Appends the sums, wrapping, of the stretches of rows of a column of integers between edges, which ascend; `false`: that
/// takes decoding it.
pub(crate) fn sums(
    (bytes, places): (&[u8], &Places),
    rows: usize,
    edges: impl Iterator<Item = usize>,
    out: &mut Vec<i64>,
) -> Result<bool, tidemill_codec::Error> {
    let column = tidemill_codec::ints_with(bytes, rows, places)?;
    if !column.has_short_sums() {
        return Ok(false);
    }
    let mut edges = edges.peekable();
    let (mut ends, mut sums) = ([0; MAX_ENDS], [0; MAX_ENDS]);
    // Of all rows from the first edge's vector on.
    let (mut before, mut last) = (0u64, None);
    let first = edges.peek().map_or(0, |edge| edge / VECTOR_ROWS);
    for vector in first.min(column.vectors().saturating_sub(1))..column.vectors() {
        let start = vector * VECTOR_ROWS;
        let vector_rows = VECTOR_ROWS.min(rows - start);
        loop {
            let mut count = 0;
            while count < MAX_ENDS - 1
                && let Some(edge) = edges.next_if(|edge| *edge <= start + vector_rows)
            {
                ends[count] = (edge - start) as u16;
                count += 1;
            }
            let is_last = edges.peek().is_none();
            if !is_last {
                ends[count] = vector_rows as u16;
                count += 1;
            }
            column.prefix_sums(vector, &ends[..count], &mut sums[..count])?;
            let edge_sums = &sums[..if is_last { count } else { count - 1 }];
            for sum in edge_sums.iter().map(|sum| before.wrapping_add(*sum)) {
                out.extend(last.map(|last| sum.wrapping_sub(last) as i64));
                last = Some(sum);
            }
            if is_last {
                return Ok(true);
            }
            if edges.peek().is_some_and(|edge| *edge > start + vector_rows) {
                before = before.wrapping_add(sums[count - 1]);
                break;
            }
        }
    }
    Ok(true)
}

/// Where a part of so many rows is put.
fn place<'a, T: Copy + Default>(
    out: &'a mut Vec<T>,
    part: &Part,
    rows: usize,
) -> Result<&'a mut [T], TryReserveError> {
    out.try_reserve(rows.saturating_sub(out.len()))?;
    out.resize(rows, T::default());
    Ok(&mut out[part.rows.clone()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sums_of_stretches(
            values in prop::collection::vec(-1000i64..1000, 1..3000),
            places in prop::collection::vec(any::<prop::sample::Index>(), 2..80),
        ) {
            let mut bytes = Vec::new();
            tidemill_codec::Encoder::new().ints(&values, &mut bytes);
            let mut edges: Vec<usize> = places.iter().map(|place| place.index(values.len() + 1)).collect();
            edges.sort_unstable();
            let mut out = Vec::new();
            let places = Places::default();
            let mut are_summed = false;
            // What the first time finds out the second one uses.
            for _ in 0..2 {
                out.clear();
                are_summed = sums((&bytes, &places), values.len(), edges.iter().copied(), &mut out).unwrap();
            }
            let has_short_sums = tidemill_codec::ints(&bytes, values.len()).unwrap().has_short_sums();
            prop_assert_eq!(are_summed, has_short_sums);
            prop_assume!(are_summed);
            let wanted: Vec<i64> = edges.windows(2).map(|pair| values[pair[0]..pair[1]].iter().sum()).collect();
            prop_assert_eq!(out, wanted);
        }
    }
}
