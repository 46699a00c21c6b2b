//! `cargo gauge layout`: how types lie in memory, and what that wastes.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use cargo_metadata::{Artifact, TargetKind};
use serde_json::{Value, json};

use super::{Common, keep, subject, unless};
use crate::artefact::Selection;
use crate::environment::Environment;
use crate::layout::analysis::{Advice, Analysis};
use crate::layout::read::Types;
use crate::layout::{Field, Shape, Tag, Type, find, table};
use crate::outcome::{Outcome, Usage};
use crate::project::{Build, Project};
use crate::result::{Document, Metric, Row};

const EXAMPLES: &str = "\
Examples:
  cargo gauge layout                        the project's types in this package, the most wasteful first
  cargo gauge layout Value                  one type: fields, holes, tag, a smaller order
  cargo gauge layout 'Pair<u8, u64>'        one instance of a generic type
  cargo gauge layout --crate core --min-size 64
  cargo gauge layout --bin-file target/debug/program

Types are those that the code uses, as the debug information of a build has them (profile `dev` unless
another is named; a profile does not change layouts, but what is compiled under it may).";

/// Types printed in full when several have the name.
const MAX_IN_FULL: usize = 8;

/// How types lie in memory: size, holes, enum tags and slack, cache lines, and what would be smaller
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A type: its path, or its end from a `::` on; all instances of a generic one unless arguments stand there
    #[arg(value_name = "TYPE")]
    name: Option<String>,
    /// Types of this crate, of the project or not; `all` for those of all crates and none
    #[arg(long = "crate", value_name = "NAME")]
    crates: Vec<String>,
    /// Types of at least so many bytes
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    min_size: u64,
    /// Types to print
    #[arg(long, default_value_t = 30, value_name = "N")]
    top: usize,
    /// Read this executable or library, built already with debug information
    #[arg(long, value_name = "PATH", conflicts_with = "package")]
    bin_file: Option<PathBuf>,
    /// The package; else that of the current folder, or what cargo builds there
    #[arg(short, long, value_name = "NAME")]
    package: Option<String>,
    /// An example of it, rather than its library and binaries
    #[arg(long, value_name = "NAME")]
    example: Option<String>,
    /// The profile that it is built with
    #[arg(long, value_name = "NAME", default_value = "dev")]
    profile: String,
    /// Features to build it with, by commas
    #[arg(short = 'F', long, value_name = "LIST")]
    features: Option<String>,
    /// Without its default features
    #[arg(long)]
    no_default_features: bool,
}

/// Runs the command.
///
/// # Errors
/// When it cannot be built or read, or there is no such type.
pub(super) fn run(args: &Args, common: &Common) -> Result<Outcome> {
    let (types, own) = match &args.bin_file {
        Some(file) => (read(std::slice::from_ref(file))?, None),
        None => {
            let project = common.project()?;
            let files = build(args, &project, common.manifest_path.as_deref())?;
            (read(&files)?, Some(own_crates(&project)))
        }
    };
    let project = common.project();
    let root = project.as_ref().map_or_else(|_| PathBuf::from("."), |p| p.root().to_owned());
    let mut document = Document::new("layout", Environment::observe(&root));
    // Nothing is measured here whose time could be doubted.
    document.warnings.clear();
    let file = args.bin_file.as_ref().map(|file| file.display().to_string());
    document.subject = subject([
        ("", file.as_deref()),
        ("", args.package.as_deref()),
        ("example", args.example.as_deref()),
        ("profile", unless("dev", &args.profile)),
        ("features", args.features.as_deref()),
        ("without", args.no_default_features.then_some("default features")),
    ]);
    document.partial = args.name.is_some() || !args.crates.is_empty() || args.min_size > 0;
    if let Some(name) = &args.name {
        let found = find::find(&types, name);
        if found.is_empty() {
            return Err(missing(&types, name).into());
        }
        let found = analysed(found);
        document.rows = found.iter().map(|(one, analysis)| row(one, analysis)).collect();
        keep(project.as_ref().ok(), &document, None);
        return common.print(&document, |out| print_found(&found, out));
    }
    let is_wanted = |one: &&Type| {
        let is_named = |krate: &str| args.crates.iter().any(|name| name.replace('-', "_") == krate);
        let is_of_crate = match (&one.krate, &own) {
            _ if is_named("all") => true,
            (Some(krate), _) if !args.crates.is_empty() => is_named(krate),
            (Some(krate), Some(own)) => own.contains(krate),
            (krate, None) => krate.is_some() && args.crates.is_empty(),
            _ => false,
        };
        is_of_crate && one.size >= args.min_size
    };
    let mut found = analysed(types.iter().filter(is_wanted).collect());
    found.sort_by_key(|(one, analysis)| std::cmp::Reverse((analysis.wasted(), one.size)));
    document.rows = found.iter().map(|(one, analysis)| row(one, analysis)).collect();
    keep(project.as_ref().ok(), &document, None);
    common.print(&document, |out| table::print_all(&found, args.top, out))
}

