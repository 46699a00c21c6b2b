//! What is loaded, by whom, and how that goes.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tidemill::workload::{Format, UseCase};

use super::files::{Input, Size, late, tsbs};
use super::peers::{load_csv, load_lines};
use super::send::Sending;
use super::table::{Kind, Line, OURS};
use super::{Load, ours, same};
use crate::python::{self, Installed};
use crate::warm;

/// The part of rows that come late.
const LATE_SHARE: f64 = 0.3;
/// Rows of each of many series, ten seconds apart.
const SERIES_ROWS: u64 = 10;
/// Lines of a request: TSBS's, and a collector's.
const LINES: usize = 10_000;
const FEW_LINES: usize = 100;

/// How much of everything.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Sizes {
    /// Hosts, with a row every 10 s each.
    #[arg(long, default_value_t = 100)]
    pub hosts: u32,
    /// Hours of data that all load; devops has nine tables, and an eighth of them.
    #[arg(long, default_value_t = 24)]
    pub hours: u64,
    /// Series of the workload that has many, of ten rows each.
    #[arg(long, default_value_t = 1_000_000)]
    pub series: u32,
    /// Hours of data by which memory is measured: 72 are 0.9 GB; ten times as much is written, loaded and removed.
    #[arg(long, default_value_t = 72)]
    pub memory_hours: u64,
    /// A late row comes after up to so many minutes of rows.
    #[arg(long, default_value_t = 60)]
    pub late_minutes: u64,
}

/// A file, and who loads it.
pub struct Workload {
    /// What it is called.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// The file.
    pub input: Input,
    /// Lines of a request, to servers and of writes.
    lines: usize,
    /// We are none of the peers.
    sides: Vec<Option<&'static python::Kind>>,
}

/// All that loads take.
pub struct Bench {
    /// Where the peers are.
    pub installed: Option<Installed>,
    /// Where databases are made.
    pub data: PathBuf,
    /// Connections to servers, and threads of ours that write.
    pub connections: usize,
    /// Threads of an engine.
    pub threads: usize,
}

