//! Revisions of a project, checked out beside it.
//!
//! All are checked out and built in one folder, one after the other, and only their executables are kept: paths go into
//! hashes, names and messages, and with them into the order and the places of functions. Two builds of one source are the same bytes
//! here, and what did not change between revisions is built once.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::outcome::Usage;
use crate::project::Project;

/// The folder in which revisions are checked out: a git worktree.
#[derive(Debug)]
pub struct Checkout {
    /// The repository that the project stands in.
    repository: PathBuf,
    /// The worktree.
    tree: PathBuf,
    /// The project's folder within the repository.
    inner: PathBuf,
    /// The project's lock file, for repositories that do not keep theirs.
    lock_file: PathBuf,
    /// Held as long as this lives: two processes would pull the tree from under each other.
    lock: File,
}

/// A commit, by its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit(pub String);

impl Drop for Checkout {
    /// A child that another thread has just begun holds the file as well, until it becomes its program: closing alone
    /// would leave the lock with it.
    fn drop(&mut self) {
        _ = self.lock.unlock();
    }
}

impl Checkout {
    /// Prepares to check out revisions of `project` within `folder`.
    ///
    /// # Errors
    /// When the project stands in no git repository, or another process uses the folder.
    pub fn open(project: &Project, folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let lock = File::create(folder.join("lock"))?;
        if lock.try_lock().is_err() {
            bail!("another `cargo gauge compare` uses {}", folder.display());
        }
        let root = project.root().canonicalize()?;
        let top = git(&root, &["rev-parse", "--show-toplevel"])
            .context("revisions are compared of a project in a git repository")?;
        let repository = PathBuf::from(top).canonicalize()?;
        let inner = root.strip_prefix(&repository).context("outside its repository")?.to_owned();
        let lock_file = root.join("Cargo.lock");
        Ok(Self { repository, tree: folder.join("tree"), inner, lock_file, lock })
    }

    /// The commit that `revision` names.
    ///
    /// # Errors
    /// When it names none.
    pub fn commit(&self, revision: &str) -> Result<Commit> {
        let name = format!("{revision}^{{commit}}");
        let found =
            git(&self.repository, &["rev-parse", "--verify", "--quiet", "--end-of-options", &name]);
        let found = found.map_err(|_| Usage(format!("git knows no revision `{revision}`")))?;
        Ok(Commit(found))
    }

    /// A commit of the files as they are now, new ones included and ignored ones not; neither the index
    /// nor any branch is touched.
    ///
    /// # Errors
    /// When git fails.
    pub fn commit_of_files(&self) -> Result<Commit> {
        let index = self.tree.with_file_name("index");
        // A copy of the index, so that unchanged files need not be read again.
        let own = git(&self.repository, &["rev-parse", "--absolute-git-dir"])?;
        match copy_index(&Path::new(&own).join("index"), &index) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).context("the repository's index");
            }
            _ => {}
        }
        let with_index = |arguments: &[&str]| {
            run(command(&self.repository, arguments).env("GIT_INDEX_FILE", &index))
        };
        with_index(&["add", "--all"])?;
        let tree = with_index(&["write-tree"])?;
        let head = self.commit("HEAD")?;
        // One name and one date, so that the same files are the same commit.
        let mut commit =
            command(&self.repository, &["commit-tree", &tree, "-p", &head.0, "-m", "files"]);
        for who in ["AUTHOR", "COMMITTER"] {
            commit.env(format!("GIT_{who}_NAME"), "cargo-gauge");
            commit.env(format!("GIT_{who}_EMAIL"), "cargo-gauge@localhost");
            commit.env(format!("GIT_{who}_DATE"), "1970-01-01T00:00:00Z");
        }
        Ok(Commit(run(&mut commit)?))
    }

    /// Puts the files of a commit in the folder, and returns the project there. Files that did not change keep
    /// their times, so cargo builds only what did.
    ///
    /// # Errors
    /// When git fails, or there is no project in that commit.
    pub fn check_out(&self, commit: &Commit) -> Result<Project> {
        let is_ours = git(&self.tree, &["rev-parse", "--show-toplevel"])
            .is_ok_and(|top| Path::new(&top).canonicalize().ok() == self.tree.canonicalize().ok());
        if self.tree.exists() && is_ours {
            git(&self.tree, &["checkout", "--quiet", "--force", "--detach", &commit.0])?;
            git(&self.tree, &["clean", "-ffdq"])?;
        } else {
            if self.tree.exists() {
                std::fs::remove_dir_all(&self.tree)?;
            }
            git(&self.repository, &["worktree", "prune"])?;
            let path = self.tree.to_str().context("the path is no UTF-8")?;
            git(&self.repository, &["worktree", "add", "--quiet", "--detach", path, &commit.0])?;
        }
        let root = self.tree.join(&self.inner);
        let manifest = root.join("Cargo.toml");
        if !manifest.exists() {
            bail!("{} has no {}", commit.0, self.inner.join("Cargo.toml").display());
        }
        if !root.join("Cargo.lock").exists() && self.lock_file.exists() {
            std::fs::copy(&self.lock_file, root.join("Cargo.lock"))?;
        }
        Project::find(Some(&manifest))
    }
}

