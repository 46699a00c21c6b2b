//! `cargo gauge asm`: a function's assembly as it was linked, or how two functions differ.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Common;
use crate::artefact::Selection;
use crate::asm::{
    self, Analyser, Analysis, Comparison, Item, Sources, compare, listing, loop_bodies, mca,
    predicates,
};
use crate::environment::Environment;
use crate::image::{Function, Image, Lookup};
use crate::outcome::{Outcome, Usage};
use crate::project::Project;
use crate::result::{Document, Metric, Row};

const EXAMPLES: &str = "\
Examples:
  cargo gauge asm my_crate::sum                     its assembly, as linked
  cargo gauge asm sum_iterator --vs sum_manual      are they the same? else how they differ
  cargo gauge asm sum -p my-crate --example demo    as it stands in that example
  cargo gauge asm sum --mca                         what llvm-mca says of its loops
  cargo gauge asm memchr --bin-file /usr/bin/rg     of a program that is built already";

/// A function's assembly as linked: blocks, loops, sources, constants, panics; or how two differ
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The function: its path, or its end from a `::` on
    #[arg(value_name = "FN")]
    function: String,
    /// Compare with this one: in what sense they are the same, or how they differ
    #[arg(long, value_name = "FN")]
    vs: Option<String>,
    /// What llvm-mca says of each innermost loop
    #[arg(long)]
    mca: bool,
    /// The processor that llvm-mca assumes (as `-mcpu` has it); else this one
    #[arg(long, value_name = "CPU", requires = "mca")]
    mca_cpu: Option<String>,
    /// The function as LLVM has it before it becomes assembly
    #[arg(long, conflicts_with_all = ["vs", "mca", "bin_file"])]
    llvm: bool,
    /// Without lines of the sources
    #[arg(long)]
    no_source: bool,
    /// Judge this executable or library, built already with symbols
    #[arg(long, value_name = "PATH", conflicts_with_all = ["package", "bin", "example"])]
    bin_file: Option<PathBuf>,
    #[command(flatten)]
    selection: Selection,
}

/// Runs the command.
///
/// # Errors
/// When it cannot be built or read, or the function is not in it.
pub(super) fn run(args: &Args, common: &Common) -> Result<Outcome> {
    let (root, artefacts) = artefacts(args, common)?;
    let (image, function) = locate(&artefacts, &args.function)?;
    let mut document = Document::new("asm", Environment::observe(&root));
    // Nothing is measured here whose time could be doubted.
    document.warnings.clear();
    let analysis = Analyser::new(&image).analyse(&function)?;
    document.rows.extend(rows(&function, &analysis));
    if let Some(other) = &args.vs {
        let (other_image, other) = match image.find(other) {
            Ok(found) => (None, found.clone()),
            Err(Lookup::Missing { .. }) => {
                let (image, function) = locate(&artefacts, other)?;
                (Some(image), function)
            }
            Err(error) => return Err(error.into()),
        };
        let found = compare(&image, &function, other_image.as_ref().unwrap_or(&image), &other)?;
        document.rows.push(row_of(&function, &other, &found));
        return common.print(&document, |out| print_comparison(out, &function, &other, &found));
    }
    let is_shown = !common.json;
    let mut models = Vec::new();
    if args.mca {
        match mca::find() {
            Some(program) => models = model(program, args, &analysis, &mut document)?,
            None => document.warnings.push(
                "llvm-mca is not installed: `apt install llvm-22`, and its folder in PATH"
                    .to_owned(),
            ),
        }
    }
    if args.llvm {
        let text = super::asm_llvm::function(args, &args.selection, common, &function)?;
        return common.print(&document, |out| Ok(writeln!(out, "{text}")?));
    }
    let sources = (is_shown && !args.no_source).then(|| Sources::new(&image, &root)).transpose()?;
    let warnings = document.warnings.clone();
    common.print(&document, |out| {
        print_listing(out, &image, &analysis, sources, &root)?;
        for model in &models {
            writeln!(out, "\n{model}")?;
        }
        warnings.iter().try_for_each(|warning| Ok(writeln!(out, "warning: {warning}")?))
    })
}

/// The files that may have the function, and what their sources' paths are relative to.
fn artefacts(args: &Args, common: &Common) -> Result<(PathBuf, Vec<PathBuf>)> {
    if let Some(file) = &args.bin_file {
        let root = common.project().map_or_else(|_| PathBuf::new(), |p| p.root().to_owned());
        return Ok((root, vec![file.clone()]));
    }
    let project: Project = common.project()?;
    let build = args.selection.build(&project, common.manifest_path.as_deref())?;
    let built = build.executables()?;
    let root = project.root().to_owned();
    Ok((root, built.into_iter().map(|(_, path)| path).collect()))
}

