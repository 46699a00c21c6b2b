//! A disk whose calls fail when a test wants them to: [`FaultyDisk`].

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Disk, DiskFile};

/// A call of [`Disk`] or [`DiskFile`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are named after the methods")]
pub enum Operation {
    CreateDirAll,
    Create,
    Open,
    Rename,
    Remove,
    List,
    SyncDir,
    Lock,
    Read,
    Write,
    Sync,
    Len,
    SetLen,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// `EIO`: the device failed, and nothing was done.
    Io,
    /// `ENOSPC`: the disk is full, and nothing was done.
    NoSpace,
    /// Half of a write is done, then `ENOSPC`. For other calls as [`Failure::NoSpace`].
    ShortWrite,
}

/// Which calls fail, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The calls that count; `None`: all.
    pub operation: Option<Operation>,
    /// The index, from 0, of the call that fails, among those that count.
    pub at: u64,
    /// Whether all later ones that count fail, too.
    pub is_permanent: bool,
    /// How they fail.
    pub failure: Failure,
}

/// A disk that fails where it is told to and is otherwise the one it wraps, for tests of programs
/// that embed the store.
///
/// After a failed [`DiskFile::sync`], later ones through the same open file succeed and do
/// nothing: that is what Linux does, whose page cache takes pages for clean that it could not
/// write. A [`super::SimDisk`] underneath then loses them when its power is cut.
///
/// Clones share the fault and the count.
#[derive(Clone, Debug)]
pub struct FaultyDisk<D> {
    disk: D,
    plan: Plan,
}

#[derive(Clone, Debug, Default)]
struct Plan(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    fault: Option<Fault>,
    calls: u64,
    counted: u64,
    failed: u64,
}

impl<D: Disk> FaultyDisk<D> {
    /// A disk without a fault.
    pub fn new(disk: D) -> Self {
        Self { disk, plan: Plan::default() }
    }

    /// From now on this fault, counted from now; `None`: no more faults.
    pub fn set_fault(&self, fault: Option<Fault>) {
        let mut counts = self.plan.lock();
        (counts.fault, counts.counted) = (fault, 0);
    }

    /// How many calls there were.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.plan.lock().calls
    }

    /// How many of them were made to fail.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.plan.lock().failed
    }
}

impl Plan {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How this call fails, if it does.
    fn next(&self, operation: Operation) -> Option<Failure> {
        let mut counts = self.lock();
        counts.calls += 1;
        let fault = counts.fault.filter(|f| f.operation.is_none_or(|only| only == operation))?;
        let index = counts.counted;
        counts.counted += 1;
        let fails = index == fault.at || (fault.is_permanent && index > fault.at);
        counts.failed += u64::from(fails);
        fails.then_some(fault.failure)
    }

    fn check(&self, operation: Operation) -> io::Result<()> {
        self.next(operation).map_or(Ok(()), |failure| Err(failure.error()))
    }
}

impl Failure {
    /// The error callers see.
    #[must_use]
    pub fn error(self) -> io::Error {
        match self {
            Self::Io => io::Error::from(rustix::io::Errno::IO),
            Self::NoSpace | Self::ShortWrite => io::Error::from(rustix::io::Errno::NOSPC),
        }
    }
}

impl<D: Disk> FaultyDisk<D> {
    fn wrap(&self, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        Arc::new(FaultyFile { file, plan: self.plan.clone(), is_lying: AtomicBool::new(false) })
    }
}

impl<D: Disk> Disk for FaultyDisk<D> {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.plan.check(Operation::CreateDirAll)?;
        self.disk.create_dir_all(dir)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.plan.check(Operation::Create)?;
        self.disk.create(path).map(|file| self.wrap(file))
    }

    fn open(&self, path: &Path, writable: bool) -> io::Result<Arc<dyn DiskFile>> {
        self.plan.check(Operation::Open)?;
        self.disk.open(path, writable).map(|file| self.wrap(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.plan.check(Operation::Rename)?;
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.plan.check(Operation::Remove)?;
        self.disk.remove(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.plan.check(Operation::List)?;
        self.disk.list(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.plan.check(Operation::SyncDir)?;
        self.disk.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        self.plan.check(Operation::Lock)?;
        self.disk.lock(path)
    }

    fn now_ns(&self) -> i64 {
        self.disk.now_ns()
    }

    fn has_real_time(&self) -> bool {
        self.disk.has_real_time()
    }
}

#[derive(Debug)]
struct FaultyFile {
    file: Arc<dyn DiskFile>,
    plan: Plan,
    /// A sync failed: the next ones say that all is well.
    is_lying: AtomicBool,
}

impl DiskFile for FaultyFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.plan.check(Operation::Read)?;
        self.file.read_exact_at(buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let Some(failure) = self.plan.next(Operation::Write) else {
            return self.file.write_all_at(bytes, offset);
        };
        if failure == Failure::ShortWrite {
            self.file.write_all_at(&bytes[..bytes.len() / 2], offset)?;
        }
        Err(failure.error())
    }

    fn sync(&self) -> io::Result<()> {
        if let Some(failure) = self.plan.next(Operation::Sync) {
            self.is_lying.store(true, Ordering::SeqCst);
            return Err(failure.error());
        }
        if self.is_lying.load(Ordering::SeqCst) { Ok(()) } else { self.file.sync() }
    }

    fn len(&self) -> io::Result<u64> {
        self.plan.check(Operation::Len)?;
        self.file.len()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.plan.check(Operation::SetLen)?;
        self.file.set_len(len)
    }
}

#[cfg(test)]
mod tests {
    use super::super::SimDisk;
    use super::*;

    #[test]
    fn calls_fail_once_or_for_ever_and_a_failed_sync_lies() {
        let disk = FaultyDisk::new(SimDisk::new(0));
        let fault = |operation, at, is_permanent, failure| {
            disk.set_fault(Some(Fault { operation, at, is_permanent, failure }));
        };
        let file = disk.create(Path::new("/a")).unwrap();
        let code = |result: io::Result<()>| result.unwrap_err().raw_os_error();
        fault(Some(Operation::Write), 1, false, Failure::ShortWrite);
        file.write_all_at(b"1234", 0).unwrap();
        file.sync().unwrap();
        assert_eq!(code(file.write_all_at(b"5678", 4)), Some(28));
        assert_eq!(file.len().unwrap(), 6);
        file.write_all_at(b"5678", 4).unwrap();
        fault(None, 0, true, Failure::Io);
        assert_eq!(code(file.sync()), Some(5));
        assert_eq!(code(disk.list(Path::new("/")).map(|_| ())), Some(5));
        disk.set_fault(None);
        file.sync().unwrap();
        disk.sync_dir(Path::new("/")).unwrap();
        assert_eq!((disk.failed(), disk.calls()), (3, 10));
        let kept = |seed| disk.disk.clone().power_cut(seed).files()[Path::new("/a")].len();
        assert_eq!(kept(0), 4, "only what the sync before the failure saw is durable");
    }
}
