//! What is a row of NDJSON and what is refused, case by case.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod tabular_support;

use tabular_support::{lines, options, read, read_pieces, reasons};
use tidemill_model::{Batch, FieldType, MAX_TAG_BYTES};
use tidemill_parse::ndjson::survey;
use tidemill_parse::tabular::{Plan, Role, TabularOptions};
use tidemill_parse::{Misfit, Taken};

fn plan_of(text: &str, options: &TabularOptions) -> Plan {
    survey(text.as_bytes(), true, options).unwrap()
}

/// Of a tag, an integer, a text and a number in an object.
fn plan() -> Plan {
    let sample = r#"{"time":1,"host":"a","n":1,"s":"x","d":{"f":1.5}}"#;
    plan_of(sample, &options(None, Some(&["host"])))
}

fn check(text: &str, rows: &[&str], errors: &[&str]) {
    let got = read(&plan(), text.as_bytes());
    assert_eq!(lines(&got.0), rows, "{text:?}");
    assert_eq!(reasons(&got.1), errors, "{text:?}");
}

const NO_ROWS: &str = "no row could be read (a JSON object a line, or CSV with a time in each row; --format says which)";

#[test]
fn plans() {
    let check = |text: &str, options: &TabularOptions, want: &str| {
        let described = plan_of(text, options).describe().trim_end().replace('\n', "; ");
        assert_eq!(described, want, "{text}");
    };
    let none = options(None, None);
    check(
        "{\"a\":{\"time\":5,\"b\":true},\"ts\":\"2024-01-01T00:00:00Z\",\"host\":\"x\",\"z\":null}\n",
        &none,
        "NDJSON; time: `ts` (RFC 3339, UTC); tags: `host`; fields: `a.time` int, `a.b` bool; \
         empty so far: `z`",
    );
    check(
        "{\"t\":1690000000.5,\"n\":1}\n{\"n\":18446744073709551615,\"t\":1690000001,\"s\":\"1\"}\n",
        &options(Some("t"), Some(&["later"])),
        "NDJSON; time: `t` (seconds since 1970, UTC); tags: `later`; fields: `n` uint, `s` text",
    );
    // An empty string is a missing value, in the sample and further down.
    let text = "{\"ts\":1690000000,\"v\":\"\",\"w\":\"\"}\n{\"ts\":1690000001,\"v\":1}\n";
    let want = "NDJSON; time: `ts` (seconds since 1970, UTC); fields: `v` int; empty so far: `w`";
    check(text, &none, want);
    let mut plan = plan_of("{\"ts\":1690000000,\"v\":1}\n", &none);
    plan.survey_types(text.as_bytes(), true, true);
    assert_eq!(plan.columns()[1].role(), Role::Field(FieldType::Int));
    let (rows, errors) = read(&plan, text.as_bytes());
    assert_eq!((rows.len(), rows[0].fields.len(), errors), (2, 0, vec![]));
    let error = survey(b"{\"a\":1}\n[]\n", true, &none).unwrap_err().to_string();
    assert_eq!(error, "no time column was found: name it with --time (the columns are `a`)");
    assert_eq!(survey(b"\n[1]\n", true, &none).unwrap_err().to_string(), NO_ROWS);
}

#[test]
fn rows() {
    check(
        "{\"time\":1,\"host\":\"a\",\"n\":2,\"s\":\"x\",\"d\":{\"f\":2}}\n",
        &["host=a d.f=Float(2.0) n=Int(2) s=Text(\"x\") @1000000000"],
        &[],
    );
    check("\n \r\n{ \"time\" : 1 }\r\n\t", &["@1000000000"], &[]);
    check("{\"time\":1,\"n\":null,\"d\":{},\"s\":\"\"}", &["@1000000000"], &[]);
    check("{\"host\":\"\",\"time\":\" 1.5 \"}", &["@1500000000"], &[]);
    check(
        "{\"time\":1,\"host\":\"\\u00e9\\n\",\"s\":\"\\ud83d\\ude00\"}",
        &["host=é\n s=Text(\"😀\") @1000000000"],
        &[],
    );
    check(
        "{\"\\u0074ime\":1,\"host\":true,\"s\":-1E5}",
        &["host=true s=Text(\"-1E5\") @1000000000"],
        &[],
    );
    check("{\"time\":1,\"n\":2,\"n\":3,\"n\":null}", &["n=Int(3) @1000000000"], &[]);
    check("{\"time\":1,\"d\":{\"f\":1},\"d.f\":2}", &["d.f=Float(2.0) @1000000000"], &[]);
}

