//! What the commands found, together: the newest figure of each row, and those before it.
//!
//! * [`page`]: the HTML page. [`chart`]: a row's history as a picture.

pub mod chart;
pub mod page;
mod rows;
pub mod units;

use std::collections::HashMap;

use serde_json::json;

use crate::environment::Environment;
use crate::result::kept::Kept;
use crate::result::{Document, Metric, Row, Verdict};

/// The commands whose results a report shows, in its order, and what each is for.
pub const COMMANDS: [(&str, &str); 9] = [
    ("check", "contracts about assembly, sizes and allocations"),
    ("compare", "whether a change made it slower"),
    ("bench", "how long it takes"),
    ("size", "what the binary is made of"),
    ("layout", "how types lie in memory"),
    ("profile", "where time goes"),
    ("heap", "where memory goes"),
    ("build", "where compile time goes"),
    ("caches", "this machine's latency and bandwidth"),
];

/// Everything that a page shows.
#[derive(Debug)]
pub struct Report {
    /// The project's name.
    pub project: String,
    /// When it was made, RFC 3339, UTC.
    pub made: String,
    /// Where it was made.
    pub environment: Environment,
    /// A command about one thing, each.
    pub sections: Vec<Section>,
    /// Commands that have not been run, with what they are for.
    pub missing: Vec<(&'static str, &'static str)>,
    /// What could not be read or run.
    pub problems: Vec<String>,
}

/// What one command found of one thing, each time it was run.
#[derive(Debug)]
pub struct Section {
    /// The command.
    pub command: String,
    /// What it was asked about.
    pub subject: Option<String>,
    /// The runs, the oldest first: results without their rows.
    pub runs: Vec<Document>,
    /// The rows of the last run, then those that only earlier ones had.
    pub series: Vec<Series>,
    /// An SVG of the last run.
    pub picture: Option<String>,
}

/// A row that is broken today.
#[derive(Debug)]
pub struct Breach<'a> {
    /// The row, as it was last found.
    pub row: &'a Row,
    /// How it was judged.
    pub verdict: Verdict,
    /// The command that judged it, and what that was asked about.
    pub by: String,
    /// When it was judged, RFC 3339, UTC.
    pub started: &'a str,
}

/// One row through all runs.
#[derive(Debug)]
pub struct Series {
    /// The row as it was last found.
    pub last: Row,
    /// All that was found of it, the oldest first.
    pub points: Vec<Point>,
}

/// What a run found of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The place of the run in [`Section::runs`].
    pub run: usize,
    /// The figure; none for a statement.
    pub value: Option<f64>,
    /// How it was judged.
    pub verdict: Option<Verdict>,
}

/// What tells one row of a command from another.
type Key = (String, Metric, [Option<String>; 3]);

fn key(row: &Row) -> Key {
    let detail =
        |name: &str| row.details.get(name).and_then(|text| text.as_str()).map(str::to_owned);
    (row.name.clone(), row.metric, ["kind", "object", "file"].map(detail))
}

/// The figure whose history is told: of a profile the share, as samples are more the longer it runs.
fn figure(row: &Row) -> Option<f64> {
    row.details.get("share").and_then(|share| share.as_f64()).or(row.value)
}

impl Report {
    /// The report of what was kept, of each command its last `max_runs` runs.
    pub fn new(project: &str, environment: Environment, kept: Kept, max_runs: usize) -> Self {
        let mut sections: Vec<Section> = Vec::new();
        let mut grouped: Vec<Vec<(Document, Option<String>)>> = Vec::new();
        for run in kept.runs {
            let key = |run: &(Document, _)| (run.0.command.clone(), run.0.subject.clone());
            match grouped.iter_mut().find(|group| key(&group[0]) == key(&run)) {
                Some(group) => group.push(run),
                None => grouped.push(vec![run]),
            }
        }
        for mut group in grouped {
            // What is there today is what the last whole run found, and those after it.
            let whole = group.iter().rposition(|run| !run.0.partial).unwrap_or(0);
            group.drain(..group.len().saturating_sub(max_runs).min(whole));
            sections.push(Section::new(group));
        }
        // Of one command the newest first.
        sections.sort_by(|a, b| b.last().started.cmp(&a.last().started));
        let place = |command: &str| COMMANDS.iter().position(|(name, _)| *name == command);
        sections.sort_by_key(|section| place(&section.command).unwrap_or(COMMANDS.len()));
        let is_missing = |(name, _): &(&str, &str)| sections.iter().all(|s| s.command != *name);
        Self {
            project: project.to_owned(),
            made: jiff::Timestamp::now().to_string(),
            environment,
            missing: COMMANDS.into_iter().filter(is_missing).collect(),
            sections,
            problems: kept.unread,
        }
    }

