//! What is printed: a line for each workload and side, with the goals that it is to reach.

use super::Load;
use crate::print::{digits, markdown};

/// We, as a side.
pub const OURS: &str = "tidemill";

/// A kind of workload; it has its goals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Lines, in order.
    Lines,
    /// Comma-separated values.
    Csv,
    /// Lines, a part of them late.
    Late,
    /// Lines that are written, some at a time, not imported.
    Writes,
    /// Many series of few rows.
    Series,
}

/// What a side did with a workload: medians of its runs.
#[derive(Clone, Debug)]
pub struct Line {
    /// The workload.
    pub workload: String,
    /// Its kind.
    pub kind: Kind,
    /// Who.
    pub side: String,
    /// Rows of the file.
    pub rows: f64,
    /// Its bytes.
    pub bytes: f64,
    /// One for each run.
    pub loads: Vec<Load>,
}

impl Line {
    /// The median of something.
    #[must_use]
    pub fn of(&self, what: impl Fn(&Load) -> f64) -> f64 {
        crate::median(self.loads.iter().map(what).collect())
    }

    /// Bytes a second.
    fn rate(&self) -> f64 {
        self.bytes / self.of(|load| load.seconds)
    }

    /// Bytes a processor second of the one who loads.
    fn efficiency(&self) -> f64 {
        self.bytes / self.of(|load| load.cpu)
    }

    fn row_seconds(&self) -> f64 {
        self.of(|load| load.seconds) / self.rows
    }

    /// Processor seconds a row.
    fn cost(&self) -> f64 {
        self.of(|load| load.cpu) / self.rows
    }

    fn cells(&self, lines: &[Self]) -> Vec<String> {
        let stored = |load: &Load| match load.values {
            0 => f64::NAN,
            values => load.stored_bytes / values as f64,
        };
        let seconds = self.of(|load| load.seconds);
        let mut cells = vec![self.workload.clone(), self.side.clone()];
        let numbers = [
            seconds,
            self.rate() / 1e6,
            self.rows / seconds / 1e6,
            self.of(|load| load.client),
            self.of(|load| load.cpu),
            self.efficiency() / 1e6,
            self.rows / self.of(|load| load.cpu) / 1e6,
            self.of(|load| load.peak_bytes) / 1e6,
            self.of(stored),
            self.of(Load::others),
        ];
        cells.extend(numbers.map(digits));
        let goals = if self.side == OURS { self.goals(lines) } else { Vec::new() };
        let mut notes: Vec<String> = goals.iter().map(Goal::text).collect();
        if self.kind == Kind::Writes {
            let at = |part: f64| self.of(|load| quantile(&load.times, part));
            let [half, most] = [0.5, 0.99].map(at).map(digits);
            notes.push(format!("acknowledged after {half} ms (p50), {most} ms (p99)"));
        }
        let late = self.loads.first().map_or(0, |load| load.late);
        if self.kind == Kind::Late && late > 0 {
            notes.push(format!("{late} rows came after a later one of their series"));
        }
        cells.push(notes.join("; "));
        cells
    }

    /// Goals of ours, measured beside the other lines.
    fn goals(&self, lines: &[Self]) -> Vec<Goal> {
        let beside = |side: &str| {
            lines.iter().find(|line| line.workload == self.workload && line.side == side)
        };
        // What there is to compare with may have been left out.
        let than = |other: Option<&Self>, ratio: fn(&Self, &Self) -> f64| {
            other.map_or(f64::NAN, |other| ratio(self, other))
        };
        let in_order = lines.iter().find(|line| line.kind == Kind::Lines && line.side == OURS);
        let cost = than(in_order, |late, line| late.cost() / line.cost());
        let time = than(in_order, |late, line| late.row_seconds() / line.row_seconds());
        let than_in_order = format!("x the CPU of a row in order, {} x the time", digits(time));
        let faster = |side| than(beside(side), |ours, theirs| ours.rate() / theirs.rate());
        match self.kind {
            Kind::Lines => vec![
                Goal::least("GB/s", self.rate() / 1e9, 2.5),
                Goal::least(
                    "x victoriametrics' MB a CPU second",
                    than(beside("victoriametrics"), |ours, theirs| {
                        ours.efficiency() / theirs.efficiency()
                    }),
                    20.0,
                ),
            ],
            Kind::Csv => vec![
                Goal::least("GB/s", self.rate() / 1e9, 1.2),
                Goal::least("x polars' mere reading", faster("polars"), 3.0),
                Goal::least("x clickhouse", faster("clickhouse"), 8.0),
            ],
            Kind::Late => vec![Goal::most(&than_in_order, cost, 1.5)],
            Kind::Series => vec![
                Goal::most(&than_in_order, cost, 3.0),
                Goal::most("MB at most", self.of(|load| load.peak_bytes) / 1e6, 300.0),
            ],
            Kind::Writes => Vec::new(),
        }
    }
}

/// Something that is to be at least, or at most, so much.
#[derive(Clone, Debug, PartialEq)]
pub struct Goal {
    what: String,
    value: f64,
    bound: f64,
    is_least: bool,
}

