//! A disk on which something happens right before a call.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidemill_store::{Disk, DiskFile, SimDisk};

/// The calls a hook is told of; of those on open files none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    CreateDir,
    Create,
    Open,
    Rename,
    Remove,
    List,
    SyncDir,
    Lock,
    Now,
}

type Hook = dyn Fn(Call, &Path) -> io::Result<()> + Send + Sync;

/// Calls a hook before every call, which fails if the hook does. Relative paths start at the root.
#[derive(Clone)]
pub(crate) struct Hooked {
    disk: SimDisk,
    hook: Arc<Hook>,
}

impl Hooked {
    pub(crate) fn new(
        disk: &SimDisk,
        hook: impl Fn(Call, &Path) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self { disk: disk.clone(), hook: Arc::new(hook) }
    }

    fn call(&self, call: Call, path: &Path) -> io::Result<PathBuf> {
        (self.hook)(call, path)?;
        Ok(absolute(path))
    }
}

impl std::fmt::Debug for Hooked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hooked")
    }
}

fn absolute(path: &Path) -> PathBuf {
    if path == Path::new(".") { PathBuf::from("/") } else { Path::new("/").join(path) }
}

impl Disk for Hooked {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.disk.create_dir_all(&self.call(Call::CreateDir, dir)?)
    }
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.disk.create(&self.call(Call::Create, path)?)
    }
    fn open(&self, path: &Path, writable: bool) -> io::Result<Arc<dyn DiskFile>> {
        self.disk.open(&self.call(Call::Open, path)?, writable)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(&self.call(Call::Rename, from)?, &absolute(to))
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(&self.call(Call::Remove, path)?)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.disk.list(&self.call(Call::List, dir)?)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.sync_dir(&self.call(Call::SyncDir, dir)?)
    }
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        self.disk.lock(&self.call(Call::Lock, path)?)
    }
    fn now_ns(&self) -> i64 {
        // The clock cannot fail.
        let _ = (self.hook)(Call::Now, Path::new(""));
        self.disk.now_ns()
    }
    fn has_real_time(&self) -> bool {
        false
    }
}