    /// What is broken today: each row, what found it, and when.
    pub fn breaches(&self) -> impl Iterator<Item = Breach<'_>> {
        self.sections.iter().flat_map(|section| {
            section.current().filter_map(move |series| {
                let row = &series.last;
                let verdict = row.verdict.filter(|verdict| verdict.is_breach())?;
                let started = &section.runs[series.last_run()].started;
                Some(Breach { row, verdict, by: section.name(), started })
            })
        })
    }

    /// The report as a result: the newest figure of each row, with its `history`. A row that the last whole run
    /// did not find any more is not `current`, and breaches nothing.
    pub fn document(&self) -> Document {
        let mut document = Document::new("report", self.environment.clone());
        document.warnings.clone_from(&self.problems);
        for section in &self.sections {
            for series in &section.series {
                let history = series.points.iter().map(|point| {
                    let run = &section.runs[point.run];
                    json!({
                        "started": run.started, "revision": run.environment.revision,
                        "dirty": run.environment.dirty, "value": point.value, "verdict": point.verdict,
                    })
                });
                let mut row = series.last.clone();
                let is_current = section.is_current(series);
                row.verdict = row.verdict.filter(|_| is_current);
                row.details.insert("command".to_owned(), section.command.clone().into());
                row.details.insert("subject".to_owned(), json!(section.subject));
                row.details.insert("current".to_owned(), is_current.into());
                row.details.insert("history".to_owned(), history.collect::<Vec<_>>().into());
                document.rows.push(row);
            }
        }
        document
    }
}

impl Section {
    /// The runs of one command about one thing, the oldest first; at least one.
    fn new(runs: Vec<(Document, Option<String>)>) -> Self {
        let (mut runs, pictures): (Vec<Document>, Vec<_>) = runs.into_iter().unzip();
        let picture = pictures.into_iter().last().flatten();
        let (command, subject) = (runs[0].command.clone(), runs[0].subject.clone());
        let mut series: Vec<Series> = Vec::new();
        let mut places: HashMap<Key, usize> = HashMap::new();
        for (number, run) in runs.iter_mut().enumerate() {
            for row in std::mem::take(&mut run.rows) {
                let point = Point { run: number, value: figure(&row), verdict: row.verdict };
                match places.get(&key(&row)) {
                    Some(place) if series[*place].last_run() == number => {
                        series[*place].add(&row, point);
                    }
                    Some(place) => {
                        series[*place].points.push(point);
                        series[*place].last = row;
                    }
                    None => {
                        places.insert(key(&row), series.len());
                        series.push(Series { last: row, points: vec![point] });
                    }
                }
            }
        }
        // Stable: rows keep their order in the run that brought them.
        series.sort_by_key(|series| std::cmp::Reverse(series.last_run()));
        Self { command, subject, runs, series, picture }
    }

    /// The command, and what it was asked about.
    pub fn name(&self) -> String {
        let of = self.subject.as_deref().map(|of| format!(" of {of}")).unwrap_or_default();
        format!("{}{of}", self.command)
    }

    /// The last run.
    pub fn last(&self) -> &Document {
        &self.runs[self.runs.len() - 1]
    }

    /// Whether the row is there today: the last run that asked for all found it, or one after that.
    pub fn is_current(&self, series: &Series) -> bool {
        let last_whole = self.runs.iter().rposition(|run| !run.partial);
        series.last_run() >= last_whole.unwrap_or(0)
    }

    /// The rows that are there today.
    pub fn current(&self) -> impl Iterator<Item = &Series> {
        self.series.iter().filter(|series| self.is_current(series))
    }

    /// Whether two runs were on the same machine, so that their times may stand in one line.
    pub fn is_same_machine(&self, one: usize, other: usize) -> bool {
        let machine = |run: usize| {
            let environment = &self.runs[run].environment;
            (&environment.cpu, environment.cores, &environment.host)
        };
        machine(one) == machine(other)
    }

