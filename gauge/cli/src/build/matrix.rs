//! One program under several settings: how long it builds, how large it is, how fast it runs.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::pgo;
use crate::bench::harness::Harness;
use crate::bench::runner::Runner;
use crate::flags;
use crate::project::Build;

/// Settings of a profile, beside what it says anyway. What is absent is left to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variant {
    /// `opt-level`.
    pub opt_level: Option<String>,
    /// `lto`.
    pub lto: Option<String>,
    /// `codegen-units`.
    pub codegen_units: Option<u32>,
    /// `panic`.
    pub panic: Option<String>,
    /// `-Ctarget-cpu`.
    pub target_cpu: Option<String>,
    /// Whether it is trained.
    pub is_pgo: bool,
}

impl Variant {
    /// Its settings in a line.
    pub fn name(&self) -> String {
        let units = self.codegen_units.map(|units| units.to_string());
        let settings = [
            ("opt-level", &self.opt_level),
            ("lto", &self.lto),
            ("codegen-units", &units),
            ("panic", &self.panic),
            ("target-cpu", &self.target_cpu),
        ];
        let named = settings
            .into_iter()
            .filter_map(|(key, value)| Some(format!("{key}={}", value.as_ref()?)));
        let mut names: Vec<String> = named.collect();
        if self.is_pgo {
            names.push("PGO".to_owned());
        }
        if names.is_empty() { "the profile as it is".to_owned() } else { names.join(" ") }
    }

    /// The variables that set a profile so.
    fn variables(&self, profile: &str) -> Vec<(String, String)> {
        let profile = profile.to_uppercase().replace('-', "_");
        let units = self.codegen_units.map(|units| units.to_string());
        let settings = [
            ("OPT_LEVEL", &self.opt_level),
            ("LTO", &self.lto),
            ("CODEGEN_UNITS", &units),
            ("PANIC", &self.panic),
        ];
        let set = settings.into_iter().filter_map(|(key, value)| {
            Some((format!("CARGO_PROFILE_{profile}_{key}"), value.clone()?))
        });
        set.collect()
    }
}

/// What is tried when nothing is said: the profile, and one setting changed at a time.
pub fn usual() -> Vec<Variant> {
    let text = |text: &str| Some(text.to_owned());
    vec![
        Variant::default(),
        Variant { lto: text("thin"), ..Variant::default() },
        Variant { lto: text("fat"), codegen_units: Some(1), ..Variant::default() },
        Variant { panic: text("abort"), ..Variant::default() },
        Variant { opt_level: text("s"), ..Variant::default() },
        Variant { target_cpu: text("native"), ..Variant::default() },
    ]
}

/// Axes, each with the values to try; an empty one is left to the profile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Axes {
    /// Values of `opt-level`.
    pub opt_levels: Vec<String>,
    /// Values of `lto`.
    pub ltos: Vec<String>,
    /// Values of `codegen-units`.
    pub codegen_units: Vec<u32>,
    /// Values of `panic`.
    pub panics: Vec<String>,
    /// Values of `-Ctarget-cpu`.
    pub target_cpus: Vec<String>,
}

impl Axes {
    /// The profile as it is, and every combination; [`usual`] if there is no value at all.
    pub fn variants(&self) -> Vec<Variant> {
        if *self == Self::default() {
            return usual();
        }
        let mut variants = vec![Variant::default()];
        variants =
            spread(&variants, &self.opt_levels, |v, value| v.opt_level = Some(value.clone()));
        variants = spread(&variants, &self.ltos, |v, value| v.lto = Some(value.clone()));
        variants =
            spread(&variants, &self.codegen_units, |v, value| v.codegen_units = Some(*value));
        variants = spread(&variants, &self.panics, |v, value| v.panic = Some(value.clone()));
        variants =
            spread(&variants, &self.target_cpus, |v, value| v.target_cpu = Some(value.clone()));
        variants.insert(0, Variant::default());
        variants
    }
}

/// Each variant with each value.
fn spread<T>(variants: &[Variant], values: &[T], set: impl Fn(&mut Variant, &T)) -> Vec<Variant> {
    if values.is_empty() {
        return variants.to_vec();
    }
    let with = |variant: &Variant, value: &T| {
        let mut variant = variant.clone();
        set(&mut variant, value);
        variant
    };
    variants
        .iter()
        .flat_map(|variant| values.iter().map(move |value| with(variant, value)))
        .collect()
}

/// A variant that was built.
#[derive(Debug, Clone)]
pub struct Built {
    /// Its settings.
    pub variant: Variant,
    /// How long it took from nothing; for a trained one the last build alone.
    pub seconds: f64,
    /// Bytes of the executable.
    pub bytes: u64,
    /// The executable.
    pub program: PathBuf,
}

/// Builds variants of one binary, one after the other, each from nothing.
#[derive(Debug)]
pub struct Builder<'a> {
    /// The binary: manifest, selection, profile.
    pub base: &'a Build,
    /// The binary's name, if there may be several.
    pub binary: Option<&'a str>,
    /// The project's root, whose flags are kept.
    pub root: &'a Path,
    /// A folder of gauge's own.
    pub folder: &'a Path,
    /// The command that trains, and is timed.
    pub command: &'a [String],
}

