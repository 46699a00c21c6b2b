//! What a sample of a CSV file is taken for.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod tabular_support;

use tabular_support::{lines, options, read, reasons};
use tidemill_model::FieldType;
use tidemill_parse::Misfit;
use tidemill_parse::csv::survey;
use tidemill_parse::tabular::{Plan, PlanError, Role, TabularOptions};
use tidemill_parse::time_text::{EpochUnit, TimeFormat};

fn plan(text: &str, options: &TabularOptions) -> Result<Plan, PlanError> {
    survey(text.as_bytes(), true, options)
}

/// The description, its lines joined.
fn described(text: &str, options: &TabularOptions) -> String {
    plan(text, options).unwrap().describe().trim_end().replace('\n', "; ")
}

const NO_ROWS: &str = "no row could be read (a JSON object a line, or CSV with a time in each row; --format says which)";

#[test]
fn files_as_they_come() {
    let check = |text: &str, want: &str| {
        assert_eq!(described(text, &options(None, None)), want, "{text}");
    };
    check(
        "timestamp,value\n2014-02-14 14:30:00,0.132\n2014-02-14 14:35:00,5\n",
        "CSV with `,`, a header; time: `timestamp` (date and time, UTC); fields: `value` float",
    );
    check(
        "host;Time;n;up\r\na;2024-01-01T00:00:00Z;1;true\r\n",
        "CSV with `;`, a header; time: `Time` (RFC 3339, UTC); tags: `host`; fields: `n` int, `up` bool",
    );
    check(
        "1690000000\ta b\t18446744073709551615\n1690000001\t\"a\t\"\t1\n",
        "CSV with tabs, no header; time: `column_1` (seconds since 1970, UTC); \
         tags: `column_2`; fields: `column_3` uint",
    );
    check(
        "\u{feff}a|when|b\n1|2024-01-01|\n2|2024-01-02|\n",
        "CSV with `|`, a header; time: `when` (date, UTC); fields: `a` int; empty so far: `b`",
    );
    check(
        "n,time_ms,ts\n1,2,1690000000000\n",
        "CSV with `,`, a header; time: `ts` (milliseconds since 1970, UTC); \
         fields: `n` int, `time_ms` int",
    );
    check(
        "time,1,2\n5,7,8\n",
        "CSV with `,`, a header; time: `time` (seconds since 1970, UTC); fields: `1` int, `2` int",
    );
    // As pandas writes its index.
    check(
        ",time,v,\n0,1690000000,1.5,\n1,1690000001,2,\n",
        "CSV with `,`, a header; time: `time` (seconds since 1970, UTC); \
         fields: `column_1` int, `v` float; empty so far: `column_4`",
    );
    check(
        "date,day,v\nMonday,2024-01-01,1\n",
        "CSV with `,`, a header; time: `day` (date, UTC); tags: `date`; fields: `v` int",
    );
    check(
        "n,at\n5,1690000000.5\n",
        "CSV with `,`, a header; time: `at` (seconds since 1970, UTC); fields: `n` int",
    );
}

#[test]
fn what_the_user_says_goes_first() {
    let text = "time,host,when,n\n5,a,2024-01-01,1\n5,b,2024-01-02,1\n";
    let check = |options: &TabularOptions, want: &str| {
        let described = described(text, options);
        assert_eq!(described.split_once("; ").unwrap().1, want);
    };
    check(
        &options(Some("when"), None),
        "time: `when` (date, UTC); tags: `host`; fields: `time` int, `n` int",
    );
    check(
        &options(None, Some(&["n"])),
        "time: `time` (seconds since 1970, UTC); tags: `n`; fields: `host` text, `when` text; \
         1 of the first 2 rows have the time and the tags of an earlier one: if they are of \
         another series, name what tells them apart with --tags",
    );
    let format = Some(TimeFormat::Epoch(EpochUnit::Nanoseconds));
    check(
        &TabularOptions { time_format: format, ..options(None, Some(&[])) },
        "time: `time` (nanoseconds since 1970, UTC); fields: `host` text, `when` text, `n` int; \
         1 of the first 2 rows have the time and the tags of an earlier one: if they are of \
         another series, name what tells them apart with --tags",
    );
    let tz = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    check(
        &TabularOptions { tz, ..options(Some("when"), Some(&["host"])) },
        "time: `when` (date, Europe/Berlin); tags: `host`; fields: `time` int, `n` int",
    );
}