fn analysed(types: Vec<&Type>) -> Vec<(&Type, Analysis)> {
    types.into_iter().map(|one| (one, Analysis::of(one))).collect()
}

fn print_found(found: &[(&Type, Analysis)], out: &mut dyn Write) -> Result<()> {
    for (at, (one, analysis)) in found.iter().take(MAX_IN_FULL).enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        table::print_one(one, analysis, out)?;
    }
    if found.len() > MAX_IN_FULL {
        writeln!(out, "\n{} more have that name:", found.len() - MAX_IN_FULL)?;
        for (one, _) in &found[MAX_IN_FULL..] {
            writeln!(out, "  {}", one.name)?;
        }
    }
    Ok(())
}

fn missing(types: &[Type], name: &str) -> Usage {
    let near = find::near(types, name);
    let like = if near.is_empty() { "" } else { "; like it:" };
    let list: String = near.iter().map(|name| format!("\n  {name}")).collect();
    Usage(format!(
        "there is no type `{name}` among the {} that the code uses{like}{list}\n\
         A type that no function uses is not compiled: a generic one needs an instance, others a value or a reference.",
        types.len()
    ))
}

/// Builds with all debug information, and returns the files of the project's own crates.
fn build(args: &Args, project: &Project, manifest: Option<&Path>) -> Result<Vec<PathBuf>> {
    let selection = Selection {
        package: args.package.clone(),
        bin: None,
        example: args.example.clone(),
        profile: args.profile.clone(),
        features: args.features.clone(),
        no_default_features: args.no_default_features,
    };
    let mut select = Vec::new();
    let mut path = project.root().join("Cargo.toml");
    match selection.package(project, manifest) {
        Ok(package) => {
            path = package.manifest_path.clone().into_std_path_buf();
            select.extend(["-p".to_owned(), package.id.repr.clone()]);
        }
        // At the root of a workspace cargo has a default; a name that is wrong is wrong.
        Err(error) if args.package.is_some() || args.example.is_some() => return Err(error),
        Err(_) => {}
    }
    if let Some(example) = &args.example {
        select.extend(["--example".to_owned(), example.clone()]);
    }
    if let Some(features) = &args.features {
        select.extend(["--features".to_owned(), features.clone()]);
    }
    if args.no_default_features {
        select.push("--no-default-features".to_owned());
    }
    // What dependencies define and the project uses is described where it is used.
    let others = format!("profile.{}.package.\"*\".debug=false", args.profile);
    select.extend(["--config".to_owned(), others]);
    let profile = args.profile.to_uppercase().replace('-', "_");
    let settings = [
        ("DEBUG", "full"),
        ("STRIP", "none"),
        ("SPLIT_DEBUGINFO", "off"),
        ("LTO", "off"),
        ("INCREMENTAL", "false"),
    ];
    let setting =
        |(key, value): (&str, &str)| (format!("CARGO_PROFILE_{profile}_{key}"), value.to_owned());
    let build = Build {
        manifest: path,
        select,
        profile: args.profile.clone(),
        target_dir: project.gauge_dir().join("layout"),
        variables: settings.into_iter().map(setting).collect(),
        directory: None,
    };
    let made = build.artifacts()?;
    Ok(made.iter().flat_map(|artifact| files(project, artifact)).collect())
}

