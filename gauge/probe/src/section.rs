//! Named stretches of a program, and named counters: what each took, added up over the run.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::json;
use crate::spent::{Running, Spent, Sums, waiting};

/// Whether sections and counters count.
static IS_ON: AtomicBool = AtomicBool::new(false);

static SECTIONS: List<Section> = List::new();
static COUNTERS: List<Counter> = List::new();
/// Those whose names came while the program ran.
static NAMED: Mutex<Vec<&'static Section>> = Mutex::new(Vec::new());

/// A stretch of the program: how often it ran, and what it took, over all threads.
///
/// Off until [`Section::start_all`]: then entering is one load. On, it costs two readings of the time-stamp counter and some additions: 30 to
/// 40 ns. Allocations and bytes are those of the thread, as [`Counters`](crate::Counters) in the global allocator sees them;
/// without it they stay 0.
///
/// ```
/// use gauge_probe::Section;
///
/// static PARSE: Section = Section::new("parse");
///
/// Section::start_all();
/// for line in ["1", "2"] {
///     let _parsing = PARSE.enter();
///     line.parse::<u32>().ok();
/// }
/// assert_eq!(PARSE.counts().calls, 2);
/// # Section::stop_all();
/// ```
#[derive(Debug)]
pub struct Section {
    name: &'static str,
    calls: AtomicU64,
    whole: Sums,
    own: Sums,
    link: Link<Section>,
}

/// What was counted in a [`Section`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionCounts {
    /// The section's name.
    pub name: &'static str,
    /// How often it was left.
    pub calls: u64,
    /// What it took, with the sections entered within it. One that is entered within itself counts twice here.
    pub whole: Spent,
    /// What it took without them. These of all sections add up to what was spent in any.
    pub own: Spent,
}

/// A [`Section`] that was entered; it is left when this is dropped.
#[derive(Debug)]
#[must_use = "the section is left when this is dropped"]
pub struct Entered {
    run: Option<Run>,
    /// The counts are its thread's.
    not_send: PhantomData<*const ()>,
}

#[derive(Debug)]
struct Run {
    section: &'static Section,
    /// The section around.
    around: Option<&'static Section>,
    running: Running,
}

thread_local! {
    /// What the sections within the innermost one have taken.
    static WITHIN: Cell<Spent> = const { Cell::new(Spent::NOTHING) };
    /// The innermost one.
    static INNERMOST: Cell<Option<&'static Section>> = const { Cell::new(None) };
}

impl Section {
    /// Nothing counted yet.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            calls: AtomicU64::new(0),
            whole: Sums::new(),
            own: Sums::new(),
            link: Link::new(),
        }
    }

    /// From now on sections and counters count; what they had is forgotten.
    pub fn start_all() {
        for section in SECTIONS.all() {
            section.calls.store(0, Ordering::Relaxed);
            section.whole.clear();
            section.own.clear();
        }
        for counter in COUNTERS.all() {
            counter.value.store(0, Ordering::Relaxed);
        }
        IS_ON.store(true, Ordering::Release);
    }

    /// Those that are entered from now on don't count.
    pub fn stop_all() {
        IS_ON.store(false, Ordering::Release);
    }

    /// Whether they count.
    #[inline]
    #[must_use]
    pub fn are_counting() -> bool {
        IS_ON.load(Ordering::Relaxed)
    }

    /// The section of a name that is known only while the program runs. It is made once and stays for good: for
    /// names of which there are few.
    #[must_use]
    pub fn named(name: &str) -> &'static Self {
        let mut named = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(section) = named.iter().find(|section| section.name == name) {
            return section;
        }
        let name: &'static str = Box::leak(name.into());
        let section: &'static Self = Box::leak(Box::new(Self::new(name)));
        named.push(section);
        section
    }

    /// The innermost one that this thread is in and that counts.
    #[inline]
    pub(crate) fn innermost() -> Option<&'static Self> {
        INNERMOST.get()
    }

    /// Runs what is no work of the section around.
    pub(crate) fn wait<R>(wait: impl FnOnce() -> R) -> R {
        waiting(&WITHIN, wait)
    }

    /// Enters it.
    #[inline]
    pub fn enter(&'static self) -> Entered {
        let run = if Self::are_counting() { Some(self.begin()) } else { None };
        Entered { run, not_send: PhantomData }
    }

    /// Runs within it.
    #[inline]
    pub fn run<R>(&'static self, work: impl FnOnce() -> R) -> R {
        let _entered = self.enter();
        work()
    }

    #[inline(never)]
    fn begin(&'static self) -> Run {
        SECTIONS.add(self);
        let around = INNERMOST.replace(Some(self));
        Run { section: self, around, running: Running::begin(&WITHIN) }
    }

    /// What was counted so far.
    #[must_use]
    pub fn counts(&self) -> SectionCounts {
        SectionCounts {
            name: self.name,
            calls: self.calls.load(Ordering::Relaxed),
            whole: self.whole.read(),
            own: self.own.read(),
        }
    }

    /// All that were ever entered while they counted, the first one first.
    #[must_use]
    pub fn all() -> Vec<SectionCounts> {
        let mut all: Vec<SectionCounts> = SECTIONS.all().map(Self::counts).collect();
        all.reverse();
        all
    }
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        if let Some(run) = &self.run {
            run.end();
        }
    }
}

