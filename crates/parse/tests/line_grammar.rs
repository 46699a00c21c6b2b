//! What is a row, what it says, and where a bad one is wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod line_support;

use line_support::{by_points, by_reader, forgetful};
use tidemill_model::Batch;
use tidemill_parse::line::{LineOptions, LineReader, Precision, points};
use tidemill_parse::{Point, RowError, locate};

/// All rows of `text` as JSON and all errors as `line:column: reason`.
fn read(text: &str, precision: Precision) -> Vec<String> {
    let options = LineOptions { precision, ..LineOptions::default() };
    let outcome = by_points(text.as_bytes(), &options, &[]);
    let by_fast =
        by_reader(&mut LineReader::new(options.clone()), &mut Batch::new(), text.as_bytes(), &[]);
    assert_eq!(by_fast, outcome, "{text:.200}");
    let show = |item: Result<Point<'_>, RowError>| match item {
        Ok(point) => {
            let mut json = String::new();
            point.to_json(&mut json);
            json
        }
        Err(error) => {
            let (line, column) = locate(text.as_bytes(), error.at);
            format!("{line}:{column}: {}", error.reason)
        }
    };
    points(text.as_bytes(), true, &options).map(show).collect()
}

fn check(text: &str, want: &[&str]) {
    assert_eq!(read(text, Precision::Nanoseconds), want, "{text:.200}");
}

/// Checks the fields of `m {fields}`.
fn check_fields(fields: &str, want: &str) {
    let point = format!("{{\"table\":\"m\",\"tags\":{{}},\"fields\":{{{want}}},\"time\":null}}");
    check(&format!("m {fields}"), &[&point]);
    check(&format!("m {fields} 1\n"), &[&point.replace("null", "1")]);
}