#[test]
fn a_last_row_that_is_cut_is_said_to_be() {
    let row = r#"{ "time" : 5 , "host":true,"s":"a\n\\","d":{"f":-1.5e3},"n":12}"#;
    check(row, &["host=true d.f=Float(-1500.0) n=Int(12) s=Text(\"a\\n\\\\\") @5000000000"], &[]);
    for cut in 1..row.len() {
        check(&row[..cut], &[], &[&format!("{cut}: the row ends too early")]);
    }
}

#[test]
fn bad_rows() {
    let check = |row: &str, error: &str| {
        let text = format!("{{\"time\":1}}\n{row}\n{{\"time\":2}}\n");
        let at: usize = error.split(':').next().unwrap().parse().unwrap();
        let reason = error.split_once(": ").unwrap().1;
        check(&text, &["@1000000000", "@2000000000"], &[&format!("{}: {reason}", 11 + at)]);
    };
    check("[1]", "0: a row must be a JSON object");
    check("{\"time\":5}x", "10: text after the object");
    check("{\"time\":5", "9: the row ends too early");
    check("{\"time\":5,}", "10: a key in quotes was expected");
    check("{\"time\" 5}", "8: a colon was expected");
    check("{\"time\":5 \"n\":1}", "10: a comma or a closing brace was expected");
    check("{\"time\":5,\"n\":[1]}", "14: an array, which no column can hold");
    check("{\"time\":5,\"n\":01}", "14: not a JSON number");
    check("{\"time\":5,\"n\":nul}", "14: not JSON");
    check("{\"time\":5,\"n\":x}", "14: not JSON");
    check("{\"time\":5,\"s\":\"\\x\"}", "15: an escape that JSON does not have");
    check("{\"time\":5,\"s\":\"a\tb\"}", "16: a control character in a string");
    check("{\"time\":5,\"s\":\"abc}", "19: a control character in a string");
    check("{\"time\":5,\"s\":\"a\\", "17: a control character in a string");
    check("{\"time\":\"soon\"}", "9: `soon` is not a time (seconds since 1970)");
    check(
        "{\"time\":99999999999999}",
        "8: `99999999999999` is a time outside 1677-09-21 to 2262-04-11",
    );
    check("{\"n\":5}", "0: no time (key `time`)");
    check("{\"time\":null}", "0: no time (key `time`)");
    check("{\"time\":\"\"}", "0: no time (key `time`)");
    check("{\"time\":5,\"n\":1.5}", "14: `1.5` is no int (key `n`)");
    check("{\"time\":5,\"n\":\"1\"}", "15: `1` is no int (key `n`)");
    check("{\"time\":5,\"d\":{\"f\":1e999}}", "19: `1e999` is no float (key `d.f`)");
    check("{\"time\":5,\"\":1}", "10: an empty key");
    check(&"{\"time\":".repeat(100), "512: objects nested deeper than 64");
}

#[test]
fn a_newline_ends_a_row_wherever_the_text_is_cut() {
    // In a string that nobody unescapes, and behind a fault that stands before it.
    for row in ["{\"time\":2,\"new\":\"\\\n\"}\n", "{\"time\":2,bad \"\\\n\"}\n"] {
        let text = format!("{{\"time\":1}}\n{row}{{\"time\":3}}\n");
        let whole = read(&plan(), text.as_bytes());
        assert_eq!((whole.0.len(), whole.1.len()), (2, 2), "{text:?}");
        for cut in 0..=text.len() {
            let mut reader = plan().reader(true);
            let got = read_pieces(&mut *reader, &mut Batch::new(), text.as_bytes(), &[cut]);
            assert_eq!(got, whole, "{text:?} cut at {cut}");
        }
    }
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    let (rows, errors) = read(
        &plan(),
        b"{\"time\":1,\"host\":\"\xff\"}\n{\"time\":1,\"s\":\"\xff\"}\n{\"time\":1,\"\xff\":1}\n",
    );
    assert_eq!(rows, []);
    assert_eq!(
        reasons(&errors),
        [
            "18: a string that is not UTF-8",
            "37: a string that is not UTF-8",
            "52: a key that is not UTF-8"
        ]
    );
}

