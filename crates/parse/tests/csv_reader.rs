//! What is a row and what is refused, case by case.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod tabular_support;

use tabular_support::{lines, options, read, read_pieces, reasons};
use tidemill_model::{Batch, MAX_TAG_BYTES};
use tidemill_parse::Taken;
use tidemill_parse::csv::{MAX_QUOTED_CELL_BYTES, points, survey};
use tidemill_parse::tabular::Plan;

/// Of a tag, an integer and a text.
fn plan() -> Plan {
    survey(b"time,host,n,s\n1,a,1,x\n", true, &options(None, Some(&["host"]))).unwrap()
}

fn check(body: &str, rows: &[&str], errors: &[&str]) {
    let text = format!("time,host,n,s\n{body}");
    let got = read(&plan(), text.as_bytes());
    assert_eq!(lines(&got.0), rows, "{body:?}");
    assert_eq!(reasons(&got.1), errors, "{body:?}");
}

#[test]
fn rows() {
    check("1,a,2,x\n", &["host=a n=Int(2) s=Text(\"x\") @1000000000"], &[]);
    check("1,a,2,x", &["host=a n=Int(2) s=Text(\"x\") @1000000000"], &[]);
    check("\r\n\n1,a,2,x\r\n\n", &["host=a n=Int(2) s=Text(\"x\") @1000000000"], &[]);
    check("1,,,\n", &["@1000000000"], &[]);
    check("1,\"\",\"\",\"\"\n", &["@1000000000"], &[]);
    check(
        "\"1\",\"a,\n\",\"2\",\"\"\"\"\n",
        &["host=a,\n n=Int(2) s=Text(\"\\\"\") @1000000000"],
        &[],
    );
    check(" 1 , a,\t2 , x\n", &["host= a n=Int(2) s=Text(\" x\") @1000000000"], &[]);
    check("1,a\"b,2,x\"\"\n", &["host=a\"b n=Int(2) s=Text(\"x\\\"\\\"\") @1000000000"], &[]);
}

#[test]
fn bad_rows() {
    check("1,a,2\n", &[], &["14: 3 columns instead of 4"]);
    check("1\n", &[], &["14: 1 column instead of 4"]);
    check("1,a,2,x,\n", &[], &["14: 5 columns instead of 4"]);
    check(",a,2,x\n", &[], &["14: no time"]);
    check("soon,a,2,x\n", &[], &["14: `soon` is not a time (seconds since 1970)"]);
    check(
        "9999999999999,a,2,x\n",
        &[],
        &["14: `9999999999999` is a time outside 1677-09-21 to 2262-04-11"],
    );
    check("1,a,b,x\n", &[], &["18: `b` is no int (column `n`)"]);
    for (letters, end) in [(40, ""), (41, "…")] {
        let shown = format!("18: `{}{end}` is no int (column `n`)", "b".repeat(40));
        check(&format!("1,a,{},x\n", "b".repeat(letters)), &[], &[&shown]);
    }
    check("1,\"a\"b,2,x\n", &[], &["19: text after a closing quote"]);
    // A stray quote costs its line, not the rest of the file.
    check(
        "1,a,2,\"x\n2,a,2,y\n",
        &["host=a n=Int(2) s=Text(\"y\") @2000000000"],
        &["20: a quoted cell is not closed"],
    );
    check("1,a,2,\"x", &[], &["20: a quoted cell is not closed"]);
}

/// What is in a column that was empty so far has no type yet, whoever reads it.
#[test]
fn a_column_without_a_type_takes_no_text() {
    let plan = survey(b"time,host,n\n1,a,\n", true, &options(None, Some(&["host"]))).unwrap();
    let text = b"time,host,n\n1,a,\n2,a, \n3,a,7\n4,a,\n";
    let (rows, errors) = read(&plan, text);
    assert_eq!(lines(&rows), ["host=a @1000000000", "host=a @2000000000", "host=a @4000000000"]);
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].at, 27, "{errors:?}");
    let plain: Vec<_> = points(text, true, true, &plan).collect();
    let refused: Vec<_> = plain.into_iter().filter_map(Result::err).collect();
    assert_eq!(reasons(&refused), reasons(&errors));
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    let (rows, errors) = read(&plan(), b"time,host,n,s\n1,\xff,2,x\n1,a,2,\xff\n1,a,2,x\n");
    assert_eq!(rows.len(), 1);
    let text = "is not UTF-8 (column";
    assert_eq!(
        reasons(&errors),
        [format!("16: `\u{fffd}` {text} `host`)"), format!("28: `\u{fffd}` {text} `s`)")]
    );
}

