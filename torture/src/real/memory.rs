//! Twenty times as much data as memory, where the kernel kills who takes more than was promised.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::cgroup::Cgroup;
use super::{clean, skip_all, work_dir};
use crate::report::{Replay, Report};

/// Which program, and how much.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Memory {
    /// The `tidemill` command.
    #[arg(long)]
    pub(crate) tidemill: PathBuf,
    /// The budget it is given.
    #[arg(long, default_value_t = BUDGET_MIB)]
    pub(crate) budget_mib: u64,
    /// So many times the budget is the text that is imported.
    #[arg(long, default_value_t = TIMES)]
    pub(crate) times: u64,
    /// Where text, store and spilled data stand: on a disk, for a file system in memory would
    /// count as memory. The directory for temporary files if not said.
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
}

const BUDGET_MIB: u64 = 64;
const TIMES: u64 = 20;
const MIB: u64 = 1 << 20;
/// What is promised to be enough beside the budget.
const PROMISED_MIB: u64 = 128;
/// So that files can be read and written at all.
const PAGE_CACHE_MIB: u64 = 32;
const SAMPLE: Duration = Duration::from_millis(10);

const QUERIES: [(&str, &str); 8] = [
    ("count", "SELECT count(*) AS rows FROM cpu"),
    ("sort of all rows", "SELECT * FROM cpu ORDER BY usage_user, usage_system, time, hostname"),
    (
        "a group for each row",
        "SELECT hostname, time, avg(usage_idle) FROM cpu GROUP BY hostname, time",
    ),
    (
        "groups by values",
        "SELECT usage_user, usage_nice, count(*) FROM cpu GROUP BY usage_user, usage_nice",
    ),
    ("distinct values", "SELECT count(DISTINCT usage_user), count(DISTINCT time) FROM cpu"),
    (
        "a window by host",
        "SELECT hostname, time, avg(usage_user) OVER (PARTITION BY hostname ORDER BY time ROWS 10 PRECEDING) FROM cpu",
    ),
    (
        "a join with itself",
        "SELECT count(*) FROM cpu a JOIN cpu b ON a.time = b.time AND a.hostname = b.hostname",
    ),
    (
        "minutes by host",
        "SELECT hostname, date_bin(INTERVAL '1 minute', time) AS minute, max(usage_user) FROM cpu GROUP BY hostname, minute",
    ),
];

/// Runs the campaign.
///
/// # Errors
/// When the program cannot be started or makes no data.
pub(crate) fn memory(arguments: &Memory) -> anyhow::Result<ExitCode> {
    let limit = (arguments.budget_mib + PROMISED_MIB + PAGE_CACHE_MIB) * MIB;
    if let Err(why) = Cgroup::new(&group_name(), limit) {
        return Ok(skip_all(&format!("a memory control group, and so root on Linux ({why})")));
    }
    let dir = work_dir(arguments.dir.as_deref(), "cgroup")?;
    let tidemill = arguments.tidemill.canonicalize().context("--tidemill")?;
    let text = dir.join("data.lp");
    let rows = generate(&tidemill, &text, arguments.budget_mib * arguments.times * MIB)?;
    let bytes = text.metadata()?.len();
    println!(
        "{rows} rows, {} MiB of text; budget {} MiB, limit {} MiB",
        bytes / MIB,
        arguments.budget_mib,
        limit / MIB
    );
    let replay = Replay::new("memory").with("tidemill", arguments.tidemill.display());
    let replay = replay.option("budget-mib", arguments.budget_mib, BUDGET_MIB);
    let replay = replay.option("times", arguments.times, TIMES);
    let mut campaign = Campaign { tidemill, dir, limit, replay, report: Report::default() };
    let budget = format!("{}MiB", arguments.budget_mib);
    let (store, text) = (campaign.dir.join("store"), text.display().to_string());
    let store = store.display().to_string();
    let limited = |command: &str| -> Vec<String> {
        [command, "--store", &store, "--memory", &budget].map(str::to_owned).to_vec()
    };
    let with = |mut all: Vec<String>, more: &[&str]| {
        all.extend(more.iter().map(|&argument| argument.to_owned()));
        all
    };
    campaign.run("import", &with(limited("import"), &[&text]), None)?;
    for (name, sql) in QUERIES {
        let answer = (name == "count").then(|| format!("rows\n{rows}\n"));
        let arguments = with(limited("query"), &["--format", "csv", sql]);
        campaign.run(name, &arguments, answer.as_deref())?;
    }
    campaign.run("import again", &with(limited("import"), &[&text]), None)?;
    campaign.run("compact", &limited("compact"), None)?;
    campaign.run("check", &limited("check"), None)?;
    let analyze = ["analyze", "--memory", &budget, "--json", &text].map(str::to_owned);
    campaign.run("analyze", &analyze, None)?;
    clean(&campaign.dir, &campaign.report);
    campaign.report.print();
    Ok(campaign.report.exit_code())
}

