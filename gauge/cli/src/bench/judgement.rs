//! Rows from readings: verdicts, with the controls that say whether verdicts mean anything.
//!
//! Two controls run among the programs of each row, under the same rule: the base once more from
//! another file, which shows what noise alone does; and the base relinked with its functions in another
//! order, which shows what their places alone do. If either shows a difference in any row, the machine or the code is
//! too restless for this rule, and no verdict of the run closes a gate.

use serde_json::{Map, Value, json};

use super::experiment::{Readings, Stopped, Why};
use super::order::log_ratio;
use super::runner::Reading;
use crate::result::{Metric, Row, Verdict};
use crate::stats::verdict::{Comparison, Rule, judge};
use crate::stats::{median, signed_rank};

/// A control: what it is called, and which program of each row it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Control {
    /// Its name in a row's details.
    pub name: &'static str,
    /// The program's index; the base is 0 and what is judged 1.
    pub program: usize,
    /// What is wrong when it fires.
    pub meaning: &'static str,
}

/// The base again.
pub const SAME: Control = Control {
    name: "same",
    program: 2,
    meaning: "one binary against itself differs: this machine is too noisy now",
};

/// The base with its functions in another order.
pub const RELINKED: Control = Control {
    name: "relinked",
    program: 3,
    meaning: "one source linked in another order differs: its speed depends on where its functions lie",
};

/// Rows and what is to be said about all of them.
#[derive(Debug, Default)]
pub struct Judgement {
    /// Time, and allocations where they were counted.
    pub rows: Vec<Row>,
    /// Controls that fired.
    pub warnings: Vec<String>,
    /// Whether a control fired, so that verdicts on time are advice.
    pub is_advisory: bool,
    /// The largest effect that a control showed: what this run cannot see below. A ratio less one.
    pub floor: f64,
}

/// Judges all rows, program 1 against the base. With too few blocks for any difference to be significant no time is judged:
/// those rows are unknown.
pub fn judge_rows(
    rule: Rule,
    names: &[String],
    readings: &Readings,
    controls: &[Control],
) -> Judgement {
    let ratios = |program: usize| -> Vec<Vec<f64>> {
        readings.iter().map(|row| log_ratios(&row[0], &row[program])).collect()
    };
    let least = signed_rank::least_samples(rule.level, names.len());
    let mut judgement = Judgement::default();
    let mut judged = Vec::new();
    let mut floors = vec![0.0f64; names.len()];
    for control in controls {
        let comparisons = judge(rule, &ratios(control.program), &[]);
        for (row, comparison) in comparisons.iter().enumerate() {
            let effect = comparison.ratio.ln();
            if *control == RELINKED && effect.is_finite() {
                floors[row] = effect;
            }
            judgement.floor = judgement.floor.max(effect.abs().exp_m1());
            if comparison.is_different() {
                judgement.is_advisory = true;
                let (percent, name) = ((comparison.ratio - 1.0) * 100.0, &names[row]);
                let meaning = control.meaning;
                judgement.warnings.push(format!("control: {name}: {meaning} ({percent:+.1} %)"));
            }
        }
        judged.push((control, comparisons));
    }
    if judgement.is_advisory {
        let message = "a control fired: verdicts on time are advice only, and close no gate";
        judgement.warnings.push(message.to_owned());
    }
    for (at, comparison) in judge(rule, &ratios(1), &floors).into_iter().enumerate() {
        let mut row = time_row(&names[at], &readings[at], &comparison);
        let of_row = judged.iter().map(|(control, rows)| (control.name.to_owned(), rows[at]));
        let controls: Map<String, Value> = of_row.map(|(n, c)| (n, described(&c))).collect();
        row.details.insert("controls".to_owned(), controls.into());
        let blocks = readings[at][0].len();
        if blocks < least {
            row.verdict = Some(Verdict::Unknown);
            row.note =
                format!("not judged: {blocks} blocks were run, {least} could show something");
        } else if judgement.is_advisory && comparison.is_different() {
            row.verdict = Some(Verdict::Inconclusive);
            row.details.insert("advice".to_owned(), json!(comparison.verdict));
            row.note =
                format!("looks {}, but a control fired", comparison.verdict.word().to_lowercase());
        }
        judgement.rows.push(row);
        judgement.rows.extend(allocation_row(&names[at], &readings[at]));
    }
    judgement
}