#[test]
fn a_row_takes_back_what_it_gave() {
    check(
        "1,a,2,x\n2,a,3\n3,a,,\n",
        &["host=a n=Int(2) s=Text(\"x\") @1000000000", "host=a @3000000000"],
        &["22: 3 columns instead of 4"],
    );
}

#[test]
fn a_series_does_not_depend_on_quotes() {
    let text = b"1,a,1,\n2,\"a\",1,\n3,b,1,\n4,\"b\",1,\n5,a,1,\n";
    let mut batch = Batch::new();
    let mut errors = Vec::new();
    let taken = plan().reader(false).read(text, true, &mut batch, &mut errors);
    assert_eq!(taken, Taken { bytes: text.len(), is_full: false });
    assert_eq!(batch.tables()[0].row_series(), [0, 0, 1, 1, 0]);
}

#[test]
fn a_tag_of_any_length_is_refused_where_it_stands() {
    for (bytes, error) in [(MAX_TAG_BYTES, false), (MAX_TAG_BYTES + 1, true)] {
        let text = format!("time,host,n,s\n1,{},2,x\n", "a".repeat(bytes));
        let (rows, errors) = read(&plan(), text.as_bytes());
        assert_eq!((rows.len(), errors.len()), (usize::from(!error), usize::from(error)));
        assert!(errors.iter().all(|error| error.at == 16), "{errors:?}");
    }
}

#[test]
fn a_row_has_no_more_columns_than_any_table() {
    let wide = "1,".repeat(5000);
    let reason = "8206: more columns than any table has";
    check(&format!("{wide}\n1,a,2,x\n"), &["host=a n=Int(2) s=Text(\"x\") @1000000000"], &[reason]);
}

#[test]
fn a_quote_that_is_never_closed_swallows_no_more_than_its_line() {
    let filler = "2,a,1,y\n".repeat(MAX_QUOTED_CELL_BYTES / 8 + 10);
    let text = format!("1,a,1,\"x\n{filler}3,a,1,\"z\"\n");
    for cut in [0, 100, MAX_QUOTED_CELL_BYTES, MAX_QUOTED_CELL_BYTES + 10] {
        let mut reader = plan().reader(false);
        let (rows, errors) = read_pieces(&mut *reader, &mut Batch::new(), text.as_bytes(), &[cut]);
        assert_eq!(reasons(&errors), ["6: a quoted cell is not closed"]);
        assert_eq!(rows.len(), MAX_QUOTED_CELL_BYTES / 8 + 11);
    }
}

#[test]
fn a_quoted_cell_has_a_length_at_most_whoever_reads_it() {
    for (length, is_read) in [(MAX_QUOTED_CELL_BYTES - 2, true), (MAX_QUOTED_CELL_BYTES - 1, false)]
    {
        // The series is known by the second row, which may go the fast way then.
        let text = format!("time,host,n,s\n1,a,1,x\n2,a,1,\"{}\"\n", "y".repeat(length));
        let (rows, errors) = read(&plan(), text.as_bytes());
        assert_eq!((rows.len(), errors.len()), if is_read { (2, 0) } else { (1, 1) });
    }
}

#[test]
fn the_beginning_of_a_file_may_come_in_pieces() {
    let text = "\u{feff}\n\"time\",host,\"n\",s\n1,a,2,x\n";
    for cut in 0..text.len() {
        let mut reader = plan().reader(true);
        let (rows, errors) = read_pieces(&mut *reader, &mut Batch::new(), text.as_bytes(), &[cut]);
        assert_eq!(lines(&rows), ["host=a n=Int(2) s=Text(\"x\") @1000000000"], "cut at {cut}");
        assert_eq!(errors, []);
    }
}