#[test]
fn files_without_a_plan() {
    let check = |text: &str, options: &TabularOptions, want: &str| {
        assert_eq!(plan(text, options).unwrap_err().to_string(), want, "{text}");
    };
    let none = &options(None, None);
    let not_utf8 = survey(b"time,\xff\n1,2\n", true, none).unwrap_err();
    assert_eq!(not_utf8.to_string(), "the name of column 2 of the header is not UTF-8");
    for (count, more) in [(50, ""), (51, ", …")] {
        let names: Vec<String> = (0..count).map(|number| format!("a{number}")).collect();
        let text = format!("{}\n{}1\n", names.join(","), "1,".repeat(count - 1));
        let error = plan(&text, &options(Some("t"), None)).unwrap_err().to_string();
        assert!(error.ends_with(&format!("`a49`{more})")), "{error}");
    }
    check("", none, NO_ROWS);
    check("\n\r\n\n", none, NO_ROWS);
    check("time,value\n", none, NO_ROWS);
    check("time,value\n", &options(Some("time"), None), NO_ROWS);
    let dates =
        TabularOptions { time_format: Some(TimeFormat::Date), ..options(Some("time"), None) };
    check("time,value\nsoon,5\n", &dates, NO_ROWS);
    check(
        "time,value\nsoon,5\n",
        &options(Some("time"), None),
        "column `time` holds no times: `soon` is neither RFC 3339, `YYYY-MM-DD HH:MM:SS`, `YYYY-MM-DD` nor a count since 1970",
    );
    check(
        "a,b\n1,2\n",
        none,
        "no time column was found: name it with --time (the columns are `a`, `b`)",
    );
    check(
        "time,a\n5,2\n",
        &options(Some("t"), None),
        "there is no column `t` (the columns are `time`, `a`)",
    );
    check(
        "time,a\n5,2\n",
        &options(None, Some(&["a", "b"])),
        "there is no column `b` (the columns are `time`, `a`)",
    );
    check(
        "time,a\n5,2\n",
        &options(None, Some(&["time"])),
        "column `time` cannot be both the time and a tag",
    );
    check("time,,column_2\n5,2,3\n", none, "the header names column `column_2` twice");
    check("time,a,a\n5,2,3\n", none, "the header names column `a` twice");
}

#[test]
fn few_distinct_texts_are_tags() {
    let check = |rows: usize, distinct: usize, want: Role| {
        let row = |i: usize| format!("{i},text {}\n", i % distinct);
        let text = format!("time,s\n{}", (0..rows).map(row).collect::<String>());
        let plan = plan(&text, &options(None, None)).unwrap();
        assert_eq!(plan.columns()[1].role(), want, "{distinct} texts in {rows} rows");
    };
    let text = Role::Field(FieldType::Text);
    check(16, 16, Role::Tag);
    check(17, 17, text);
    check(100, 25, Role::Tag);
    check(100, 26, text);
}

#[test]
fn numbers_with_a_few_words_among_them_are_a_field() {
    let sensor = |i: usize| match i % 50 {
        7 => format!("{i},N/A\n"),
        _ => format!("{i},{}.5\n", 20 + i % 5),
    };
    let text = format!("time,temp\n{}", (0..1000).map(sensor).collect::<String>());
    let described_as = described(&text, &options(None, None));
    assert!(described_as.ends_with("fields: `temp` text"), "{described_as}");
    // But what they tell apart they name.
    let cpu = |i: usize| match i % 9 {
        8 => format!("{},total,1\n", i / 9),
        cpu => format!("{},{cpu},1\n", i / 9),
    };
    let text = format!("time,cpu,v\n{}", (0..900).map(cpu).collect::<String>());
    let described_as = described(&text, &options(None, None));
    assert!(described_as.ends_with("tags: `cpu`; fields: `v` int"), "{described_as}");
}