impl Run {
    #[inline(never)]
    fn end(&self) {
        let (whole, own) = self.running.end(&WITHIN);
        INNERMOST.set(self.around);
        self.section.calls.fetch_add(1, Ordering::Relaxed);
        self.section.whole.add(whole);
        self.section.own.add(own);
    }
}

impl SectionCounts {
    /// As a JSON object.
    #[must_use]
    pub fn to_json(&self) -> String {
        let (name, calls) = (json::quoted(self.name), self.calls);
        let (whole, own) = (self.whole.to_json(), self.own.to_json());
        format!("{{\"name\":{name},\"calls\":{calls},\"whole\":{whole},\"own\":{own}}}")
    }
}

/// `parse: 2 calls, 1.2 ms, 3 allocations, 100 bytes`: its own.
impl fmt::Display for SectionCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, calls, own, .. } = self;
        let Spent { allocations, bytes, .. } = own;
        let time = own.duration();
        write!(f, "{name}: {calls} calls, {time:.1?}, {allocations} allocations, {bytes} bytes")
    }
}

/// A number that a program adds to: rows, hits, retries. Counts while sections do.
///
/// ```
/// use gauge_probe::{Counter, Section};
///
/// static ROWS: Counter = Counter::new("rows");
///
/// ROWS.add(5); // off: not counted
/// Section::start_all();
/// ROWS.add(5);
/// assert_eq!(ROWS.value(), 5);
/// # Section::stop_all();
/// ```
#[derive(Debug)]
pub struct Counter {
    name: &'static str,
    value: AtomicU64,
    link: Link<Counter>,
}

impl Counter {
    /// 0.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, value: AtomicU64::new(0), link: Link::new() }
    }

    /// Adds, while sections count.
    #[inline]
    pub fn add(&'static self, count: u64) {
        if IS_ON.load(Ordering::Relaxed) {
            COUNTERS.add(self);
            self.value.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// What was added.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.value.load(Ordering::Relaxed)
    }

    /// Names and values of all that were ever added to, the first one first.
    #[must_use]
    pub fn all() -> Vec<(&'static str, u64)> {
        let mut all: Vec<_> = COUNTERS.all().map(|c| (c.name, c.value())).collect();
        all.reverse();
        all
    }
}

/// A list of statics, in the reverse order of their coming. None is ever taken out.
struct List<T: 'static> {
    first: AtomicPtr<T>,
}

#[derive(Debug)]
struct Link<T> {
    is_listed: AtomicBool,
    next: AtomicPtr<T>,
}

impl<T> Link<T> {
    const fn new() -> Self {
        Self { is_listed: AtomicBool::new(false), next: AtomicPtr::new(std::ptr::null_mut()) }
    }
}

trait Listed: Sized {
    fn link(&self) -> &Link<Self>;
}

impl Listed for Section {
    fn link(&self) -> &Link<Self> {
        &self.link
    }
}

impl Listed for Counter {
    fn link(&self) -> &Link<Self> {
        &self.link
    }
}

impl<T: Listed> List<T> {
    const fn new() -> Self {
        Self { first: AtomicPtr::new(std::ptr::null_mut()) }
    }

    /// Once.
    #[inline]
    fn add(&self, item: &'static T) {
        let link = item.link();
        if link.is_listed.load(Ordering::Relaxed) || link.is_listed.swap(true, Ordering::Relaxed) {
            return;
        }
        let pointer = std::ptr::from_ref(item).cast_mut();
        let link_before = |first| {
            link.next.store(first, Ordering::Relaxed);
            Some(pointer)
        };
        // Always some: it always succeeds.
        let _ = self.first.fetch_update(Ordering::Release, Ordering::Relaxed, link_before);
    }

    fn all(&self) -> impl Iterator<Item = &'static T> {
        // SAFETY: null, or from a reference to a static, in `add`; nobody writes through it.
        let get = |pointer: &AtomicPtr<T>| unsafe { pointer.load(Ordering::Acquire).as_ref() };
        std::iter::successors(get(&self.first), move |item| get(&item.link().next))
    }
}
