//! The commands, one file each: arguments, the work, what is printed.

mod asm;
mod asm_llvm;
mod bench;
mod build;
mod build_matrix;
mod caches;
mod check;
mod compare;
pub mod heap;
mod layout;
pub mod profile;
mod report;
mod size;

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::outcome::Outcome;
use crate::project::Project;
use crate::result::Document;
use crate::result::kept::Results;

/// Measures, explains and guards the speed, allocations, size and assembly of a Cargo project.
#[derive(Debug, Parser)]
#[command(name = "cargo gauge", bin_name = "cargo gauge", version, max_term_width = 100)]
pub struct Args {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What all commands take.
#[derive(Debug, clap::Args)]
pub struct Common {
    /// The project's Cargo.toml; else that of the current folder or above
    #[arg(long, global = true, value_name = "PATH")]
    pub manifest_path: Option<PathBuf>,
    /// Print the result as JSON (one schema for all commands)
    #[arg(long, global = true)]
    pub json: bool,
    /// Print a GitHub annotation for each breach as well
    #[arg(long, global = true)]
    pub ci: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Asm(asm::Args),
    Check(check::Check),
    Bench(bench::Args),
    Compare(compare::Args),
    Caches(caches::Args),
    Build(Box<build::Args>),
    Heap(heap::Args),
    Layout(layout::Args),
    Size(size::Args),
    Profile(profile::Args),
    Report(report::Args),
}

/// Runs a command.
///
/// # Errors
/// When it could not do its work.
pub fn run(args: Args) -> Result<Outcome> {
    match args.command {
        Command::Asm(command) => asm::run(&command, &args.common),
        Command::Check(check) => check.run(&args.common),
        Command::Bench(bench) => bench::run(&args.common, &bench),
        Command::Compare(compare) => compare::run(&args.common, &compare),
        Command::Build(build) => build::run(&build, &args.common),
        Command::Caches(caches) => caches::run(&caches, &args.common),
        Command::Heap(heap) => heap::run(&heap, &args.common),
        Command::Layout(layout) => layout::run(&layout, &args.common),
        Command::Size(size) => size::run(&size, &args.common),
        Command::Profile(profile) => profile::run(&profile, &args.common),
        Command::Report(report) => report::run(&report, &args.common),
    }
}

impl Common {
    /// The project that is meant.
    ///
    /// # Errors
    /// When there is none.
    pub fn project(&self) -> Result<Project> {
        Project::find(self.manifest_path.as_deref())
    }

    /// Prints a document: as JSON where that was asked for, else by `text`; annotations after it.
    ///
    /// # Errors
    /// When standard output cannot be written; a closed pipe is none.
    pub fn print(
        &self,
        document: &Document,
        text: impl FnOnce(&mut dyn Write) -> Result<()>,
    ) -> Result<Outcome> {
        let mut out = std::io::stdout().lock();
        let printed = (|| {
            if self.json {
                document.write_json(&mut out)?;
            } else {
                text(&mut out)?;
            }
            if self.ci {
                document.write_annotations(&mut out)?;
            }
            Ok(out.flush()?)
        })();
        match printed {
            Err(error) if is_closed_pipe(&error) => {}
            other => other?,
        }
        Ok(if document.has_breach() { Outcome::Breach } else { Outcome::Done })
    }
}

/// Keeps a result among the project's, for `report`, with an SVG of it; outside of a project there is nowhere to.
fn keep(project: Option<&Project>, document: &Document, picture: Option<&str>) {
    let Some(project) = project else { return };
    if let Err(error) = Results::of(project).keep(document, picture) {
        eprintln!("warning: `cargo gauge report` will not know of this: {error:#}");
    }
}

/// What a result is of: what was built, where that is not what a command builds by itself.
fn subject<'a>(parts: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> Option<String> {
    let parts = parts.into_iter().filter_map(|(name, value)| {
        let value = value.filter(|value| !value.is_empty())?;
        Some(if name.is_empty() { value.to_owned() } else { format!("{name} {value}") })
    });
    let parts: Vec<String> = parts.collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// A name, unless it is the usual one.
fn unless<'a>(usual: &str, name: &'a str) -> Option<&'a str> {
    (name != usual).then_some(name)
}

/// A command as one line.
fn words(command: &[OsString]) -> String {
    let words: Vec<_> = command.iter().map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let is_pipe = |e: &std::io::Error| e.kind() == std::io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(is_pipe)
            || cause
                .downcast_ref::<serde_json::Error>()
                .is_some_and(|e| e.io_error_kind() == Some(std::io::ErrorKind::BrokenPipe))
    })
}

/// Whether progress may be drawn.
pub fn is_interactive() -> bool {
    std::io::stderr().is_terminal()
}
