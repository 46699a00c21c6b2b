//! Runs the programs of all rows in turn, block after block.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::pin::Processors;
use super::plan::{Plan, Request};
use super::runner::{Reading, Runner};
use super::{order, plan};
use crate::stats::random::Random;

/// A row: programs that do the same work. The first is the base, which the others are compared with.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The row's name.
    pub name: String,
    /// The programs.
    pub programs: Vec<Runner>,
}

/// How the processes are run.
#[derive(Debug)]
pub struct Settings<'a> {
    /// How much may be run.
    pub request: Request,
    /// Whether each process gets one processor; blocks take turns among all.
    pub is_pinned: bool,
    /// Of the order.
    pub seed: u64,
    /// A folder for what processes leave.
    pub scratch: &'a Path,
}

/// The two readings of each block, by program, by row: `readings[row][program][block]`.
pub type Readings = Vec<Vec<Vec<[Reading; 2]>>>;

/// The longest that a process may take in the first, uncounted run.
const LIMIT: Duration = Duration::from_secs(300);

/// Told how far it is: what is done and all there is.
pub type Progress<'a> = &'a mut dyn FnMut(usize, usize);

/// Runs it all: each program once to see how long it takes, then the blocks that fit in the time; fewer, if it is over
/// before. Blocks go over all rows, so that a bad minute is shared among them.
///
/// # Errors
/// When a program fails, or the time does not suffice.
pub fn run(
    subjects: &[Subject],
    settings: &Settings<'_>,
    progress: Progress<'_>,
) -> Result<(Plan, Readings)> {
    let mut random = Random(settings.seed);
    let processors = Processors::observe()?;
    let mut turn = 0;
    let mut next_processor = || {
        turn += 1;
        let number = processors.numbers[turn % processors.numbers.len()];
        if settings.is_pinned { processors.use_only(&[number]) } else { Ok(()) }
    };
    next_processor()?;
    let (overheads, plan) = prepare(subjects, settings)?;
    let start = Instant::now();
    let mut readings: Readings =
        subjects.iter().map(|subject| vec![Vec::new(); subject.programs.len()]).collect();
    for block in 0..plan.blocks {
        if settings.request.is_over(start.elapsed()) {
            break;
        }
        next_processor()?;
        progress(block, plan.blocks);
        for (row, subject) in subjects.iter().enumerate() {
            // What it took before, and much more.
            let limit = (overheads[row] + plan.run) * 20 + Duration::from_secs(10);
            let mut runs = vec![Vec::new(); subject.programs.len()];
            for program in order::block(subject.programs.len(), &mut random) {
                let runner = &subject.programs[program];
                runs[program].push(runner.run(plan.run, limit, settings.scratch)?);
            }
            for (program, runs) in runs.iter().enumerate() {
                readings[row][program].push([runs[0], runs[1]]);
            }
        }
    }
    progress(plan.blocks, plan.blocks);
    Ok((plan, readings))
}

/// How long the processes of each row live beyond what they are given to measure, and the plan from that.
fn prepare(subjects: &[Subject], settings: &Settings<'_>) -> Result<(Vec<Duration>, Plan)> {
    let mut overheads = Vec::with_capacity(subjects.len());
    for subject in subjects {
        let mut walls = Vec::with_capacity(subject.programs.len());
        for runner in &subject.programs {
            walls.push(runner.run(plan::LEAST_RUN, LIMIT, settings.scratch)?.wall);
        }
        // The median: one of them may have been disturbed.
        walls.sort();
        overheads.push(walls[walls.len() / 2].saturating_sub(plan::LEAST_RUN));
    }
    let plan = settings.request.plan(&overheads)?;
    Ok((overheads, plan))
}

/// How busy the machine was over a stretch of time.
#[derive(Debug)]
pub struct Watch {
    start: Instant,
    times: Option<Vec<u64>>,
}

impl Watch {
    /// From now.
    pub fn start() -> Self {
        Self { start: Instant::now(), times: processor_times() }
    }

    /// Until now.
    pub fn stop(&self) -> crate::environment::Over {
        let load = std::fs::read_to_string("/proc/loadavg").ok();
        let shares = self.times.as_ref().zip(processor_times()).and_then(|(earlier, later)| {
            let spent: Vec<u64> =
                later.iter().zip(earlier).map(|(l, e)| l.saturating_sub(*e)).collect();
            let total = spent.iter().sum::<u64>().max(1) as f64;
            // user, nice, system, idle, iowait, irq, softirq, steal
            let (idle, steal) = (spent.get(3)? + spent.get(4)?, spent.get(7)?);
            Some(((total - idle as f64) / total, *steal as f64 / total))
        });
        crate::environment::Over {
            seconds: self.start.elapsed().as_secs_f64(),
            busy: shares.map(|shares| shares.0),
            steal: shares.map(|shares| shares.1),
            load: load.and_then(|text| text.split(' ').next()?.parse().ok()),
        }
    }
}

fn processor_times() -> Option<Vec<u64>> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    Some(line.split_whitespace().take(8).map_while(|word| word.parse().ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::harness::Harness;

    /// Programs that write their name into one file, in the order in which they run.
    fn subjects(log: &Path, rows: usize, programs: usize) -> Vec<Subject> {
        let runner = |row: usize, program: usize| Runner {
            harness: Harness::Command,
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), format!("echo {row}{program} >> {}", log.display())],
            bench: String::new(),
            directory: ".".into(),
            variables: Vec::new(),
        };
        let subject = |row| Subject {
            name: format!("row {row}"),
            programs: (0..programs).map(|program| runner(row, program)).collect(),
        };
        (0..rows).map(subject).collect()
    }

    #[test]
    fn blocks_are_palindromes_and_go_over_all_rows() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let scratch = folder.path().join("scratch");
        let request =
            Request { budget: Duration::from_secs(60), level: 0.01, blocks: Some(4), programs: 3 };
        let settings = Settings { request, is_pinned: true, seed: 9, scratch: &scratch };
        let mut told = Vec::new();
        let mut progress = |done, all| told.push((done, all));
        let (plan, readings) = run(&subjects(&log, 2, 3), &settings, &mut progress).unwrap();
        assert_eq!(plan.blocks, 4);
        assert_eq!(told, [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]);
        let shape = |row: &Vec<Vec<[Reading; 2]>>| row.iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(readings.iter().map(shape).collect::<Vec<_>>(), [[4, 4, 4], [4, 4, 4]]);

        let text = std::fs::read_to_string(&log).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        // Each program once before, then blocks of twice three, rows in turn.
        assert_eq!(lines[..6], ["00", "01", "02", "10", "11", "12"]);
        for (at, block) in lines[6..].chunks(6).enumerate() {
            assert!(block.iter().eq(block.iter().rev()), "{block:?}");
            let row = if at % 2 == 0 { '0' } else { '1' };
            assert!(block.iter().all(|line| line.starts_with(row)), "{block:?}");
        }
        assert_eq!(lines.len(), 6 + 4 * 2 * 6);
    }

    #[test]
    fn what_the_machine_did_is_told_in_shares() {
        let over = Watch::start().stop();
        assert!(over.steal.is_none_or(|share| (0.0..=1.0).contains(&share)), "{over:?}");
        assert!(over.busy.is_none_or(|share| (0.0..=1.0).contains(&share)), "{over:?}");
    }
}
