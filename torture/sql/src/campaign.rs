//! Runs queries in both engines and compares.

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Context, Result};
use tidemill_query::{Engine, ExecutedBy};

use crate::answer::{self, Rows};
use crate::dataset::Dataset;
use crate::differences::{self, Verdict};
use crate::duckdb::DuckDb;
use crate::loaded::{self, Loaded};
use crate::query::{DUCKDB_MACROS, Query};
use crate::report::Report;

/// Queries that are on their way at a time.
const BATCH: u64 = 100;
/// Rows of an answer that a finding shows.
const SHOWN_ROWS: usize = 6;

/// What we answered to one query.
struct Ours {
    rows: Result<Rows, String>,
    by: Option<ExecutedBy>,
    /// The answer of DataFusion alone, unless it gave `rows`.
    alone: Option<Result<Rows, String>>,
}

/// Some queries over one dataset.
pub(crate) struct Part {
    pub(crate) seed: u64,
    pub(crate) dataset: u64,
    pub(crate) queries: std::ops::Range<u64>,
}

impl Part {
    /// Runs the queries and gives the number of findings; each says how to replay it.
    pub(crate) fn run(
        &self,
        duckdb: &mut DuckDb,
        report: &mut Report,
        verbose: bool,
    ) -> Result<usize> {
        let dataset = Dataset::random(self.seed, self.dataset);
        let engines = load(&dataset, duckdb)
            .with_context(|| format!("--seed {} --dataset {}", self.seed, self.dataset))?;
        report.count("datasets", 1);
        let (mut first, mut findings) = (self.queries.start, 0);
        while first < self.queries.end {
            let end = (first + BATCH).min(self.queries.end);
            let queries: Vec<Query> = (first..end)
                .map(|number| Query::random(&dataset, self.seed, self.dataset, number))
                .collect();
            let texts: Vec<String> = queries.iter().map(|query| query.duckdb.clone()).collect();
            duckdb.send(&texts)?;
            let ours: Vec<Ours> = queries.iter().map(|query| ask(&engines, query)).collect();
            let theirs = duckdb.receive()?;
            for (place, (query, ours)) in queries.iter().zip(&ours).enumerate() {
                let number = first + place as u64;
                if verbose {
                    println!("ours:   {}\nDuckDB: {}", query.ours, query.duckdb);
                    println!(
                        "ours ({:?}): {}DuckDB: {}",
                        ours.by,
                        show(&ours.rows),
                        show(&theirs[place])
                    );
                }
                findings += self.judge(&dataset, number, query, ours, &theirs[place], report);
            }
            first = end;
        }
        Ok(findings)
    }

    fn judge(
        &self,
        dataset: &Dataset,
        number: u64,
        query: &Query,
        ours: &Ours,
        theirs: &Result<Rows, String>,
        report: &mut Report,
    ) -> usize {
        let mut findings = 0;
        report.count("queries", 1);
        report.count(&format!("queries: {}", query.sort), 1);
        let same = |a: &Rows, b: &Rows| answer::same(a, b, query.is_ordered, dataset.scale());
        let replay = format!("--seed {} --dataset {} --query {number}", self.seed, self.dataset);
        if ours.by == Some(ExecutedBy::Native) {
            report.count("native plans", 1);
        }
        if let Some(alone) = &ours.alone {
            let (ours, alone) = (&ours.rows, alone);
            report.count("answers and refusals compared with DataFusion's alone", 1);
            let agree = match (ours, alone) {
                (Ok(a), Ok(b)) => same(a, b),
                (Err(a), Err(b)) => differences::kind(a) == differences::kind(b),
                // Of `LIMIT 0` DataFusion adds up nothing.
                (Err(a), Ok(b)) => a.starts_with("Overflow: ") && b.is_empty(),
                // Of buckets that a limit leaves out a native plan adds up nothing: DuckDB knows what is left.
                (Ok(a), Err(b)) => {
                    b.starts_with("Overflow: ")
                        && theirs.as_ref().is_ok_and(|theirs| same(a, theirs))
                }
            };
            if !agree {
                findings += 1;
                let [native, alone] = differing(ours, alone, dataset.scale());
                report.finding(format!(
                    "a native plan differs from DataFusion's: {replay}\n  {}\n  native: {native}  DataFusion: {alone}",
                    query.ours,
                ));
            }
        }
        let verdict = match (&ours.rows, theirs) {
            (Ok(a), Ok(b)) if same(a, b) => Verdict::Same,
            (a, b) => differences::verdict(a, b),
        };
        match verdict {
            Verdict::Same => report.count("answers equal to DuckDB's", 1),
            Verdict::Listed(class) => report.count(&format!("listed: {class}"), 1),
            Verdict::Finding => {
                findings += 1;
                let [a, b] = differing(&ours.rows, theirs, dataset.scale());
                report.finding(format!(
                "the answer differs from DuckDB's: {replay}\n  ours:   {}\n  DuckDB: {}\n  ours ({:?}): {a}  DuckDB: {b}",
                query.ours,
                query.duckdb,
                ours.by,
            ));
            }
        }
        findings
    }
}

