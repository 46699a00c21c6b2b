//! The reader of NDJSON against `serde_json`, however the text is cut.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod tabular_support;

use proptest::prelude::*;
use serde_json::{Map, Value};
use tabular_support::{Row, naive_seconds, options, read_pieces, row_of};
use tidemill_model::Batch;
use tidemill_parse::RowError;
use tidemill_parse::ndjson::{points, survey};
use tidemill_parse::tabular::Plan;

const TAGS: [&str; 3] = ["host", "zone", "d.rack"];

fn plan() -> Plan {
    let sample = r#"{"time":1,"host":"a","zone":"b","d":{"rack":"c","e":{"n":1}},"f":1.5,"ok":true,"s":"x","u":18446744073709551615}"#;
    survey(sample.as_bytes(), true, &options(None, Some(&TAGS))).unwrap()
}

/// All scalar members with their dotted names; `None` where there is an array.
fn flatten(object: &Map<String, Value>, path: &str, out: &mut Vec<(String, Value)>) -> Option<()> {
    for (name, value) in object {
        let path = format!("{path}{name}");
        match value {
            _ if path.is_empty() => return None,
            Value::Array(_) => return None,
            Value::Object(inner) => flatten(inner, &format!("{path}."), out)?,
            _ => out.push((path, value.clone())),
        }
    }
    Some(())
}

fn naive_row(line: &[u8], start: usize) -> Option<Row> {
    let Ok(Value::Object(object)) = serde_json::from_slice(line) else { return None };
    let mut members = Vec::new();
    flatten(&object, "", &mut members)?;
    let (mut time, mut tags, mut fields) = (None, Vec::new(), Vec::new());
    for (name, value) in members {
        let text = match &value {
            Value::String(text) if text.is_empty() => continue,
            Value::String(text) => text.clone(),
            Value::Null => continue,
            other => other.to_string(),
        };
        let is_number = value.is_number();
        match name.as_str() {
            "time" => time = Some(naive_seconds(text.trim_ascii())?),
            name if TAGS.contains(&name) => tags.push((name.to_owned(), text)),
            "s" => fields.push((name, format!("Text({text:?})"))),
            "ok" => fields.push((name, format!("Bool({})", value.as_bool()?))),
            "d.e.n" => fields
                .push((name, format!("Int({})", text.parse::<i64>().ok().filter(|_| is_number)?))),
            "u" => fields
                .push((name, format!("UInt({})", text.parse::<u64>().ok().filter(|_| is_number)?))),
            "f" => {
                let value = text.parse::<f64>().ok().filter(|f| is_number && f.is_finite())?;
                fields.push((name, format!("Float({value:?})")));
            }
            _ => fields.push((name, naive_new(&value, &text)?)),
        }
    }
    tags.sort();
    fields.sort();
    Some(Row { start, time: time?, tags, fields })
}

/// The first value of a key that is not in the plan.
fn naive_new(value: &Value, text: &str) -> Option<String> {
    let int = || Some(format!("Int({})", text.parse::<i64>().ok()?));
    let uint = || Some(format!("UInt({})", text.parse::<u64>().ok()?));
    let float =
        || Some(format!("Float({:?})", text.parse::<f64>().ok().filter(|f| f.is_finite())?));
    match value {
        Value::Number(_) => int().or_else(uint).or_else(float),
        Value::Bool(truth) => Some(format!("Bool({truth})")),
        _ => Some(format!("Text({text:?})")),
    }
}

fn naive_read(text: &[u8]) -> (Vec<Row>, Vec<usize>) {
    let (mut rows, mut bad, mut start) = (Vec::new(), Vec::new(), 0);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let is_blank = line.iter().all(|byte| b" \t\r\n".contains(byte));
        match naive_row(line, start) {
            Some(row) => rows.push(row),
            None if is_blank => {}
            None => bad.push(start),
        }
        start += line.len();
    }
    (rows, bad)
}

fn text() -> BoxedStrategy<String> {
    const TEXTS: [&str; 10] =
        ["host_1", "host_2", "", "two\nlines", "a\"b\\c/", "Zürich", "😀", "\u{0}\u{1f}", "1", " "];
    prop_oneof![3 => prop::sample::select(&TEXTS).prop_map(str::to_owned), 1 => any::<String>()]
        .boxed()
}

/// A float as `serde_json` spells it, which does not keep a number in text as it was written.
fn spelled(value: f64) -> String {
    format!("{value:?}").replace('e', "e+").replace("e+-", "e-")
}

/// A number as it is written; the last ones are none.
fn number() -> BoxedStrategy<String> {
    const ODD: [&str; 22] = [
        "0",
        "-0",
        "-7",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "12345678",
        "1234567890123456",
        "1.5",
        "-0.25e-3",
        "1e+5",
        "1e+400",
        "00",
        "01",
        "1.",
        ".5",
        "1e",
        "+1",
        "-",
        "0x1",
    ];
    prop_oneof![
        4 => (0u32..200).prop_map(|n| n.to_string()),
        1 => any::<i64>().prop_map(|n| n.to_string()),
        1 => any::<f64>().prop_filter("JSON has none", |f| f.is_finite()).prop_map(spelled),
        1 => prop::sample::select(&ODD).prop_map(str::to_owned),
    ]
    .boxed()
}

/// A string as it is written: with the escapes it needs, or only with escapes.
fn written(text: &str, escape_all: bool) -> String {
    if escape_all {
        let units = text.encode_utf16().map(|unit| format!("\\u{unit:04X}"));
        return format!("\"{}\"", units.collect::<String>());
    }
    serde_json::to_string(text).unwrap()
}

