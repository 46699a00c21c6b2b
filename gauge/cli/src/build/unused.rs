//! Dependencies that nothing names.
//!
//! A scan of sources, not of a build: it takes moments and sees all features and platforms. What it cannot see: crates named
//! only by code that another crate's macro or a build script writes (reported though they are used); a module or a
//! variable's path of a crate's name (not reported though the crate is unused); files outside the package that are taken in
//! by `include!` or `#[path]`. A crate that is there for its features or its version alone is named nowhere, and is to be listed
//! in `[package.metadata.cargo-machete] ignored`, as for that tool.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cargo_metadata::{Dependency, DependencyKind, Metadata, MetadataCommand, Package, TargetKind};

use super::sources::{self, Named};

/// What is wrong with a dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing names it.
    Unused,
    /// Only tests, examples and benches name it, and it is none of `[dev-dependencies]`.
    OnlyTests,
    /// Only the build script names it, and it is none of `[build-dependencies]`.
    OnlyBuild,
}

impl Fault {
    /// In a line.
    pub fn text(self) -> &'static str {
        match self {
            Self::Unused => "nothing names it",
            Self::OnlyTests => "only tests, examples or benches name it: [dev-dependencies]",
            Self::OnlyBuild => "only the build script names it: [build-dependencies]",
        }
    }
}

/// A dependency that nothing needs where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The package.
    pub package: String,
    /// Its dependency, as its manifest calls it.
    pub dependency: String,
    /// The table it stands in: `dependencies`, `dev-dependencies`, `build-dependencies`.
    pub table: &'static str,
    /// What is wrong.
    pub fault: Fault,
}

/// What a scan found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scan {
    /// Dependencies that were looked for.
    pub dependencies: usize,
    /// Those that nothing needs.
    pub findings: Vec<Finding>,
    /// Sources that could not be read: what they name is not known.
    pub unread: Vec<PathBuf>,
    /// What else is doubtful.
    pub warnings: Vec<String>,
}

/// Scans the packages of a workspace, or one of them.
///
/// # Errors
/// When cargo refuses the manifest, or there is no such package.
pub fn scan(manifest: Option<&Path>, package: Option<&str>) -> Result<Scan> {
    let command = || {
        let mut command = MetadataCommand::new();
        manifest.into_iter().for_each(|manifest| _ = command.manifest_path(manifest));
        command
    };
    let mut scan = Scan::default();
    // With the dependencies' packages, whose libraries may be called otherwise than they; or without, where they cannot be had.
    let metadata = match command().exec() {
        Ok(metadata) => metadata,
        Err(_) => {
            scan.warnings.push(
                "cargo could not resolve the dependencies: their crates were taken to be called as their packages".to_owned(),
            );
            command().no_deps().exec().context("cargo metadata")?
        }
    };
    let packages = metadata.workspace_packages();
    let mut chosen = packages;
    chosen.retain(|p| package.is_none_or(|name| p.name.as_str() == name));
    if let (true, Some(name)) = (chosen.is_empty(), package) {
        return Err(crate::outcome::Usage(format!("the workspace has no package `{name}`")).into());
    }
    for package in chosen {
        let named = sources::named(package);
        let ignored = ignored(package);
        for dependency in &package.dependencies {
            let name = dependency.rename.as_ref().unwrap_or(&dependency.name);
            if ignored.contains(name) {
                continue;
            }
            scan.dependencies += 1;
            let krate = krate(dependency, &metadata);
            let Some(fault) = fault(dependency.kind, &krate, &named) else { continue };
            let finding = Finding {
                package: package.name.to_string(),
                dependency: name.clone(),
                table: match dependency.kind {
                    DependencyKind::Development => "dev-dependencies",
                    DependencyKind::Build => "build-dependencies",
                    _ => "dependencies",
                },
                fault,
            };
            // It may stand in a table a platform.
            if !scan.findings.contains(&finding) {
                scan.findings.push(finding);
            }
        }
        scan.unread.extend(named.unread);
    }
    Ok(scan)
}

fn fault(kind: DependencyKind, krate: &str, named: &Named) -> Option<Fault> {
    let (main, tests, build) =
        (named.main.contains(krate), named.tests.contains(krate), named.build.contains(krate));
    match kind {
        DependencyKind::Development if main || tests => None,
        DependencyKind::Build if build => None,
        DependencyKind::Development | DependencyKind::Build => Some(Fault::Unused),
        _ if main => None,
        _ if tests => Some(Fault::OnlyTests),
        _ if build => Some(Fault::OnlyBuild),
        _ => Some(Fault::Unused),
    }
}

/// What sources call a dependency: its new name, or that of its package's library.
fn krate(dependency: &Dependency, metadata: &Metadata) -> String {
    let is_library = |kind: &TargetKind| {
        matches!(
            kind,
            TargetKind::Lib | TargetKind::RLib | TargetKind::ProcMacro | TargetKind::DyLib
        )
    };
    let library = |package: &Package| {
        let library = package.targets.iter().find(|target| target.kind.iter().any(is_library));
        library.map(|target| target.name.clone())
    };
    let mut packages = metadata.packages.iter().filter(|package| {
        package.name.as_str() == dependency.name && dependency.req.matches(&package.version)
    });
    let name = dependency.rename.clone().or_else(|| packages.find_map(library));
    name.unwrap_or_else(|| dependency.name.clone()).replace('-', "_")
}

/// `[package.metadata.cargo-machete] ignored = […]`.
fn ignored(package: &Package) -> Vec<String> {
    let list = package.metadata.pointer("/cargo-machete/ignored").and_then(|list| list.as_array());
    let names = list.into_iter().flatten().filter_map(|name| name.as_str());
    names.map(str::to_owned).collect()
}
