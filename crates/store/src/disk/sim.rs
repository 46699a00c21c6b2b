//! A machine in memory whose power can be cut: [`SimDisk`].

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::sim_state::{Entry, EntryChange, Inode, Random, State};
use super::{Disk, DiskFile};

/// A file system and a clock in memory, for tests of programs that embed the store.
///
/// What was written is *volatile* until it is synced: a file's bytes by [`DiskFile::sync`], the
/// entries of a directory (created, renamed and removed names) by [`Disk::sync_dir`], as POSIX has
/// it. [`SimDisk::power_cut`] keeps a random part of what is volatile, [`SimDisk::crash`] all of
/// it. Both hand out the machine as it is found afterwards and leave this one dead: whatever still
/// holds it (a thread, a `Drop`) gets errors, as a process that is gone does nothing more.
///
/// Calls that change something are counted, so that a test can cut the power at each of them in
/// turn ([`SimDisk::cut_power_at`]). Reads are not: several threads make them in any order.
///
/// Clones are the same machine: two stores on them are two processes.
#[derive(Clone, Debug)]
pub struct SimDisk {
    machine: Arc<Mutex<Machine>>,
}

#[derive(Debug)]
struct Machine {
    state: State,
    locks: BTreeSet<PathBuf>,
    changes: u64,
    cut_at: Option<u64>,
    is_dead: bool,
    /// Decides whether the change that fails at a cut was made.
    random: Random,
    now_ns: i64,
}

/// The clock of a new machine: 2001-09-09T01:46:40Z.
const FIRST_NS: i64 = 1_000_000_000_000_000_000;
/// The clock goes on by this much whenever it is read, so that no two times are the same.
const TICK_NS: i64 = 1_000;

impl SimDisk {
    /// A machine with an empty root directory.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::with_state(State::new(), seed, FIRST_NS)
    }

    fn with_state(state: State, seed: u64, now_ns: i64) -> Self {
        let random = Random::new(seed);
        let machine = Machine {
            state,
            locks: BTreeSet::new(),
            changes: 0,
            cut_at: None,
            is_dead: false,
            random,
            now_ns,
        };
        Self { machine: Arc::new(Mutex::new(machine)) }
    }

    /// How many calls changed something, or tried to, since the machine started.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.lock().changes
    }

    /// Cuts the power at the change with this index, counted from 0 as [`SimDisk::changes`] does.
    /// That change may still be made, but its caller hears an error, as do all calls after it.
    /// [`SimDisk::power_cut`] then says what is left.
    pub fn cut_power_at(&self, change: u64) {
        self.lock().cut_at = Some(change);
    }

    /// Whether the power is off, or the machine was replaced by [`SimDisk::crash`].
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.lock().is_dead
    }

    /// Cuts the power, if it is still on, and starts the machine again with what a file system may
    /// have kept.
    ///
    /// Each 512-byte sector of a file holds what was synced last or what any write after that left
    /// there, independently of the others; a file has its synced length or any it had since. Of the
    /// changes to a directory's entries since its last sync, any subset is there, in their order; a
    /// rename is one change. `seed` makes all these choices.
    #[must_use]
    pub fn power_cut(&self, seed: u64) -> Self {
        let mut random = Random::new(seed);
        self.restart(seed, |state| state.lose_power(&mut random))
    }

    /// Ends all processes (`kill -9`): nothing is lost, and locks are free.
    #[must_use]
    pub fn crash(&self) -> Self {
        let seed = self.lock().random.next();
        self.restart(seed, |_| {})
    }

    fn restart(&self, seed: u64, change: impl FnOnce(&mut State)) -> Self {
        let mut machine = self.lock();
        machine.is_dead = true;
        let mut state = std::mem::replace(&mut machine.state, State::new());
        change(&mut state);
        Self::with_state(state, seed, machine.now_ns)
    }

    fn lock(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(&self, read: impl FnOnce(&Machine) -> io::Result<T>) -> io::Result<T> {
        let machine = self.lock();
        if machine.is_dead { Err(no_power()) } else { read(&machine) }
    }

    /// Makes a change, or fails because the power goes or is gone.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut machine = self.lock();
        let index = machine.changes;
        machine.changes += 1;
        if machine.is_dead {
            return Err(no_power());
        }
        if machine.cut_at == Some(index) {
            machine.is_dead = true;
            if machine.random.below(2) == 0 {
                // Nobody hears how it went.
                let _ = change(&mut machine.state);
            }
            return Err(no_power());
        }
        change(&mut machine.state)
    }
}

