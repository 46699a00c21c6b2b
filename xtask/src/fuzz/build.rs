//! What there is to build, and building it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use toml::{Table, Value};

use super::{Places, SQL};

/// What libFuzzer needs to see of a program: which edges it takes, how often. Not what it compares:
/// that costs a third of the speed, and no target is behind a magic number or a checksum.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table";

/// A target, as `fuzz/targets/Cargo.toml` lists it.
pub(super) struct Target {
    pub(super) name: String,
    /// The longest input, in bytes.
    pub(super) max_len: i64,
    /// Whether the address sanitizer watches.
    pub(super) is_watched: bool,
}

/// The targets, in their order.
pub(super) fn targets(fuzz: &Path) -> Result<Vec<Target>> {
    let path = fuzz.join("targets/Cargo.toml");
    let manifest: Table = std::fs::read_to_string(&path)
        .with_context(|| path.display().to_string())?
        .parse()
        .with_context(|| path.display().to_string())?;
    let settings = manifest.get("package").and_then(|p| p.get("metadata")?.get("fuzz"));
    let binaries = manifest.get("bin").and_then(Value::as_array).context("no targets")?;
    let names = binaries.iter().filter_map(|bin| bin.get("name")?.as_str());
    let target = |name: &str| {
        let setting = |key: &str| settings?.get(name)?.get(key);
        let max_len = setting("max_len").and_then(Value::as_integer);
        Ok(Target {
            name: name.to_owned(),
            max_len: max_len.with_context(|| format!("{name} has no max_len"))?,
            is_watched: setting("asan").and_then(Value::as_bool).unwrap_or(false),
        })
    };
    names.map(target).collect()
}

/// Builds these targets; gives the binary of each.
pub(super) fn all(
    root: &Path,
    places: &Places,
    nightly: Option<&Nightly>,
    chosen: &[Target],
) -> Result<Vec<PathBuf>> {
    for is_watched in [false, true] {
        let is_one = |t: &&Target| t.name != SQL && t.is_watched == is_watched;
        let some: Vec<_> = chosen.iter().filter(is_one).collect();
        if let Some(nightly) = nightly.filter(|_| !some.is_empty()) {
            nightly.build(places, &some, is_watched)?;
        }
    }
    if chosen.iter().any(|target| target.name == SQL) {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(root).args(["build", "--quiet", "--profile", "quick"]);
        let status = cargo.args(["-p", "tidemill-fuzz-sql"]).status().context("no cargo")?;
        ensure!(status.success(), "the SQL target does not build");
    }
    let sql = places.work.with_file_name("quick").join("tidemill-fuzz-sql");
    let binary = |target: &Target| nightly.map_or(sql.clone(), |n| n.binary(places, target));
    Ok(chosen.iter().map(|t| if t.name == SQL { sql.clone() } else { binary(t) }).collect())
}

/// A nightly compiler.
pub(super) struct Nightly {
    /// The machine it runs on: naming it as the target keeps build scripts without instruments.
    host: String,
}

impl Nightly {
    pub(super) fn find() -> Option<Self> {
        let output = command().args(["rustc", "-vV"]).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let host = text.lines().find_map(|line| line.strip_prefix("host: "))?;
        Some(Self { host: host.to_owned() })
    }

    /// Builds these targets.
    pub(super) fn build(&self, places: &Places, targets: &[&Target], asan: bool) -> Result<()> {
        let mut cargo = command();
        cargo.args(["cargo", "build", "--quiet", "--release", "--locked", "--manifest-path"]);
        cargo.arg(places.fuzz.join("targets/Cargo.toml"));
        cargo.args(["--target", &self.host, "--target-dir"]).arg(build_dir(places, asan));
        cargo.args(targets.iter().flat_map(|target| ["--bin", target.name.as_str()]));
        let sanitizer = if asan { " -Zsanitizer=address" } else { "" };
        cargo.env("RUSTFLAGS", format!("{COVERAGE}{sanitizer}"));
        let status = cargo.status().context("could not start cargo")?;
        ensure!(status.success(), "the fuzz targets do not build");
        Ok(())
    }

    pub(super) fn binary(&self, places: &Places, target: &Target) -> PathBuf {
        let folder = build_dir(places, target.is_watched).join(&self.host).join("release");
        folder.join(&target.name)
    }
}

fn command() -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly"]);
    command
}

fn build_dir(places: &Places, asan: bool) -> PathBuf {
    places.work.join(if asan { "asan" } else { "plain" })
}
