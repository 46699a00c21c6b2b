//! Columns from their encoded bytes.

use std::collections::TryReserveError;

use tidemill_codec::TextScratch;
use tidemill_model::{Bitmap, Column, FieldType, Values};

/// Decodes a column of `rows` rows; `validity` `None`: all present. An error is a byte and what is
/// wrong with it. Without memory it panics.
pub(crate) fn decode(
    validity: Option<&[u8]>,
    values: &[u8],
    ty: FieldType,
    rows: usize,
) -> Result<Column, (usize, &'static str)> {
    let mut column = Column::new(ty);
    let decoded = decode_into(validity, values, ty, rows, &mut TextScratch::default(), &mut column);
    match decoded {
        Ok(()) => Ok(column),
        // Not corrupt: whoever cuts or skips what is must not take it for that.
        Err(e) if e.is_out_of_memory() => panic!("{e}"),
        Err(e) => Err((e.offset(), e.reason())),
    }
}

/// The same into `column`, whatever that holds: of the same type its memory is used again. After an
/// error it is empty.
pub(crate) fn decode_into(
    validity: Option<&[u8]>,
    values: &[u8],
    ty: FieldType,
    rows: usize,
    texts: &mut TextScratch,
    column: &mut Column,
) -> Result<(), tidemill_codec::Error> {
    let old = std::mem::replace(column, Column::new(ty));
    *column = decode_parts(validity, values, ty, rows, texts, old)?;
    Ok(())
}

fn decode_parts(
    validity: Option<&[u8]>,
    bytes: &[u8],
    ty: FieldType,
    rows: usize,
    texts: &mut TextScratch,
    old: Column,
) -> Result<Column, tidemill_codec::Error> {
    let (mut values, old_validity) = old.into_parts();
    let validity: Option<Bitmap> = match validity {
        None => None,
        Some(bytes) => {
            let mut words = old_validity.map(Bitmap::into_words).unwrap_or_default();
            tidemill_codec::bits(bytes, rows)?.decode_words(&mut words)?;
            Some(Bitmap::from_words(words, rows))
        }
    };
    if values.ty() != ty {
        values = Values::new(ty);
    }
    match &mut values {
        Values::Float(out) => {
            resize(out, rows)?;
            tidemill_codec::floats(bytes, rows)?.decode_into(0..rows, out)?;
        }
        Values::Int(out) => {
            resize(out, rows)?;
            tidemill_codec::ints(bytes, rows)?.decode_into(0..rows, out)?;
        }
        Values::UInt(out) => {
            resize(out, rows)?;
            tidemill_codec::ints(bytes, rows)?.decode_into(0..rows, out)?;
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

fn resize<T: Copy + Default>(out: &mut Vec<T>, rows: usize) -> Result<(), TryReserveError> {
    out.try_reserve(rows.saturating_sub(out.len()))?;
    out.resize(rows, T::default());
    Ok(())
}
