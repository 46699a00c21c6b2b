//! `cargo gauge size`: what a linked file is made of, and how it differs from a baseline.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{Common, keep, subject, unless};
use crate::artefact::Selection;
use crate::bench::baseline::Baseline;
use crate::environment::Environment;
use crate::image::Image;
use crate::outcome::{Outcome, Usage};
use crate::project::Project;
use crate::result::{Document, Metric, Row};
use crate::size::breakdown::Breakdown;
use crate::size::difference::{Change, are_differences, changes};
use crate::size::table::{self, By};

const EXAMPLES: &str = "\
Examples:
  cargo gauge size                             sections, crates, functions, data
  cargo gauge size --by function --top 50      instances of a generic are one line: copies, bytes
  cargo gauge size --save before               … change something …
  cargo gauge size --baseline before           what grew, what shrank
  cargo gauge size --bin-file target/release/program --baseline old/program

It builds the binary as the profile says, with symbols and lines, which change no code. Instances of a
generic function are counted for the crate that wrote it.";

/// What a binary is made of: sections, code by crate and function, data; against a baseline
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// What to list; else a short list of each
    #[arg(long, value_enum)]
    by: Option<By>,
    /// Lines of each list
    #[arg(long, value_name = "N")]
    top: Option<usize>,
    /// Keep the result under this name
    #[arg(long, value_name = "NAME")]
    save: Option<String>,
    /// Show what differs: from a result that was kept, a file that --json wrote, or an executable
    #[arg(long, value_name = "NAME|FILE")]
    baseline: Option<String>,
    /// Take apart this executable or library, built already with symbols
    #[arg(long, value_name = "PATH", conflicts_with_all = ["package", "bin", "example"])]
    bin_file: Option<PathBuf>,
    #[command(flatten)]
    selection: Selection,
}

/// Runs the command.
///
/// # Errors
/// When it cannot be built or read, or there is no such baseline.
pub(super) fn run(args: &Args, common: &Common) -> Result<Outcome> {
    let project = common.project();
    let root = project.as_ref().map_or_else(|_| PathBuf::from("."), |p| p.root().to_owned());
    let kept = |name: &str| {
        let project = project.as_ref().map_err(|error| Usage(format!("{error:#}")))?;
        Baseline::named(&project.gauge_dir().join("size"), name)
    };
    // What is wrong with a name is said before anything is built.
    let save = args.save.as_deref().map(kept).transpose()?;
    let baseline = match &args.baseline {
        Some(name) => Some(baseline(name, kept(name).ok())?),
        None => None,
    };
    let file = match &args.bin_file {
        Some(file) => file.clone(),
        None => {
            let project = common.project()?;
            build(args, &project, common.manifest_path.as_deref())?
        }
    };
    let found = Breakdown::of(&Image::open(&file)?)?;
    let mut document = Document::new("size", Environment::observe(&root));
    // Nothing is measured here whose time could be doubted.
    document.warnings.clear();
    // What was built here goes by its name; of files there may be several of one name.
    let name = args.bin_file.as_deref().or(file.file_name().map(Path::new));
    let name = name.map(|name| name.display().to_string());
    document.subject = subject([
        ("", name.as_deref()),
        ("profile", unless("release", &args.selection.profile)),
        ("features", args.selection.features.as_deref()),
        ("without", args.selection.no_default_features.then_some("default features")),
    ]);
    document.rows = rows(&found);
    keep(project.as_ref().ok(), &document, None);
    if let Some(save) = save {
        save.save(&document, &[])?;
    }
    let Some(baseline) = baseline else {
        let top = args.top.unwrap_or(if args.by.is_some() { 40 } else { 15 });
        return common.print(&document, |out| table::print(&found, args.by, top, out));
    };
    let changes = changes(&baseline, &document.rows);
    document.rows = changes.iter().map(changed_row).collect();
    let top = args.top.unwrap_or(20);
    common.print(&document, |out| table::print_changes(&changes, args.by, top, out))
}

