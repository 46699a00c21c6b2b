//! A machine in memory whose power can be cut: [`SimDisk`].

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::sim_choices::{Choices, Odometer, Random};
use super::sim_inode::Inode;
use super::sim_state::{Entry, EntryChange, State};
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
    syncs: u64,
    fail_sync_at: Option<u64>,
    /// Syncs of files and of directories.
    all_syncs: u64,
    lies: Option<(Range<u64>, Lie)>,
    is_dead: bool,
    /// Decides whether the change that fails at a cut was made.
    random: Random,
    now_ns: i64,
    /// The machine before each change, if they are kept.
    moments: Option<Vec<SimDisk>>,
}

/// How a sync lies that says it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// The drive has the bytes in its memory: they are durable with the next sync of that file or
    /// directory that does not lie.
    Delays,
    /// Of a file: the machine takes them for written, and they are not on the disk. Later syncs succeed
    /// without them, and a power cut may lose them, unless they are written to again. Of a
    /// directory as [`Lie::Delays`].
    Loses,
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
            syncs: 0,
            fail_sync_at: None,
            all_syncs: 0,
            lies: None,
            is_dead: false,
            random,
            now_ns,
            moments: None,
        };
        Self { machine: Arc::new(Mutex::new(machine)) }
    }

    /// A machine that holds these files, all of it durable.
    ///
    /// # Errors
    /// When a path is none of a file.
    pub fn with_files<'a>(
        files: impl IntoIterator<Item = (&'a Path, Arc<Vec<u8>>)>,
    ) -> io::Result<Self> {
        let mut state = State::new();
        for (path, bytes) in files {
            state.add_file(path, bytes)?;
        }
        state.sync_all();
        Ok(Self::with_state(state, 0, FIRST_NS))
    }

    /// Another machine in the same state, volatile things included, with no process on it. They
    /// share all bytes until one changes them.
    #[must_use]
    pub fn fork(&self) -> Self {
        self.lock().fork()
    }

    /// From now on a [`SimDisk::fork`] from before every change is kept: one run of a program then
    /// gives all the moments at which the power may go. (A change that was under way is made or
    /// not; those of bytes are torn by [`SimDisk::power_cut`] as long as they are volatile.)
    pub fn keep_moments(&self) {
        self.lock().moments.get_or_insert_default();
    }

    /// The moments kept since it was last asked, in order.
    #[must_use]
    pub fn take_moments(&self) -> Vec<Self> {
        self.lock().moments.as_mut().map(std::mem::take).unwrap_or_default()
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

    /// How many times files were synced, or should have been, since the machine started.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.lock().syncs
    }

    /// Makes the sync of a file with this index fail, counted from 0 as [`SimDisk::syncs`] does, as
    /// it fails on Linux: the sectors that it could not write count as written from then on. They
    /// are there until the power goes, even for the next process, later syncs succeed without them,
    /// and a power cut loses them, unless they are written to again.
    pub fn fail_sync_at(&self, sync: u64) {
        self.lock().fail_sync_at = Some(sync);
    }

    /// How many times files or directories were synced, or should have been, since the machine
    /// started.
    #[must_use]
    pub fn all_syncs(&self) -> u64 {
        self.lock().all_syncs
    }

    /// Makes the syncs of files and directories with these indices lie, counted from 0 as
    /// [`SimDisk::all_syncs`] does: they succeed and keep nothing. That shows when the power goes.
    pub fn lie_at_syncs(&self, syncs: Range<u64>, lie: Lie) {
        self.lock().lies = Some((syncs, lie));
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
        let mut choices = Choices::Random(Random::new(seed));
        self.restart(seed, |state| state.lose_power(&mut choices))
    }

    /// What every possible [`SimDisk::power_cut`] leaves, each once, if there are at most `max`
    /// ways to choose. This machine stays as it is.
    #[must_use]
    pub fn power_cuts(&self, max: usize) -> Option<Vec<Self>> {
        /// The bound counts what goes together with a lost name, too.
        const SLACK: u64 = 16;
        let machine = self.lock();
        if machine.state.max_outcomes() > SLACK.saturating_mul(max as u64) {
            return None;
        }
        let mut choices = Choices::All(Odometer::default());
        let (mut outcomes, mut seen) = (Vec::new(), BTreeSet::new());
        for _ in 0..max {
            let mut state = machine.state.clone();
            state.lose_power(&mut choices);
            let mut hasher = DefaultHasher::new();
            state.files().hash(&mut hasher);
            if seen.insert(hasher.finish()) {
                outcomes.push(Self::with_state(state, 0, machine.now_ns));
            }
            if !choices.next() {
                return Some(outcomes);
            }
        }
        None
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
        if machine.moments.is_some() {
            let moment = machine.fork();
            machine.moments.get_or_insert_default().push(moment);
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

impl Machine {
    /// Counts a sync; says how it lies, if it does.
    fn next_sync(&mut self) -> Option<Lie> {
        self.all_syncs += 1;
        let index = self.all_syncs - 1;
        self.lies.as_ref().filter(|(lying, _)| lying.contains(&index)).map(|(_, lie)| *lie)
    }

    fn fork(&self) -> SimDisk {
        SimDisk::with_state(self.state.clone(), 0, self.now_ns)
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
        let lies = self.lock().next_sync().is_some();
        self.change(|state| {
            let directory = state.directory(dir)?;
            if !lies {
                directory.sync();
            }
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
        let (fails, lie) = {
            let mut machine = self.disk.lock();
            machine.syncs += 1;
            (machine.fail_sync_at == Some(machine.syncs - 1), machine.next_sync())
        };
        self.disk.change(|state| {
            let inode = state.inode(self.inode);
            match lie {
                _ if fails => {
                    inode.forsake();
                    return Err(io::Error::from(rustix::io::Errno::IO));
                }
                None => inode.sync(),
                Some(Lie::Loses) => inode.forsake(),
                Some(Lie::Delays) => {}
            }
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
        self.shared_files().into_iter().map(|(path, bytes)| (path, bytes.to_vec())).collect()
    }

    /// The same, not copied.
    #[must_use]
    pub fn shared_files(&self) -> BTreeMap<PathBuf, Arc<Vec<u8>>> {
        self.lock().state.files()
    }
}
