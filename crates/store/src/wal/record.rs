//! A batch in the log, encoded by column: tens of bytes a row, not the text.
//!
//! ```text
//! record    := additions: count varint, (table varint, addition bytes)*, rows*
//! rows      := table varint, count varint (up to 8,192), series bytes (integers), times bytes
//!              (integers), columns: count varint, column*
//! column    := field varint, type u8, validity bytes (none: all present), values bytes
//! ```
//!
//! `bytes` is a varint length and so many bytes; the encodings are those of `tidemill-codec`.
//! Additions are what was added to the tables since the record before (`definition.rs`).

use tidemill_codec::{Encoder, MAX_BLOCK_ROWS, Places};
use tidemill_model::{Column, FieldType, Values};

use crate::bytes::{Cursor, Malformed, Put};
use crate::chunk::Chunk;

/// A decoded record: additions by table, and rows by table.
#[derive(Debug, Default)]
pub(crate) struct Record<'a> {
    pub(crate) additions: Vec<(u32, &'a [u8])>,
    pub(crate) rows: Vec<(u32, Chunk)>,
}

/// Appends the rows of a chunk.
pub(crate) fn encode_rows(table: u32, chunk: &Chunk, encoder: &mut Encoder, out: &mut Vec<u8>) {
    let mut scratch = Vec::new();
    let mut series = Vec::new();
    for start in (0..chunk.rows()).step_by(MAX_BLOCK_ROWS) {
        let rows = start..chunk.rows().min(start + MAX_BLOCK_ROWS);
        out.put_varint(table);
        out.put_varint(rows.len() as u64);
        series.clear();
        series.extend(chunk.series[rows.clone()].iter().map(|id| u64::from(*id)));
        put(out, &mut scratch, |out| encoder.uints(&series, out));
        put(out, &mut scratch, |out| encoder.ints(&chunk.times[rows.clone()], out));
        out.put_varint(chunk.columns.len() as u64);
        for (field, column) in &chunk.columns {
            out.put_varint(*field);
            out.put(&[column.ty().code()]);
            encode_column(column, rows.clone(), encoder, &mut scratch, out);
        }
    }
}

fn encode_column(
    column: &Column,
    rows: std::ops::Range<usize>,
    encoder: &mut Encoder,
    scratch: &mut Vec<u8>,
    out: &mut Vec<u8>,
) {
    match column.validity() {
        None => out.put_bytes(&[]),
        Some(bits) => {
            let mut piece = tidemill_model::Bitmap::default();
            rows.clone().for_each(|row| piece.push(bits.get(row)));
            put(out, scratch, |out| encoder.validity(&piece, out));
        }
    }
    put(out, scratch, |out| match column.values() {
        Values::Float(values) => encoder.floats(&values[rows], out),
        Values::Int(values) => encoder.ints(&values[rows], out),
        Values::UInt(values) => encoder.uints(&values[rows], out),
        Values::Bool(values) => encoder.bools(&values[rows], out),
        Values::Text(values) => {
            encoder.texts(rows.len(), |row| values.get(rows.start + row), out);
        }
    });
}

fn put(out: &mut Vec<u8>, scratch: &mut Vec<u8>, encode: impl FnOnce(&mut Vec<u8>)) {
    scratch.clear();
    encode(scratch);
    out.put_bytes(scratch);
}

/// Reads a record.
pub(crate) fn decode_record(payload: &[u8]) -> Result<Record<'_>, Malformed> {
    let mut cursor = Cursor::new(payload);
    let mut record = Record::default();
    for _ in 0..cursor.count(2)? {
        record.additions.push((cursor.varint_u32()?, cursor.bytes()?));
    }
    while cursor.remaining() > 0 {
        record.rows.push(decode_rows(&mut cursor)?);
    }
    Ok(record)
}

fn decode_rows(cursor: &mut Cursor<'_>) -> Result<(u32, Chunk), Malformed> {
    let table = cursor.varint_u32()?;
    let rows = cursor.varint_u32()? as usize;
    if rows == 0 || rows > MAX_BLOCK_ROWS {
        return cursor.fail(format!("{rows} rows"));
    }
    let mut chunk = Chunk::default();
    let series: Vec<u64> = integers(cursor, rows)?;
    for id in series {
        let id = u32::try_from(id).or_else(|_| cursor.fail("a series beyond 32 bits"))?;
        chunk.series.push(id);
    }
    chunk.times = integers(cursor, rows)?;
    for _ in 0..cursor.count(4)? {
        let (field, code) = (cursor.varint_u32()?, cursor.u8()?);
        let Some(ty) = FieldType::from_code(code) else {
            return cursor.fail(format!("field type {code}"));
        };
        if chunk.columns.last().is_some_and(|(last, _)| *last >= field) {
            return cursor.fail("fields out of order");
        }
        chunk.columns.push((field, decode_column(cursor, ty, rows)?));
    }
    Ok((table, chunk))
}

