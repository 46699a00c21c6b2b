//! The Cargo project that is looked at, and building its artefacts.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use cargo_metadata::diagnostic::{Diagnostic, DiagnosticLevel};
use cargo_metadata::{Artifact, Message, Metadata, MetadataCommand};

/// A Cargo workspace, as `cargo metadata` sees it.
#[derive(Debug, Clone)]
pub struct Project {
    /// What `cargo metadata` said.
    pub metadata: Metadata,
}

/// What is built: a target of a package, under a profile.
#[derive(Debug, Clone, Default)]
pub struct Build {
    /// The manifest to build from.
    pub manifest: PathBuf,
    /// Arguments that choose what: `-p`, `--bin`, `--example`, `--bench` …
    pub select: Vec<String>,
    /// The profile.
    pub profile: String,
    /// The folder for what is built; of gauge's own, so that it never rebuilds the user's.
    pub target_dir: PathBuf,
    /// Variables for cargo and the compiler.
    pub variables: Vec<(String, String)>,
    /// The folder to run cargo in, whose configuration and toolchain it takes; else the current one.
    pub directory: Option<PathBuf>,
}

/// Files that were linked, each with its target's name.
pub type Executables = Vec<(String, PathBuf)>;

impl Project {
    /// The project of `manifest`, or of the current folder.
    ///
    /// # Errors
    /// When there is none, or cargo refuses it.
    pub fn find(manifest: Option<&Path>) -> Result<Self> {
        let mut command = MetadataCommand::new();
        if let Some(manifest) = manifest {
            command.manifest_path(manifest);
        }
        let metadata = command.no_deps().exec().context("cargo metadata")?;
        Ok(Self { metadata })
    }

    /// The workspace's root.
    pub fn root(&self) -> &Path {
        self.metadata.workspace_root.as_std_path()
    }

    /// Where gauge keeps what it builds and remembers: `target/gauge`.
    pub fn gauge_dir(&self) -> PathBuf {
        self.metadata.target_directory.as_std_path().join("gauge")
    }
}

impl Build {
    /// Builds it, and returns the executables and shared libraries in the order cargo finished them, each
    /// with its target's name.
    ///
    /// Cargo's own messages go to standard error as they come.
    ///
    /// # Errors
    /// When cargo cannot be run or fails: it has printed why.
    pub fn executables(&self) -> Result<Executables> {
        Ok(self.artifacts()?.into_iter().filter_map(with_name).collect())
    }

    /// Builds it, and returns all that cargo made or found made, dependencies first.
    ///
    /// # Errors
    /// When cargo cannot be run or fails: it has printed why.
    pub fn artifacts(&self) -> Result<Vec<Artifact>> {
        artifacts(self.command("json-render-diagnostics"))
    }

    /// The same, but what the compiler says is wrong is returned, not printed.
    ///
    /// # Errors
    /// When cargo cannot be run, or fails for another reason: it has printed why.
    pub fn executables_or_errors(&self) -> Result<Result<Executables, Vec<Diagnostic>>> {
        let (mut made, mut errors) = (Vec::new(), Vec::new());
        let is_done = messages(self.command("json"), |message| match message {
            Message::CompilerArtifact(artifact) => made.push(artifact),
            Message::CompilerMessage(said) if said.message.level == DiagnosticLevel::Error => {
                errors.push(said.message);
            }
            _ => {}
        })?;
        match (is_done, errors.is_empty()) {
            (true, _) => Ok(Ok(made.into_iter().filter_map(with_name).collect())),
            (false, false) => Ok(Err(errors)),
            (false, true) => bail!("cargo failed: see above"),
        }
    }

    fn command(&self, format: &str) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(["build", "--quiet"]).arg(format!("--message-format={format}"));
        command.arg("--manifest-path").arg(&self.manifest);
        command.arg("--target-dir").arg(&self.target_dir);
        command.args(["--profile", &self.profile]).args(&self.select);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command
    }
}

/// Runs cargo with `--message-format=json…`, and returns what it made, in its order.
///
/// # Errors
/// When cargo cannot be run or fails: it has printed why.
pub fn artifacts(command: Command) -> Result<Vec<Artifact>> {
    let mut found = Vec::new();
    let is_done = messages(command, |message| {
        if let Message::CompilerArtifact(artifact) = message {
            found.push(artifact);
        }
    })?;
    ensure!(is_done, "cargo failed: see above");
    Ok(found)
}

/// Runs cargo, and hands on what it says; whether it succeeded.
fn messages(mut command: Command, mut each: impl FnMut(Message)) -> Result<bool> {
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot run cargo")?;
    let Some(stdout) = child.stdout.take() else { bail!("cargo has no standard output") };
    for message in Message::parse_stream(std::io::BufReader::new(stdout)) {
        each(message?);
    }
    Ok(child.wait()?.success())
}

/// What a linker wrote, with its target's name.
fn with_name(artifact: Artifact) -> Option<(String, PathBuf)> {
    let path = linked(&artifact)?;
    Some((artifact.target.name, path))
}

/// The file that a linker wrote for a target, if it did: an executable or a library for C.
fn linked(artifact: &Artifact) -> Option<PathBuf> {
    if let Some(executable) = &artifact.executable {
        return Some(executable.clone().into_std_path_buf());
    }
    let is_for_c = artifact.target.kind.contains(&cargo_metadata::TargetKind::CDyLib);
    let library = artifact.filenames.iter().find(|file| file.extension() == Some("so"));
    library.filter(|_| is_for_c).map(|file| file.clone().into_std_path_buf())
}