/// The row of programs of which one was stopped, with what was read before.
pub fn stopped_row(
    name: &str,
    readings: &[Vec<[Reading; 2]>],
    stopped: &Stopped,
    controls: &[Control],
) -> Row {
    let mut row = Row::new(name, Metric::Time);
    let program = stopped.program;
    let (what, why) = match &stopped.why {
        Why::Late(after) => {
            let seconds = after.as_secs_f64();
            let details = json!({ "program": program, "seconds": seconds });
            row.details.insert("killed".to_owned(), details);
            ("timed out", format!("killed after {seconds:.1} s"))
        }
        Why::Failed(said) => {
            let details = json!({ "program": program, "said": said });
            row.details.insert("failed".to_owned(), details);
            ("failed", said.replace('\n', "; "))
        }
    };
    let (verdict, who) = match controls.iter().find(|control| control.program == program) {
        _ if program == 1 => (Verdict::Regressed, String::new()),
        Some(control) => (Verdict::Unknown, format!("not judged: the control `{}` ", control.name)),
        None => (Verdict::Unknown, "not judged: the base ".to_owned()),
    };
    row.verdict = Some(verdict);
    row.note = format!("{who}{what}: {why}");
    let base = times(&readings[0]);
    if !base.is_empty() {
        row.details.insert("base".to_owned(), json!({ "value": median(&base), "samples": base }));
    }
    row
}

fn log_ratios(base: &[[Reading; 2]], program: &[[Reading; 2]]) -> Vec<f64> {
    let times = |pair: &[Reading; 2]| [pair[0].nanoseconds, pair[1].nanoseconds];
    base.iter().zip(program).map(|(b, p)| log_ratio(times(b), times(p))).collect()
}

fn times(program: &[[Reading; 2]]) -> Vec<f64> {
    program.iter().flatten().map(|reading| reading.nanoseconds).collect()
}

fn time_row(name: &str, readings: &[Vec<[Reading; 2]>], comparison: &Comparison) -> Row {
    let mut row = Row::new(name, Metric::Time);
    row.samples = times(&readings[1]);
    row.verdict = Some(comparison.verdict);
    row.details = match described(comparison) {
        Value::Object(details) => details,
        _ => Map::new(),
    };
    row.details.insert("blocks".to_owned(), readings[0].len().into());
    let base = times(&readings[0]);
    if !base.is_empty() {
        row.value = Some(median(&row.samples));
        row.details.insert("base".to_owned(), json!({ "value": median(&base), "samples": base }));
    }
    row.note = match comparison.interval {
        Some((low, high)) => format!(
            "{:+.1} % ({:+.1} to {:+.1})",
            (comparison.ratio - 1.0) * 100.0,
            (low - 1.0) * 100.0,
            (high - 1.0) * 100.0
        ),
        None => "too few blocks for an interval".to_owned(),
    };
    row
}

fn described(comparison: &Comparison) -> Value {
    let (low, high) = comparison.interval.unzip();
    json!({
        "ratio": comparison.ratio,
        "low": low,
        "high": high,
        "p": comparison.p,
        "p_adjusted": comparison.adjusted,
    })
}