fn scalar() -> BoxedStrategy<String> {
    const WORDS: [&str; 8] =
        ["true", "false", "null", "null", "[1]", "{}", "{\"deep\":{\"er\":5}}", "nul"];
    prop_oneof![
        4 => number(),
        3 => (text(), any::<bool>()).prop_map(|(text, all)| written(&text, all)),
        2 => prop::sample::select(&WORDS).prop_map(str::to_owned),
    ]
    .boxed()
}

prop_compose! {
    /// A row whose members mostly fit; it may be damaged.
    fn row()(
        time in prop_oneof![9 => (0..100i32).prop_map(|t| t.to_string()), 1 => scalar()],
        tags in (text(), text(), text(), any::<[bool; 3]>()),
        n in prop_oneof![8 => any::<i32>().prop_map(|n| n.to_string()), 1 => scalar()],
        f in prop_oneof![8 => any::<f32>().prop_filter("finite", |f| f.is_finite()).prop_map(|f| format!("{f:?}")), 1 => scalar()],
        u in prop_oneof![8 => any::<u64>().prop_map(|u| u.to_string()), 1 => scalar()],
        s in prop_oneof![8 => text().prop_map(|s| written(&s, false)), 1 => scalar()],
        order in Just(()).prop_perturb(|(), mut random| random.next_u32()),
        missing in any::<u32>(),
        blanks in prop::sample::select(&["", "", "", " ", "\t \r"]),
        damage in prop_oneof![6 => Just(None), 1 => any::<(u16, u8)>().prop_map(Some)],
        byte in prop::sample::select(b"{}[]\",:\\ \r\t\x00\xc3-."),
    ) -> Vec<u8> {
        let (host, zone, rack, all) = tags;
        let mut members = vec![
            format!("\"time\"{blanks}:{time}"),
            format!("\"host\":{blanks}{}", written(&host, all[0])),
            format!("{blanks}\"zone\":{}", written(&zone, all[1])),
            format!("\"d\":{{\"rack\":{}{blanks},\"e\":{{\"n\":{n}}}}}", written(&rack, all[2])),
            format!("\"f\":{f}{blanks}"),
            format!("\"u\":{u}"),
            format!("\"s\":{s}"),
            "\"ok\":false".to_owned(),
        ];
        // Mostly all of them in this order, sometimes one less or one elsewhere or twice.
        if missing % 4 == 0 {
            members.remove(missing as usize / 4 % 8);
        }
        // (An object that stands twice is merged here, and replaced by `serde_json`.)
        let again = members[order as usize / 4 % members.len()].clone();
        let is_twice = order % 4 == 0 && !again.starts_with("\"d\"");
        if is_twice {
            members.insert(order as usize / 64 % members.len(), again);
        }
        let mut text = format!("{blanks}{{{}}}{blanks}", members.join(",")).into_bytes();
        if let Some((place, kind)) = damage.filter(|_| !is_twice) {
            let place = place as usize % text.len();
            match kind % 3 {
                0 => text[place] = byte,
                1 => text.insert(place, byte),
                _ => { text.remove(place); }
            }
        }
        text.push(b'\n');
        text
    }
}

type Outcome = (Vec<Row>, Vec<RowError>);

fn read_points(plan: &Plan, text: &[u8]) -> Outcome {
    let mut found = points(text, false, true, plan);
    let (mut rows, mut errors) = Outcome::default();
    while let Some(item) = found.next() {
        match item {
            Ok(point) => rows.push(row_of(&point, found.row_start())),
            Err(error) => errors.push(error),
        }
    }
    assert_eq!(found.consumed(), text.len());
    (rows, errors)
}

fn check_cuts(plan: &Plan, text: &[u8], cuts: &[usize]) -> Result<Outcome, TestCaseError> {
    let fresh = || plan.reader(false);
    let whole = read_pieces(&mut *fresh(), &mut Batch::new(), text, &[]);
    prop_assert_eq!(&read_pieces(&mut *fresh(), &mut Batch::new(), text, cuts), &whole);
    prop_assert_eq!(&read_points(plan, text), &whole);
    Ok(whole)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn each_line_is_what_serde_json_says(
        rows in prop::collection::vec(row(), 0..12),
        cuts in prop::collection::vec(any::<usize>(), 0..4),
    ) {
        let plan = plan();
        let text = rows.concat();
        check_cuts(&plan, &text, &cuts)?;
        // A new reader for each, since what it learns from one row of new keys binds the next.
        for row in &rows {
            let got = read_points(&plan, row);
            let (want, bad) = naive_read(row);
            prop_assert_eq!(&got.0, &want, "{:?} {}", got.1, String::from_utf8_lossy(row));
            prop_assert_eq!(got.1.iter().map(|error| error.row_start).collect::<Vec<_>>(), bad);
        }
    }

    #[test]
    fn a_reader_that_knows_the_keys_reads_the_same(
        rows in prop::collection::vec(row(), 0..12),
        cuts in prop::collection::vec(any::<usize>(), 0..4),
    ) {
        let (plan, text) = (plan(), rows.concat());
        let mut reader = plan.reader(false);
        let mut batch = Batch::new();
        read_pieces(&mut *reader, &mut batch, &text, &[]);
        let again = read_pieces(&mut *reader, &mut batch, &text, &cuts);
        prop_assert_eq!(&read_pieces(&mut *reader, &mut batch, &text, &[]), &again);
        prop_assert_eq!(&read_pieces(&mut *reader, &mut Batch::new(), &text, &[]), &again);
    }

    #[test]
    fn no_text_is_a_panic(
        text in prop::collection::vec(prop::sample::select(b"{{}}\"\":,\\ut0nl1.5[\n\xff "), 0..200),
        cuts in prop::collection::vec(any::<usize>(), 0..4),
    ) {
        check_cuts(&plan(), &text, &cuts)?;
    }
}