#[test]
fn what_tells_rows_of_one_time_apart_is_a_tag() {
    // A thousand hosts, none of them twice, and a message each.
    let row = |i: usize| format!("5,host_{i},region_{},message {}\n", i % 2, i / 3);
    let text = format!("time,host,region,message\n{}", (0..1000).map(row).collect::<String>());
    let described = described(&text, &options(None, None));
    assert!(described.ends_with("tags: `host`, `region`; fields: `message` text"), "{described}");
}

#[test]
fn a_repeated_header_does_not_make_columns_text() {
    let text = "time,n\n1,5\ntime,n\n2,6\n";
    let mut plan = plan(text, &options(None, None)).unwrap();
    assert_eq!(plan.survey_types(text.as_bytes(), true, true), text.len());
    let (rows, errors) = read(&plan, text.as_bytes());
    assert_eq!(lines(&rows), ["n=Int(5) @1000000000", "n=Int(6) @2000000000"]);
    assert_eq!(reasons(&errors), ["11: `time` is not a time (seconds since 1970)"]);
}

#[test]
fn a_misfit_widens_the_plan_and_the_second_reading_takes_all() {
    let sample = "time,a,b,c,d,e\n1,1,1,true,,1\n";
    let text =
        format!("{sample}2,2.5,18446744073709551615,1,x,\n3,3,-1,false,,18446744073709551615\n");
    let mut plan = plan(sample, &options(None, None)).unwrap();
    let (rows, errors) = read(&plan, text.as_bytes());
    assert_eq!(rows.len(), 1);
    let misfits: Vec<_> = errors.iter().map(|error| error.misfit.unwrap()).collect();
    let misfit = |column, wider| Misfit { column, wider };
    assert_eq!(misfits, [misfit(1, FieldType::Float), misfit(5, FieldType::Float)]);

    let mut hinted = plan.clone();
    hinted.widen(misfits[0]);
    hinted.widen(Misfit { column: 99, wider: FieldType::Text });
    assert_eq!(hinted.columns()[1].role(), Role::Field(FieldType::Float));

    let (head, tail) = text.as_bytes().split_at(40);
    let taken = plan.survey_types(head, true, false);
    let rest = [&head[taken..], tail].concat();
    assert_eq!(plan.survey_types(&rest, false, true), rest.len());
    let types: Vec<_> = plan.columns()[1..].iter().map(|column| column.role()).collect();
    use FieldType::{Float, Text, UInt};
    assert_eq!(types, [Float, Float, Text, Text, UInt].map(Role::Field));
    let (rows, errors) = read(&plan, text.as_bytes());
    assert_eq!((rows.len(), errors), (3, vec![]));
}

#[test]
fn what_the_store_has_is_never_widened() {
    let text = "time,host,n,v\n1,a,1,1\n2,b,2.5,2\n3,,x,3\n";
    let mut plan = plan(text, &options(None, None)).unwrap();
    plan.fix_type(2, FieldType::Int);
    plan.fix_role(1, Role::Field(FieldType::Text));
    plan.fix_role(3, Role::Tag);
    plan.fix_role(0, Role::Tag);
    assert_eq!(plan.survey_types(text.as_bytes(), true, true), text.len());
    plan.widen(Misfit { column: 2, wider: FieldType::Text });
    let (rows, errors) = read(&plan, text.as_bytes());
    assert_eq!(lines(&rows), ["v=1 host=Text(\"a\") n=Int(1) @1000000000"]);
    assert_eq!(
        reasons(&errors),
        ["26: `2.5` is no int (column `n`)", "35: `x` is no int (column `n`)"]
    );
    assert!(errors.iter().all(|error| error.misfit.is_none()));
}