/// Allocations are counted, not measured: where every run of a program agrees, a difference is one. They
/// need no statistics, and no control touches them.
fn allocation_row(name: &str, readings: &[Vec<[Reading; 2]>]) -> Option<Row> {
    let counts = |program: &[[Reading; 2]]| -> Option<Vec<f64>> {
        program.iter().flatten().map(|reading| reading.allocations).collect()
    };
    let (base, other) = (counts(&readings[0])?, counts(&readings[1])?);
    if base.is_empty() {
        return None;
    }
    let mut row = Row::new(name, Metric::Allocations);
    let agreed =
        |counts: &[f64]| counts.iter().all(|count| *count == counts[0]).then_some(counts[0]);
    row.value = Some(median(&other));
    row.details.insert("base".to_owned(), json!({ "value": median(&base) }));
    (row.verdict, row.note) = match (agreed(&base), agreed(&other)) {
        (Some(base), Some(other)) if base == other => (Some(Verdict::Equal), String::new()),
        (Some(base), Some(other)) => {
            let is_better = other < base;
            let verdict = if is_better { Verdict::Improved } else { Verdict::Regressed };
            (Some(verdict), format!("{base} became {other}"))
        }
        _ => (Some(Verdict::Inconclusive), "the count changes from run to run".to_owned()),
    };
    Some(row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::random::Random;

    /// Readings of four programs that take so long, 0.4 % of noise, twenty blocks.
    fn readings(times: [f64; 4], allocations: [f64; 2]) -> Readings {
        let mut random = Random(11);
        let mut noise = || 1.0 + 0.004 * (random.below(1001) as f64 / 500.0 - 1.0);
        let program = |at: usize, noise: &mut dyn FnMut() -> f64| {
            let mut reading = || Reading {
                nanoseconds: times[at] * noise(),
                allocations: allocations.get(at).copied(),
                ..Reading::default()
            };
            (0..20).map(|_| [reading(), reading()]).collect::<Vec<_>>()
        };
        vec![(0..4).map(|at| program(at, &mut noise)).collect()]
    }

    fn judged(times: [f64; 4], allocations: [f64; 2]) -> Judgement {
        let readings = readings(times, allocations);
        judge_rows(Rule::default(), &["sum".to_owned()], &readings, &[SAME, RELINKED])
    }

    #[test]
    fn a_slower_program_regresses_and_a_twin_is_equal() {
        let judgement = judged([100.0, 103.0, 100.0, 100.0], [1.0, 1.0]);
        assert_eq!(judgement.rows[0].verdict, Some(Verdict::Regressed));
        assert!(!judgement.is_advisory && judgement.warnings.is_empty(), "{judgement:?}");
        let details = &judgement.rows[0].details;
        assert!((details["ratio"].as_f64().unwrap() - 1.03).abs() < 0.003, "{details:?}");
        assert!(details["controls"]["relinked"]["ratio"].as_f64().is_some());
        assert_eq!(judgement.rows[0].samples.len(), 40);
        let judgement = judged([100.0, 100.0, 100.0, 100.0], [1.0, 1.0]);
        assert_eq!(judgement.rows[0].verdict, Some(Verdict::Equal));
        assert!(judgement.floor < 0.005, "{}", judgement.floor);
    }

    #[test]
    fn what_was_run_too_seldom_is_not_judged() {
        let of_blocks = |blocks: usize| {
            let mut few = readings([100.0, 130.0, 100.0, 100.0], [2.0, 2.0]);
            few[0].iter_mut().for_each(|program| program.truncate(blocks));
            judge_rows(Rule::default(), &["sum".to_owned()], &few, &[SAME, RELINKED])
        };
        assert_eq!(of_blocks(8).rows[0].verdict, Some(Verdict::Regressed));
        for blocks in [7, 6, 1] {
            let rows = of_blocks(blocks).rows;
            assert_eq!(rows[0].verdict, Some(Verdict::Unknown));
            assert!(rows[0].note.contains(&format!("{blocks} blocks were run, 8")), "{rows:?}");
            assert_eq!(rows[1].verdict, Some(Verdict::Equal));
        }
        let rows = of_blocks(0).rows;
        assert_eq!((rows.len(), rows[0].verdict), (1, Some(Verdict::Unknown)));
        assert_eq!((rows[0].value, rows[0].details.get("base")), (None, None));
    }

    #[test]
    fn who_was_stopped_is_told() {
        let readings = readings([100.0; 4], [1.0, 1.0]);
        let row = |program| {
            let why = Why::Late(std::time::Duration::from_millis(12_500));
            stopped_row("sum", &readings[0], &Stopped { program, why }, &[SAME, RELINKED])
        };
        assert_eq!(row(1).verdict, Some(Verdict::Regressed));
        assert_eq!(row(1).note, "timed out: killed after 12.5 s");
        assert!((row(1).details["base"]["value"].as_f64().unwrap() - 100.0).abs() < 1.0);
        for (program, who) in [(0, "the base"), (2, "`same`"), (3, "`relinked`")] {
            assert_eq!(row(program).verdict, Some(Verdict::Unknown));
            assert!(row(program).note.contains(who), "{}", row(program).note);
        }
        let failed = Stopped { program: 1, why: Why::Failed("exit 3: no\nroom".to_owned()) };
        let row = stopped_row("sum", &readings[0], &failed, &[]);
        assert_eq!(row.verdict, Some(Verdict::Regressed));
        assert_eq!(row.note, "failed: exit 3: no; room");
    }

    #[test]
    fn when_a_control_fires_nothing_is_gated() {
        for (same, relinked, word) in [(103.0, 100.0, "noisy"), (100.0, 96.0, "order")] {
            let judgement = judged([100.0, 110.0, same, relinked], [1.0, 1.0]);
            assert!(judgement.is_advisory);
            let row = &judgement.rows[0];
            assert_eq!(row.verdict, Some(Verdict::Inconclusive));
            assert_eq!(row.details["advice"], "regressed");
            assert!(judgement.warnings[0].contains(word), "{:?}", judgement.warnings);
            assert!(!judgement.rows.iter().any(|row| row.verdict.unwrap().is_breach()));
        }
    }

    #[test]
    fn a_finding_exceeds_what_relinking_seems_to_do() {
        let mut restless = readings([100.0, 103.0, 100.0, 100.0], [1.0, 1.0]);
        for (block, runs) in restless[0][RELINKED.program].iter_mut().enumerate() {
            // Five per cent in the middle, but leaps of the other sign: no finding, and no proof of calm.
            let factor = if block % 4 == 0 { 0.8 } else { 1.05 };
            runs.iter_mut().for_each(|run| run.nanoseconds *= factor);
        }
        let names = ["sum".to_owned()];
        let judge = |controls| judge_rows(Rule::default(), &names, &restless, controls);
        assert_eq!(judge(&[SAME][..]).rows[0].verdict, Some(Verdict::Regressed));
        let judgement = judge(&[SAME, RELINKED]);
        assert_eq!(judgement.rows[0].verdict, Some(Verdict::Inconclusive), "{judgement:?}");
        assert!(!judgement.is_advisory && judgement.floor > 0.03, "{judgement:?}");
    }

    #[test]
    fn allocations_are_compared_exactly() {
        let verdict = |counts| judged([100.0; 4], counts).rows[1].verdict.unwrap();
        assert_eq!(verdict([2.0, 2.0]), Verdict::Equal);
        assert_eq!(verdict([2.0, 3.0]), Verdict::Regressed);
        assert_eq!(verdict([2.0, 0.0]), Verdict::Improved);
        let mut uncertain = readings([100.0; 4], [2.0, 2.0]);
        uncertain[0][1][3][0].allocations = Some(3.0);
        let row = allocation_row("sum", &uncertain[0]).unwrap();
        assert_eq!(row.verdict, Some(Verdict::Inconclusive));
        uncertain[0][0][3][0].allocations = None;
        assert_eq!(allocation_row("sum", &uncertain[0]), None, "not counted is not zero");
    }
}