/// Gives both sides the data.
fn load(dataset: &Dataset, duckdb: &mut DuckDb) -> Result<Loaded> {
    let mut setup: Vec<String> = DUCKDB_MACROS.map(str::to_owned).to_vec();
    setup.extend(loaded::duckdb_statements(dataset));
    duckdb.run(&setup)?;
    Loaded::new(dataset)
}

/// Prints what each engine says to a text.
pub(crate) fn ask_all(duckdb: &mut DuckDb, seed: u64, dataset: u64, text: &str) -> Result<()> {
    let engines = load(&Dataset::random(seed, dataset), duckdb)?;
    for (name, engine) in [("native", &engines.native), ("alone", &engines.alone)] {
        let (rows, by) = run(engine, text);
        print!("{name} ({by:?}): {}", show(&rows));
    }
    duckdb.send(&[text.to_owned()])?;
    duckdb.receive()?.iter().for_each(|rows| print!("DuckDB: {}", show(rows)));
    Ok(())
}

fn ask(engines: &Loaded, query: &Query) -> Ours {
    let (rows, by) = run(&engines.native, &query.ours);
    // Who refused is not known, so DataFusion is asked, too.
    let may_be_native = by != Some(ExecutedBy::DataFusion);
    let alone = may_be_native.then(|| run(&engines.alone, &query.ours).0);
    Ours { rows, by, alone }
}

fn run(engine: &Engine, sql: &str) -> (Result<Rows, String>, Option<ExecutedBy>) {
    let asked = catch_unwind(AssertUnwindSafe(|| match engine.sql(sql) {
        Ok(result) => {
            let rows = answer::rows(result.batches()).map_err(|error| format!("answer: {error:#}"));
            (rows, Some(result.executed_by()))
        }
        Err(error) => (Err(format!("{:?}: {error}", error.kind())), None),
    }));
    asked.unwrap_or_else(|_| (Err("PANIC".to_owned()), None))
}

/// Two answers: errors, or the rows that only one of them has.
fn differing(a: &Result<Rows, String>, b: &Result<Rows, String>, scale: f64) -> [String; 2] {
    let (Ok(a), Ok(b)) = (a, b) else { return [show(a), show(b)] };
    let (left, right) = answer::unlike(a, b, scale);
    if left.is_empty() && right.is_empty() {
        return ["in another order: ".to_owned() + &listed(a), listed(b)];
    }
    let only = |all: &Rows, only| format!("{} rows, only here {}", all.len(), listed(only));
    [only(a, &left), only(b, &right)]
}

fn show(answer: &Result<Rows, String>) -> String {
    match answer {
        Err(error) => format!("error: {}\n", error.lines().next().unwrap_or_default()),
        Ok(rows) => listed(rows),
    }
}

fn listed(rows: &Rows) -> String {
    let mut text = format!("{} rows\n", rows.len());
    for row in rows.iter().take(SHOWN_ROWS) {
        let cells: Vec<String> = row.iter().map(ToString::to_string).collect();
        text += &format!("    {}\n", cells.join(" | "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Cell;

    #[test]
    fn a_wrong_answer_is_a_finding_and_a_refusal_that_is_not_listed_is_one() {
        let dataset = Dataset::random(1, 0);
        let query = Query::random(&dataset, 1, 0, 0);
        let part = Part { seed: 1, dataset: 0, queries: 0..1 };
        let rows = |value| Ok(vec![vec![Cell::Int(value)]]);
        let refused = |text: &str| Err(text.to_owned());
        for (ours, alone, theirs, findings) in [
            (rows(1), Some(rows(1)), rows(1), 0),
            (rows(1), Some(rows(1)), rows(2), 1),
            (rows(1), Some(rows(2)), rows(1), 1),
            (rows(1), None, Ok(Vec::new()), 1),
            (refused("Planning: something new"), None, rows(1), 1),
            (refused("PANIC"), None, refused("anything"), 1),
            (refused("Planning: child 0 does not satisfy"), None, refused("anything"), 1),
            (refused("Overflow: the sum"), Some(rows(1)), rows(1), 1),
            (refused("Overflow: the sum"), Some(refused("Overflow: sum")), rows(1), 0),
            (rows(1), None, refused("anything"), 1),
            (refused("one"), None, refused("another"), 0),
        ] {
            let ours = Ours { rows: ours, by: Some(ExecutedBy::Native), alone };
            let mut report = Report::default();
            let found = part.judge(&dataset, 0, &query, &ours, &theirs, &mut report);
            assert_eq!(found, findings, "{:?} {:?} {theirs:?}", ours.rows, ours.alone);
        }
    }
}
