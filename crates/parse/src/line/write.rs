use std::io::Write;

use thiserror::Error;
use tidemill_model::Value;

use super::escape::Escapes;

/// Why a row cannot be written as line protocol.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum Unwritable {
    /// A name or a tag's value is empty.
    #[error("an empty name or tag value has no form in line protocol")]
    Empty,
    /// A name or a tag's value has a newline, or ends in a backslash, which would escape what
    /// follows it.
    #[error("a name or tag value with a newline or a backslash at its end has no form in line protocol: `{}`", .0.escape_debug())]
    Name(String),
    /// A measurement that would be read as a comment, or without the tabs or the byte order mark
    /// it starts with.
    #[error("a measurement that starts so has no form in line protocol: `{}`", .0.escape_debug())]
    Measurement(String),
    /// A float that is not finite.
    #[error("{0} has no form in line protocol")]
    NotFinite(f64),
    /// There are no fields.
    #[error("a row without fields has no form in line protocol")]
    NoFields,
}

/// Appends a row and a newline to `out`, with all escapes. Both readers read back the same row,
/// every float to its last bit.
///
/// # Errors
/// [`Unwritable`]; `out` is as before.
pub fn write_row<'a>(
    out: &mut Vec<u8>,
    table: &str,
    tags: impl IntoIterator<Item = (&'a str, &'a str)>,
    fields: impl IntoIterator<Item = (&'a str, Value<'a>)>,
    time: Option<i64>,
) -> Result<(), Unwritable> {
    let start = out.len();
    let result = try_write_row(out, table, tags, fields, time);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

fn try_write_row<'a>(
    out: &mut Vec<u8>,
    table: &str,
    tags: impl IntoIterator<Item = (&'a str, &'a str)>,
    fields: impl IntoIterator<Item = (&'a str, Value<'a>)>,
    time: Option<i64>,
) -> Result<(), Unwritable> {
    if table.starts_with(['#', '\t', '\u{feff}']) {
        return Err(Unwritable::Measurement(table.to_owned()));
    }
    write_name(out, table, Escapes::Measurement)?;
    for (name, value) in tags {
        out.push(b',');
        write_name(out, name, Escapes::Tag)?;
        out.push(b'=');
        write_name(out, value, Escapes::Tag)?;
    }
    let mut separator = b' ';
    for (name, value) in fields {
        out.push(separator);
        write_name(out, name, Escapes::Tag)?;
        out.push(b'=');
        write_value(out, value)?;
        separator = b',';
    }
    if separator == b' ' {
        return Err(Unwritable::NoFields);
    }
    if let Some(time) = time {
        write_display(out, format_args!(" {time}"));
    }
    out.push(b'\n');
    Ok(())
}

fn write_name(out: &mut Vec<u8>, name: &str, escapes: Escapes) -> Result<(), Unwritable> {
    if name.is_empty() {
        return Err(Unwritable::Empty);
    }
    if name.contains('\n') || name.ends_with('\\') {
        return Err(Unwritable::Name(name.to_owned()));
    }
    write_escaped(out, name, escapes);
    Ok(())
}

fn write_value(out: &mut Vec<u8>, value: Value<'_>) -> Result<(), Unwritable> {
    match value {
        Value::Float(value) if !value.is_finite() => return Err(Unwritable::NotFinite(value)),
        Value::Float(value) => {
            write_display(out, format_args!("{value:?}"));
            // A float needs no point here: `5` is one.
            if out.ends_with(b".0") {
                out.truncate(out.len() - 2);
            }
        }
        Value::Int(value) => write_display(out, format_args!("{value}i")),
        Value::UInt(value) => write_display(out, format_args!("{value}u")),
        Value::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        Value::Text(text) => {
            out.push(b'"');
            write_escaped(out, text, Escapes::Quoted);
            out.push(b'"');
        }
    }
    Ok(())
}

fn write_escaped(out: &mut Vec<u8>, text: &str, escapes: Escapes) {
    let mut rest = text.as_bytes();
    while let Some(index) = rest.iter().position(|byte| escapes.is_special(Some(byte))) {
        out.extend_from_slice(&rest[..index]);
        out.extend_from_slice(&[b'\\', rest[index]]);
        rest = &rest[index + 1..];
    }
    out.extend_from_slice(rest);
}

fn write_display(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a Vec cannot fail.
    let _ = out.write_fmt(text);
}