/// The rows of a baseline: one that was kept, or a file.
fn baseline(name: &str, kept: Option<Baseline>) -> Result<Vec<Row>> {
    if let Some(kept) = kept.filter(Baseline::exists) {
        return Ok(kept.document()?.rows);
    }
    let path = Path::new(name);
    let Ok(bytes) = std::fs::read(path) else {
        let message = format!(
            "`{name}` is neither a result that was kept (`cargo gauge size --save {name}` keeps one) nor a file"
        );
        return Err(Usage(message).into());
    };
    if bytes.starts_with(b"\x7fELF") {
        return Ok(rows(&Breakdown::of(&Image::open(path)?)?));
    }
    let text = String::from_utf8_lossy(&bytes);
    let document = Document::read_json(&text).with_context(|| format!("{name} is no result"))?;
    if document.command != "size" {
        let message = format!("{name} is a result of `{}`, not of `size`", document.command);
        return Err(Usage(message).into());
    }
    if are_differences(&document.rows) {
        let message = format!(
            "{name} says what differs from a baseline: as a baseline it would lack the rest"
        );
        return Err(Usage(message).into());
    }
    Ok(document.rows)
}

/// Builds the one binary that is meant.
fn build(args: &Args, project: &Project, manifest: Option<&Path>) -> Result<PathBuf> {
    let built = args.selection.build(project, manifest)?.executables()?;
    match &built[..] {
        [(_, path)] => Ok(path.clone()),
        [] => Err(Usage("nothing was linked".to_owned()).into()),
        several => {
            let names: Vec<&str> = several.iter().map(|(name, _)| name.as_str()).collect();
            let flag = if args.selection.example.is_some() { "--example" } else { "--bin" };
            Err(Usage(format!("which one? {flag}, one of {}", names.join(", "))).into())
        }
    }
}

fn new_row(kind: &str, name: &str, bytes: u64, details: &[(&str, Value)]) -> Row {
    let mut row = Row::new(name, Metric::Size);
    row.value = Some(bytes as f64);
    row.details.insert("kind".to_owned(), kind.into());
    row.details.extend(details.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    row
}

fn rows(found: &Breakdown) -> Vec<Row> {
    let mut rows = vec![
        new_row("total", "file", found.file, &[]),
        new_row("total", "loaded", found.loaded, &[]),
        new_row("total", "code", found.code, &[]),
        new_row("total", "data", found.data_size, &[]),
    ];
    rows.extend(found.sections.iter().map(|section| {
        let details = [("in_file", json!(section.in_file)), ("loaded", json!(section.is_loaded))];
        new_row("section", &section.name, section.size, &details)
    }));
    rows.extend(found.crates.iter().map(|one| {
        let others: serde_json::Map<String, Value> =
            one.compiled_for.iter().map(|(name, bytes)| (name.clone(), json!(bytes))).collect();
        let details = [("functions", json!(one.functions)), ("compiled_for", json!(others))];
        new_row("crate", &one.name, one.size, &details)
    }));
    rows.extend(found.functions.iter().map(|one| {
        let details = [
            ("crate", json!(one.krate)),
            ("copies", json!(one.copies)),
            ("largest", json!(one.largest)),
        ];
        new_row("function", &one.name, one.size, &details)
    }));
    rows.extend(found.data.iter().map(|one| {
        let details = [("crate", json!(one.krate)), ("section", json!(one.section))];
        new_row("data", &one.name, one.size, &details)
    }));
    rows
}

fn changed_row(change: &Change) -> Row {
    let details = [("before", json!(change.before)), ("change", json!(change.bytes()))];
    let mut row = new_row(&change.kind, &change.name, change.after.unwrap_or(0), &details);
    row.note = match (change.before, change.after) {
        (None, _) => "new".to_owned(),
        (_, None) => "gone".to_owned(),
        _ => String::new(),
    };
    row
}
