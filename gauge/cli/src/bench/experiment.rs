//! Runs the programs of all rows in turn, block after block.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::pin::Processors;
use super::plan::{Plan, Request};
use super::runner::{Failed, Late, Reading, Runner};
use super::{order, plan};
use crate::outcome::Usage;
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

/// What came of it.
#[derive(Debug)]
pub struct Ran {
    /// What was to be run.
    pub plan: Plan,
    /// Blocks that were run.
    pub blocks: usize,
    /// What was read.
    pub readings: Readings,
    /// Of each row the program that failed or took too long, if one did: the row was not gone on with.
    pub stopped: Vec<Option<Stopped>>,
}

/// A program of a row that cannot be measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// Its index in the row.
    pub program: usize,
    /// Why.
    pub why: Why,
}

/// Why a program cannot be measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It was killed after the time it had.
    Late(Duration),
    /// It failed, and said this.
    Failed(String),
}

/// The longest that a process may take in the first, uncounted run.
const LIMIT: Duration = Duration::from_secs(300);

/// The longest that a process may take whose like took `wall`: much more.
fn patience(wall: Duration) -> Duration {
    wall * 20 + Duration::from_secs(10)
}

/// Told how far it is: what is done and all there is.
pub type Progress<'a> = &'a mut dyn FnMut(usize, usize);

/// Runs it all: each program once to see how long it takes, then the blocks that fit in the rest of the time; fewer, if
/// it is over before. Blocks go over all rows, so that a bad minute is shared among them. A program that takes very much longer
/// than the base did is killed; that, or failing, ends its row and no other.
///
/// # Errors
/// When a program cannot be started, or the time or the blocks do not suffice.
pub fn run(subjects: &[Subject], settings: &Settings<'_>, progress: Progress<'_>) -> Result<Ran> {
    let start = Instant::now();
    let request = &settings.request;
    request.check(subjects.len())?;
    let mut random = Random(settings.seed);
    let processors = Processors::observe()?;
    let mut turn = 0;
    let mut next_processor = || {
        turn += 1;
        let number = processors.numbers[turn % processors.numbers.len()];
        if settings.is_pinned { processors.use_only(&[number]) } else { Ok(()) }
    };
    next_processor()?;
    let first = first_runs(subjects, settings, start)?;
    let lasting: Vec<Duration> =
        first.iter().filter_map(|row| row.as_ref().ok().copied()).collect();
    let plan = request.plan(&lasting, start.elapsed())?;
    let mut ran = Ran {
        plan,
        blocks: 0,
        readings: subjects.iter().map(|row| vec![Vec::new(); row.programs.len()]).collect(),
        stopped: first.iter().map(|row| row.as_ref().err().cloned()).collect(),
    };
    while ran.blocks < plan.blocks && !request.is_over(start.elapsed()) {
        next_processor()?;
        progress(ran.blocks, plan.blocks);
        for (row, subject) in subjects.iter().enumerate() {
            let (None, Ok(overhead)) = (&ran.stopped[row], &first[row]) else { continue };
            let limit = patience(*overhead + plan.run);
            let order = order::block(subject.programs.len(), &mut random);
            match block(subject, &order, (plan.run, limit), settings.scratch)? {
                Ok(block) => {
                    let programs = ran.readings[row].iter_mut();
                    programs.zip(block).for_each(|(program, pair)| program.push(pair));
                }
                Err(stopped) => ran.stopped[row] = Some(stopped),
            }
        }
        ran.blocks += 1;
    }
    progress(plan.blocks, plan.blocks);
    Ok(ran)
}

/// The pair of readings of each program; or the one that was stopped, and then nothing of the block.
fn block(
    subject: &Subject,
    order: &[usize],
    (time, limit): (Duration, Duration),
    scratch: &Path,
) -> Result<Result<Vec<[Reading; 2]>, Stopped>> {
    let mut runs = vec![Vec::new(); subject.programs.len()];
    for &program in order {
        match once(subject, program, (time, limit), scratch)? {
            Ok(reading) => runs[program].push(reading),
            Err(stopped) => return Ok(Err(stopped)),
        }
    }
    Ok(Ok(runs.iter().map(|runs| [runs[0], runs[1]]).collect()))
}

fn once(
    subject: &Subject,
    program: usize,
    (time, limit): (Duration, Duration),
    scratch: &Path,
) -> Result<Result<Reading, Stopped>> {
    match subject.programs[program].run(time, limit, scratch) {
        Ok(reading) => Ok(Ok(reading)),
        Err(error) => {
            let why = match error.downcast_ref::<Failed>() {
                Some(failed) => Why::Failed(failed.to_string()),
                None if error.is::<Late>() => Why::Late(limit),
                None => return Err(error),
            };
            Ok(Err(Stopped { program, why }))
        }
    }
}

