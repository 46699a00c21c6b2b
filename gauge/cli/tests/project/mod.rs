//! A project in a folder of its own, and `cargo gauge` in it.

#![allow(dead_code, reason = "each test needs a part of it")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// A folder with a project, which goes when this is dropped.
pub(crate) struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    /// One of these files: path and text.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let project = Self { folder };
        files.iter().for_each(|(name, text)| project.write(name, text));
        project
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn git(&self, arguments: &[&str]) {
        let git = Command::new("git").current_dir(self.path()).args(arguments).output().unwrap();
        assert!(git.status.success(), "{}", String::from_utf8_lossy(&git.stderr));
    }

    /// Commits all files.
    pub(crate) fn commit(&self) {
        self.git(&["add", "--all"]);
        let who = ["-c", "user.name=t", "-c", "user.email=t@t"];
        self.git(&[&who[..], &["commit", "--quiet", "-m", "x"]].concat());
    }

    pub(crate) fn gauge(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-gauge"));
        command.current_dir(self.path()).args(arguments);
        command.env("CARGO_TARGET_DIR", self.path().join("target"));
        command.env_remove("RUSTFLAGS").env("CARGO_NET_OFFLINE", "true");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.gauge(arguments).output().unwrap()
    }
}

/// What `--json` printed.
pub(crate) fn document(output: &Output) -> Value {
    let stderr = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"))
}
