use std::borrow::Cow;
use std::fmt::Write;

use tidemill_model::Value;

/// One row as it was written: what `tidemill parse` prints, whatever the format.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Point<'a> {
    /// The table's name.
    pub table: Cow<'a, str>,
    /// Tags in the order they were written; no name stands twice.
    pub tags: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Fields in the order they were written; no name stands twice.
    pub fields: Vec<(Cow<'a, str>, PointValue<'a>)>,
    /// Nanoseconds since 1970-01-01T00:00:00Z, where the row has a time.
    pub time: Option<i64>,
}

/// The value of a [`Point`]'s field: a [`Value`] that may own its text.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the variants are those of Value")]
pub enum PointValue<'a> {
    Float(f64),
    Int(i64),
    UInt(u64),
    Bool(bool),
    Text(Cow<'a, str>),
}

impl PointValue<'_> {
    /// The same value, borrowed.
    #[must_use]
    pub fn as_value(&self) -> Value<'_> {
        match self {
            Self::Float(value) => Value::Float(*value),
            Self::Int(value) => Value::Int(*value),
            Self::UInt(value) => Value::UInt(*value),
            Self::Bool(value) => Value::Bool(*value),
            Self::Text(value) => Value::Text(value),
        }
    }
}

impl Point<'_> {
    /// Appends the point to `out` as one JSON object without a newline:
    ///
    /// `{"table":"cpu","tags":{"host":"a"},"fields":{"u":{"f":1.5},"n":{"i":-2},"c":{"u":3},"ok":{"b":true},"s":{"s":"x"}},"time":1}`
    ///
    /// Integers and times are JSON integers in full precision; floats are the shortest number that
    /// reads back the same, and `"NaN"`, `"Infinity"` or `"-Infinity"` where JSON has no number; a
    /// missing time is `null`.
    pub fn to_json(&self, out: &mut String) {
        out.push_str("{\"table\":");
        push_string(out, &self.table);
        out.push_str(",\"tags\":");
        push_object(out, &self.tags, |out, value| push_string(out, value));
        out.push_str(",\"fields\":");
        push_object(out, &self.fields, push_value);
        out.push_str(",\"time\":");
        match self.time {
            Some(time) => push_display(out, time),
            None => out.push_str("null"),
        }
        out.push('}');
    }
}

fn push_object<V>(
    out: &mut String,
    members: &[(Cow<'_, str>, V)],
    mut push: impl FnMut(&mut String, &V),
) {
    out.push('{');
    for (index, (name, value)) in members.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        push_string(out, name);
        out.push(':');
        push(out, value);
    }
    out.push('}');
}

fn push_value(out: &mut String, value: &PointValue<'_>) {
    match value {
        PointValue::Float(value) => {
            out.push_str("{\"f\":");
            push_float(out, *value);
        }
        PointValue::Int(value) => {
            out.push_str("{\"i\":");
            push_display(out, value);
        }
        PointValue::UInt(value) => {
            out.push_str("{\"u\":");
            push_display(out, value);
        }
        PointValue::Bool(value) => {
            out.push_str("{\"b\":");
            push_display(out, value);
        }
        PointValue::Text(value) => {
            out.push_str("{\"s\":");
            push_string(out, value);
        }
    }
    out.push('}');
}

fn push_display(out: &mut String, value: impl std::fmt::Display) {
    // Writing to a String cannot fail.
    let _ = write!(out, "{value}");
}

fn push_float(out: &mut String, value: f64) {
    if value.is_finite() {
        let _ = write!(out, "{value:?}");
    } else if value.is_nan() {
        out.push_str("\"NaN\"");
    } else {
        out.push_str(if value > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" });
    }
}

fn push_string(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    // Everything JSON must escape is ASCII, so that a byte's index is a character's.
    let must_escape = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    while let Some(index) = rest.bytes().position(must_escape) {
        let (plain, tail) = rest.split_at(index);
        out.push_str(plain);
        match tail.as_bytes()[0] {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            control => {
                let _ = write!(out, "\\u{control:04x}");
            }
        }
        rest = &tail[1..];
    }
    out.push_str(rest);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_prints_as_one_object() {
        let point = Point {
            table: "cpu".into(),
            tags: vec![("host".into(), "a".into())],
            fields: vec![
                ("u".into(), PointValue::Float(1.5)),
                ("n".into(), PointValue::Int(-2)),
                ("c".into(), PointValue::UInt(3)),
                ("ok".into(), PointValue::Bool(true)),
                ("s".into(), PointValue::Text("x".into())),
            ],
            time: Some(1),
        };
        let mut json = String::new();
        point.to_json(&mut json);
        let want = r#"{"table":"cpu","tags":{"host":"a"},"fields":{"u":{"f":1.5},"n":{"i":-2},"c":{"u":3},"ok":{"b":true},"s":{"s":"x"}},"time":1}"#;
        assert_eq!(json, want);
    }

    #[test]
    fn the_extremes_print_as_json() {
        let values = [
            (PointValue::Float(1e300), "{\"f\":1e300}"),
            (PointValue::Float(-0.0), "{\"f\":-0.0}"),
            (PointValue::Float(5e-324), "{\"f\":5e-324}"),
            (PointValue::Float(f64::NAN), "{\"f\":\"NaN\"}"),
            (PointValue::Float(f64::NEG_INFINITY), "{\"f\":\"-Infinity\"}"),
            (PointValue::Int(i64::MIN), "{\"i\":-9223372036854775808}"),
            (PointValue::UInt(u64::MAX), "{\"u\":18446744073709551615}"),
            (PointValue::Text("a\"\\\n\r\t\u{1}é".into()), r#"{"s":"a\"\\\n\r\t\u0001é"}"#),
        ];
        for (value, want) in values {
            let mut json = String::new();
            push_value(&mut json, &value);
            assert_eq!(json, want);
        }
        let mut json = String::new();
        Point::default().to_json(&mut json);
        assert_eq!(json, r#"{"table":"","tags":{},"fields":{},"time":null}"#);
    }
}
