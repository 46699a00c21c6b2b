//! Columns from their encoded bytes.

use std::collections::TryReserveError;
use std::ops::Range;

use tidemill_codec::TextScratch;
use tidemill_model::{Bitmap, Column, FieldType, Values};

/// The bytes of a column of a block.
pub(crate) struct Encoded<'a> {
    /// `None`: all are present.
    pub(crate) validity: Option<&'a [u8]>,
    pub(crate) values: &'a [u8],
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
        let (bytes, rows) = (self.values, self.rows);
        let (mut values, mut validity) = old.into_parts();
        if part.is_first {
            validity = self.decode_validity(validity)?;
        }
        if values.ty() != self.ty {
            values = Values::new(self.ty);
        }
        match &mut values {
            Values::Float(out) => {
                let column = tidemill_codec::floats(bytes, rows)?;
                column.decode_into(part.rows.clone(), place(out, part, rows)?)?;
            }
            Values::Int(out) => {
                let column = tidemill_codec::ints(bytes, rows)?;
                column.decode_into(part.rows.clone(), place(out, part, rows)?)?;
            }
            Values::UInt(out) => {
                let column = tidemill_codec::ints(bytes, rows)?;
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
        Ok(Column::from_parts(values, validity))
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