fn group_name() -> String {
    format!("tidemill-torture-{}", std::process::id())
}

/// Makes line protocol of about so many bytes; returns how many rows.
fn generate(tidemill: &Path, path: &Path, wanted_bytes: u64) -> anyhow::Result<u64> {
    const HOSTS: &str = "100";
    let make = |hours: u64| -> anyhow::Result<()> {
        let mut command = std::process::Command::new(tidemill);
        command.args(["generate", "tsbs-cpu", "--scale", HOSTS, "--hours", &hours.to_string()]);
        let status = command.arg("--output").arg(path).stderr(Stdio::null()).status()?;
        anyhow::ensure!(status.success(), "generate: {status}");
        Ok(())
    };
    make(1)?;
    let hours = wanted_bytes.div_ceil(path.metadata()?.len().max(1));
    std::fs::remove_file(path)?;
    make(hours)?;
    let (mut lines, mut reader) = (0, BufReader::with_capacity(1 << 20, File::open(path)?));
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            return Ok(lines);
        }
        lines += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        let read = bytes.len();
        reader.consume(read);
    }
}

struct Campaign {
    tidemill: PathBuf,
    dir: PathBuf,
    limit: u64,
    replay: Replay,
    report: Report,
}

impl Campaign {
    /// Runs one command in a group of its own; `answer` is what it must print.
    fn run(
        &mut self,
        name: &str,
        arguments: &[String],
        answer: Option<&str>,
    ) -> anyhow::Result<()> {
        let group = Cgroup::new(&group_name(), self.limit).map_err(anyhow::Error::msg)?;
        let (output, errors) = (self.dir.join("output"), self.dir.join("errors"));
        let mut command = group.command(&self.tidemill);
        command.args(arguments).stdin(Stdio::null());
        command.stderr(File::create(&errors)?).env("TMPDIR", &self.dir);
        // Long answers would fill the disk, and the cache.
        let stdout = answer.map(|_| File::create(&output)).transpose()?;
        command.stdout(stdout.map_or_else(Stdio::null, Stdio::from));
        let start = Instant::now();
        let mut child = command.spawn()?;
        let mut anonymous = 0;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            anonymous = anonymous.max(group.anonymous_bytes());
            std::thread::sleep(SAMPLE);
        };
        let seconds = start.elapsed().as_secs_f64();
        let said = std::fs::read_to_string(&errors).unwrap_or_default();
        let outcome = outcome(status, group.kills(), &said);
        let (peak, anonymous) = (group.peak_bytes() / MIB, anonymous / MIB);
        let shown = outcome.as_ref().map_or("FINDING", |outcome| outcome.name());
        println!(
            "{shown:>9}  {name}: {seconds:.1} s, at most {anonymous} MiB (sampled), {peak} MiB \
             with the page cache"
        );
        if let Ok(Outcome::Refused(why)) = &outcome {
            println!("           {why}");
        }
        self.report.count("commands", 1);
        let may_refuse = name != "count" && QUERIES.iter().any(|(query, _)| *query == name);
        match outcome {
            Ok(Outcome::Refused(why)) if !may_refuse => {
                self.finding(&format!("{name}: refused: {why}"));
            }
            Ok(outcome) => self.report.count(outcome.name(), 1),
            Err(what) => self.finding(&format!("{name}: {what}")),
        }
        if let Some(answer) = answer.filter(|_| status.success()) {
            let found = std::fs::read_to_string(&output)?;
            if found != answer {
                self.finding(&format!("{name}: it answered {found:?}, not {answer:?}"));
            }
        }
        Ok(())
    }
}

impl Campaign {
    fn finding(&mut self, what: &str) {
        self.report.finding(format!("{}: {what}", self.replay));
    }
}

enum Outcome {
    Completed,
    Refused(String),
}

impl Outcome {
    fn name(&self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Refused(_) => "refused",
        }
    }
}

/// `Err`: it was killed, or failed for another reason, or did not say why.
fn outcome(status: ExitStatus, kills: u64, said: &str) -> Result<Outcome, String> {
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    if kills > 0 || status.signal().is_some() {
        return Err(format!("{status}, {kills} processes killed for want of memory: {last}"));
    }
    if status.success() {
        return Ok(Outcome::Completed);
    }
    let is_clear = status.code() == Some(1) && said.contains("memory budget exceeded");
    if is_clear { Ok(Outcome::Refused(last.to_owned())) } else { Err(format!("{status}: {last}")) }
}
