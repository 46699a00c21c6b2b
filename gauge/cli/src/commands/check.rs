//! `cargo gauge check`: judges the contracts.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};

use super::{Common, is_interactive, keep, subject};
use crate::contracts::comments::{self, Library};
use crate::contracts::plan::{self, Plan};
use crate::contracts::{file, rows, session};
use crate::environment::Environment;
use crate::outcome::{Outcome, Usage};
use crate::project::Project;
use crate::result::{Document, Row, Verdict};

const EXAMPLE: &str = "\
Example: gauge.toml, beside the workspace's Cargo.toml:
  [[function]]
  code = \"pub fn sum(values: &[i32]) -> i32 { values.iter().sum() }\"

  [[contract]]
  function = \"sum\"
  simd = \"i32x4\"
  no = [\"panic\", \"alloc\"]

or, above a public function in its source:\n  // gauge: simd = \"i32x4\", no = [\"panic\"]

docs/gauge.md has the rest.";

/// Judge the contracts of gauge.toml and of `// gauge:` comments; exit code 1 on a breach
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Check {
    /// Judge only rows whose name contains this
    #[arg(default_value = "", hide_default_value = true)]
    filter: String,
    /// Print what would be judged, and build nothing
    #[arg(long)]
    list: bool,
    /// Build with this profile instead of gauge.toml's
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
}

impl Check {
    /// Runs it.
    ///
    /// # Errors
    /// When a contract means nothing, or something does not build.
    pub(super) fn run(&self, common: &Common) -> Result<Outcome> {
        let started = Instant::now();
        let project = common.project()?;
        let libraries = libraries(&project);
        let mut plan = read(&project, &libraries)?;
        if let Some(profile) = &self.profile {
            plan.build.profile.clone_from(profile);
        }
        let planned = rows::planned(&plan, &self.filter);
        if planned.is_empty() {
            let why = match self.filter.as_str() {
                "" => format!("{} and the sources have no contract", file::NAME),
                filter => format!("no contract's name contains `{filter}`: see --list"),
            };
            return Err(Usage(why).into());
        }
        let mut document = Document::new("check", Environment::observe(project.root()));
        // What makes times doubtful changes no verdict here.
        document.warnings.clear();
        if self.list {
            document.rows = planned.into_iter().map(|planned| planned.row).collect();
        } else {
            if is_interactive() {
                eprintln!("building what is judged (profile {})", plan.build.profile);
            }
            document.rows = session::judge(&plan, &project, &libraries, planned)?;
        }
        if !self.list {
            document.partial = !self.filter.is_empty();
            document.subject = subject([("profile", self.profile.as_deref())]);
            keep(Some(&project), &document, None);
        }
        common.print(&document, |out| {
            print(out, &document.rows)?;
            match self.list {
                true => Ok(()),
                false => summary(out, &document.rows, started),
            }
        })
    }
}

/// The libraries of the workspace.
fn libraries(project: &Project) -> Vec<Library> {
    let targets = project.metadata.packages.iter().flat_map(|package| &package.targets);
    let libraries = targets.filter(|target| target.is_lib() || target.is_rlib());
    libraries
        .map(|target| Library {
            name: target.name.replace('-', "_"),
            root: target.src_path.as_std_path().to_owned(),
        })
        .collect()
}

fn read(project: &Project, libraries: &[Library]) -> Result<Plan> {
    let mut found = Vec::new();
    for library in libraries {
        found.extend(comments::scan(project.root(), library)?);
    }
    let targets = project.metadata.packages.iter().flat_map(|package| &package.targets);
    let others = targets.filter(|target| !target.is_lib() && !target.is_rlib());
    let others: Vec<PathBuf> = others.map(|target| target.src_path.as_std_path().into()).collect();
    comments::refuse(project.root(), &others, libraries)?;
    let path = project.root().join(file::NAME);
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if found.is_empty() {
                return Err(Usage(no_file(project.root())).into());
            }
            String::new()
        }
        other => other.with_context(|| path.display().to_string())?,
    };
    plan::plan(&text, found)
}

fn no_file(root: &Path) -> String {
    let (name, root) = (file::NAME, root.display());
    format!("there is no {name} in {root}: `cargo gauge check --help` has one to begin with")
}

/// A line a row; under those that are broken, where they are written and how functions differ.
fn print(out: &mut dyn Write, rows: &[Row]) -> Result<()> {
    let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0).min(72);
    for row in rows {
        let verdict = row.verdict.map_or("", Verdict::word);
        // What is long or broken has its evidence below.
        let is_breach = row.verdict.is_some_and(Verdict::is_breach);
        let mut note = row.note.lines();
        let first = if is_breach { "" } else { note.next().unwrap_or_default() };
        let line = format!("{verdict:<8} {:<width$}  {first}", row.name);
        writeln!(out, "{}", line.trim_end())?;
        if !is_breach {
            continue;
        }
        for line in note {
            writeln!(out, "         {line}")?;
        }
        if let Some(diff) = row.details.get("diff").and_then(|diff| diff.as_array()) {
            for line in diff.iter().filter_map(|line| line.as_str()) {
                writeln!(out, "         {line}")?;
            }
        }
        if let Some(place) = &row.place {
            writeln!(out, "         at {}:{}", place.file, place.line)?;
        }
    }
    Ok(())
}

fn summary(out: &mut dyn Write, rows: &[Row], started: Instant) -> Result<()> {
    let count = |verdict| rows.iter().filter(|row| row.verdict == Some(verdict)).count();
    let seconds = started.elapsed().as_secs_f64();
    let mut text = format!("{} hold", count(Verdict::Pass));
    for (verdict, words) in [(Verdict::Fail, "broken"), (Verdict::Unknown, "unknown")] {
        if count(verdict) > 0 {
            text += &format!(", {} {words}", count(verdict));
        }
    }
    Ok(writeln!(out, "{text}; {seconds:.1} s")?)
}
