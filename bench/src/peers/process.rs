//! A peer: an engine in a Python process, or a server that one asks; itself asked over pipes.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::answer::Answer;
use super::ours::Told;
use super::spec::{METRICS, Query};

/// A peer there is.
pub struct Kind {
    /// What it is called.
    pub name: &'static str,
    /// The file that is one.
    file: &'static str,
    /// The Python package that it takes.
    python: Option<&'static str>,
    /// The Debian package that it takes, and the program in it.
    debian: Option<(&'static str, &'static str)>,
    /// Whether it answers whole buckets of time alone.
    has_whole_buckets: bool,
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

/// The data, in the formats that peers read.
pub struct Data<'a> {
    /// Comma-separated.
    pub csv: &'a Path,
    /// Line protocol.
    pub lines: &'a Path,
    /// Where peers keep theirs.
    pub folder: &'a Path,
    /// The first and the last time, in nanoseconds since 1970.
    pub span: (i64, i64),
    /// Threads that a peer may use.
    pub threads: usize,
}

/// A running peer; it ends with this.
pub struct Peer {
    /// What it is.
    pub kind: &'static Kind,
    /// Version and settings.
    pub about: String,
    child: Child,
    /// Closed before one waits for it.
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
    kept: PathBuf,
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

impl Peer {
    /// Starts a peer and has it load a CSV file.
    ///
    /// # Errors
    /// When it does not start or cannot load.
    pub fn start(kind: &'static Kind, installed: &Installed, data: &Data<'_>) -> Result<Self> {
        let Installed { python, debian } = installed;
        let Kind { name, file, debian: package, .. } = kind;
        let program = package.map(|(_, program)| debian.join("usr/bin").join(program));
        let version = package.map(|(package, _)| debian.join(format!("{package}.version")));
        let version = version.map(std::fs::read_to_string).transpose()?;
        let mut child = Command::new(python)
            .arg(sources().join(file))
            .env("POLARS_MAX_THREADS", data.threads.to_string())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name}: {}", python.display()))?;
        let (to, Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("{name}: no pipes");
        };
        let folder = data.folder.canonicalize()?;
        let kept = folder.join(format!("{name}.arrow"));
        let (from, about) = (BufReader::new(from), String::new());
        let mut peer = Self { kind, about, child, to, from, kept };
        let load = json!({
            "csv": data.csv.canonicalize()?, "lp": data.lines.canonicalize()?, "threads": data.threads,
            "fields": METRICS, "folder": folder, "first": data.span.0, "last": data.span.1,
            "program": program, "version": version.as_deref().map(str::trim),
        });
        let ready = peer.send(&json!({ "load": load }))?;
        peer.about = format!("{} ({})", text(&ready, "version")?, text(&ready, "settings")?);
        Ok(peer)
    }

    /// Asks a query; the clock is the peer's. None: there is no way to ask it.
    ///
    /// # Errors
    /// When it fails.
    pub fn ask(&mut self, query: &Query, is_kept: bool) -> Result<Option<Told>> {
        let keep = if is_kept { json!(self.kept) } else { Value::Null };
        let told = self.send(&json!({ "ask": query.to_json(), "keep": keep }))?;
        let Some(ms) = told["ms"].as_f64() else { return Ok(None) };
        let answer = is_kept.then(|| Answer::open(&self.kept, &query.columns)).transpose()?;
        Ok(Some(Told { ms, answer, form: text(&told, "form")?.to_owned() }))
    }

    /// Whether it answers whole buckets of time alone.
    #[must_use]
    pub fn has_whole_buckets(&self) -> bool {
        self.kind.has_whole_buckets
    }

    fn send(&mut self, request: &Value) -> Result<Value> {
        let name = self.kind.name;
        let to = self.to.as_mut().with_context(|| format!("{name} has no pipe"))?;
        writeln!(to, "{request}").with_context(|| format!("{name} has ended"))?;
        let mut line = String::new();
        let read = self.from.read_line(&mut line)?;
        ensure!(read > 0, "{name} ended; what it said is above");
        serde_json::from_str(&line).with_context(|| format!("{name}: {line}"))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It ends when there is nothing more to read, and ends its server and removes its data before: killed, it
        // would leave both.
        self.to = None;
        let _ = self.child.wait();
    }
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str> {
    value[name].as_str().with_context(|| format!("no {name} in {value}"))
}