#[test]
fn a_key_that_comes_late_is_a_field_of_the_type_of_its_first_value() {
    let text = "{\"time\":1}\n{\"time\":2,\"new\":null}\n{\"time\":3,\"new\":7}\n{\"time\":4,\"new\":7.5}\n{\"time\":5,\"new\":8}\n";
    let mut plan = plan();
    let (rows, errors) = read(&plan, text.as_bytes());
    assert_eq!(
        lines(&rows),
        ["@1000000000", "@2000000000", "new=Int(7) @3000000000", "new=Int(8) @5000000000"]
    );
    let misfit = errors[0].misfit.unwrap();
    assert_eq!(misfit, Misfit { column: 5, wider: FieldType::Float });
    // The plan does not know the column, and is not harmed.
    plan.widen(misfit);
    assert_eq!(plan.columns().len(), 5);
    let taken = plan.survey_types(&text.as_bytes()[..40], true, false);
    assert_eq!(plan.survey_types(&text.as_bytes()[taken..], false, true), text.len() - taken);
    assert_eq!(plan.columns()[5].role(), Role::Field(FieldType::Float));
    let (rows, errors) = read(&plan, text.as_bytes());
    assert_eq!((rows.len(), errors), (5, vec![]));
}

#[test]
fn a_series_does_not_depend_on_how_a_tag_is_written() {
    let text = br#"{"time":1,"host":"1"}
{"time":1,"host":1}
{"host":"\u0031","time":1}
{"time":1}
{"time":1,"host":""}
"#;
    let mut batch = Batch::new();
    let taken = plan().reader(false).read(text, true, &mut batch, &mut Vec::new());
    assert_eq!(taken, Taken { bytes: text.len(), is_full: false });
    assert_eq!(batch.tables()[0].row_series(), [0, 0, 0, 1, 1]);
}

#[test]
fn the_beginning_of_a_file_may_come_in_pieces() {
    let text = "\u{feff}\n{\"time\":1,\"n\":12}\n{\"time\":2,\"n\":true}\n{\"time\":3}";
    for cut in 0..text.len() {
        let mut reader = plan().reader(true);
        let (rows, errors) = read_pieces(&mut *reader, &mut Batch::new(), text.as_bytes(), &[cut]);
        assert_eq!(lines(&rows), ["n=Int(12) @1000000000", "@3000000000"], "cut at {cut}");
        assert_eq!(reasons(&errors), ["36: `true` is no int (key `n`)"]);
    }
}

#[test]
fn columns_are_limited() {
    let members: Vec<_> = (0..5000).map(|i| format!("\"k{i}\":1")).collect();
    let text = format!("{{\"time\":1,{}}}\n{{\"time\":2}}\n", members.join(","));
    let (rows, errors) = read(&plan(), text.as_bytes());
    assert_eq!((rows.len(), errors.len()), (1, 1));
    assert_eq!(errors[0].reason, "more than 4096 columns");
    let survey = survey(text.as_bytes(), true, &options(None, None)).unwrap();
    assert!(survey.columns().len() <= 4096);
    let mut plan = plan();
    plan.survey_types(text.as_bytes(), true, true);
    assert!(plan.columns().len() <= 4096);
}

/// Keys that are no columns, too: they are remembered.
#[test]
fn keys_are_limited() {
    let members = |count: usize| {
        let members: Vec<_> = (0..count).map(|i| format!("\"k{i}\":{{}}")).collect();
        format!("{{\"time\":1,{}}}\n{{\"time\":2}}\n", members.join(","))
    };
    let (rows, errors) = read(&plan(), members(16_000).as_bytes());
    assert_eq!((rows.len(), errors.len()), (2, 0));
    let (rows, errors) = read(&plan(), members(17_000).as_bytes());
    assert_eq!((rows.len(), errors.len()), (1, 1));
    assert_eq!(errors[0].reason, "more than 16384 distinct keys");
    let long = |bytes: usize| format!("{{\"time\":1,\"{}\":1}}\n", "k".repeat(bytes));
    assert_eq!(read(&plan(), long(MAX_TAG_BYTES).as_bytes()).0.len(), 1);
    let (rows, errors) = read(&plan(), long(MAX_TAG_BYTES + 1).as_bytes());
    assert_eq!((rows.len(), &*errors[0].reason), (0, "a key longer than 65535 bytes"));
}

#[test]
fn a_time_that_begins_as_the_one_before_it_is_another() {
    let rows = ["@1000000000", "@12000000000", "@1000000000"];
    check("{\"time\":1}\n{\"time\":12}\n{\"time\":1}\n", &rows, &[]);
}
