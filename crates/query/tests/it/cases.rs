//! Statements and their answers, as data: `cases/*.txt`.
//!
//! A case is a head line (`native`, `datafusion` or `error KIND`), the statement, `----`, and the
//! answer up to an empty line. The statement runs both ways: with native plans allowed, where the
//! head says who must run it, and by DataFusion alone; both must give the answer. `UPDATE=1`
//! writes the answers given into the files.

use std::fmt::Write;
use std::path::Path;

use gauge_probe::Section;
use tidemill_query::Engine;

use crate::common::types;

#[test]
fn every_statement_gives_its_answer_both_ways() {
    let fixture = crate::common::sample();
    let engines = [fixture.engine(true), fixture.engine(false)];
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/cases");
    let mut files: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        check(&file, &engines);
    }
}

#[test]
fn measured_operators_give_the_same_answers() {
    Section::start_all();
    every_statement_gives_its_answer_both_ways();
    let fixture = crate::common::sample();
    // What DataFusion does with its plans while they run.
    let check = |sql: &str, want: &[&str]| {
        assert_eq!(crate::common::lines(&fixture.engine(false).sql(sql).unwrap())[1..], *want);
    };
    check(
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 4) \
         SELECT sum(i) FROM n",
        &["10"],
    );
    check(
        "WITH RECURSIVE n AS (SELECT 0 AS i UNION ALL \
         SELECT n.i + 1 FROM n JOIN (SELECT DISTINCT host FROM cpu) AS h ON h.host = 'a' WHERE i < 3) \
         SELECT count(*), (SELECT max(usage) FROM cpu), (SELECT min(requests) FROM cpu) FROM n",
        &["4 | 44.25 | 0"],
    );
    check(
        "SELECT a.host, count(*) FROM cpu a JOIN cpu b ON a.time = b.time AND a.host = b.host \
         GROUP BY a.host ORDER BY a.host",
        &["a | 60", "b | 60", "c | 60"],
    );
    Section::stop_all();
    let seen: Vec<_> = Section::all().iter().map(|section| section.name).collect();
    for operator in ["SeriesScan", "HashJoinExec", "RecursiveQueryExec", "WorkTableExec"] {
        assert!(seen.contains(&operator), "{operator}: {seen:?}");
    }
}

fn check(file: &Path, engines: &[Engine; 2]) {
    let wanted = std::fs::read_to_string(file).unwrap();
    let mut given = String::new();
    for block in wanted.trim_end().split("\n\n") {
        if !given.is_empty() {
            given.push_str("\n\n");
        }
        given.push_str(&answered(block, engines));
    }
    given.push('\n');
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(file, given).unwrap();
        return;
    }
    let name = file.file_name().unwrap().to_string_lossy();
    for (wanted, given) in wanted.split("\n\n").zip(given.split("\n\n")) {
        assert_eq!(given.trim_end(), wanted.trim_end(), "{name}");
    }
}

/// The block with the answer that is given.
fn answered(block: &str, engines: &[Engine; 2]) -> String {
    let comments = |line: &&str| line.starts_with('#');
    let body: Vec<&str> = block.lines().filter(|line| !comments(line)).collect();
    if body.is_empty() {
        return block.to_owned();
    }
    let sql: Vec<&str> = body[1..].iter().take_while(|line| **line != "----").copied().collect();
    let sql = sql.join("\n");
    let mut out = String::new();
    block.lines().filter(comments).for_each(|line| writeln!(out, "{line}").unwrap());
    let [native, alone] = engines.each_ref().map(|engine| engine.sql(&sql));
    match native {
        Err(error) => {
            writeln!(out, "error {:?}\n{sql}\n----", error.kind()).unwrap();
            write!(out, "{error}").unwrap();
            let other = alone.expect_err(&sql);
            assert_eq!(error.kind(), other.kind(), "{sql}: {error} / {other}");
        }
        Ok(result) => {
            let by = format!("{:?}", result.executed_by()).to_lowercase();
            let lines = crate::common::lines(&result);
            writeln!(out, "{by}\n{sql}\n----").unwrap();
            write!(out, "{}", lines.join("\n")).unwrap();
            let alone = alone.unwrap_or_else(|error| panic!("{sql}: {error}"));
            assert_eq!(types(&alone), types(&result), "{sql}");
            let mut both = [lines, crate::common::lines(&alone)];
            if !sql.to_uppercase().contains("ORDER BY") {
                both.iter_mut().for_each(|lines| lines[1..].sort());
            }
            if !sql.starts_with("EXPLAIN") {
                assert_eq!(both[0], both[1], "{sql}");
            }
        }
    }
    out
}