impl Commit {
    /// As people write it.
    pub fn short(&self) -> &str {
        self.0.get(..10).unwrap_or(&self.0)
    }
}

/// Copies an index with its time, by which git knows what it may have to read again: a file that was changed in the
/// very second in which it was added, and kept its size, looks unchanged.
fn copy_index(index: &Path, copy: &Path) -> std::io::Result<()> {
    let written = std::fs::metadata(index)?.modified()?;
    std::fs::copy(index, copy)?;
    std::fs::File::options().write(true).open(copy)?.set_modified(written)
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(arguments);
    // Set within hooks, for another repository or index than is meant here.
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
        command.env_remove(variable);
    }
    command
}

fn git(folder: &Path, arguments: &[&str]) -> Result<String> {
    run(&mut command(folder, arguments))
}

fn run(command: &mut Command) -> Result<String> {
    let output = command.output().context("cannot run git (`apt install git`)")?;
    if !output.status.success() {
        bail!("git: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A repository with a project in a folder of it, one commit.
    fn repository() -> (tempfile::TempDir, Project) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("inner");
        std::fs::create_dir_all(root.join("src")).unwrap();
        let manifest = "[package]\nname = \"p\"\nedition = \"2024\"\n[workspace]\n";
        std::fs::write(root.join("Cargo.toml"), manifest).unwrap();
        std::fs::write(root.join("src/lib.rs"), "// one\n").unwrap();
        std::fs::write(folder.path().join(".gitignore"), "target\n").unwrap();
        git(folder.path(), &["init", "--quiet"]).unwrap();
        commit(folder.path());
        let project = Project::find(Some(&root.join("Cargo.toml"))).unwrap();
        (folder, project)
    }

    fn commit(folder: &Path) {
        git(folder, &["add", "--all"]).unwrap();
        let who = ["-c", "user.name=t", "-c", "user.email=t@t"];
        let rest = ["commit", "--quiet", "--message", "x"];
        git(folder, &[&who[..], &rest[..]].concat()).unwrap();
    }

    #[test]
    fn revisions_and_changed_files_are_checked_out() {
        let (folder, project) = repository();
        let source = folder.path().join("inner/src/lib.rs");
        std::fs::write(&source, "// two\n").unwrap();
        commit(folder.path());
        std::fs::write(&source, "// three\n").unwrap();
        std::fs::write(folder.path().join("inner/src/new.rs"), "").unwrap();
        let status = || git(folder.path(), &["status", "--porcelain"]).unwrap();
        let before = status();

        let checkout =
            Checkout::open(&project, &project.root().join("target/gauge/compare")).unwrap();
        let content = |commit: &Commit| {
            let project = checkout.check_out(commit).unwrap();
            let new = project.root().join("src/new.rs").exists();
            (std::fs::read_to_string(project.root().join("src/lib.rs")).unwrap(), new)
        };
        assert_eq!(content(&checkout.commit("HEAD~1").unwrap()), ("// one\n".to_owned(), false));
        let files = checkout.commit_of_files().unwrap();
        assert_eq!(content(&files), ("// three\n".to_owned(), true));
        // What a build left there does not reach the next.
        let stray = checkout.tree.join("inner/src/stray.rs");
        std::fs::write(&stray, "").unwrap();
        assert_eq!(content(&checkout.commit("HEAD").unwrap()), ("// two\n".to_owned(), false));
        assert!(!stray.exists());
        // The same files are the same commit, and nobody's index was touched.
        assert_eq!(checkout.commit_of_files().unwrap(), files);
        assert_eq!(status(), before);
        let error = checkout.commit("nowhere").unwrap_err();
        assert!(error.is::<Usage>(), "{error}");
        // A folder that git does not know any more is made again.
        std::fs::remove_dir_all(&checkout.tree).unwrap();
        assert_eq!(content(&files).0, "// three\n");
    }

    #[test]
    fn an_index_keeps_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let (index, copy) = (folder.path().join("index"), folder.path().join("copy"));
        std::fs::write(&index, "an index").unwrap();
        let written = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        let file = std::fs::File::options().write(true).open(&index).unwrap();
        file.set_modified(written).unwrap();
        copy_index(&index, &copy).unwrap();
        assert_eq!(std::fs::metadata(&copy).unwrap().modified().unwrap(), written);
        assert_eq!(std::fs::read(&copy).unwrap(), b"an index");
    }

    #[test]
    fn two_at_a_time_are_refused() {
        let (_folder, project) = repository();
        let place = project.root().join("target/gauge/compare");
        let first = Checkout::open(&project, &place).unwrap();
        assert!(Checkout::open(&project, &place).is_err());
        drop(first);
        Checkout::open(&project, &place).unwrap();
    }
}
