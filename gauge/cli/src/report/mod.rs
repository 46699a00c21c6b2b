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
type Key = (String, Metric, Option<String>);

fn key(row: &Row) -> Key {
    let kind = row.details.get("kind").and_then(|kind| kind.as_str()).map(str::to_owned);
    (row.name.clone(), row.metric, kind)
}

impl Report {
    /// The report of what was kept, of each command its last `max_runs` runs.
    pub fn new(project: &str, environment: Environment, kept: Kept, max_runs: usize) -> Self {
        let mut pictures: HashMap<String, String> = kept.pictures.into_iter().collect();
        let mut sections: Vec<Section> = Vec::new();
        let mut grouped: Vec<Vec<Document>> = Vec::new();
        for document in kept.documents {
            let is_same = |of: &&mut Vec<Document>| {
                (&of[0].command, &of[0].subject) == (&document.command, &document.subject)
            };
            match grouped.iter_mut().find(is_same) {
                Some(group) => group.push(document),
                None => grouped.push(vec![document]),
            }
        }
        // The newest of a command first: the picture is of that one.
        grouped.sort_by(|a, b| newest(b).cmp(newest(a)));
        for mut group in grouped {
            group.drain(..group.len().saturating_sub(max_runs));
            let picture = pictures.remove(&group[0].command);
            sections.push(Section::new(group, picture));
        }
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

    /// Breaches in the last runs: the section and the row of each.
    pub fn breaches(&self) -> impl Iterator<Item = (&Section, &Row)> {
        self.sections.iter().flat_map(|section| {
            let rows = section.current().map(|series| &series.last);
            let breaches = rows.filter(|row| row.verdict.is_some_and(Verdict::is_breach));
            breaches.map(move |row| (section, row))
        })
    }

    /// The report as a result: the newest figure of each row, with its `history`.
    pub fn document(&self) -> Document {
        let mut document = Document::new("report", self.environment.clone());
        document.warnings.clone_from(&self.problems);
        for section in &self.sections {
            for series in &section.series {
                let history: Vec<_> = series
                    .points
                    .iter()
                    .map(|point| {
                        let run = &section.runs[point.run];
                        json!({
                            "started": run.started, "revision": run.environment.revision,
                            "dirty": run.environment.dirty, "value": point.value, "verdict": point.verdict,
                        })
                    })
                    .collect();
                let mut row = series.last.clone();
                // A breach closes the gate of its own command, not that of a page about it.
                let verdict = row.verdict.take();
                row.details.insert("verdict".to_owned(), json!(verdict));
                row.details.insert("command".to_owned(), section.command.clone().into());
                row.details.insert("subject".to_owned(), json!(section.subject));
                row.details.insert("history".to_owned(), history.into());
                document.rows.push(row);
            }
        }
        document
    }
}

fn newest(group: &[Document]) -> &str {
    group.last().map_or("", |document| &document.started)
}

impl Section {
    /// The runs of one command about one thing, the oldest first; at least one.
    fn new(mut runs: Vec<Document>, picture: Option<String>) -> Self {
        let (command, subject) = (runs[0].command.clone(), runs[0].subject.clone());
        let mut series: Vec<Series> = Vec::new();
        let mut places: HashMap<Key, usize> = HashMap::new();
        for (number, run) in runs.iter_mut().enumerate() {
            for row in std::mem::take(&mut run.rows) {
                let point = Point { run: number, value: row.value, verdict: row.verdict };
                match places.get(&key(&row)) {
                    // A second row of the same name in one run is no history.
                    Some(place)
                        if series[*place].points.last().is_some_and(|p| p.run == number) => {}
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
        let is_time =
            matches!(series.last.metric, Metric::Time | Metric::Cycles | Metric::Bandwidth);
        let is_peer = |point: &&Point| !is_time || self.is_same_machine(point.run, last.run);
        let before = earlier.iter().rev().find(is_peer)?;
        let share = last.value? / before.value? - 1.0;
        share.is_finite().then_some((share, before.run))
    }
}

impl Series {
    fn last_run(&self) -> usize {
        self.points.last().map_or(0, |point| point.run)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

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
        let pictures = vec![("profile".to_owned(), "<svg>\"x\"</svg>".to_owned())];
        let kept = Kept { documents, pictures, unread: Vec::new() };
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
                ("a", vec![(0, Some(1.0)), (1, Some(2.0)), (2, None)]),
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
        let names: Vec<_> = report.breaches().map(|(_, row)| row.name.clone()).collect();
        assert_eq!(names, ["is broken"]);
        // Asked for another row alone: this one is as broken as it was.
        let mut part = document("check", None, "3", &[("was broken", None)]);
        part.partial = true;
        let report = self::report(vec![old, new, part]);
        assert_eq!(report.breaches().count(), 1);
        assert!(!report.document().has_breach());
    }

    #[test]
    fn a_picture_is_of_what_was_drawn_last() {
        let report = report(vec![
            document("profile", Some("a"), "1", &[]),
            document("profile", Some("b"), "2", &[]),
        ]);
        let pictured: Vec<_> =
            report.sections.iter().map(|s| (s.subject.clone(), s.picture.is_some())).collect();
        assert_eq!(pictured, [(Some("b".to_owned()), true), (Some("a".to_owned()), false)]);
    }
}