/// What of an artifact has debug information of the project.
fn files(project: &Project, artifact: &Artifact) -> Vec<PathBuf> {
    let is_own = project.metadata.workspace_members.contains(&artifact.package_id);
    let kinds = &artifact.target.kind;
    let is_for_build =
        |kind: &TargetKind| matches!(kind, TargetKind::ProcMacro | TargetKind::CustomBuild);
    if !is_own || kinds.iter().any(is_for_build) {
        return Vec::new();
    }
    if let Some(executable) = &artifact.executable {
        return vec![executable.clone().into_std_path_buf()];
    }
    let is_read = |extension: Option<&str>| matches!(extension, Some("rlib" | "so"));
    let files = artifact.filenames.iter().filter(|file| is_read(file.extension()));
    files.map(|file| file.clone().into_std_path_buf()).collect()
}

fn own_crates(project: &Project) -> BTreeSet<String> {
    let packages = project.metadata.workspace_packages();
    let targets = packages.iter().flat_map(|package| &package.targets);
    targets.map(|target| target.name.replace('-', "_")).collect()
}

fn read(files: &[PathBuf]) -> Result<Vec<Type>> {
    let mut types = Types::default();
    let mut has_any = false;
    for file in files {
        has_any |= types.add(file)?;
    }
    if !has_any {
        let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        bail!(
            "no type is described in {}: build with `debug = 2` (line tables have none) and `strip = \"none\"`",
            if names.is_empty() { "what was built".to_owned() } else { names.join(", ") }
        );
    }
    Ok(types.into_sorted())
}

fn row(found: &Type, analysis: &Analysis) -> Row {
    let mut row = Row::new(&found.name, Metric::Layout);
    row.value = Some(found.size as f64);
    row.note = table::in_full(&analysis.advice, found.size);
    let mut detail = |name: &str, value: Value| row.details.insert(name.to_owned(), value);
    detail("crate", json!(found.krate));
    detail("align", json!(found.align));
    detail("padding", json!(analysis.padding));
    detail("tail_padding", json!(analysis.tail));
    detail("holes", json!(analysis.holes));
    detail("cache_lines", json!(analysis.lines));
    detail("worst_cache_lines", json!(analysis.worst_lines));
    detail("straddling", json!(analysis.straddling));
    match &found.shape {
        Shape::Struct(list) => {
            detail("kind", json!("struct"));
            detail("fields", fields(list));
        }
        Shape::Union(list) => {
            detail("kind", json!("union"));
            detail("fields", fields(list));
        }
        Shape::Enum { tag, variants } => {
            detail("kind", json!("enum"));
            detail("slack", json!(analysis.slack));
            detail("tag", tag.as_ref().map_or(Value::Null, tag_value));
            let variants =
                variants.iter().zip(&analysis.variants).map(|(variant, (end, unused))| {
                    json!({
                        "name": variant.name,
                        // Beyond 64 bits a number is none for most that read this.
                        "discriminant": variant.discriminant.map(|value| value.to_string()),
                        "end": end,
                        "unused": unused,
                        "fields": fields(&variant.fields),
                    })
                });
            detail("variants", variants.collect());
        }
    }
    if let Advice::Reorder { size, .. } | Advice::Box { size, .. } = &analysis.advice {
        detail("smaller", json!(size));
    }
    row
}

fn tag_value(tag: &Tag) -> Value {
    let kind = if tag.is_niche { "niche" } else { "tag" };
    json!({ "kind": kind, "offset": tag.offset, "size": tag.size, "signed": tag.is_signed })
}

/// In the order they are declared.
fn fields(fields: &[Field]) -> Value {
    let value = |field: &Field| {
        json!({
            "name": field.name,
            "type": field.type_name,
            "offset": field.offset,
            "size": field.size,
            "align": field.align,
        })
    };
    fields.iter().map(value).collect()
}
