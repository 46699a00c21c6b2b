//! Stretches that are known only while the program runs, and those that go on on another thread.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Section;
use crate::spent::{Running, Spent, Sums, waiting};

thread_local! {
    /// What the meters within the innermost one have taken.
    static WITHIN: Cell<Spent> = const { Cell::new(Spent::NOTHING) };
    /// The innermost one.
    static INNERMOST: RefCell<Option<Arc<Meter>>> = const { RefCell::new(None) };
}

/// What one part of one run took, such as an operator of a query: how often it ran, and what of cycles and
/// allocations was its own, over all threads.
///
/// It counts as a [`Section`] does, but always: who makes one wants to know. Meters and sections
/// do not see each other: what a meter calls its own holds the sections within it.
#[derive(Debug, Default)]
pub struct Meter {
    calls: AtomicU64,
    own: Sums,
}

impl Meter {
    /// Nothing counted yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { calls: AtomicU64::new(0), own: Sums::new() }
    }

    /// How often it ran.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// What it took, without the meters within it.
    #[must_use]
    pub fn own(&self) -> Spent {
        self.own.read()
    }
}

/// A meter that this thread is in; it is left when this is dropped.
struct Metered<'a> {
    meter: &'a Meter,
    around: Option<Arc<Meter>>,
    running: Running,
    /// The counts are its thread's.
    not_send: PhantomData<*const ()>,
}

impl<'a> Metered<'a> {
    fn enter(meter: &'a Arc<Meter>) -> Self {
        let around = INNERMOST.replace(Some(Arc::clone(meter)));
        Self { meter, around, running: Running::begin(&WITHIN), not_send: PhantomData }
    }
}

impl Drop for Metered<'_> {
    fn drop(&mut self) {
        let (_, own) = self.running.end(&WITHIN);
        INNERMOST.replace(self.around.take());
        self.meter.calls.fetch_add(1, Ordering::Relaxed);
        self.meter.own.add(own);
    }
}

/// What a stretch of work counts for: a [`Section`], a [`Meter`], both or nothing. It may go to other threads.
///
/// ```
/// use std::sync::Arc;
/// use gauge_probe::{Meter, Stretch};
///
/// let meter = Arc::new(Meter::new());
/// Stretch::new(None, Some(Arc::clone(&meter))).run(|| {
///     let here = Stretch::current();
///     std::thread::scope(|scope| {
///         // Work that this thread shares out is this stretch's; waiting for it is not.
///         let work = scope.spawn(move || here.run(|| 6 * 7));
///         Stretch::wait(|| work.join())
///     })
/// });
/// assert_eq!(meter.calls(), 2);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Stretch {
    section: Option<&'static Section>,
    meter: Option<Arc<Meter>>,
}

impl Stretch {
    /// What counts for these.
    #[must_use]
    pub fn new(section: Option<&'static Section>, meter: Option<Arc<Meter>>) -> Self {
        Self { section, meter }
    }

    /// What this thread is in now: the innermost section that counts and the innermost meter.
    #[must_use]
    pub fn current() -> Self {
        let meter = INNERMOST.with_borrow(|meter| meter.as_ref().map(Arc::clone));
        Self { section: Section::innermost(), meter }
    }

    /// Whether work here counts for nothing.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.section.is_none() && self.meter.is_none()
    }

    /// The meter.
    #[must_use]
    pub fn meter(&self) -> Option<&Arc<Meter>> {
        self.meter.as_ref()
    }

    /// Runs work that counts for it.
    #[inline]
    pub fn run<R>(&self, work: impl FnOnce() -> R) -> R {
        let _section = self.section.map(Section::enter);
        let _meter = self.meter.as_ref().map(Metered::enter);
        work()
    }

    /// Runs what is no work: waiting for other threads. Its cycles count for nothing that this thread is in.
    pub fn wait<R>(wait: impl FnOnce() -> R) -> R {
        if Self::current().is_nothing() {
            return wait();
        }
        Section::wait(|| waiting(&WITHIN, wait))
    }
}