impl Builder<'_> {
    /// Builds one; `index` names its executable.
    ///
    /// # Errors
    /// When it does not build, or training fails.
    pub fn build(&self, index: usize, variant: &Variant) -> Result<Built> {
        if !variant.is_pgo {
            return self.compile(index, variant, &[]);
        }
        let profdata = pgo::profdata()?;
        let (raw, merged) = (self.folder.join("profraw"), self.folder.join("merged.profdata"));
        empty(&raw)?;
        let flag = |key: &str, path: &Path| format!("-Cprofile-{key}={}", path.display());
        let trained = self.compile(index, variant, &[flag("generate", &raw)])?;
        // What cargo itself ran while it built is none of the training.
        empty(&raw)?;
        let runner = runner(self.command, &trained.program)?;
        let limit = Duration::from_secs(3600);
        runner.run(Duration::ZERO, limit, &self.folder.join("scratch")).context("training")?;
        pgo::merge(&profdata, &raw, &merged)?;
        self.compile(index, variant, &[flag("use", &merged)])
    }

    fn compile(&self, index: usize, variant: &Variant, more: &[String]) -> Result<Built> {
        let target_dir = self.folder.join("target");
        empty(&target_dir)?;
        let cpu = variant.target_cpu.iter().map(|cpu| format!("-Ctarget-cpu={cpu}"));
        let all: Vec<String> = cpu.chain(more.iter().cloned()).collect();
        let mut build = self.base.clone();
        build.target_dir.clone_from(&target_dir);
        build.variables.extend(variant.variables(&build.profile));
        if !all.is_empty() {
            let (arguments, variables) = flags::adding(&all, self.root);
            build.select.extend(arguments);
            build.variables.extend(variables);
        }
        let start = Instant::now();
        let made = build.executables()?;
        let seconds = start.elapsed().as_secs_f64();
        let mut made = made.into_iter().filter(|(name, _)| self.binary.is_none_or(|b| b == name));
        let (name, path) = made.next().context("cargo linked no executable")?;
        ensure!(made.next().is_none(), "there are several binaries: --bin NAME");
        let folder = self.folder.join("programs").join(index.to_string());
        std::fs::create_dir_all(&folder)?;
        let program = folder.join(name);
        std::fs::copy(&path, &program).with_context(|| path.display().to_string())?;
        let bytes = program.metadata()?.len();
        // Objects of a variant are gigabytes, and of no further use.
        std::fs::remove_dir_all(&target_dir)?;
        Ok(Built { variant: variant.clone(), seconds, bytes, program })
    }
}

fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    Ok(std::fs::create_dir_all(folder)?)
}

/// What runs a program: `{bin}` in the command is the program; a command without it is its arguments.
///
/// # Errors
/// When there is no command, or the current folder is gone.
pub fn runner(command: &[String], program: &Path) -> Result<Runner> {
    let path = program.to_str().context("a path that is not text")?;
    let mut words: Vec<String> = command.iter().map(|word| word.replace("{bin}", path)).collect();
    if words == command {
        words.insert(0, path.to_owned());
    }
    let first = words.remove(0);
    Ok(Runner {
        harness: Harness::Command,
        program: first.into(),
        arguments: words,
        bench: String::new(),
        directory: std::env::current_dir()?,
        variables: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_combined_and_the_profile_comes_first() {
        let text = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let axes =
            Axes { ltos: text(&["off", "fat"]), codegen_units: vec![1, 16], ..Axes::default() };
        let names: Vec<String> = axes.variants().iter().map(Variant::name).collect();
        let expected = [
            "the profile as it is",
            "lto=off codegen-units=1",
            "lto=off codegen-units=16",
            "lto=fat codegen-units=1",
            "lto=fat codegen-units=16",
        ];
        assert_eq!(names, expected);
        assert_eq!(Axes::default().variants(), usual());
    }

    #[test]
    fn settings_become_cargo_s_variables() {
        let variant = Variant {
            lto: Some("fat".to_owned()),
            codegen_units: Some(1),
            is_pgo: true,
            ..Variant::default()
        };
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(
            variant.variables("my-release"),
            [
                pair("CARGO_PROFILE_MY_RELEASE_LTO", "fat"),
                pair("CARGO_PROFILE_MY_RELEASE_CODEGEN_UNITS", "1")
            ]
        );
        assert_eq!(variant.name(), "lto=fat codegen-units=1 PGO");
    }

    #[test]
    fn the_program_stands_where_the_command_says() {
        let words =
            |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let plain = runner(&words(&["import", "x"]), Path::new("/p/a")).unwrap();
        assert_eq!(
            (plain.program.to_str(), plain.arguments),
            (Some("/p/a"), words(&["import", "x"]))
        );
        let shell =
            runner(&words(&["sh", "-c", "rm -rf s; {bin} import"]), Path::new("/p/a")).unwrap();
        assert_eq!(shell.program.to_str(), Some("sh"));
        assert_eq!(shell.arguments, words(&["-c", "rm -rf s; /p/a import"]));
    }
}
