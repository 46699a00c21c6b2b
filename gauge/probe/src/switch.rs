//! Observers that a program turns on when it is asked to.

use std::alloc::Layout;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{Block, Observer};

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
    is_on: AtomicBool,
    observer: O,
}

impl<O> Switch<O> {
    /// Off.
    #[must_use]
    pub const fn new(observer: O) -> Self {
        Self { is_on: AtomicBool::new(false), observer }
    }

    /// From now on the observer sees what happens.
    pub fn start(&self) {
        self.is_on.store(true, Ordering::Release);
    }

    /// It sees no more.
    pub fn stop(&self) {
        self.is_on.store(false, Ordering::Release);
    }

    /// The observer.
    #[must_use]
    pub const fn observer(&self) -> &O {
        &self.observer
    }

    #[inline]
    fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
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