    /// How much the newest figure differs from the one before it, 0.01 for 1 %, and that one's run; of
    /// what depends on the machine, only on the same.
    pub fn change(&self, series: &Series) -> Option<(f64, usize)> {
        let (last, earlier) = series.points.split_last()?;
        if series.last.metric == Metric::Samples {
            // More of them say that it ran for longer.
            return None;
        }
        let is_time =
            matches!(series.last.metric, Metric::Time | Metric::Cycles | Metric::Bandwidth);
        let is_peer = |point: &&Point| !is_time || self.is_same_machine(point.run, last.run);
        let before = earlier.iter().rev().find(is_peer)?;
        let share = last.value? / before.value? - 1.0;
        share.is_finite().then_some((share, before.run))
    }
}

impl Series {
    /// Another row of the same name in the same run: several stacks of one place, statics of one name in several
    /// functions. They are one, together.
    fn add(&mut self, row: &Row, point: Point) {
        let sum = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
        let worse = |a: Option<Verdict>, b: Option<Verdict>| match a {
            Some(verdict) if verdict.is_breach() => a,
            _ => b.or(a),
        };
        let is_worse = |verdict: Option<Verdict>| verdict.is_some_and(Verdict::is_breach);
        if is_worse(row.verdict) && !is_worse(self.last.verdict) {
            // Where it is broken is what is told.
            self.last.note.clone_from(&row.note);
            self.last.place.clone_from(&row.place);
        }
        let share = |row: &Row| row.details.get("share").and_then(serde_json::Value::as_f64);
        if let Some(share) = sum(share(&self.last), share(row)) {
            self.last.details.insert("share".to_owned(), share.into());
        }
        self.last.value = sum(self.last.value, row.value);
        self.last.verdict = worse(self.last.verdict, row.verdict);
        if let Some(last) = self.points.last_mut() {
            last.value = sum(last.value, point.value);
            last.verdict = worse(last.verdict, point.verdict);
        }
    }

    /// A figure of its history as text.
    pub fn figure(&self, value: f64) -> String {
        match self.last.details.contains_key("share") {
            true => format!("{:.1} %", value * 100.0),
            false => units::figure(self.last.metric, value),
        }
    }