fn integers<T: tidemill_codec::Integer>(
    cursor: &mut Cursor<'_>,
    rows: usize,
) -> Result<Vec<T>, Malformed> {
    let bytes = cursor.bytes()?;
    let at = cursor.position() - bytes.len();
    let mut out = Vec::with_capacity(rows);
    let decoded =
        tidemill_codec::ints(bytes, rows).and_then(|column| column.decode(0..rows, &mut out));
    decoded.map_err(|e| Malformed { at: at + e.offset(), what: e.reason().to_owned() })?;
    Ok(out)
}

fn decode_column(cursor: &mut Cursor<'_>, ty: FieldType, rows: usize) -> Result<Column, Malformed> {
    let validity = Some(cursor.bytes()?).filter(|bytes| !bytes.is_empty());
    let validity_at = cursor.position() - validity.map_or(0, <[u8]>::len);
    let values = cursor.bytes()?;
    let places = [validity_at, cursor.position() - values.len()];
    let vectors = &Places::default();
    crate::column_codec::Encoded { validity, values, places, vectors, ty, rows }
        .decode()
        .map_err(|(at, reason)| Malformed { at, what: reason.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidemill_model::Value;

    fn sample() -> Chunk {
        let mut chunk =
            Chunk { sequence: 0, series: vec![0, 7, 0], times: vec![5, -5, 6], ..Chunk::default() };
        let values = [
            [Some(Value::Float(1.5)), None, Some(Value::Float(f64::NEG_INFINITY))],
            [Some(Value::Int(-1)), Some(Value::Int(i64::MAX)), None],
            [Some(Value::UInt(u64::MAX)), None, None],
            [Some(Value::Bool(true)), Some(Value::Bool(false)), Some(Value::Bool(true))],
            [None, Some(Value::Text("día")), Some(Value::Text(""))],
        ];
        for (field, values) in values.into_iter().enumerate() {
            let ty = values.iter().flatten().next().map(Value::ty).unwrap();
            let mut column = Column::new(ty);
            values.into_iter().for_each(|value| column.push(value));
            chunk.columns.push((field as u32 * 2, column));
        }
        chunk
    }

    fn rows(chunk: &Chunk) -> Vec<String> {
        (0..chunk.rows())
            .map(|row| {
                let values: Vec<_> = chunk.columns.iter().map(|(f, c)| (f, c.get(row))).collect();
                format!("{} {} {values:?}", chunk.series[row], chunk.times[row])
            })
            .collect()
    }

    #[test]
    fn records_survive() {
        let chunk = sample();
        let mut out = vec![1, 3, 2, b'x', b'y'];
        encode_rows(9, &chunk, &mut Encoder::new(), &mut out);
        let record = decode_record(&out).unwrap();
        assert_eq!(record.additions, [(3, &b"xy"[..])]);
        assert_eq!((record.rows.len(), record.rows[0].0), (1, 9));
        assert_eq!(rows(&record.rows[0].1), rows(&chunk));
    }

    #[test]
    fn a_field_has_a_type() {
        let mut chunk = sample();
        chunk.columns.truncate(1);
        let (mut with, mut without) = (vec![0], vec![0]);
        encode_rows(9, &chunk, &mut Encoder::new(), &mut with);
        chunk.columns.clear();
        encode_rows(9, &chunk, &mut Encoder::new(), &mut without);
        // After the number of fields its own number and its type.
        let at = without.len() + 1;
        assert_eq!(with[at - 2..=at], [1, 0, FieldType::Float.code()]);
        with[at] = 99;
        assert_eq!(decode_record(&with).unwrap_err().what, "field type 99");
    }

    #[test]
    fn damage_never_panics() {
        let mut out = vec![0];
        encode_rows(9, &sample(), &mut Encoder::new(), &mut out);
        for cut in 2..out.len() {
            assert!(decode_record(&out[..cut]).is_err(), "cut at {cut}");
        }
        for at in 0..out.len() {
            for value in 0..=255 {
                let mut damaged = out.clone();
                damaged[at] = value;
                let _ = decode_record(&damaged);
            }
        }
    }
}