/// The workloads whose name has `only`; their files are made.
///
/// # Errors
/// When one cannot be written.
pub fn workloads(
    data: &Path,
    sizes: &Sizes,
    peers: &[&'static python::Kind],
    only: &str,
    seed: u64,
) -> Result<Vec<Workload>> {
    let Sizes { hosts, hours, series, .. } = *sizes;
    let file = |case, scale, seconds, format| {
        tsbs(data, Size { case, table: None, scale, seconds, format })
    };
    let lines = |case, hours: u64| file(case, hosts, hours * 3600, Format::LineProtocol);
    let in_order = || lines(UseCase::Cpu, hours);
    let is_wanted = |name: &str| name.contains(only);
    let sides = |kind| {
        let fit = |peer: &&&python::Kind| match kind {
            Kind::Csv => !peer.is_server(),
            Kind::Series => false,
            _ => peer.is_server(),
        };
        let others = peers.iter().filter(fit).map(|peer| Some(*peer));
        [None].into_iter().chain(others).collect()
    };
    let mut all = Vec::new();
    let mut add = |name: &str, kind, lines, make: &dyn Fn() -> Result<Input>| -> Result<()> {
        if is_wanted(name) {
            let (name, sides, input) = (name.to_owned(), sides(kind), make()?);
            all.push(Workload { name, kind, input, lines, sides });
        }
        Ok(())
    };
    let devops = || lines(UseCase::Devops, hours.div_ceil(8));
    let csv = || file(UseCase::Cpu, hosts, hours * 3600, Format::Csv);
    let most = sizes.late_minutes * 6 * u64::from(hosts);
    let late = || late(&in_order()?, LATE_SHARE, most, seed);
    let many = || file(UseCase::Cpu, series, SERIES_ROWS * 10, Format::LineProtocol);
    add("lp cpu-only", Kind::Lines, LINES, &in_order)?;
    add("lp devops", Kind::Lines, LINES, &devops)?;
    add("lp iot", Kind::Lines, LINES, &|| lines(UseCase::Iot, hours))?;
    add("csv cpu-only", Kind::Csv, LINES, &csv)?;
    add("late cpu-only", Kind::Late, LINES, &late)?;
    add("writes of 100 lines", Kind::Writes, FEW_LINES, &in_order)?;
    add("writes of 10,000 lines", Kind::Writes, LINES, &in_order)?;
    add(&format!("{series} series"), Kind::Series, LINES, &many)?;
    let needs = |workload: &Workload| matches!(workload.kind, Kind::Late | Kind::Series);
    if all.iter().any(needs) && !is_wanted("lp cpu-only") {
        // What a row costs in order is what theirs are compared with.
        let (name, input) = ("lp cpu-only".to_owned(), in_order()?);
        all.insert(0, Workload { name, kind: Kind::Lines, input, lines: LINES, sides: vec![None] });
    }
    Ok(all)
}

/// Loads all, in turn; nobody is always the one who comes after the slowest. Also versions and settings of peers.
///
/// # Errors
/// When a load fails, or a side holds anything else than we.
pub fn measure(
    workloads: &[Workload],
    bench: &Bench,
    runs: usize,
) -> Result<(Vec<Line>, Vec<String>)> {
    let turns: Vec<(&Workload, Option<&'static python::Kind>)> =
        workloads.iter().flat_map(|all| all.sides.iter().map(move |side| (all, *side))).collect();
    let mut lines: Vec<Line> = turns.iter().map(|(workload, side)| line(workload, *side)).collect();
    let mut abouts = Vec::new();
    for run in 0..runs {
        for turn in 0..turns.len() {
            let place = (run + turn) % turns.len();
            let (workload, side) = turns[place];
            let (load, about) = bench.load(workload, side)?;
            let name = &lines[place].side;
            eprintln!("{}, {name}: {:.2} s, {:.2} CPU s", workload.name, load.seconds, load.cpu);
            // We were the first to load it.
            let ours = lines.iter().find(|line| line.workload == workload.name);
            let found =
                ours.and_then(|line| line.loads.first()).map_or(&load.found, |load| &load.found);
            same(workload.input.fields, found, &load.found)
                .with_context(|| format!("{}, {name}", workload.name))?;
            let about = format!("{name} {about}");
            if side.is_some() && !abouts.contains(&about) {
                abouts.push(about);
            }
            lines[place].loads.push(load);
        }
    }
    Ok((lines, abouts))
}

fn line(workload: &Workload, side: Option<&python::Kind>) -> Line {
    Line {
        workload: workload.name.clone(),
        kind: workload.kind,
        side: side.map_or(OURS, |peer| peer.name).to_owned(),
        rows: workload.input.rows as f64,
        bytes: workload.input.bytes as f64,
        loads: Vec::new(),
    }
}

impl Bench {
    /// One load, into a database that goes again; and who it was.
    fn load(
        &self,
        workload: &Workload,
        side: Option<&'static python::Kind>,
    ) -> Result<(Load, String)> {
        let Workload { kind, input, lines, .. } = workload;
        let sending = Sending { connections: self.connections, lines: *lines };
        let folder = prepare(&self.data, &input.path)?;
        let Some(peer) = side else {
            let load = match kind {
                Kind::Writes => ours::write(input, folder.path(), sending)?,
                _ => ours::load(input, folder.path())?,
            };
            return Ok((load, String::new()));
        };
        let installed = self.installed.as_ref().context("nothing is installed")?;
        match peer.is_server() {
            true => load_lines(peer, installed, input, folder.path(), sending),
            false => load_csv(peer, installed, input, folder.path(), self.threads),
        }
    }
}

/// A folder; the file is in the page cache, and what others wrote is on the disk.
pub(super) fn prepare(data: &Path, file: &Path) -> Result<tempfile::TempDir> {
    ensure!(Command::new("sync").status()?.success(), "sync failed");
    warm(file)?;
    Ok(tempfile::tempdir_in(data)?)
}