impl Goal {
    /// At least so much.
    #[must_use]
    pub fn least(what: &str, value: f64, bound: f64) -> Self {
        Self { what: what.to_owned(), value, bound, is_least: true }
    }

    /// At most so much.
    #[must_use]
    pub fn most(what: &str, value: f64, bound: f64) -> Self {
        Self { what: what.to_owned(), value, bound, is_least: false }
    }

    /// Whether it is; `None` where there was nothing to measure.
    #[must_use]
    pub fn is_reached(&self) -> Option<bool> {
        let is_reached =
            if self.is_least { self.value >= self.bound } else { self.value <= self.bound };
        (!self.value.is_nan()).then_some(is_reached)
    }

    /// What it is, what is wanted, and whether it is reached.
    #[must_use]
    pub fn text(&self) -> String {
        let sign = if self.is_least { "≥" } else { "≤" };
        let Self { what, value, bound, .. } = self;
        let is = match self.is_reached() {
            None => "not measured",
            Some(true) => "reached",
            Some(false) => "**not reached**",
        };
        format!("{} {what} ({sign} {bound}): {is}", digits(*value))
    }
}

/// Of ascending values.
fn quantile(values: &[f64], part: f64) -> f64 {
    let place = (values.len().saturating_sub(1)) as f64 * part;
    values.get(place as usize).copied().unwrap_or(f64::NAN)
}

/// All lines as Markdown.
#[must_use]
pub fn table(lines: &[Line]) -> String {
    let head = [
        "workload",
        "who",
        "s",
        "MB/s",
        "M rows/s",
        "CPU s, client",
        "CPU s",
        "MB a CPU s",
        "M rows a CPU s",
        "peak MB",
        "bytes a value",
        "cores busy for others",
        "goals",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(lines.iter().map(|line| line.cells(lines)));
    markdown(&rows)
}

/// The goals of all lines.
#[must_use]
pub fn goals(lines: &[Line]) -> Vec<Goal> {
    let ours = lines.iter().filter(|line| line.side == OURS);
    ours.flat_map(|line| line.goals(lines)).collect()
}

/// Something of ours alone, and what it is to be.
#[derive(Clone, Debug)]
pub struct Fact {
    /// What was done.
    pub what: String,
    /// What came of it, as text.
    pub told: String,
    /// Goals.
    pub goals: Vec<Goal>,
}

/// All facts as Markdown.
#[must_use]
pub fn facts(facts: &[Fact]) -> String {
    let mut rows = vec![["what", "measured", "goals"].map(str::to_owned).to_vec()];
    rows.extend(facts.iter().map(|fact| {
        let goals = fact.goals.iter().map(Goal::text).collect::<Vec<_>>().join("; ");
        vec![fact.what.clone(), fact.told.clone(), goals]
    }));
    markdown(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(kind: Kind, side: &str, seconds: f64, cpu: f64) -> Line {
        let load = |factor| Load {
            seconds: seconds * factor,
            client: f64::NAN,
            cpu: cpu * factor,
            machine: (cpu + seconds * 0.25) * factor,
            peak_bytes: 1e8,
            stored_bytes: 50.0,
            values: 100,
            late: 0,
            times: Vec::new(),
            found: Vec::new(),
        };
        let workload = if kind == Kind::Late { "late" } else { "a" };
        Line {
            workload: workload.to_owned(),
            kind,
            side: side.to_owned(),
            rows: 1e6,
            bytes: 1e9,
            loads: [1.0, 3.0, 0.5].map(load).to_vec(),
        }
    }

    #[test]
    fn goals_are_those_of_medians_beside_others() {
        let reached =
            |lines: &[Line]| goals(lines).iter().map(Goal::is_reached).collect::<Vec<_>>();
        let ours = line(Kind::Lines, OURS, 0.4, 0.8);
        let peer = |cpu| line(Kind::Lines, "victoriametrics", 9.0, cpu);
        assert_eq!(reached(&[ours.clone(), peer(16.0)]), [Some(true); 2]);
        assert_eq!(reached(&[ours.clone(), peer(15.0)]), [Some(true), Some(false)]);
        let slow = line(Kind::Lines, OURS, 0.5, 0.8);
        assert_eq!(reached(&[slow]), [Some(false), None]);
        let late = |cpu| [ours.clone(), line(Kind::Late, OURS, 1.0, cpu)];
        assert_eq!(reached(&late(1.2))[2..], [Some(true)]);
        assert_eq!(reached(&late(1.3))[2..], [Some(false)]);
    }

    #[test]
    fn cells_say_what_was_measured() {
        let printed = table(&[line(Kind::Lines, OURS, 0.5, 0.8)]);
        let cells = "| a | tidemill | 0.500 | 2000 | 2.00 | – | 0.800 | 1250 | 1.25 | 100 | 0.500 | 0.250 | \
                     2.00 GB/s (≥ 2.5): **not reached**; – x victoriametrics' MB a CPU second (≥ 20): not measured |";
        assert!(printed.contains(cells), "{printed}");
    }
}
