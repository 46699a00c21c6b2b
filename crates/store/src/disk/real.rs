use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Once};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{Disk, DiskFile};

/// The machine's own file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        uninterrupted(|| std::fs::create_dir_all(dir))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(true).open(path)?;
        Ok(Arc::new(file))
    }

    fn open(&self, path: &Path, writable: bool) -> io::Result<Arc<dyn DiskFile>> {
        RAISE_OPEN_FILES.call_once(raise_open_files);
        Ok(Arc::new(OpenOptions::new().read(true).write(writable).open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        uninterrupted(|| std::fs::rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        uninterrupted(|| std::fs::remove_file(path))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        uninterrupted(|| {
            std::fs::read_dir(dir)?
                .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
                .collect()
        })
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        uninterrupted(|| Ok(flock(&file, FlockOperation::NonBlockingLockExclusive)?))?;
        Ok(Box::new(Lock(file)))
    }

    fn now_ns(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    }
}

/// Repeats a call that a signal interrupted. (What this is not around, the standard library
/// repeats itself. Local file systems let none of these be interrupted; NFS and FUSE do.)
fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// A lock that is held. To close the file would not be enough: a process that another thread is
/// just starting has it, too, until it runs its own program, and would keep the lock so long.
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        if let Err(error) = flock(&self.0, FlockOperation::Unlock) {
            tracing::debug!(%error, "the lock is given up when the file is closed");
        }
    }
}

static RAISE_OPEN_FILES: Once = Once::new();

/// Lets this process have as many files open as it may: a store holds one for each segment, and
/// the usual soft limit of 1,024 is there for programs that call `select`.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}

impl DiskFile for File {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(uninterrupted(|| self.metadata())?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        File::set_len(self, len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_given_up_though_a_forked_process_has_its_file() {
        let path = std::env::temp_dir().join(format!("tidemill-lock-{}", std::process::id()));
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path).unwrap();
        flock(&file, FlockOperation::NonBlockingLockExclusive).unwrap();
        let forked = file.try_clone().unwrap();
        let is_locked = |result: io::Result<_>| {
            result.is_err_and(|error: io::Error| error.kind() == io::ErrorKind::WouldBlock)
        };
        let lock = Lock(file);
        assert!(is_locked(RealDisk.lock(&path)));
        drop(lock);
        assert!(RealDisk.lock(&path).is_ok());
        drop(forked);
        std::fs::remove_file(&path).unwrap();
    }

    /// That the kernel is asked is seen where it must refuse: neither `/dev/null` nor a directory of
    /// `/proc` can be synced.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_sync_is_a_sync() {
        let null = RealDisk.open(Path::new("/dev/null"), true).unwrap();
        let kinds = [null.sync(), RealDisk.sync_dir(Path::new("/proc"))];
        let kinds = kinds.map(|result| result.unwrap_err().kind());
        assert_eq!(kinds, [io::ErrorKind::InvalidInput; 2]);
    }

    #[test]
    fn a_file_is_replaced_by_name_and_emptied_by_creation() {
        let dir = tempfile::tempdir().unwrap();
        let [a, b] = ["a", "b"].map(|name| dir.path().join(name));
        RealDisk.create(&a).unwrap().write_all_at(b"new", 0).unwrap();
        RealDisk.create(&b).unwrap().write_all_at(b"older", 0).unwrap();
        RealDisk.rename(&a, &b).unwrap();
        assert_eq!(RealDisk.list(dir.path()).unwrap(), ["b"]);
        assert_eq!(std::fs::read(&b).unwrap(), b"new");
        assert_eq!(RealDisk.create(&b).unwrap().len().unwrap(), 0);
    }
}
