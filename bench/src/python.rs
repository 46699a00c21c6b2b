//! Peers there are, how they are installed, and processes in Python that are one, or start one.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// A peer there is.
pub struct Kind {
    /// What it is called.
    pub name: &'static str,
    /// The file of `bench/peers` that is one and is asked queries.
    pub file: &'static str,
    /// The Python package that it takes.
    python: Option<&'static str>,
    /// The Debian package that it takes, and the program in it.
    debian: Option<(&'static str, &'static str)>,
    /// Whether it answers whole buckets of time alone.
    pub has_whole_buckets: bool,
}

impl Kind {
    /// Whether it is a server, which one sends lines to.
    #[must_use]
    pub fn is_server(&self) -> bool {
        self.debian.is_some()
    }
}

const fn python(name: &'static str, file: &'static str, package: &'static str) -> Kind {
    Kind { name, file, python: Some(package), debian: None, has_whole_buckets: false }
}

/// The peers there are.
pub const PEERS: [Kind; 6] = [
    python("duckdb", "duckdb_sql.py", "duckdb==2.0.0"),
    python("polars", "polars_frames.py", "polars==2.1.0"),
    python("clickhouse", "chdb_sql.py", "chdb==4.4.0"),
    python("datafusion", "datafusion_sql.py", "datafusion==55.0.0"),
    Kind {
        name: "victoriametrics",
        file: "victoria_metrics_server.py",
        python: None,
        debian: Some(("victoria-metrics", "victoria-metrics")),
        has_whole_buckets: true,
    },
    Kind {
        name: "influxdb",
        file: "influxdb_server.py",
        python: None,
        debian: Some(("influxdb", "influxd")),
        has_whole_buckets: false,
    },
];
/// What all of them take, to hand over answers.
const COMMON: &str = "pyarrow==26.0.1";

/// Where the peers find what they need.
pub struct Installed {
    python: PathBuf,
    /// The root of what Debian's packages hold.
    debian: PathBuf,
}

/// A process in Python that answers requests, a line of JSON each; it ends with this.
pub struct Process {
    name: &'static str,
    child: Child,
    /// Closed before one waits for it.
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

/// The folder of the peers' sources.
fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

/// Makes a Python environment with what these peers take, in `folder`, unless it is there, and unpacks Debian
/// packages beside it; nothing is installed elsewhere.
///
/// # Errors
/// When there is no Python, or the packages cannot be had.
pub fn install(folder: &Path, peers: &[&Kind]) -> Result<Installed> {
    std::fs::create_dir_all(folder)?;
    let folder = folder.canonicalize()?;
    let (environment, debian) = (folder.join("python"), folder.join("debian"));
    let python = environment.join("bin/python");
    let done = environment.join("installed.txt");
    let has = std::fs::read_to_string(&done).unwrap_or_default();
    let wanted = peers.iter().filter_map(|peer| peer.python).chain([COMMON]);
    let wanted: Vec<&str> = wanted.filter(|one| !has.lines().any(|line| line == *one)).collect();
    // Written last: half an environment is made again.
    if !done.exists() {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))
            .context("python3 with its module venv is needed (apt install python3-venv)")?;
    }
    if !wanted.is_empty() {
        eprintln!("installing {} in {}", wanted.join(", "), environment.display());
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(&wanted))?;
        std::fs::write(&done, has + &wanted.join("\n") + "\n")?;
    }
    for (package, _) in peers.iter().filter_map(|peer| peer.debian) {
        unpack(package, &debian)?;
    }
    Ok(Installed { python, debian })
}

/// Gets a Debian package and unpacks it below `debian`, with its version, unless it is there.
fn unpack(package: &str, debian: &Path) -> Result<()> {
    let version = debian.join(format!("{package}.version"));
    if version.exists() {
        return Ok(());
    }
    eprintln!("unpacking {package} in {}", debian.display());
    let folder = tempfile::tempdir()?;
    run(Command::new("apt-get").args(["download", "--quiet", package]).current_dir(folder.path()))
        .with_context(|| {
            format!("the Debian package {package} is needed, or leave it out of --peers")
        })?;
    let file = std::fs::read_dir(folder.path())?.next().context("nothing came")??.path();
    std::fs::create_dir_all(debian)?;
    run(Command::new("dpkg-deb").arg("--extract").arg(&file).arg(debian))?;
    let told = Command::new("dpkg-deb").arg("--field").arg(&file).arg("Version").output()?;
    Ok(std::fs::write(version, told.stdout)?)
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{command:?}"))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}

/// The peers of these names.
///
/// # Errors
/// When there is none of a name.
pub fn find(names: &[String]) -> Result<Vec<&'static Kind>> {
    let find = |name: &String| {
        let known = PEERS.iter().find(|peer| peer.name == name);
        let names = || PEERS.iter().map(|peer| peer.name).collect::<Vec<_>>().join(", ");
        known.with_context(|| format!("no peer `{name}`; there are {}", names()))
    };
    names.iter().filter(|name| !name.is_empty()).map(find).collect()
}

impl Process {
    /// Starts one from a file of `bench/peers`; `threads` are as many as it may use.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(
        kind: &'static Kind,
        file: &str,
        installed: &Installed,
        threads: usize,
    ) -> Result<Self> {
        let name = kind.name;
        let mut child = Command::new(&installed.python)
            .arg(sources().join(file))
            .arg(name)
            .env("POLARS_MAX_THREADS", threads.to_string())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name}: {}", installed.python.display()))?;
        let (to, Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("{name}: no pipes");
        };
        Ok(Self { name, child, to, from: BufReader::new(from) })
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// When the process has ended.
    pub fn send(&mut self, request: &Value) -> Result<Value> {
        let name = self.name;
        let to = self.to.as_mut().with_context(|| format!("{name} has no pipe"))?;
        writeln!(to, "{request}").with_context(|| format!("{name} has ended"))?;
        let mut line = String::new();
        let read = self.from.read_line(&mut line)?;
        ensure!(read > 0, "{name} ended; what it said is above");
        serde_json::from_str(&line).with_context(|| format!("{name}: {line}"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It ends when there is nothing more to read, and ends its server and removes its data before: killed, it
        // would leave both.
        self.to = None;
        let _ = self.child.wait();
    }
}

impl Installed {
    /// The program of a Debian package, and its version; None for a peer that is not of one.
    ///
    /// # Errors
    /// When it is not there.
    pub fn program(&self, kind: &Kind) -> Result<Option<(PathBuf, String)>> {
        let Some((package, program)) = kind.debian else { return Ok(None) };
        let version = std::fs::read_to_string(self.debian.join(format!("{package}.version")))?;
        Ok(Some((self.debian.join("usr/bin").join(program), version.trim().to_owned())))
    }
}

/// A text in an answer.
///
/// # Errors
/// When there is none of the name.
pub fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str> {
    value[name].as_str().with_context(|| format!("no {name} in {value}"))
}