    fn last_run(&self) -> usize {
        self.points.last().map_or(0, |point| point.run)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    #[test]
    fn rows_of_one_name_are_one_as_broken_as_the_worst() {
        let mut heap = document("heap", None, "1", &[("main", Some(1.0)), ("main", Some(2.0))]);
        for (row, (share, note)) in heap.rows.iter_mut().zip([(0.25, "good"), (0.5, "bad")]) {
            row.details.insert("share".to_owned(), share.into());
            row.verdict = Some(if note == "bad" { Verdict::Fail } else { Verdict::Pass });
            row.note = note.to_owned();
        }
        let report = report(vec![heap]);
        let [series] = report.sections[0].series.as_slice() else { panic!("{report:?}") };
        let last = &series.last;
        assert_eq!(
            (last.value, &*last.note, last.verdict),
            (Some(3.0), "bad", Some(Verdict::Fail))
        );
        assert_eq!((figure(last), series.points[0].value), (Some(0.75), Some(0.75)));
    }

    #[test]
    fn a_breach_is_told_where_no_run_was_whole() {
        let mut parts: Vec<_> =
            (0..9).map(|s| document("check", None, &s.to_string(), &[])).collect();
        parts.iter_mut().for_each(|part| part.partial = true);
        parts[0] = document("check", None, "0", &[("was broken", None)]);
        parts[0].partial = true;
        parts[0].rows[0].verdict = Some(Verdict::Fail);
        assert_eq!(report(parts).breaches().count(), 1);
    }

    /// A result of `command` with rows of these names and figures.
    pub(crate) fn document(
        command: &str,
        subject: Option<&str>,
        started: &str,
        rows: &[(&str, Option<f64>)],
    ) -> Document {
        let mut document = Document::new(command, Environment::default());
        document.subject = subject.map(str::to_owned);
        document.started = started.to_owned();
        for (name, value) in rows {
            let mut row = Row::new(*name, Metric::Time);
            row.value = *value;
            document.rows.push(row);
        }
        document
    }

    pub(crate) fn report(documents: Vec<Document>) -> Report {
        let picture = |document: &Document| {
            (document.command == "profile").then(|| "<svg>\"x\"</svg>".to_owned())
        };
        let runs = documents.into_iter().map(|document| {
            let picture = picture(&document);
            (document, picture)
        });
        let kept = Kept { runs: runs.collect(), unread: Vec::new() };
        Report::new("crate", Environment::default(), kept, 3)
    }

    #[test]
    fn rows_have_their_history() {
        let report = report(vec![
            document("bench", None, "0", &[("forgotten", Some(9.0))]),
            document("bench", None, "1", &[("a", Some(1.0)), ("gone", Some(5.0))]),
            document("size", Some("p"), "1", &[("a", Some(7.0))]),
            document("bench", None, "2", &[("a", Some(2.0)), ("a", Some(8.0)), ("b", Some(3.0))]),
            document("bench", None, "3", &[("b", Some(4.5)), ("a", None)]),
        ]);
        let names: Vec<_> = report.sections.iter().map(|s| (&*s.command, s.runs.len())).collect();
        assert_eq!(names, [("bench", 3), ("size", 1)]);
        let bench = &report.sections[0];
        let series: Vec<_> = bench
            .series
            .iter()
            .map(|s| (&*s.last.name, s.points.iter().map(|p| (p.run, p.value)).collect::<Vec<_>>()))
            .collect();
        assert_eq!(
            series,
            [
                ("a", vec![(0, Some(1.0)), (1, Some(10.0)), (2, None)]),
                ("b", vec![(1, Some(3.0)), (2, Some(4.5))]),
                ("gone", vec![(0, Some(5.0))]),
            ]
        );
        assert!(bench.is_current(&bench.series[1]) && !bench.is_current(&bench.series[2]));
        assert_eq!(bench.change(&bench.series[0]), None);
        assert_eq!(bench.change(&bench.series[1]), Some((0.5, 1)));
        assert_eq!(report.missing.len(), COMMANDS.len() - 2);
        let rows = report.document().rows;
        assert_eq!(rows.len(), 4);
        assert_eq!(rows[1].details["history"][0]["value"], 3.0);
    }

    #[test]
    fn times_of_another_machine_are_no_change() {
        let mut elsewhere = document("bench", None, "2", &[("a", Some(50.0))]);
        elsewhere.environment.cpu = Some("another".to_owned());
        let first = document("bench", None, "1", &[("a", Some(10.0))]);
        let last = document("bench", None, "3", &[("a", Some(11.0))]);
        let report = report(vec![first, elsewhere, last]);
        let bench = &report.sections[0];
        let (change, run) = bench.change(&bench.series[0]).unwrap();
        assert!((change - 0.1).abs() < 1e-9 && run == 0);
    }

    #[test]
    fn a_breach_of_an_earlier_run_is_none_of_today() {
        let mut old = document("check", None, "1", &[("was broken", None), ("is gone", None)]);
        old.rows.iter_mut().for_each(|row| row.verdict = Some(Verdict::Fail));
        let mut new = document("check", None, "2", &[("was broken", None), ("is broken", None)]);
        new.rows[0].verdict = Some(Verdict::Pass);
        new.rows[1].verdict = Some(Verdict::Unknown);
        let report = report(vec![old.clone(), new.clone()]);
        let breaches = report.breaches();
        let broken: Vec<_> =
            breaches.map(|b| (b.row.name.clone(), b.by, b.started.to_owned())).collect();
        let wanted = ["is broken", "check", "2"].map(str::to_owned);
        assert_eq!(broken, [wanted.into()]);
        // Asked for another row alone: this one is as broken as it was.
        let mut part = document("check", None, "3", &[("was broken", None)]);
        part.partial = true;
        let report = self::report(vec![old.clone(), new.clone(), part]);
        assert_eq!(report.breaches().count(), 1);
        // However few runs are shown.
        let parts = (3..9).map(|second| {
            let mut part = document("check", None, &second.to_string(), &[("was broken", None)]);
            part.partial = true;
            part
        });
        let report = self::report([old, new].into_iter().chain(parts).collect());
        assert_eq!((report.breaches().count(), report.sections[0].runs.len()), (1, 7));
        let breaches = report
            .document()
            .rows
            .into_iter()
            .filter(|row| row.verdict.is_some_and(Verdict::is_breach));
        assert_eq!(breaches.map(|row| row.name).collect::<Vec<_>>(), ["is broken"]);
    }
}
