//! From the plan to judged rows: what they need is built, once, and no more than that.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use cargo_metadata::diagnostic::Diagnostic;

use super::artefacts;
use super::comments::Library;
use super::file::{BinaryTable, NAME};
use super::harness::{self, Harness, MEASURE, Missing};
use super::judge::{Judge, Judged};
use super::measured::{self, Allocations};
use super::plan::Plan;
use super::rows::{Planned, Subject};
use crate::image::Image;
use crate::project::Project;
use crate::result::{Metric, Row};

/// Builds what the rows need and judges them, in their order.
///
/// # Errors
/// When something does not build.
pub fn judge(
    plan: &Plan,
    project: &Project,
    libraries: &[Library],
    planned: Vec<Planned>,
) -> Result<Vec<Row>> {
    let built = Built::new(plan, project, libraries, &planned)?;
    let mut judge = Judge::new(plan, project.root(), libraries, &built)?;
    let mut measured = Measured {
        plan,
        executable: built.measure.as_deref(),
        sizes: None,
        allocations: HashMap::new(),
    };
    let root = format!("{}/", project.root().display());
    let rows = planned.into_iter().map(|Planned { mut row, subject }| {
        let judged = match subject {
            Subject::Check(index) => judge.judge(&plan.checks[index], &mut row),
            Subject::Size(index) => measured.size(index),
            Subject::Allocations { index, limit } => measured.allocations(index, limit, row.metric),
            Subject::Binary(index) => {
                let binary = &plan.binaries[index].0;
                size_of_file(artefacts::binary(binary, &plan.build, project, false), binary)
            }
        };
        // What keeps it from being judged is no pass.
        let judged = judged.unwrap_or_else(|error| Judged::unknown(format!("{error:#}")));
        judged.fill(&mut row);
        // As the place of the row is: from the root.
        row.note = row.note.replace(&root, "");
        row.details.insert("profile".to_owned(), plan.build.profile.as_str().into());
        row
    });
    Ok(rows.collect())
}

/// What is judged.
#[derive(Debug)]
pub struct Built {
    /// The executable that holds the functions, if any are judged.
    pub harness: Option<Image>,
    /// Functions whose paths the compiler does not find.
    pub missing: Missing,
    /// The project's binaries, by name.
    pub binaries: HashMap<String, Image>,
    measure: Option<PathBuf>,
}

impl Built {
    fn new(
        plan: &Plan,
        project: &Project,
        libraries: &[Library],
        planned: &[Planned],
    ) -> Result<Self> {
        let mut binaries = HashMap::new();
        for bin in planned.iter().flat_map(|planned| planned.analysed_binaries(plan)) {
            if !binaries.contains_key(bin) {
                let path = artefacts::binary(&named(plan, bin)?, &plan.build, project, true)?;
                binaries.insert(bin.to_owned(), Image::open(&path)?);
            }
        }
        let needs_harness = |planned: &Planned| !matches!(planned.subject, Subject::Binary(_));
        if !planned.iter().any(needs_harness) {
            return Ok(Self { harness: None, missing: Missing::new(), binaries, measure: None });
        }
        let folder = artefacts::folder(project);
        let mut missing = Missing::new();
        // The compiler names what it does not find before it looks at types: those may be wrong as well.
        let (written, executables) = loop {
            let written = harness::write(plan, &missing, project, libraries, &folder)?;
            match artefacts::harness(&written, &plan.build, project)? {
                Ok(executables) => break (written, executables),
                Err(errors) => {
                    let found = not_found(plan, &written, &errors);
                    if found.is_empty() {
                        errors.iter().for_each(|error| eprint!("{error}"));
                        bail!("the harness of {NAME} does not build: see above");
                    }
                    missing.extend(found);
                }
            }
        };
        let harness = executables.first().context("cargo built no harness")?;
        let measure = written.bins.iter().position(|bin| *bin == MEASURE);
        Ok(Self {
            harness: Some(Image::open(harness)?),
            missing,
            measure: measure.and_then(|index| executables.get(index).cloned()),
            binaries,
        })
    }
}

/// The paths of the plan that the compiler complained about, and how.
fn not_found(plan: &Plan, harness: &Harness, errors: &[Diagnostic]) -> Missing {
    let mut found = Missing::new();
    for error in errors {
        let spans = error.spans.iter().filter(|span| span.is_primary);
        let here = spans.filter(|span| span.file_name.ends_with("functions.rs"));
        for index in here.filter_map(|span| harness::path_in_line(harness, span.line_start)) {
            let mut note =
                format!("there is no function `{}`: {}", plan.functions[index].name, error.message);
            for help in &error.children {
                let words =
                    help.spans.iter().filter_map(|span| span.suggested_replacement.as_deref());
                let words: Vec<&str> = words.filter(|word| !word.trim().is_empty()).collect();
                note += &format!("\n{}", help.message);
                if !words.is_empty() {
                    note += &format!(": `{}`", words.join(" ").trim());
                }
            }
            found.entry(index).or_insert(note);
        }
    }
    found
}

/// How a binary is built: as its `[[binary]]` says, if there is one.
fn named(plan: &Plan, bin: &str) -> Result<BinaryTable> {
    let tables = plan.binaries.iter().map(|(table, _)| table);
    match tables.into_iter().find(|table| table.bin.as_ref() == bin) {
        Some(table) => Ok(table.clone()),
        None => Ok(toml::from_str(&format!("bin = {bin:?}"))?),
    }
}

/// What the harness measures, each once.
struct Measured<'a> {
    plan: &'a Plan,
    executable: Option<&'a Path>,
    sizes: Option<Vec<u64>>,
    allocations: HashMap<usize, Allocations>,
}

impl Measured<'_> {
    fn executable(&self) -> Result<&Path> {
        self.executable.context("the harness measures nothing")
    }

    fn size(&mut self, index: usize) -> Result<Judged> {
        if self.sizes.is_none() {
            self.sizes = Some(measured::sizes(self.executable()?, self.plan.sizes.len())?);
        }
        let Some(found) = self.sizes.as_ref().and_then(|sizes| sizes.get(index)) else {
            bail!("the harness printed no size");
        };
        let table = &self.plan.sizes[index].0;
        let holds = match (table.exact, table.max) {
            (Some(exact), _) => *found == exact,
            (None, max) => max.is_some_and(|max| *found <= max),
        };
        Ok(Judged::figure(holds, *found, format!("{found} B")))
    }

    fn allocations(&mut self, index: usize, limit: u64, metric: Metric) -> Result<Judged> {
        let found = match self.allocations.get(&index) {
            Some(found) => *found,
            None => measured::allocations(self.executable()?, index)?,
        };
        self.allocations.insert(index, found);
        let Allocations { requests, bytes } = found;
        let figure = if metric == Metric::Allocations { requests } else { bytes };
        let note = format!("{requests} allocations, {bytes} B");
        Ok(Judged::figure(figure <= limit, figure, note))
    }
}

fn size_of_file(built: Result<PathBuf>, table: &BinaryTable) -> Result<Judged> {
    let found = std::fs::metadata(built?)?.len();
    let holds = table.max_bytes.is_some_and(|max| found <= max);
    Ok(Judged::figure(holds, found, format!("{found} B")))
}
