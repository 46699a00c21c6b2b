//! The executables of a project's benches.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use cargo_metadata::{Package, Target, TargetKind};

use super::flags;
use super::harness::{Executable, Harness};
use crate::outcome::Usage;
use crate::project::{Project, artifacts};

/// Which benches, and how they are built.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Only those of these packages.
    pub packages: Vec<String>,
    /// Only these targets.
    pub targets: Vec<String>,
    /// The profile.
    pub profile: String,
    /// Features to build with, as cargo takes them.
    pub features: Option<String>,
    /// Whether for comparison: one codegen unit, functions at multiples of 64 bytes.
    pub is_steady: bool,
}

/// Sixty-four bytes, so that a change in one function does not move the loops of the next within a cache line.
const ALIGNED: &str = "-Cllvm-args=-align-all-functions=6";

/// Another order of functions; the seed is any.
const SHUFFLED: &str = "-Clink-arg=-Wl,--shuffle-sections=.text*=7";

impl Selection {
    /// The bench targets that are meant, with their packages.
    ///
    /// # Errors
    /// When there are none.
    fn targets<'a>(&self, project: &'a Project) -> Result<Vec<(&'a Package, &'a Target)>> {
        let wants = |list: &[String], name: &str| list.is_empty() || list.iter().any(|w| w == name);
        let mut found = Vec::new();
        for package in project.metadata.workspace_packages() {
            for target in &package.targets {
                if target.kind.contains(&TargetKind::Bench)
                    && wants(&self.packages, &package.name)
                    && wants(&self.targets, &target.name)
                {
                    found.push((package, target));
                }
            }
        }
        if found.is_empty() {
            let root = project.root().display();
            return Err(
                Usage(format!("no such bench target in {root} (`cargo bench` runs them)")).into()
            );
        }
        Ok(found)
    }

    /// Builds the benches into `target_dir`, and returns those with a known harness; of the others a warning
    /// each.
    ///
    /// # Errors
    /// When there are none, or cargo fails: it has printed why.
    pub fn build(
        &self,
        project: &Project,
        target_dir: &Path,
    ) -> Result<(Vec<Executable>, Vec<String>)> {
        let targets = self.targets(project)?;
        let mut command = self.cargo("build", project, target_dir);
        for (package, target) in &targets {
            command.args(["-p", &package.id.repr, "--bench", &target.name]);
        }
        let mut executables = Vec::new();
        let mut warnings = Vec::new();
        for artifact in artifacts(command)? {
            let Some(path) = artifact.executable else { continue };
            let is_meant = |(package, target): &&(&Package, &Target)| {
                package.id == artifact.package_id && target.name == artifact.target.name
            };
            let Some((package, _)) = targets.iter().find(is_meant) else { continue };
            let package = package.name.to_string();
            let path = path.into_std_path_buf();
            let harness = Harness::of(&path)?;
            let target = artifact.target.name;
            if harness == Harness::Command {
                warnings.push(format!(
                    "{package}/{target} is made with neither criterion nor gauge-bench: left out"
                ));
                continue;
            }
            let directory = artifact.manifest_path.parent().context("a manifest has a folder")?;
            let directory = directory.as_std_path().to_owned();
            executables.push(Executable { package, target, path, directory, harness });
        }
        executables.sort_by(|a, b| (&a.target, &a.package).cmp(&(&b.target, &b.package)));
        Ok((executables, warnings))
    }

    /// Links one of them with its functions in another order; only its own crate is compiled again.
    ///
    /// # Errors
    /// When the linker cannot do that: cargo has printed why.
    pub fn relink(
        &self,
        project: &Project,
        target_dir: &Path,
        executable: &Executable,
    ) -> Result<PathBuf> {
        let targets = self.targets(project)?;
        let same = |(package, target): &&(&Package, &Target)| {
            let folder = package.manifest_path.parent().map(|folder| folder.as_std_path());
            target.name == executable.target && folder == Some(&executable.directory)
        };
        let (package, target) = targets.iter().find(same).context("no such bench target")?;
        let mut command = self.cargo("rustc", project, target_dir);
        command.args(["-p", &package.id.repr, "--bench", &target.name, "--", SHUFFLED]);
        let made = artifacts(command)?.into_iter().find_map(|artifact| {
            (artifact.target.name == target.name).then_some(artifact.executable?)
        });
        Ok(made.context("cargo made no executable")?.into_std_path_buf())
    }

    /// How the code differs from what the profile would make, in words; `None` where it does not.
    pub fn deviation(&self) -> Option<String> {
        let words = format!("built with one codegen unit and {ALIGNED}, unlike what is shipped");
        self.is_steady.then_some(words)
    }

    fn cargo(&self, verb: &str, project: &Project, target_dir: &Path) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args([verb, "--message-format=json-render-diagnostics", "--quiet"]);
        command.current_dir(project.root());
        command.arg("--manifest-path").arg(project.root().join("Cargo.toml"));
        command.arg("--target-dir").arg(target_dir).args(["--profile", &self.profile]);
        if let Some(features) = &self.features {
            command.args(["--features", features]);
        }
        if self.is_steady {
            let variable = format!("CARGO_PROFILE_{}_CODEGEN_UNITS", self.profile.to_uppercase());
            command.env(variable.replace('-', "_"), "1");
            if let Ok(flags) = std::env::var("RUSTFLAGS") {
                // The variable hides what configuration files say, so it is used only where it does already.
                command.env("RUSTFLAGS", format!("{flags} {ALIGNED}"));
            } else {
                let mut flags = flags::hidden_by_target(project.root());
                flags.push(ALIGNED.to_owned());
                let flags = toml::Value::from(flags);
                command.args(["--config", &format!("target.'cfg(all())'.rustflags={flags}")]);
            }
        }
        command
    }
}