/// The function in the first of the files that has it.
fn locate(artefacts: &[PathBuf], name: &str) -> Result<(Image, Function)> {
    let mut missing = None;
    for path in artefacts {
        let image = Image::open(path)?;
        match image.find(name).cloned() {
            Ok(function) => return Ok((image, function)),
            Err(error @ Lookup::Ambiguous { .. }) => return Err(Usage(error.to_string()).into()),
            Err(error) => missing = missing.or(Some(error)),
        }
    }
    let files: Vec<String> = artefacts.iter().map(|path| file_name(path)).collect();
    let error = missing.map_or("nothing was built".to_owned(), |error| error.to_string());
    Err(Usage(format!(
        "{error}\nIt is not in {}: inlined wherever it is called, generic, or never called. Name it in \
         gauge.toml as a [[function]], which makes a wrapper that calls it; or mark it \
         #[inline(never)] and call it.",
        files.join(", ")
    ))
    .into())
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn rows(function: &Function, analysis: &Analysis) -> Vec<Row> {
    let mut count = Row::new(function.name(), Metric::Instructions);
    count.value = Some(predicates::instructions(&analysis.body) as f64);
    let details = &mut count.details;
    details.insert("loops".to_owned(), analysis.body.loops.len().into());
    details.insert("calls".to_owned(), analysis.calls.len().into());
    details.insert("packed".to_owned(), asm::packed_in_loops(analysis).into());
    let calls: Vec<String> = analysis.calls.iter().map(ToString::to_string).collect();
    details.insert("callees".to_owned(), calls.into());
    if let Some(stack) = predicates::stack(&analysis.body) {
        details.insert("stack".to_owned(), stack.into());
    }
    let mut size = Row::new(function.name(), Metric::Size);
    size.value = Some(analysis.body.bytes() as f64);
    vec![count, size]
}

fn row_of(function: &Function, other: &Function, found: &Comparison) -> Row {
    let mut row = Row::new(format!("{} = {}", function.name(), other.name()), Metric::Assembly);
    row.note = found.level.words().to_owned();
    row.details.insert("level".to_owned(), format!("{:?}", found.level).into());
    row.details.insert("diff".to_owned(), found.diff.clone().into());
    row
}

fn print_comparison(
    out: &mut dyn Write,
    function: &Function,
    other: &Function,
    found: &Comparison,
) -> Result<()> {
    let level = match found.level {
        asm::Level::Different => String::new(),
        level => format!(" (level {})", level as u8),
    };
    writeln!(out, "{} and {}: {}{level}", function.name(), other.name(), found.level.words())?;
    if !found.diff.is_empty() {
        writeln!(out, "--- {}\n+++ {}", function.name(), other.name())?;
    }
    found.diff.iter().try_for_each(|line| Ok(writeln!(out, "{line}")?))
}

fn print_listing(
    out: &mut dyn Write,
    image: &Image,
    analysis: &Analysis,
    mut sources: Option<Sources<'_>>,
    root: &Path,
) -> Result<()> {
    let function = &analysis.body.function;
    for name in &function.names {
        writeln!(out, "{}:", name.demangled)?;
    }
    for thunk in &analysis.body.thunks {
        writeln!(out, "  (through {thunk}, which only jumps here)")?;
    }
    let mut last = None;
    let mut depth = 0;
    for item in listing(image, analysis) {
        match item {
            Item::Label { name, depth: now, note } => {
                depth = now;
                let note = if note.is_empty() { note } else { format!("  ; {note}") };
                writeln!(out, "{name}:{note}")?;
            }
            Item::Instruction { address, text, note } => {
                if let Some(sources) = &mut sources
                    && let Some(line) = sources.line(address)
                    && last.as_ref() != Some(&line)
                {
                    let text = sources.text(&line).unwrap_or_default().trim();
                    let text = if text.is_empty() { String::new() } else { format!("  {text}") };
                    writeln!(
                        out,
                        "          // {}:{}{text}",
                        short(&line.file, root),
                        line.number
                    )?;
                    last = Some(line);
                }
                let bar = "│ ".repeat(depth.min(4));
                let note = if note.is_empty() { note } else { format!("  ; {note}") };
                writeln!(out, "{address:8x}  {bar}{text}{note}")?;
            }
        }
    }
    Ok(writeln!(out, "{}", asm::summary(analysis))?)
}

/// A file by its path from the project's root; one of the standard library without the hash of the
/// compiler's sources.
fn short(file: &str, root: &Path) -> String {
    if let Ok(inside) = Path::new(file).strip_prefix(root) {
        return inside.display().to_string();
    }
    match file.strip_prefix("/rustc/").and_then(|rest| rest.split_once('/')) {
        Some((_, rest)) => rest.to_owned(),
        None => file.to_owned(),
    }
}

/// What llvm-mca says of each innermost loop; what it cannot do is a warning.
fn model(
    program: &str,
    args: &Args,
    analysis: &Analysis,
    document: &mut Document,
) -> Result<Vec<String>> {
    let mut models = Vec::new();
    let loops = loop_bodies(&analysis.body);
    if loops.is_empty() {
        document.warnings.push("there is no loop for llvm-mca".to_owned());
    }
    for (header, instructions, calls) in loops {
        let said = mca::run(program, args.mca_cpu.as_deref(), &instructions);
        match said.context("what was given to it were the instructions of a loop") {
            Ok(said) => models.push(format!("{program}, loop at .L{header}:\n{said}")),
            Err(error) => document.warnings.push(format!("{error:#}")),
        }
        if calls > 0 {
            let warning = format!("{calls} calls in the loop at .L{header} were left out");
            document.warnings.push(warning);
        }
    }
    Ok(models)
}
