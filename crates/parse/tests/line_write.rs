//! What the writer writes, both readers read back.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod line_support;

use line_support::{by_points, by_reader};
use proptest::prelude::*;
use tidemill_model::{Batch, Value};
use tidemill_parse::line::{LineOptions, LineReader, Unwritable, points, write_row};
use tidemill_parse::{Point, PointValue};

fn write(point: &Point<'_>, out: &mut Vec<u8>) -> Result<(), Unwritable> {
    let tags = point.tags.iter().map(|(name, value)| (&**name, &**value));
    let fields = point.fields.iter().map(|(name, value)| (&**name, value.as_value()));
    write_row(out, &point.table, tags, fields, point.time)
}

fn name() -> impl Strategy<Value = String> {
    let parts =
        prop::sample::select(vec!["a", "b", " ", ",", "=", "\\", "\"", "é", "#", "\r", "\t", "i"]);
    prop::collection::vec(parts, 1..5).prop_map(|parts| parts.concat())
}

fn value() -> impl Strategy<Value = PointValue<'static>> {
    let text = prop_oneof![name(), any::<String>(), Just("\n\\\"".to_owned()), Just(String::new())];
    prop_oneof![
        any::<f64>().prop_map(PointValue::Float),
        (-1000i64..1000).prop_map(|value| PointValue::Float(value as f64 / 8.0)),
        any::<i64>().prop_map(PointValue::Int),
        any::<u64>().prop_map(PointValue::UInt),
        any::<bool>().prop_map(PointValue::Bool),
        text.prop_map(|text| PointValue::Text(text.into())),
    ]
}

fn point() -> impl Strategy<Value = Point<'static>> {
    let tags = prop::collection::btree_map(name(), name(), 0..4);
    let fields = prop::collection::btree_map(name(), value(), 1..5);
    (name(), tags, fields, any::<Option<i64>>()).prop_map(|(table, tags, fields, time)| Point {
        table: table.into(),
        tags: tags.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
        fields: fields.into_iter().map(|(name, value)| (name.into(), value)).collect(),
        time,
    })
}

fn json(point: &Point<'_>) -> String {
    let mut json = String::new();
    point.to_json(&mut json);
    json
}

proptest! {
    #[test]
    fn rows_come_back(written in prop::collection::vec(point(), 1..8)) {
        let mut text = Vec::new();
        let mut want = Vec::new();
        for point in &written {
            let before = text.len();
            match write(point, &mut text) {
                Ok(()) => want.push(json(point)),
                Err(_) => prop_assert_eq!(text.len(), before),
            }
        }
        let options = LineOptions::default();
        let got: Vec<_> = points(&text, true, &options).map(|point| json(&point.unwrap())).collect();
        prop_assert_eq!(got, want);
        let by_fast = by_reader(&mut LineReader::new(options.clone()), &mut Batch::new(), &text, &[]);
        prop_assert_eq!(by_fast, by_points(&text, &options, &[]));
    }
}

#[test]
fn a_row_is_written_as_short_as_can_be() {
    let fields = [
        ("f", Value::Float(5.0)),
        ("g", Value::Float(-0.1)),
        ("h", Value::Float(1e300)),
        ("i", Value::Int(-5)),
        ("u", Value::UInt(5)),
        ("b", Value::Bool(false)),
        ("s", Value::Text("say \"\\\"\n")),
    ];
    let mut out = Vec::new();
    write_row(&mut out, "a b", [("t,", "x=y")], fields, Some(-7)).unwrap();
    let want =
        "a\\ b,t\\,=x\\=y f=5,g=-0.1,h=1e300,i=-5i,u=5u,b=false,s=\"say \\\"\\\\\\\"\n\" -7\n";
    assert_eq!(String::from_utf8(out).unwrap(), want);
}

#[test]
fn what_has_no_form_is_refused() {
    let one = [("u", Value::Int(1))];
    let check = |table,
                 tags: &[(&'static str, &'static str)],
                 fields: &[(&'static str, Value<'static>)]| {
        let mut out = b"before\n".to_vec();
        let refused =
            write_row(&mut out, table, tags.iter().copied(), fields.iter().copied(), None);
        assert_eq!(out, b"before\n");
        refused.unwrap_err()
    };
    assert_eq!(check("", &[], &one), Unwritable::Empty);
    assert_eq!(check("#m", &[], &one), Unwritable::Measurement("#m".into()));
    assert_eq!(check("\tm", &[], &one), Unwritable::Measurement("\tm".into()));
    assert_eq!(check("\u{feff}m", &[], &one), Unwritable::Measurement("\u{feff}m".into()));
    assert_eq!(check("m\\", &[], &one), Unwritable::Name("m\\".into()));
    assert_eq!(check("m", &[("t", "")], &one), Unwritable::Empty);
    assert_eq!(check("m", &[("t", "a\nb")], &one), Unwritable::Name("a\nb".into()));
    assert_eq!(check("m", &[], &[]), Unwritable::NoFields);
    assert_eq!(check("m", &[], &[("", Value::Int(1))]), Unwritable::Empty);
    assert!(matches!(check("m", &[], &[("u", Value::Float(f64::NAN))]), Unwritable::NotFinite(_)));
}
