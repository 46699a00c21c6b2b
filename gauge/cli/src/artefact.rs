//! Building artefacts that can be judged: optimised as the profile says, with symbols, the lines of the
//! sources, and names that keep generic arguments; in a folder of gauge's own.

use std::path::Path;

use anyhow::{Context, Result};
use cargo_metadata::{Package, TargetKind};

use crate::flags;
use crate::outcome::Usage;
use crate::project::{Build, Project};

/// Names with generic arguments in them; what they are called changes nothing of the code.
const MANGLING: &str = "-Csymbol-mangling-version=v0";

/// Which target of which package, under which profile.
#[derive(Debug, Clone, clap::Args)]
pub struct Selection {
    /// The package; else that of the current folder
    #[arg(short, long, value_name = "NAME")]
    pub package: Option<String>,
    /// This binary of it
    #[arg(long, value_name = "NAME", conflicts_with = "example")]
    pub bin: Option<String>,
    /// This example of it
    #[arg(long, value_name = "NAME")]
    pub example: Option<String>,
    /// The profile that it is built with
    #[arg(long, value_name = "NAME", default_value = "release")]
    pub profile: String,
    /// Features to build it with, by commas
    #[arg(short = 'F', long, value_name = "LIST")]
    pub features: Option<String>,
    /// Without its default features
    #[arg(long)]
    pub no_default_features: bool,
}

impl Selection {
    /// The build of what was selected.
    ///
    /// # Errors
    /// When there is no such package, or none of its targets is linked.
    pub fn build(&self, project: &Project, manifest: Option<&Path>) -> Result<Build> {
        let package = self.package(project, manifest)?;
        // By its whole name: a dependency may be called the same.
        let mut select = vec!["-p".to_owned(), package.id.repr.clone()];
        match (&self.bin, &self.example) {
            (Some(bin), _) => select.extend(["--bin".to_owned(), bin.clone()]),
            (None, Some(example)) => select.extend(["--example".to_owned(), example.clone()]),
            (None, None) => select.push(linked_targets(package)?.to_owned()),
        }
        if let Some(features) = &self.features {
            select.extend(["--features".to_owned(), features.clone()]);
        }
        if self.no_default_features {
            select.push("--no-default-features".to_owned());
        }
        let (arguments, mut variables) = flags::adding(&[MANGLING.to_owned()], project.root());
        select.extend(arguments);
        let profile = self.profile.to_uppercase().replace('-', "_");
        for (key, value) in [("DEBUG", "line-tables-only"), ("STRIP", "none")] {
            variables.push((format!("CARGO_PROFILE_{profile}_{key}"), value.to_owned()));
        }
        Ok(Build {
            manifest: package.manifest_path.clone().into_std_path_buf(),
            select,
            profile: self.profile.clone(),
            target_dir: project.gauge_dir().join("asm"),
            variables,
            directory: None,
        })
    }

    /// The package that is meant.
    ///
    /// # Errors
    /// When there is none of that name, or the current folder is none's.
    pub fn package<'a>(
        &self,
        project: &'a Project,
        manifest: Option<&Path>,
    ) -> Result<&'a Package> {
        let packages = project.metadata.workspace_packages();
        let names = || {
            let names: Vec<&str> = packages.iter().map(|package| package.name.as_str()).collect();
            names.join(", ")
        };
        if let Some(name) = &self.package {
            let found = packages.iter().find(|package| package.name.as_str() == name);
            let missing = || Usage(format!("there is no package `{name}` here: {}", names()));
            return Ok(found
                .copied()
                .with_context(|| missing().to_string())
                .map_err(|_| missing())?);
        }
        let place = match manifest {
            Some(manifest) => std::path::absolute(manifest)?,
            None => std::env::current_dir()?.join("Cargo.toml"),
        };
        let around = packages.iter().filter(|package| {
            let folder = package.manifest_path.parent().map(|folder| folder.as_std_path());
            folder.is_some_and(|folder| place.starts_with(folder))
        });
        let nearest = around.max_by_key(|package| package.manifest_path.as_str().len()).copied();
        let only = if let [only] = packages[..] { Some(only) } else { None };
        Ok(nearest
            .or(only)
            .ok_or_else(|| Usage(format!("which package? -p, one of {}", names())))?)
    }
}

/// What cargo is told to build all that is linked of a package: its binaries, its library for C,
/// or its examples, whichever there is first.
fn linked_targets(package: &Package) -> Result<&'static str> {
    let has = |kind: TargetKind| package.targets.iter().any(|target| target.kind.contains(&kind));
    if has(TargetKind::Bin) {
        Ok("--bins")
    } else if has(TargetKind::CDyLib) {
        Ok("--lib")
    } else if has(TargetKind::Example) {
        Ok("--examples")
    } else {
        Err(Usage(format!(
            "{} has neither a binary nor an example: nothing of it is linked. Add an example that uses \
             what is to be looked at, or, for the contracts of a function, a `[[function]]` to gauge.toml",
            package.name
        ))
        .into())
    }
}
