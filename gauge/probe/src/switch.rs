//! Observers that a program turns on when it is asked to.

use std::alloc::Layout;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::{Block, Observer};

/// In a switch's state: it was started and not stopped.
const STARTED: usize = 1;
/// What each [`Watch`] adds to it.
const WATCH: usize = 2;

/// The state of the switch that the program offers.
static OFFERED: OnceLock<&'static AtomicUsize> = OnceLock::new();

/// An observer, off until it is started: until then an event costs a load and a branch.
///
/// What was allocated before the start and is deallocated after it, the observer sees the end of alone.
///
/// ```
/// use std::alloc::System;
/// use gauge_probe::{Counters, Observed, Switch};
///
/// #[global_allocator]
/// static ALLOCATOR: Observed<System, Switch<Counters>> =
///     Observed::with(System, Switch::new(Counters));
///
/// drop(vec![1]);
/// assert_eq!(Counters::process().allocations, 0);
/// ALLOCATOR.observer().start();
/// drop(vec![1]);
/// assert_eq!(Counters::process().allocations, 1);
/// ```
#[derive(Debug, Default)]
pub struct Switch<O> {
    /// 0: off.
    state: AtomicUsize,
    observer: O,
}

impl<O> Switch<O> {
    /// Off.
    #[must_use]
    pub const fn new(observer: O) -> Self {
        Self { state: AtomicUsize::new(0), observer }
    }

    /// From now on the observer sees what happens.
    pub fn start(&self) {
        self.state.fetch_or(STARTED, Ordering::AcqRel);
    }

    /// It sees no more, unless somebody watches.
    pub fn stop(&self) {
        self.state.fetch_and(!STARTED, Ordering::AcqRel);
    }

    /// Lets whoever wants to know turn it on for a while, by a [`Watch`]. The first switch that is offered is
    /// the program's.
    pub fn offer(&'static self) {
        // Another one is there: it stays.
        let _ = OFFERED.set(&self.state);
    }

    /// The observer.
    #[must_use]
    pub const fn observer(&self) -> &O {
        &self.observer
    }

    #[inline]
    fn is_on(&self) -> bool {
        self.state.load(Ordering::Relaxed) != 0
    }
}

/// Keeps the switch that the program [offers](Switch::offer) turned on, until it is dropped; nothing where none is offered.
///
/// [`Counters::are_counting`](crate::Counters::are_counting) says whether allocations are counted meanwhile.
#[derive(Debug)]
#[must_use = "it ends when it is dropped"]
pub struct Watch {
    state: Option<&'static AtomicUsize>,
}

impl Watch {
    /// Turns it on.
    pub fn start() -> Self {
        let state = OFFERED.get().copied();
        if let Some(state) = state {
            state.fetch_add(WATCH, Ordering::AcqRel);
        }
        Self { state }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(state) = self.state {
            state.fetch_sub(WATCH, Ordering::AcqRel);
        }
    }
}

// SAFETY: the observer keeps the promises.
unsafe impl<O: Observer> Observer for Switch<O> {
    #[inline]
    fn allocated(&self, block: Block) {
        if self.is_on() {
            self.observer.allocated(block);
        }
    }

    #[inline]
    fn deallocating(&self, block: Block) {
        if self.is_on() {
            self.observer.deallocating(block);
        }
    }

    #[inline]
    fn reallocating(&self, old: Block) {
        if self.is_on() {
            self.observer.reallocating(old);
        }
    }

    #[inline]
    fn reallocated(&self, old: Block, new: Option<Block>) {
        if self.is_on() {
            self.observer.reallocated(old, new);
        }
    }

    #[inline]
    fn failed(&self, layout: Layout) {
        if self.is_on() {
            self.observer.failed(layout);
        }
    }
}
