//! Columns from their encoded bytes.

use tidemill_model::{Bitmap, Column, FieldType, Text, Values};

/// Decodes a column of `rows` rows; `validity` `None`: all present. An error is a byte and what is
/// wrong with it.
pub(crate) fn decode(
    validity: Option<&[u8]>,
    values: &[u8],
    ty: FieldType,
    rows: usize,
) -> Result<Column, (usize, &'static str)> {
    decode_parts(validity, values, ty, rows).map_err(|e| (e.offset(), e.reason()))
}

fn decode_parts(
    validity: Option<&[u8]>,
    bytes: &[u8],
    ty: FieldType,
    rows: usize,
) -> Result<Column, tidemill_codec::Error> {
    let validity: Option<Bitmap> = match validity {
        None => None,
        Some(bytes) => Some(tidemill_codec::bits(bytes, rows)?.decode_bitmap()?),
    };
    macro_rules! decode {
        ($variant:ident, $read:path) => {{
            let mut out = Vec::with_capacity(rows);
            $read(bytes, rows)?.decode(0..rows, &mut out)?;
            Values::$variant(out)
        }};
    }
    let values = match ty {
        FieldType::Float => decode!(Float, tidemill_codec::floats),
        FieldType::Int => decode!(Int, tidemill_codec::ints),
        FieldType::UInt => decode!(UInt, tidemill_codec::ints),
        FieldType::Bool => decode!(Bool, tidemill_codec::bits),
        FieldType::Text => {
            let mut out = Text::default();
            let mut scratch = tidemill_codec::TextScratch::default();
            tidemill_codec::texts(bytes, rows, &mut scratch)?.decode(0..rows, &mut out)?;
            Values::Text(out)
        }
    };
    Ok(Column::from_parts(values, validity))
}