/// How long the processes of each row live beyond what they are given to measure; or the program of it that failed or took too long.
fn first_runs(
    subjects: &[Subject],
    settings: &Settings<'_>,
    start: Instant,
) -> Result<Vec<Result<Duration, Stopped>>> {
    let first = |subject: &Subject| -> Result<Result<Duration, Stopped>> {
        let mut walls = Vec::with_capacity(subject.programs.len());
        let mut limit = LIMIT;
        for program in 0..subject.programs.len() {
            let left = settings.request.left(start.elapsed());
            let times = (plan::LEAST_RUN, limit.min(left));
            match once(subject, program, times, settings.scratch)? {
                Ok(reading) => walls.push(reading.wall),
                Err(stopped) if limit <= left || stopped.why != Why::Late(left) => {
                    return Ok(Err(stopped));
                }
                Err(_) => {
                    let message = "the time was over before each program had run once: name fewer rows, or give \
                                   more with --minutes";
                    return Err(Usage(message.to_owned()).into());
                }
            }
            limit = LIMIT.min(patience(walls[0]));
        }
        // The median: one of them may have been disturbed.
        walls.sort();
        Ok(Ok(walls[walls.len() / 2].saturating_sub(plan::LEAST_RUN)))
    };
    subjects.iter().map(first).collect()
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

    fn settings(blocks: Option<usize>, budget: Duration, scratch: &Path) -> Settings<'_> {
        let request = Request { budget, level: 0.01, blocks, programs: 3 };
        Settings { request, is_pinned: true, seed: 9, scratch }
    }

    #[test]
    fn the_first_runs_are_within_the_time() {
        let folder = tempfile::tempdir().unwrap();
        let scratch = folder.path().join("scratch");
        let mut subjects = subjects(&folder.path().join("log"), 1, 2);
        subjects[0].programs[1].arguments[1] = "exec tail -f /dev/null".to_owned();
        let settings = settings(None, Duration::from_millis(200), &scratch);
        let start = Instant::now();
        let error = run(&subjects, &settings, &mut |_, _| {}).unwrap_err();
        assert!(error.is::<Usage>() && error.to_string().contains("--minutes"), "{error:#}");
        assert!(start.elapsed() < patience(Duration::ZERO));
    }

    #[test]
    fn too_few_blocks_run_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (log, scratch) = (folder.path().join("log"), folder.path().join("scratch"));
        let settings = settings(Some(7), Duration::from_secs(60), &scratch);
        let error = run(&subjects(&log, 1, 3), &settings, &mut |_, _| {}).unwrap_err();
        assert!(error.is::<Usage>(), "{error:#}");
        assert!(!log.exists());
    }

    #[test]
    fn a_program_that_is_killed_or_fails_ends_its_row_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (log, scratch) = (folder.path().join("log"), folder.path().join("scratch"));
        let subjects = subjects(&log, 1, 2);
        // It does its work once, and hangs from then on.
        let once_only = format!(
            "{} ; [ $(wc -l < {}) -lt 3 ] || exec tail -f /dev/null",
            subjects[0].programs[1].arguments[1],
            log.display()
        );
        let mut late = subjects[0].clone();
        late.programs[1].arguments[1] = once_only;
        let limit = Duration::from_millis(300);
        let outcome = block(&late, &[0, 1, 1, 0], (plan::LEAST_RUN, limit), &scratch).unwrap();
        assert_eq!(outcome, Err(Stopped { program: 1, why: Why::Late(limit) }));
        late.programs[1].arguments[1] = "echo no room >&2; exit 3".to_owned();
        let outcome = block(&late, &[0, 1, 1, 0], (plan::LEAST_RUN, limit), &scratch).unwrap();
        let Err(Stopped { program: 1, why: Why::Failed(said) }) = outcome else {
            panic!("{outcome:?}");
        };
        assert!(said.contains("no room"), "{said}");
        let outcome = block(&subjects[0], &[0, 1, 1, 0], (plan::LEAST_RUN, limit), &scratch);
        assert_eq!(outcome.unwrap().unwrap().len(), 2);
    }

    #[test]
    fn blocks_are_palindromes_and_go_over_all_rows() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let scratch = folder.path().join("scratch");
        let settings = settings(Some(9), Duration::from_secs(60), &scratch);
        let mut told = Vec::new();
        let mut progress = |done, all| told.push((done, all));
        let ran = run(&subjects(&log, 2, 3), &settings, &mut progress).unwrap();
        assert_eq!((ran.plan.blocks, ran.blocks, ran.stopped), (9, 9, vec![None; 2]));
        assert_eq!(told, (0..=9).map(|block| (block, 9)).collect::<Vec<_>>());
        let shape = |row: &Vec<Vec<[Reading; 2]>>| row.iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(ran.readings.iter().map(shape).collect::<Vec<_>>(), [[9, 9, 9], [9, 9, 9]]);

        let text = std::fs::read_to_string(&log).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        // Each program once before, then blocks of twice three, rows in turn.
        assert_eq!(lines[..6], ["00", "01", "02", "10", "11", "12"]);
        for (at, block) in lines[6..].chunks(6).enumerate() {
            assert!(block.iter().eq(block.iter().rev()), "{block:?}");
            let row = if at % 2 == 0 { '0' } else { '1' };
            assert!(block.iter().all(|line| line.starts_with(row)), "{block:?}");
        }
        assert_eq!(lines.len(), 6 + 9 * 2 * 6);
    }

    #[test]
    fn what_the_machine_did_is_told_in_shares() {
        let over = Watch::start().stop();
        assert!(over.steal.is_none_or(|share| (0.0..=1.0).contains(&share)), "{over:?}");
        assert!(over.busy.is_none_or(|share| (0.0..=1.0).contains(&share)), "{over:?}");
    }
}