fn no_power() -> io::Error {
    io::Error::other("the simulated machine has no power")
}

impl Disk for SimDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.change(|state| state.create_dir_all(dir))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let inode = self.change(|state| {
            let (dir, name) = State::split(path)?;
            let inode = match state.directory(dir)?.current.get(name) {
                Some(Entry::File(inode)) => *inode,
                Some(Entry::Directory) => return Err(io::ErrorKind::IsADirectory.into()),
                None => {
                    let inode = state.add_inode();
                    state.change_entry(dir, EntryChange::Link(name.to_owned(), inode))?;
                    inode
                }
            };
            state.inode(inode).set_len(0);
            Ok(inode)
        })?;
        Ok(Arc::new(SimFile { disk: self.clone(), inode, is_writable: true }))
    }

    fn open(&self, path: &Path, writable: bool) -> io::Result<Arc<dyn DiskFile>> {
        let inode = self.read(|machine| {
            let (dir, name) = State::split(path)?;
            match machine.state.entries(dir)?.get(name) {
                Some(Entry::File(inode)) => Ok(*inode),
                Some(Entry::Directory) => Err(io::ErrorKind::IsADirectory.into()),
                None => Err(io::ErrorKind::NotFound.into()),
            }
        })?;
        Ok(Arc::new(SimFile { disk: self.clone(), inode, is_writable: writable }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(|state| {
            let ((dir, from), (to_dir, to)) = (State::split(from)?, State::split(to)?);
            if dir != to_dir {
                return Err(io::ErrorKind::CrossesDevices.into());
            }
            let Some(Entry::File(inode)) = state.directory(dir)?.current.get(from).copied() else {
                return Err(io::ErrorKind::NotFound.into());
            };
            let (from, to) = (from.to_owned(), to.to_owned());
            state.change_entry(dir, EntryChange::Rename { from, to, inode })
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change(|state| {
            let (dir, name) = State::split(path)?;
            match state.directory(dir)?.current.get(name) {
                Some(Entry::File(_)) => {
                    state.change_entry(dir, EntryChange::Unlink(name.to_owned()))
                }
                Some(Entry::Directory) => Err(io::ErrorKind::IsADirectory.into()),
                None => Err(io::ErrorKind::NotFound.into()),
            }
        })
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.read(|machine| Ok(machine.state.entries(dir)?.keys().cloned().collect()))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.change(|state| {
            state.directory(dir)?.sync();
            Ok(())
        })
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        drop(match self.open(path, true) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.create(path)?,
            opened => opened?,
        });
        if !self.lock().locks.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(SimLock { disk: self.clone(), path: path.to_owned() }))
    }

    fn now_ns(&self) -> i64 {
        let mut machine = self.lock();
        machine.now_ns += TICK_NS;
        machine.now_ns
    }

    fn has_real_time(&self) -> bool {
        false
    }
}

struct SimLock {
    disk: SimDisk,
    path: PathBuf,
}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.disk.lock().locks.remove(&self.path);
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    inode: u64,
    is_writable: bool,
}

impl SimFile {
    fn read<T>(&self, read: impl FnOnce(&Inode) -> io::Result<T>) -> io::Result<T> {
        self.disk.read(|machine| read(machine.state.inode_ref(self.inode)?))
    }

    fn change(&self, change: impl FnOnce(&mut Inode)) -> io::Result<()> {
        if !self.is_writable {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.disk.change(|state| {
            change(state.inode(self.inode));
            Ok(())
        })
    }
}

impl DiskFile for SimFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.read(|inode| {
            let start = usize::try_from(offset).unwrap_or(usize::MAX);
            let bytes = inode.current.get(start..).and_then(|rest| rest.get(..buffer.len()));
            buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.change(|inode| inode.write(bytes, offset as usize))
    }

    fn sync(&self) -> io::Result<()> {
        // A file that is open to be read can be synced, too.
        self.disk.change(|state| {
            state.inode(self.inode).sync();
            Ok(())
        })
    }

    fn len(&self) -> io::Result<u64> {
        self.read(|inode| Ok(inode.current.len() as u64))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(|inode| inode.set_len(len as usize))
    }
}

/// What the files hold now, for tests that damage them or compare machines.
impl SimDisk {
    /// The paths and bytes of all files, as a process sees them.
    #[must_use]
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        self.lock().state.files()
    }
}
