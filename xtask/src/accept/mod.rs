//! What `cargo gauge compare` is accepted by: it makes a project of ten rows, and compares two identical builds of
//! it, and one with a slowdown planted in a hot loop, so often. Wall time is measured, so this is no test:
//! run it where nothing else runs.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

const ROWS: &str = include_str!("rows.rs");

const USAGE: &str = "usage: xtask gauge-accept [--runs N] [--minutes N] [--slowdown PERCENT]
Compares two identical builds and one with a planted slowdown, N times each (20), and counts verdicts.";

/// The options.
struct Options {
    runs: usize,
    minutes: String,
    slowdown: f64,
}

/// What one comparison said about time.
#[derive(Debug, Default)]
struct Verdicts {
    rows: usize,
    /// Rows with a verdict other than equal or inconclusive.
    found: Vec<String>,
    /// Those that would have had one, had no control fired.
    advice: Vec<String>,
    controls: Vec<String>,
    inconclusive: usize,
    /// Of the row with the plant: the ratio less one, in per cent.
    effect: f64,
}

pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    let Some(options) = parse(arguments) else {
        eprintln!("{USAGE}");
        return Ok(ExitCode::from(2));
    };
    let mut build = Command::new("cargo");
    build.args(["build", "--quiet", "--profile", "quick", "-p", "cargo-gauge"]).current_dir(root);
    ensure!(build.status()?.success(), "cargo-gauge does not build");
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let gauge = target.join("quick/cargo-gauge");
    let project = target.join("gauge-accept");
    let [base, twin, slow] = make_project(root, &project, options.slowdown)?;
    let compare = |revision: &str| compare(&gauge, &project, &base, revision, &options.minutes);

    let (mut false_verdicts, mut rows, mut found, mut fired) = (0, 0, 0, 0);
    for run in 1..=options.runs {
        let verdicts = compare(&twin)?;
        rows += verdicts.rows;
        false_verdicts += verdicts.found.len();
        fired += usize::from(!verdicts.controls.is_empty());
        println!("identical {run}: {verdicts:?}");
        let verdicts = compare(&slow)?;
        found += usize::from(verdicts.found.iter().any(|name| name == "rows/chain"));
        fired += usize::from(!verdicts.controls.is_empty());
        println!("slower    {run}: {verdicts:?}");
    }
    let Options { runs, slowdown, .. } = options;
    println!(
        "two identical builds: {false_verdicts} false verdicts of {rows} (accepted: 1 of 200)"
    );
    println!("{slowdown} % slower: found in {found} of {runs} runs (accepted: 19 of 20)");
    println!("a control fired in {fired} of {} runs", 2 * runs);
    let is_accepted = false_verdicts * 200 <= rows && found * 20 >= runs * 19;
    Ok(if is_accepted { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn parse(arguments: &[String]) -> Option<Options> {
    let mut options = Options { runs: 20, minutes: "2".to_owned(), slowdown: 3.0 };
    for pair in arguments.chunks(2) {
        match pair {
            [name, value] if name == "--runs" => options.runs = value.parse().ok()?,
            [name, value] if name == "--minutes" => options.minutes = value.clone(),
            [name, value] if name == "--slowdown" => options.slowdown = value.parse().ok()?,
            _ => return None,
        }
    }
    // Nothing run accepts nothing.
    let is_some = options.runs > 0 && options.slowdown > 0.0;
    is_some.then_some(options)
}

/// A repository of three commits: the base, one that changes nothing that is built, and a slower one.
fn make_project(root: &Path, project: &Path, slowdown: f64) -> Result<[String; 3]> {
    if project.exists() {
        std::fs::remove_dir_all(project)?;
    }
    std::fs::create_dir_all(project.join("benches"))?;
    std::fs::create_dir_all(project.join("src"))?;
    let manifest = format!(
        "[package]\nname = \"rows\"\nedition = \"2024\"\n\n[workspace]\n\n[dev-dependencies]\n\
         gauge-bench = {{ path = {:?} }}\n\n[[bench]]\nname = \"rows\"\nharness = false\n",
        root.join("gauge/bench")
    );
    std::fs::write(project.join("Cargo.toml"), manifest)?;
    std::fs::copy(root.join("Cargo.lock"), project.join("Cargo.lock"))?;
    std::fs::write(project.join("src/lib.rs"), "")?;
    std::fs::write(project.join(".gitignore"), "target\nCargo.lock\n")?;
    let planted = format!("STEPS: u64 = {:.0};", 1000.0 * (1.0 + slowdown / 100.0));
    let slower = ROWS.replace("STEPS: u64 = 1000;", &planted);
    ensure!(slower != ROWS, "the plant is not in the rows");
    git(project, &["init", "--quiet"])?;
    let commit = |text: &str, note: &str| -> Result<String> {
        std::fs::write(project.join("benches/rows.rs"), text)?;
        std::fs::write(project.join("README.md"), note)?;
        git(project, &["add", "--all"])?;
        let who = ["-c", "user.name=accept", "-c", "user.email=accept@localhost"];
        git(project, &[&who[..], &["commit", "--quiet", "--message", note]].concat())?;
        git(project, &["rev-parse", "HEAD"])
    };
    Ok([commit(ROWS, "base")?, commit(ROWS, "twin")?, commit(&slower, "slower")?])
}

fn git(folder: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new("git").arg("-C").arg(folder).args(arguments).output()?;
    ensure!(output.status.success(), "git: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn compare(gauge: &Path, project: &Path, a: &str, b: &str, minutes: &str) -> Result<Verdicts> {
    let mut command = Command::new(gauge);
    command.args(["compare", a, b, "--json", "--minutes", minutes]).current_dir(project);
    command.env("CARGO_TARGET_DIR", project.join("target"));
    let output = command.stderr(Stdio::inherit()).output().context("cargo-gauge")?;
    let document: Value = serde_json::from_slice(&output.stdout).context("its result")?;
    let mut verdicts = Verdicts::default();
    for row in document["rows"].as_array().context("it has no rows")? {
        if row["metric"] != "time" {
            continue;
        }
        verdicts.rows += 1;
        let name = row["name"].as_str().unwrap_or_default().to_owned();
        if name == "rows/chain" {
            verdicts.effect = (row["details"]["ratio"].as_f64().unwrap_or(f64::NAN) - 1.0) * 100.0;
        }
        if row["details"]["advice"].is_string() {
            verdicts.advice.push(name.clone());
        }
        match row["verdict"].as_str() {
            Some("improved" | "regressed") => verdicts.found.push(name),
            Some("inconclusive") => verdicts.inconclusive += 1,
            Some("equal") => {}
            other => bail!("{name}: the verdict {other:?}"),
        }
    }
    let warnings = document["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str);
    verdicts.controls =
        warnings.filter(|line| line.starts_with("control:")).map(str::to_owned).collect();
    Ok(verdicts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_run_is_not_accepted() {
        let parse = |words: &str| {
            let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
            parse(&words).map(|options| (options.runs, options.slowdown))
        };
        assert_eq!(parse(""), Some((20, 3.0)));
        assert_eq!(parse("--runs 1 --slowdown 5"), Some((1, 5.0)));
        for wrong in ["--runs 0", "--runs -1", "--slowdown 0", "--slowdown NaN", "--runs", "x y"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