/// Checks that `line` is refused for what stands under the caret that ends `place`, whatever is
/// around it.
fn check_bad(line: &str, place: &str, reason: &str) {
    let at = place.len();
    let good = "{\"table\":\"m\",\"tags\":{},\"fields\":{\"u\":{\"i\":1}},\"time\":1}";
    let bad = |number: usize| format!("{number}:{at}: {reason}");
    check(line, &[&bad(1)]);
    check(&format!("m u=1i 1\n{line}\nm u=1i 1\n"), &[good, &bad(2), good]);
    check(&format!("m u=1i 1\r\n{line}\r\nm u=1i 1\r\n"), &[good, &bad(2), good]);
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_name() {
    let row = |table, time| {
        format!(
            "{{\"table\":\"{table}\",\"tags\":{{}},\"fields\":{{\"u\":{{\"f\":1.0}}}},\"time\":{time}}}"
        )
    };
    let want = [row("a", 1), row("b", 2), row("b", 3), row("c\u{feff}", 4)];
    let want: Vec<&str> = want.iter().map(String::as_str).collect();
    // Each of several files that were joined may have one.
    check("\u{feff}a u=1 1\nb u=1 2\n\u{feff}b u=1 3\nc\u{feff} u=1 4\n", &want);
    check("\u{feff}# comment\n\u{feff}\n", &[]);
    check("\u{feff}", &[]);
}

#[test]
fn a_whole_row() {
    check(
        "cpu,host=a u=1.5,n=-2i,c=3u,ok=t,s=\"x\" 1\n",
        &[
            r#"{"table":"cpu","tags":{"host":"a"},"fields":{"u":{"f":1.5},"n":{"i":-2},"c":{"u":3},"ok":{"b":true},"s":{"s":"x"}},"time":1}"#,
        ],
    );
}

#[test]
fn values() {
    let cases = [
        ("u=1", r#""u":{"f":1.0}"#),
        ("u=-1.25", r#""u":{"f":-1.25}"#),
        ("u=.5", r#""u":{"f":0.5}"#),
        ("u=-5.", r#""u":{"f":-5.0}"#),
        ("u=1e-3", r#""u":{"f":0.001}"#),
        ("u=1E+3", r#""u":{"f":1000.0}"#),
        ("u=-0", r#""u":{"f":-0.0}"#),
        ("u=1e-400", r#""u":{"f":0.0}"#),
        ("u=0.1234567890123456789", r#""u":{"f":0.12345678901234568}"#),
        ("u=9007199254740993", r#""u":{"f":9007199254740992.0}"#),
        ("u=007i", r#""u":{"i":7}"#),
        ("u=-9223372036854775808i", r#""u":{"i":-9223372036854775808}"#),
        ("u=9223372036854775807i", r#""u":{"i":9223372036854775807}"#),
        ("u=18446744073709551615u", r#""u":{"u":18446744073709551615}"#),
        (
            "a=t,b=T,c=true,d=True,e=TRUE",
            r#""a":{"b":true},"b":{"b":true},"c":{"b":true},"d":{"b":true},"e":{"b":true}"#,
        ),
        (
            "a=f,b=F,c=false,d=False,e=FALSE",
            r#""a":{"b":false},"b":{"b":false},"c":{"b":false},"d":{"b":false},"e":{"b":false}"#,
        ),
        (r#"s="""#, r#""s":{"s":""}"#),
        (r#"s="a, b=c # d""#, r#""s":{"s":"a, b=c # d"}"#),
        (r#"s="q\"b\\n\n\,é""#, r#""s":{"s":"q\"b\\n\\n\\,é"}"#),
        (r#"s="ends in \\",u=1"#, r#""s":{"s":"ends in \\"},"u":{"f":1.0}"#),
        ("s=\"two\nlines\r\n\"", r#""s":{"s":"two\nlines\r\n"}"#),
        (r"a\ b\,c\=d\e=1", r#""a b,c=d\\e":{"f":1.0}"#),
        ("\"q\"=1", r#""\"q\"":{"f":1.0}"#),
        ("é=1,time=2i", r#""é":{"f":1.0},"time":{"i":2}"#),
        ("u=1,v=2,u=3i", r#""u":{"i":3},"v":{"f":2.0}"#),
    ];
    for (fields, want) in cases {
        check_fields(fields, want);
    }
}

#[test]
fn names_and_tags() {
    let cases = [
        (r"m\ 1\,2\=3,h\ o=a\,b\=c\ d u=1", r#"{"table":"m 1,2\\=3","tags":{"h o":"a,b=c d"}"#),
        (r"m,b=1,a=2 u=1", r#"{"table":"m","tags":{"b":"1","a":"2"}"#),
        (r"m\,,t=a\\,b\n u=1", r#"{"table":"m,","tags":{"t":"a\\,b\\n"}"#),
        (r"m,t=a\\\,b u=1", r#"{"table":"m","tags":{"t":"a\\\\,b"}"#),
        ("m,host=\"a\" u=1", r#"{"table":"m","tags":{"host":"\"a\""}"#),
        ("m=1,t=a#b u=1", r#"{"table":"m=1","tags":{"t":"a#b"}"#),
        ("é,t=日本 u=1", r#"{"table":"é","tags":{"t":"日本"}"#),
        ("m\r,t=\r u=1", r#"{"table":"m\r","tags":{"t":"\r"}"#),
    ];
    for (line, want) in cases {
        check(line, &[&format!(r#"{want},"fields":{{"u":{{"f":1.0}}}},"time":null}}"#)]);
    }
}

#[test]
fn space_around_rows() {
    let row = r#"{"table":"m","tags":{},"fields":{"u":{"i":1}},"time":5}"#;
    let texts = [
        "m u=1i 5",
        "m u=1i 5\r",
        "m u=1i 5\r\n",
        "  \tm   u=1i   5   \n",
        "\n\n \t\r\n# c\n#\r\n  # \"c\nm u=1i 5\n\n",
        "m u=1i 5\n#",
        "m u=1i 5\n   ",
        "m u=1i 5\n\r",
    ];
    for text in texts {
        check(text, &[row]);
    }
    for text in ["", "\n", "  ", "\r", "# only", "\r\n\r\n"] {
        check(text, &[]);
    }
    check("m u=1i  \n", &[&row.replace('5', "null")]);
}

#[test]
fn bad_rows() {
    let cases = [
        (",host=a u=1", "^", "the measurement is missing"),
        ("cpu", "   ^", "the fields are missing"),
        ("cpu ", "    ^", "the fields are missing"),
        ("cpu,host=a", "          ^", "the fields are missing"),
        ("cpu,host u=1", "        ^", "tag `host` has no value"),
        ("cpu,host", "        ^", "tag `host` has no value"),
        ("cpu,host= u=1", "         ^", "the value of tag `host` is empty"),
        ("cpu,host=,a=b u=1", "         ^", "the value of tag `host` is empty"),
        ("cpu,=a u=1", "    ^", "a tag's name is missing"),
        ("cpu, u=1", "    ^", "a tag's name is missing"),
        ("cpu,a=1,,b=2 u=1", "        ^", "a tag's name is missing"),
        ("cpu,a=1,b=2,a=3 u=1", "            ^", "tag `a` stands twice"),
        (r"a=b,t=\x\\ u=1", "            ^", "an unescaped `=` in the value of tag `t`"),
        ("cpu,a=1=2 u=1", "       ^", "an unescaped `=` in the value of tag `a`"),
        ("cpu u", "     ^", "field `u` has no value"),
        ("cpu u 5", "     ^", "field `u` has no value"),
        ("cpu u= 5", "      ^", "a field has no value"),
        ("cpu u=", "      ^", "a field has no value"),
        ("cpu u=,v=1", "      ^", "a field has no value"),
        ("cpu =1", "    ^", "a field's name is missing"),
        ("cpu u=1,", "        ^", "a field's name is missing"),
        ("cpu u=1, v=2", "        ^", "a field's name is missing"),
        ("cpu,host=a u=1x 5", "              ^", "`x` in the number `1x`"),
        ("cpu u=1.2.3", "         ^", "`.` in the number `1.2.3`"),
        ("cpu u=1é", "       ^", "`é` in the number `1é`"),
        ("cpu u=1i1", "        ^", "`1` in the number `1i1`"),
        ("cpu u=1e", "        ^", "the exponent of `1e` has no digits"),
        ("cpu u=-", "       ^", "`-` has no digits"),
        ("cpu u=.", "       ^", "`.` has no digits"),
        ("cpu u=1.5i", "       ^", "the integer `1.5i` has a fraction or exponent"),
        ("cpu u=-5u", "      ^", "the unsigned integer `-5u` is negative"),
        (
            "cpu u=9223372036854775808i",
            "      ^",
            "`9223372036854775808i` does not fit a signed 64-bit integer",
        ),
        (
            "cpu u=18446744073709551616u",
            "      ^",
            "`18446744073709551616u` does not fit an unsigned 64-bit integer",
        ),
        ("cpu u=1e400", "      ^", "`1e400` does not fit a 64-bit float"),
        (
            "cpu u=+1",
            "      ^",
            "`+` starts no value: a number, t, f or a string in quotes is wanted",
        ),
        (
            "cpu u=NaN",
            "      ^",
            "`N` starts no value: a number, t, f or a string in quotes is wanted",
        ),
        (
            "cpu u=inf",
            "      ^",
            "`i` starts no value: a number, t, f or a string in quotes is wanted",
        ),
        ("cpu u=-inf", "       ^", "`-inf` has no digits"),
        ("cpu u=truth", "         ^", "`truth` is no value; text stands in double quotes"),
        ("cpu s=\"a\"b 5", "         ^", "`b` after a value"),
        ("cpu s=\"open 5", "      ^", "this string has no closing quote"),
        ("cpu s=\"open\\\" 5", "      ^", "this string has no closing quote"),
        ("cpu u=1 5 6", "          ^", "`6` after the time"),
        ("cpu u=1 now", "        ^", "`n` in a time"),
        ("cpu u=1 5x", "         ^", "`x` in a time"),
        ("cpu u=1 1.5", "         ^", "`.` in a time"),
        ("cpu u=1 -", "         ^", "the time has no digits"),
        ("cpu u=1 +5", "        ^", "`+` in a time"),
        (
            "cpu u=1 9223372036854775808",
            "        ^",
            "the time `9223372036854775808` does not fit 64 bits of nanoseconds",
        ),
        ("cpu u=1i\t5", "        ^", "`\\t` in the number `1i\\t5`"),
    ];
    for (line, place, reason) in cases {
        check_bad(line, place, reason);
    }
}

#[test]
fn bytes_that_are_no_text() {
    let cases: [(&[u8], usize); 5] = [
        (b"m\xff u=1", 1),
        (b"m,t\xc3=a u=1", 3),
        (b"m,t=a\xc3\xa9\xff u=1", 7),
        (b"m u\x80=1", 3),
        (b"m s=\"a\n\xff\nm u=1\" 5", 7),
    ];
    for (text, at) in cases {
        let text = [text, b"\nm u=1"].concat();
        let outcome = by_points(&text, &LineOptions::default(), &[]);
        let errors: Vec<_> = outcome.errors.iter().map(|e| (e.at, e.reason.as_str())).collect();
        assert_eq!(errors, [(at, "invalid UTF-8")], "{}", text.escape_ascii());
        assert_eq!(outcome.rows.len(), 1, "{}", text.escape_ascii());
    }
}

#[test]
fn a_string_without_end_costs_its_line_only() {
    check(
        "m s=\"open 1\nm u=1i 2\n",
        &[
            "1:5: this string has no closing quote",
            r#"{"table":"m","tags":{},"fields":{"u":{"i":1}},"time":2}"#,
        ],
    );
}

#[test]
fn times_in_every_precision() {
    let cases = [
        (Precision::Nanoseconds, "-1", Some(-1)),
        (Precision::Nanoseconds, "-9223372036854775808", Some(i64::MIN)),
        (Precision::Nanoseconds, "0009", Some(9)),
        (Precision::Microseconds, "1451606400000000", Some(1_451_606_400_000_000_000)),
        (Precision::Milliseconds, "1451606400000", Some(1_451_606_400_000_000_000)),
        (Precision::Seconds, "1451606400", Some(1_451_606_400_000_000_000)),
        (Precision::Minutes, "24193440", Some(1_451_606_400_000_000_000)),
        (Precision::Hours, "-2", Some(-7_200_000_000_000)),
        (Precision::Seconds, "9223372036", Some(9_223_372_036_000_000_000)),
        (Precision::Seconds, "9223372037", None),
        (Precision::Hours, "-9223372036854775808", None),
    ];
    for (precision, time, want) in cases {
        assert_eq!(precision.to_string().parse(), Ok(precision));
        // The first row teaches the reader the fast way through the second.
        let got = read(&format!("m u=1 0\nm u=1 {time}\n"), precision);
        let want = match want {
            Some(want) => {
                format!(r#"{{"table":"m","tags":{{}},"fields":{{"u":{{"f":1.0}}}},"time":{want}}}"#)
            }
            None => format!("2:7: the time `{time}` does not fit 64 bits of nanoseconds"),
        };
        assert_eq!(got[1], want);
    }
    assert!("sec".parse::<Precision>().is_err());
}

#[test]
fn what_is_too_much_is_refused() {
    let long = "x".repeat(65_535);
    assert!(read(&format!("m,{long}={long} u=1"), Precision::default())[0].starts_with('{'));
    let reason = "a tag's name or value of more than 65535 bytes";
    check(&format!("m,{long}x=1 u=1"), &[&format!("1:3: {reason}")]);
    check(&format!("m,t={long}x u=1"), &[&format!("1:5: {reason}")]);
    // Escapes do not count.
    assert!(read(&format!(r"m,t=\ {} u=1", &long[1..]), Precision::default())[0].starts_with('{'));
    let numbered =
        |count: usize| (0..count).map(|i| format!("f{i}=1")).collect::<Vec<_>>().join(",");
    for (line, what) in
        [(format!("m,{} u=1", numbered(4097)), "tags"), (format!("m {}", numbered(4097)), "fields")]
    {
        let column = line.find("f4096").unwrap() + 1;
        check(&line, &[&format!("1:{column}: more than 4096 {what}")]);
    }
    // A field that stands twice counts once.
    let got = read(&format!("m {},f7=2", numbered(4096)), Precision::default());
    assert!(got[0].contains(r#""f6":{"f":1.0},"f7":{"f":2.0},"f8":{"f":1.0}"#), "{:.200}", got[0]);
}

#[test]
fn many_names_are_told_apart_as_few_are() {
    let tags: Vec<_> = (0..40).map(|i| format!("t{i}=v")).collect();
    let line = |last: &str| format!("m,{},{last}=v u=1", tags.join(","));
    assert!(read(&line("t40"), Precision::default())[0].starts_with('{'));
    for twice in ["t0", "t15", "t16", "t17", "t39"] {
        let got = read(&line(twice), Precision::default());
        assert!(got[0].ends_with(&format!("tag `{twice}` stands twice")), "{got:?}");
    }
}

#[test]
fn a_table_has_a_bounded_number_of_columns() {
    let lines: String = (0..4100).map(|i| format!("m f{i}=1\n")).collect();
    let outcome = by_reader(&mut forgetful(), &mut Batch::new(), lines.as_bytes(), &[]);
    assert_eq!((outcome.rows.len(), outcome.errors.len()), (4096, 4));
    assert_eq!(outcome.errors[0].reason, "more than 4096 fields in table `m`");
}
