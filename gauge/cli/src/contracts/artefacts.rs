//! Building what is judged: the harness, and the binaries of the project.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use cargo_metadata::diagnostic::Diagnostic;

use super::file::{BinaryTable, BuildTable};
use super::harness::Harness;
use crate::flags;
use crate::project::{Build, Project};

/// Builds the harness; returns its executables in the order of [`Harness::bins`], or what the compiler says
/// is wrong.
///
/// # Errors
/// When cargo cannot be run, or something else is wrong: it has printed what.
pub fn harness(
    harness: &Harness,
    options: &BuildTable,
    project: &Project,
) -> Result<Result<Vec<PathBuf>, Vec<Diagnostic>>> {
    let mut build = build(&harness.manifest, options, project, true);
    build.target_dir = folder(project).join("target");
    for bin in &harness.bins {
        build.select.extend(["--bin".to_owned(), (*bin).to_owned()]);
    }
    match build.executables_or_errors()? {
        Ok(built) => {
            harness.bins.iter().map(|bin| find(&built, bin)).collect::<Result<_>>().map(Ok)
        }
        Err(errors) => Ok(Err(errors)),
    }
}

/// Builds a binary of the project: as it ships, or with the symbols that judging its functions needs.
///
/// # Errors
/// When there is no such binary, or it does not build.
pub fn binary(
    binary: &BinaryTable,
    options: &BuildTable,
    project: &Project,
    with_symbols: bool,
) -> Result<PathBuf> {
    let name = binary.bin.as_ref();
    let has_it = |package: &&cargo_metadata::Package| {
        package.targets.iter().any(|target| target.is_bin() && target.name == *name)
    };
    let Some(package) = project.metadata.packages.iter().find(has_it) else {
        bail!("no package of the workspace has a binary `{name}`");
    };
    let manifest = project.root().join("Cargo.toml");
    let mut build = build(&manifest, options, project, with_symbols);
    build.target_dir = folder(project).join("target");
    build.select.extend(["-p", package.id.repr.as_str(), "--bin", name].map(str::to_owned));
    if !binary.default_features {
        build.select.push("--no-default-features".to_owned());
    }
    if !binary.features.is_empty() {
        build.select.extend(["--features".to_owned(), binary.features.join(",")]);
    }
    if with_symbols {
        for setting in ["strip=\"none\"", "debug=\"line-tables-only\""] {
            let setting = format!("profile.{}.{setting}", options.profile);
            build.select.extend(["--config".to_owned(), setting]);
        }
    }
    find(&build.executables()?, name)
}

/// Where the harness stands.
pub fn folder(project: &Project) -> PathBuf {
    project.gauge_dir().join("check")
}

fn build(manifest: &Path, options: &BuildTable, project: &Project, with_symbols: bool) -> Build {
    let mut flags = options.rustflags.clone();
    flags.extend(options.target_cpu.iter().map(|cpu| format!("-Ctarget-cpu={cpu}")));
    if with_symbols {
        // Keeps the types of generic functions in their names.
        flags.push("-Csymbol-mangling-version=v0".to_owned());
    }
    let (select, variables) = match flags.is_empty() {
        true => Default::default(),
        false => flags::adding(&flags, project.root()),
    };
    Build {
        manifest: manifest.to_owned(),
        select,
        profile: options.profile.clone(),
        variables,
        directory: Some(project.root().to_owned()),
        ..Build::default()
    }
}

fn find(built: &[(String, PathBuf)], name: &str) -> Result<PathBuf> {
    let found = built.iter().find(|(target, _)| target == name).map(|(_, path)| path.clone());
    found.with_context(|| format!("cargo built no `{name}`"))
}
